//! Requests and results.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Expect;

request! {
    /// A token to verify.
    VerifyTokenRequest {
        /// The token as it came, without `Bearer`.
        token: SecretString,
        /// What is expected of it.
        expect: Expect,
    }
}

request! {
    /// A token to ask about.
    IntrospectRequest {
        /// The token.
        token: SecretString,
        /// What kind of token it probably is.
        hint: Option<TokenHint>,
    }
}

/// What kind of token an authority is to look for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

impl TokenHint {
    /// The name in requests (RFC 7009, 2.1; RFC 7662, 2.1).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// What an authority says of a token (RFC 7662, 2.2).
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether it is good: by the authority's word, and not past its end by this machine's clock.
    pub active: bool,
    /// What for, separated by blanks.
    pub scope: Option<String>,
    /// Which client it was given to.
    pub client_id: Option<String>,
    /// A name of the user for people.
    pub username: Option<String>,
    /// When it ends, in seconds since 1970.
    pub exp: Option<i64>,
    /// Whom it speaks of.
    pub sub: Option<String>,
    /// Who gave it.
    pub iss: Option<String>,
    /// What else the authority says.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Introspection {
    /// Whether it is active and good for this scope.
    #[must_use]
    pub fn allows(&self, scope: &str) -> bool {
        self.active && self.scope.as_deref().is_some_and(|scopes| scopes.split(' ').any(|one| one == scope))
    }
}

// What authorities say of people is not for logs.
impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("active", &self.active)
            .field("scope", &self.scope)
            .field("client_id", &self.client_id)
            .field("exp", &self.exp)
            .field("iss", &self.iss)
            .finish_non_exhaustive()
    }
}
