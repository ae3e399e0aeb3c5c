//! Tokens, and the sessions that they are of.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::credentials::Lease;
use crate::error::{Error, ErrorKind, Result};
use crate::interfaces::token_verifier::{Claims, claim};
use crate::units::Timestamp;

/// An access token, ready to be sent. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct AccessToken {
    token: SecretString,
    header: HeaderValue,
    scopes: Option<Vec<String>>,
    along: Option<(HeaderName, HeaderValue)>,
}

impl AccessToken {
    /// A token that comes from elsewhere.
    ///
    /// # Errors
    /// `Decode` for one that is empty or cannot stand in a header (RFC 6750, 2.1).
    pub fn new(token: impl Into<SecretString>) -> Result<Self> {
        let token = token.into();
        let text = token.expose_secret();
        let unfit = || Error::new(ErrorKind::Decode, "the access token is empty, or holds what no header can carry");
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unfit());
        }
        let mut header = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| unfit())?;
        header.set_sensitive(true);
        Ok(Self { token, header, scopes: None, along: None })
    }

    /// Says which scopes were granted.
    #[must_use]
    pub fn granted(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sends this header with it, which is no secret: who pays for the request, say. There is one; the last wins.
    ///
    /// # Errors
    /// `InvalidInput` when it is `Authorization`, or cannot stand in a request.
    pub fn along(mut self, name: &str, value: &str) -> Result<Self> {
        let unfit = |why: &str| Error::new(ErrorKind::InvalidInput, format!("the header `{}` {why}", name.escape_debug()));
        let header = HeaderName::try_from(name).map_err(|_| unfit("has no name that a header can have"))?;
        if header == AUTHORIZATION {
            return Err(unfit("is the token's own"));
        }
        let value = HeaderValue::try_from(value).map_err(|_| unfit("holds what no header can carry"))?;
        self.along = Some((header, value));
        Ok(self)
    }

    /// Puts it on a request (RFC 6750, 2.1), with what goes along.
    pub fn put(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.header.clone());
        if let Some((name, value)) = &self.along {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// The token itself.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.token
    }

    /// The token as the value of an `authorization` header, which is marked as sensitive.
    #[must_use]
    pub const fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The scopes that were granted, where the server said so: it does when they are others than those asked for.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// All that was given for a login or another grant. `Debug` shows no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct TokenSet {
    /// The access token.
    pub access_token: AccessToken,
    /// When it ends: five minutes after it was asked for, where the server gave no time that can be used.
    pub expires_at: Timestamp,
    /// What gets the next one.
    pub refresh_token: Option<SecretString>,
    /// The ID token as it came: nothing of it has been verified.
    pub id_token: Option<SecretString>,
    /// RFC 8693: what was issued in an exchange.
    pub issued_token_type: Option<String>,
}

impl TokenSet {
    /// An access token, and nothing else.
    #[must_use]
    pub fn new(access_token: AccessToken, expires_at: Timestamp) -> Self {
        Self { access_token, expires_at, refresh_token: None, id_token: None, issued_token_type: None }
    }

    /// The access token, for as long as it lives.
    #[must_use]
    pub fn lease(&self) -> Lease<AccessToken> {
        Lease::new(self.access_token.clone()).until(self.expires_at)
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSet")
            .field("access_token", &self.access_token)
            .field("expires_at", &self.expires_at)
            .field("refresh_token", &self.refresh_token.is_some())
            .field("id_token", &self.id_token.is_some())
            .finish_non_exhaustive()
    }
}

/// A user who has logged in: tokens, and what proves who it is, verified. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct Session {
    tokens: TokenSet,
    claims: Claims,
}

impl Session {
    /// A session of these tokens, whose ID token was verified and says this.
    #[must_use]
    pub const fn new(tokens: TokenSet, claims: Claims) -> Self {
        Self { tokens, claims }
    }

    /// The tokens as they came last.
    #[must_use]
    pub const fn tokens(&self) -> &TokenSet {
        &self.tokens
    }

    /// What the ID token says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The user, within the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.claims.subject().unwrap_or_default()
    }
}

/// What a provider tells of a user. `Debug` shows whom it tells of, and not what.
#[derive(Clone, PartialEq)]
pub struct UserInfo {
    subject: String,
    claims: Map<String, Value>,
}

impl UserInfo {
    /// What is told of this user.
    #[must_use]
    pub fn new(subject: impl Into<String>, claims: Map<String, Value>) -> Self {
        Self { subject: subject.into(), claims }
    }

    /// The user, within the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// One thing of it: `email`, `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// One thing of it, as what it should be; `None` where it is not there.
    ///
    /// # Errors
    /// `Decode` when it is something else.
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        claim(&self.claims, name)
    }
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserInfo({}, {} claims)", self.subject, self.claims.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_goes_along_that_is_one_and_not_the_tokens_own() {
        let token = AccessToken::new("t").unwrap();
        let mut headers = HeaderMap::new();
        token.clone().along("x-goog-user-project", "shop").unwrap().put(&mut headers);
        assert!(headers[AUTHORIZATION].is_sensitive());
        assert_eq!(
            (&headers["authorization"], &headers["x-goog-user-project"]),
            (&"Bearer t".parse().unwrap(), &"shop".parse().unwrap())
        );
        for (name, value) in [("Authorization", "x"), ("x-a", "b\r\nc: d"), ("x a", "b")] {
            assert!(token.clone().along(name, value).unwrap_err().is(ErrorKind::InvalidInput), "{name}");
        }
    }
}
