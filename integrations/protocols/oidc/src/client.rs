//! A client of an authorisation server: what asks its token endpoint.

use std::fmt;
use std::sync::Arc;

use circle_core_common::interfaces::identity_provider::TokenSet;
use circle_core_common::interfaces::token_verifier::{Introspection, TokenHint};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Result};
use http::StatusCode;
use secrecy::SecretString;

use crate::client_auth::ClientAuth;
use crate::error::{OAuthError, OAuthErrorCode};
use crate::form::Form;
use crate::server::{AuthorizationServer, Endpoint};
use crate::tokens::{read, token_set};

/// A grant that uses something up: a code, a refresh token, a device's decision.
pub(crate) static REDEEM: RemoteOperation = RemoteOperation::new("oauth.Redeem", Idempotency::NonIdempotent, "");
/// A grant that can be asked for again: it gives another token, and takes nothing.
pub(crate) static ISSUE: RemoteOperation = RemoteOperation::new("oauth.Issue", Idempotency::Idempotent, "");
pub(crate) static INTROSPECT: RemoteOperation = RemoteOperation::new("oauth.Introspect", Idempotency::Safe, "");
pub(crate) static REVOKE: RemoteOperation = RemoteOperation::new("oauth.Revoke", Idempotency::Idempotent, "");

/// A client of an authorisation server. Clones share what is known of the server.
///
/// Its requests go to the endpoints of that server and nowhere else: a redirect is an error, and no error repeats what was sent.
#[derive(Clone)]
pub struct OAuthClient {
    shared: Arc<Shared>,
}

struct Shared {
    server: AuthorizationServer,
    client_id: String,
    auth: ClientAuth,
}

impl OAuthClient {
    /// A client of this id at this server.
    #[must_use]
    pub fn new(server: AuthorizationServer, client_id: impl Into<String>, auth: ClientAuth) -> Self {
        Self { shared: Arc::new(Shared { server, client_id: client_id.into(), auth }) }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &AuthorizationServer {
        &self.shared.server
    }

    /// Its id at the server.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.shared.client_id
    }

    /// Asks the token endpoint.
    pub(crate) async fn token(&self, cx: &CallContext, operation: &'static RemoteOperation, form: Form) -> Result<TokenSet> {
        let asked = cx.clock().timestamp();
        let body = self.post(cx, operation, Endpoint::Token, form).await?;
        token_set(&body, asked)
    }

    /// Posts a form to an endpoint, authenticated.
    pub(crate) async fn post(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        endpoint: Endpoint,
        form: Form,
    ) -> Result<circle_core_common::http::Response> {
        let shared = &*self.shared;
        let (target, address) = shared.server.endpoint(cx, endpoint).await?;
        // To other endpoints an assertion may be addressed as to the token endpoint, which every server accepts (RFC 7523, 3).
        let address = match endpoint {
            Endpoint::Token => address,
            _ => shared.server.endpoint(cx, Endpoint::Token).await.map_or(address, |(_, token)| token),
        };
        let request = shared.auth.request(cx, &shared.client_id, form, (target, &address)).await?;
        let sent = shared.server.http().send(cx, operation, request).await;
        if sent.as_ref().is_err_and(|error| OAuthError::is(error, &OAuthErrorCode::InvalidClient)) {
            shared.auth.refused(cx);
        }
        sent
    }

    /// Asks what a token is good for (RFC 7662).
    ///
    /// # Errors
    /// Those of the server; `Unsupported` where it has no such endpoint. A token that is not, or no longer, good is no error:
    /// [`Introspection::active`].
    pub async fn introspect(&self, cx: &CallContext, token: &SecretString, hint: Option<TokenHint>) -> Result<Introspection> {
        let form = Form::default().secret("token", token.clone()).plain_opt("token_type_hint", hint.map(TokenHint::as_str));
        let response = self.post(cx, &INTROSPECT, Endpoint::Introspection, form).await?;
        let mut introspection: Introspection = read("the answer of the introspection endpoint", &response.body)?;
        // A server with a cache in front may still call active what has ended.
        let now = cx.clock().timestamp().unix_seconds();
        introspection.active &= introspection.exp.is_none_or(|end| now < end);
        Ok(introspection)
    }

    /// Revokes a token (RFC 7009). One that the server does not know is revoked already.
    ///
    /// # Errors
    /// Those of the server; `Unsupported` where it has no such endpoint, or does not revoke such tokens.
    pub async fn revoke(&self, cx: &CallContext, token: &SecretString, hint: Option<TokenHint>) -> Result<()> {
        let form = Form::default().secret("token", token.clone()).plain_opt("token_type_hint", hint.map(TokenHint::as_str));
        let response = self.post(cx, &REVOKE, Endpoint::Revocation, form).await?;
        if response.status != StatusCode::OK {
            tracing::debug!(status = response.status.as_u16(), "a revocation was answered with another success than 200");
        }
        Ok(())
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &*self.shared;
        write!(f, "OAuthClient({} at {}, {:?})", shared.client_id, shared.server.issuer(), shared.auth)
    }
}
