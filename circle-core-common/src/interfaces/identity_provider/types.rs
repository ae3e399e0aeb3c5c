//! Logins, and what is asked of sessions.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

pub use super::tokens::{AccessToken, Session, TokenSet, UserInfo};
use crate::clock::Tick;
use crate::error::{Error, ErrorKind, Result};
use crate::extension::Extensions;

/// What every login can ask for.
macro_rules! asks {
    ($name:ident) => {
        impl $name {
            /// Asks for these scopes, too; for those of the configuration where none is asked for.
            #[must_use]
            pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
                self.scopes.extend(scopes.into_iter().map(Into::into));
                self
            }

            /// Asks for a token for this resource (RFC 8707).
            #[must_use]
            pub fn resource(self, resource: impl Into<String>) -> Self {
                self.parameter("resource", resource)
            }

            /// Asks for a token for this audience: a parameter of many servers.
            #[must_use]
            pub fn audience(self, audience: impl Into<String>) -> Self {
                self.parameter("audience", audience)
            }

            /// Another parameter that the server knows: `prompt`, `login_hint`. It is no secret.
            #[must_use]
            pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
                self.parameters.push((name.into(), value.into()));
                self
            }

            extension_setter!();
        }
    };
}

/// What is asked of a login with a browser; the default is what the configuration says.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoginRequest {
    /// Where the answer comes to, where it is another address than the configuration's.
    pub redirect_uri: Option<String>,
    /// What the tokens are to be good for.
    pub scopes: Vec<String>,
    /// What else the server is told.
    pub parameters: Vec<(String, String)>,
    /// Providers' own options.
    pub extensions: Extensions,
}

asks!(LoginRequest);

impl LoginRequest {
    /// A login whose answer comes to this address, to the letter as it is registered at the server.
    #[must_use]
    pub fn new(redirect_uri: impl Into<String>) -> Self {
        Self { redirect_uri: Some(redirect_uri.into()), ..Self::default() }
    }
}

/// A login that has begun: where the browser is to go, and what its answer is checked with. `Debug` shows neither.
#[non_exhaustive]
pub struct Login {
    /// Where the browser is to go.
    pub url: String,
    /// What is kept until it comes back.
    pub state: LoginState,
}

impl Login {
    /// A login that goes on at this address.
    #[must_use]
    pub const fn new(url: String, state: LoginState) -> Self {
        Self { url, state }
    }
}

// The address holds the state, which whoever sees it could put into an answer.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login(at {})", self.state.issuer)
    }
}

/// What has to be there when the answer of a login comes, and must not be known to whoever brings it.
///
/// It is used once: finishing takes it. It has no `Clone`, and `Debug` shows nothing of it.
#[non_exhaustive]
pub struct LoginState {
    /// What the answer carries, to find the login that it belongs to: with a session of the same browser, or it proves nothing.
    pub state: SecretString,
    /// What the ID token has to carry.
    pub nonce: Option<SecretString>,
    /// What the challenge of PKCE was made of.
    pub verifier: SecretString,
    /// Where the answer comes to.
    pub redirect_uri: String,
    /// Whom the login was begun with.
    pub issuer: String,
}

impl LoginState {
    /// A login with this issuer, whose answer comes to this address.
    #[must_use]
    pub fn new(issuer: impl Into<String>, redirect_uri: impl Into<String>, state: SecretString, verifier: SecretString) -> Self {
        Self { state, nonce: None, verifier, redirect_uri: redirect_uri.into(), issuer: issuer.into() }
    }

    /// Says what the ID token has to carry.
    #[must_use]
    pub fn nonce(mut self, nonce: SecretString) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// All of it as one text, for a session on the server's side. Whoever has it can finish the login: it is a secret, and it is to
    /// be taken out of the session before it is used, so that it is used once.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        let text = json!({
            "state": self.state.expose_secret(),
            "nonce": self.nonce.as_ref().map(|nonce| nonce.expose_secret()),
            "verifier": self.verifier.expose_secret(),
            "redirect_uri": self.redirect_uri,
            "issuer": self.issuer,
        });
        text.to_string().into()
    }

    /// A login from what [`to_secret`](Self::to_secret) gave.
    ///
    /// # Errors
    /// `InvalidInput` for another text.
    pub fn from_secret(text: &SecretString) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Text {
            state: String,
            nonce: Option<String>,
            verifier: String,
            redirect_uri: String,
            issuer: String,
        }
        let invalid = |_| Error::new(ErrorKind::InvalidInput, "this is not what a login was kept as");
        let text: Text = serde_json::from_str(text.expose_secret()).map_err(invalid)?;
        let mut state = Self::new(text.issuer, text.redirect_uri, text.state.into(), text.verifier.into());
        state.nonce = text.nonce.map(SecretString::from);
        Ok(state)
    }
}

impl fmt::Debug for LoginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginState(at {})", self.issuer)
    }
}

/// An answer to a login.
#[non_exhaustive]
#[derive(Debug)]
pub struct FinishLoginRequest {
    /// The login.
    pub state: LoginState,
    /// The query that the browser brought: it holds the code.
    pub callback: SecretString,
}

impl FinishLoginRequest {
    /// A request of these parts.
    #[must_use]
    pub const fn new(state: LoginState, callback: SecretString) -> Self {
        Self { state, callback }
    }
}

/// What is asked of a login on another device; the default is what the configuration says.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeviceRequest {
    /// What the tokens are to be good for.
    pub scopes: Vec<String>,
    /// What else the server is told.
    pub parameters: Vec<(String, String)>,
    /// Providers' own options.
    pub extensions: Extensions,
}

asks!(DeviceRequest);

impl DeviceRequest {
    /// A login that asks for nothing in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// A login on another device that has begun. `Debug` shows what the user is to see, and no more.
#[non_exhaustive]
pub struct DeviceLogin {
    /// What this side asks with.
    pub device_code: SecretString,
    /// What the user types in.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Where, with the code in the address: for a QR code.
    pub verification_uri_complete: Option<String>,
    /// How long this side waits between two questions.
    pub interval: Duration,
    /// Until when the user can decide.
    pub ends: Tick,
}

impl DeviceLogin {
    /// A login that goes on at this address, until this moment, asked about this often.
    #[must_use]
    pub fn new(
        device_code: SecretString,
        user_code: impl Into<String>,
        verification_uri: impl Into<String>,
        interval: Duration,
        ends: Tick,
    ) -> Self {
        Self {
            device_code,
            user_code: user_code.into(),
            verification_uri: verification_uri.into(),
            verification_uri_complete: None,
            interval,
            ends,
        }
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceLogin({} at {})", self.user_code, self.verification_uri)
    }
}

/// A login on another device to wait for.
#[non_exhaustive]
#[derive(Debug)]
pub struct FinishDeviceRequest {
    /// The login.
    pub login: DeviceLogin,
}

impl FinishDeviceRequest {
    /// A request of this login.
    #[must_use]
    pub const fn new(login: DeviceLogin) -> Self {
        Self { login }
    }
}

request! {
    /// A session to refresh, which has a refresh token.
    RefreshRequest {
        /// The session.
        session: Session,
    }
}

request! {
    /// A session whose user to tell of.
    UserInfoRequest {
        /// The session.
        session: Session,
    }
}

request! {
    /// A session to end at the provider's own page.
    LogoutUrlRequest {
        /// The session.
        session: Session,
    }
}

request! {
    /// A session whose tokens to revoke.
    RevokeRequest {
        /// The session.
        session: Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_as_a_secret_and_shows_nothing() {
        let state = LoginState::new("https://login.example.org", "https://back.example.org", "s7ate".into(), "ver1fier".into());
        let state = state.nonce("n0nce".into());
        let again = LoginState::from_secret(&state.to_secret()).unwrap();
        assert_eq!(again.to_secret().expose_secret(), state.to_secret().expose_secret());
        let text = format!("{state:?} {:?}", FinishLoginRequest::new(again, "code=c0de".into()));
        assert!(!["s7ate", "ver1fier", "n0nce", "c0de"].iter().any(|secret| text.contains(secret)), "{text}");
    }

    #[test]
    fn another_text_is_no_login() {
        for text in ["", "{}", "null", r#"{"state":"s7ate","verifier":"v","redirect_uri":"r","issuer":"i","more":1}"#] {
            let error = LoginState::from_secret(&text.into()).unwrap_err();
            assert!(error.is(ErrorKind::InvalidInput) && !format!("{error:?}").contains("s7ate"), "{error:?}");
        }
    }
}
