//! A client of OpenID Connect: logins whose ID tokens are verified before anybody sees them.

use std::fmt;

use circle_core_common::http::{Request, encode};
use circle_core_common::interfaces::identity_provider::{
    AccessToken, DeviceLogin, DeviceRequest, Login, LoginRequest, LoginState, Session, TokenSet, UserInfo,
};
use circle_core_common::interfaces::token_verifier::{TokenHint, TokenRefusal};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::client::OAuthClient;
use crate::grants::{OPENID, is_openid};
use crate::server::Endpoint;
use crate::tokens::read;
use crate::verifier::{ExpectIdToken, JwtVerifier, Nonce};

pub(crate) static USER_INFO: RemoteOperation = RemoteOperation::new("oidc.UserInfo", Idempotency::Safe, "");

/// A client of an OpenID provider (a relying party). Clones share what is known of the provider.
#[derive(Clone)]
pub struct OpenIdClient {
    oauth: OAuthClient,
    verifier: JwtVerifier,
}

impl OpenIdClient {
    /// A client whose ID tokens are signed by one of these algorithms.
    ///
    /// # Errors
    /// As [`JwtVerifier::of_server`].
    pub fn new(oauth: OAuthClient, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self> {
        let verifier = JwtVerifier::of_server(oauth.server().clone(), algorithms)?;
        Ok(Self { oauth, verifier })
    }

    /// As [`new`](Self::new), with a verifier of the same issuer.
    ///
    /// # Errors
    /// `ConfigInvalid` for a verifier of another issuer.
    pub fn with_verifier(oauth: OAuthClient, verifier: JwtVerifier) -> Result<Self> {
        if oauth.server().issuer() != verifier.issuer() {
            return Err(Error::new(ErrorKind::ConfigInvalid, "the tokens of a client are verified with another issuer"));
        }
        Ok(Self { oauth, verifier })
    }

    /// The client without OpenID: for its other grants.
    #[must_use]
    pub const fn oauth(&self) -> &OAuthClient {
        &self.oauth
    }

    /// What verifies tokens of the provider, access tokens among them.
    #[must_use]
    pub const fn verifier(&self) -> &JwtVerifier {
        &self.verifier
    }

    /// Begins a login with a browser; `openid` is among its scopes whether asked for or not.
    ///
    /// # Errors
    /// As [`OAuthClient::start_login`].
    pub async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login> {
        let request = if is_openid(&request.scopes) { request } else { request.scopes([OPENID]) };
        self.oauth.start_login(cx, request).await
    }

    /// Finishes a login with the query that the browser brought.
    ///
    /// # Errors
    /// As [`OAuthClient::finish_login`] and [`JwtVerifier::verify_id_token`]; `Decode` when there is no ID token.
    pub async fn finish_login(&self, cx: &CallContext, login: LoginState, callback: &str) -> Result<Session> {
        let Some(nonce) = login.nonce.clone() else {
            return Err(Error::new(ErrorKind::InvalidInput, "the login was not begun with `openid`"));
        };
        let tokens = self.oauth.finish_login(cx, login, callback).await?;
        self.session(cx, tokens, Nonce::Sent(&nonce)).await
    }

    /// Begins a login on another device.
    ///
    /// # Errors
    /// As [`OAuthClient::start_device`].
    pub async fn start_device(&self, cx: &CallContext, request: DeviceRequest) -> Result<DeviceLogin> {
        let request = if is_openid(&request.scopes) { request } else { request.scopes([OPENID]) };
        self.oauth.start_device(cx, request).await
    }

    /// Waits until the user has decided.
    ///
    /// # Errors
    /// As [`OAuthClient::finish_device`] and [`finish_login`](Self::finish_login).
    pub async fn finish_device(&self, cx: &CallContext, login: DeviceLogin) -> Result<Session> {
        let tokens = self.oauth.finish_device(cx, login).await?;
        self.session(cx, tokens, Nonce::NotSent).await
    }

    /// Gets new tokens for a session; the old ones, the refresh token among them, are not to be used again.
    ///
    /// # Errors
    /// As [`OAuthClient::refresh`]; `InvalidInput` for a session without a refresh token; `Unauthenticated` when a new ID token
    /// speaks of another user.
    pub async fn refresh(&self, cx: &CallContext, session: &Session) -> Result<Session> {
        let missing = || Error::new(ErrorKind::InvalidInput, "the session has no refresh token; ask for `offline_access`");
        let token = session.tokens().refresh_token.as_ref().ok_or_else(missing)?;
        let mut tokens = self.oauth.refresh(cx, token).await?;
        if tokens.id_token.is_none() {
            tokens.id_token.clone_from(&session.tokens().id_token);
            return Ok(Session::new(tokens, session.claims().clone()));
        }
        let refreshed = self.session(cx, tokens, Nonce::NotSent).await?;
        // OpenID Connect Core, 12.2.
        if refreshed.subject() != session.subject() {
            return Err(TokenRefusal::Subject.into());
        }
        Ok(refreshed)
    }

    async fn session(&self, cx: &CallContext, tokens: TokenSet, nonce: Nonce<'_>) -> Result<Session> {
        let missing = || Error::new(ErrorKind::Decode, "the provider gave no ID token for a login with `openid`");
        let id_token = tokens.id_token.as_ref().ok_or_else(missing)?;
        let expect = ExpectIdToken { client_id: self.oauth.client_id(), nonce, access_token: Some(&tokens.access_token) };
        let claims = self.verifier.verify_id_token(cx, id_token, &expect).await?;
        Ok(Session::new(tokens, claims))
    }

    /// What the provider tells of the user of a session.
    ///
    /// # Errors
    /// Those of the provider; `Unauthenticated` when it speaks of another user; `Decode` when it answers with anything but JSON.
    pub async fn user_info(&self, cx: &CallContext, session: &Session) -> Result<UserInfo> {
        let info = self.user_info_of(cx, &session.tokens().access_token).await?;
        // OpenID Connect Core, 5.3.2: else another user's answer could take the place of this one's.
        if info.get("sub").and_then(Value::as_str) != Some(session.subject()) {
            return Err(TokenRefusal::Subject.into());
        }
        Ok(UserInfo::new(session.subject(), info))
    }

    async fn user_info_of(&self, cx: &CallContext, token: &AccessToken) -> Result<Map<String, Value>> {
        let server = self.oauth.server();
        let (target, _) = server.endpoint(cx, Endpoint::UserInfo).await?;
        let request = Request::get(target).header("accept", "application/json")?;
        let request = request.secret_header("authorization", &format!("Bearer {}", token.secret().expose_secret()))?;
        let response = server.http().send(cx, &USER_INFO, request).await?;
        read("the answer of the user-info endpoint", &response.body)
    }

    /// Where the browser is to go so that the provider's own session ends, too (OpenID Connect RP-Initiated Logout). The address
    /// holds the ID token, from which the provider knows which session it is.
    ///
    /// # Errors
    /// Those of asking for the endpoints; `Unsupported` where the provider has none for this.
    pub async fn logout_url(&self, cx: &CallContext, session: &Session, back_to: Option<&str>) -> Result<SecretString> {
        let (_, mut url) = self.oauth.server().endpoint(cx, Endpoint::EndSession).await?;
        let id_token = session.tokens().id_token.as_ref().map(|token| token.expose_secret());
        let fields =
            [("id_token_hint", id_token), ("client_id", Some(self.oauth.client_id())), ("post_logout_redirect_uri", back_to)];
        for (name, value) in fields {
            let Some(value) = value else { continue };
            url.push(if url.contains('?') { '&' } else { '?' });
            encode::query(&mut url, name);
            url.push('=');
            encode::query(&mut url, value);
        }
        Ok(url.into())
    }

    /// Ends a session on this side of the provider: revokes its refresh token, and its access token where there is none.
    ///
    /// # Errors
    /// As [`OAuthClient::revoke`].
    pub async fn revoke(&self, cx: &CallContext, session: Session) -> Result<()> {
        match &session.tokens().refresh_token {
            Some(token) => self.oauth.revoke(cx, token, Some(TokenHint::RefreshToken)).await,
            None => self.oauth.revoke(cx, session.tokens().access_token.secret(), Some(TokenHint::AccessToken)).await,
        }
    }
}

impl fmt::Debug for OpenIdClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenIdClient").field("oauth", &self.oauth).field("verifier", &self.verifier).finish()
    }
}
