//! Grants that need nobody in front of a screen: each is a source of access tokens, before which a cache stands.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialSource, Lease};
use circle_core_common::interfaces::identity_provider::{AccessToken, TokenSet};
use circle_core_common::{CallContext, Result};
use secrecy::SecretString;

use crate::assertion::{Assertion, SigningKey};
use crate::client::{ISSUE, OAuthClient};
use crate::form::Form;

/// The scope that makes a login one of OpenID Connect, whose answer has an ID token.
pub(crate) const OPENID: &str = "openid";

/// What is asked of a grant besides the grant itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) scopes: Vec<String>,
    pub(crate) others: Vec<(String, String)>,
}

/// Whether a login with these scopes is one of OpenID Connect.
pub(crate) fn is_openid(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| scope == OPENID)
}

impl Wanted {
    pub(crate) fn on(&self, form: Form) -> Form {
        form.scopes(&self.scopes).all(&self.others)
    }
}

/// What every grant can be asked for.
macro_rules! wanted {
    ($name:ident) => {
        impl $name {
            /// Asks for these scopes; the server's own choice where none is asked for.
            #[must_use = "what it is asked for is in what comes back"]
            pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
                self.wanted.scopes.extend(scopes.into_iter().map(Into::into));
                self
            }

            /// Asks for a token for this resource (RFC 8707).
            #[must_use = "what it is asked for is in what comes back"]
            pub fn resource(self, resource: impl Into<String>) -> Self {
                self.parameter("resource", resource)
            }

            /// Asks for a token for this audience: a parameter of many servers, and of RFC 8693.
            #[must_use = "what it is asked for is in what comes back"]
            pub fn audience(self, audience: impl Into<String>) -> Self {
                self.parameter("audience", audience)
            }

            /// Another parameter that the server knows. It is no secret.
            #[must_use = "what it is asked for is in what comes back"]
            pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
                self.wanted.others.push((name.into(), value.into()));
                self
            }
        }
    };
}
pub(crate) use wanted;

/// The client's own token (RFC 6749, 4.4).
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    client: OAuthClient,
    wanted: Wanted,
}

wanted!(ClientCredentials);

impl ClientCredentials {
    /// Tokens of this client.
    #[must_use]
    pub fn new(client: OAuthClient) -> Self {
        Self { client, wanted: Wanted::default() }
    }

    /// Asks for a token.
    ///
    /// # Errors
    /// Those of the server, with an [`OAuthError`](crate::OAuthError) where it said why.
    pub async fn request(&self, cx: &CallContext) -> Result<TokenSet> {
        self.client.token(cx, &ISSUE, self.wanted.on(Form::grant("client_credentials"))).await
    }
}

#[async_trait]
impl CredentialSource for ClientCredentials {
    type Credential = AccessToken;

    async fn load(&self, cx: &CallContext) -> Result<Lease<AccessToken>> {
        Ok(self.request(cx).await?.lease())
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

/// A token for an assertion that somebody signed (RFC 7523, 2.1): service accounts, and clients that act for a user.
#[derive(Clone, Debug)]
pub struct JwtBearer {
    client: OAuthClient,
    key: SigningKey,
    assertion: Assertion,
    wanted: Wanted,
}

wanted!(JwtBearer);

impl JwtBearer {
    /// Tokens for this assertion, signed anew for each.
    #[must_use]
    pub fn new(client: OAuthClient, key: SigningKey, assertion: Assertion) -> Self {
        Self { client, key, assertion, wanted: Wanted::default() }
    }

    /// Asks for a token.
    ///
    /// # Errors
    /// As [`ClientCredentials::request`]; as [`SigningKey::sign`].
    pub async fn request(&self, cx: &CallContext) -> Result<TokenSet> {
        let assertion = self.assertion.sign(cx, &self.key).await?;
        let form = Form::grant("urn:ietf:params:oauth:grant-type:jwt-bearer").secret("assertion", assertion);
        self.client.token(cx, &ISSUE, self.wanted.on(form)).await
    }
}

#[async_trait]
impl CredentialSource for JwtBearer {
    type Credential = AccessToken;

    async fn load(&self, cx: &CallContext) -> Result<Lease<AccessToken>> {
        Ok(self.request(cx).await?.lease())
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

/// The types of tokens that RFC 8693 names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An ID token.
    IdToken,
    /// A JWT of whatever meaning.
    Jwt,
    /// A SAML 2.0 assertion in base64url.
    Saml2,
    /// Another one, by its URI.
    Other(String),
}

impl TokenType {
    /// Its URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
            Self::Other(uri) => uri,
        }
    }
}

type Tokens = Arc<dyn CredentialSource<Credential = SecretString>>;

/// One token for another (RFC 8693): of another service, of another user, for less.
///
/// The token that is given away is loaded anew for each exchange: one in a file is the one that is there now.
#[derive(Clone)]
pub struct TokenExchange {
    client: OAuthClient,
    subject: (Tokens, TokenType),
    actor: Option<(Tokens, TokenType)>,
    requested: Option<TokenType>,
    wanted: Wanted,
}

wanted!(TokenExchange);

impl TokenExchange {
    /// Tokens for the tokens of this source: a [`SecretRef`](circle_core_common::SecretRef), say.
    #[must_use]
    pub fn new(client: OAuthClient, subject: impl CredentialSource<Credential = SecretString>, of: TokenType) -> Self {
        Self { client, subject: (Arc::new(subject), of), actor: None, requested: None, wanted: Wanted::default() }
    }

    /// Whose tokens act for the subject.
    #[must_use]
    pub fn actor(mut self, actor: impl CredentialSource<Credential = SecretString>, of: TokenType) -> Self {
        self.actor = Some((Arc::new(actor), of));
        self
    }

    /// Which type is wanted; the server's own choice where none is.
    #[must_use]
    pub fn requested(mut self, token_type: TokenType) -> Self {
        self.requested = Some(token_type);
        self
    }

    /// Exchanges.
    ///
    /// # Errors
    /// As [`ClientCredentials::request`]; those of the sources of the tokens that are given away.
    pub async fn request(&self, cx: &CallContext) -> Result<TokenSet> {
        let subject = self.subject.0.load(cx).await?;
        let mut form = Form::grant("urn:ietf:params:oauth:grant-type:token-exchange")
            .secret("subject_token", subject.value().clone())
            .plain("subject_token_type", self.subject.1.uri())
            .plain_opt("requested_token_type", self.requested.as_ref().map(TokenType::uri));
        if let Some((actor, of)) = &self.actor {
            let actor = actor.load(cx).await?;
            form = form.secret("actor_token", actor.value().clone()).plain("actor_token_type", of.uri());
        }
        self.client.token(cx, &ISSUE, self.wanted.on(form)).await
    }
}

#[async_trait]
impl CredentialSource for TokenExchange {
    type Credential = AccessToken;

    async fn load(&self, cx: &CallContext) -> Result<Lease<AccessToken>> {
        Ok(self.request(cx).await?.lease())
    }

    fn by_tenant(&self) -> bool {
        self.subject.0.by_tenant() || self.actor.as_ref().is_some_and(|(actor, _)| actor.by_tenant())
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("client", &self.client)
            .field("subject", &self.subject.1)
            .field("actor", &self.actor.as_ref().map(|(_, of)| of))
            .field("requested", &self.requested)
            .field("wanted", &self.wanted)
            .finish()
    }
}
