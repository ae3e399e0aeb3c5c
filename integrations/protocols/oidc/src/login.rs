//! Logging a user in with a browser: authorisation code with PKCE (RFC 6749, 4.1; RFC 7636; RFC 9207).

use std::fmt;

use circle_core_common::http::encode;
use circle_core_common::secret::equal;
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::client::{OAuthClient, REDEEM};
use crate::error::OAuthError;
use crate::form::Form;
use crate::grants::{Wanted, wanted};
use crate::server::Endpoint;
use crate::tokens::TokenSet;
use crate::{pkce, random};

/// The largest query of a callback: a code is a few hundred bytes, or a JWT.
const CALLBACK_MAX: usize = 16 * 1024;

/// What is asked of a login.
#[derive(Clone, Debug)]
#[must_use = "a request is sent by `start_login`"]
pub struct LoginRequest {
    redirect_uri: String,
    pub(crate) wanted: Wanted,
}

wanted!(LoginRequest);

impl LoginRequest {
    /// A login whose answer comes to this address, to the letter as it is registered at the server.
    pub fn new(redirect_uri: impl Into<String>) -> Self {
        Self { redirect_uri: redirect_uri.into(), wanted: Wanted::default() }
    }
}

/// A login that has begun: where the browser is to go, and what its answer is checked with.
///
/// It is used once: finishing takes it. It has no `Clone`, and `Debug` shows nothing of it.
pub struct Login {
    url: String,
    kept: Kept,
}

/// What has to be there when the answer comes, and must not be known to whoever brings it.
struct Kept {
    state: SecretString,
    nonce: Option<SecretString>,
    verifier: SecretString,
    redirect_uri: String,
    issuer: String,
}

impl Login {
    /// Where the browser is to go.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the answer carries, to find the login that it belongs to: with a session of the same browser, or it proves nothing.
    #[must_use]
    pub const fn state(&self) -> &SecretString {
        &self.kept.state
    }

    /// What the ID token has to carry.
    pub(crate) const fn nonce(&self) -> Option<&SecretString> {
        self.kept.nonce.as_ref()
    }

    /// All that is needed to finish, for a session on the server's side. Whoever has it can finish the login: it is a secret, and
    /// it is to be taken out of the session before it is used, so that it is used once.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        let kept = &self.kept;
        let text = json!({
            "state": kept.state.expose_secret(),
            "nonce": kept.nonce.as_ref().map(|nonce| nonce.expose_secret()),
            "verifier": kept.verifier.expose_secret(),
            "redirect_uri": kept.redirect_uri,
            "issuer": kept.issuer,
        });
        text.to_string().into()
    }

    /// A login from what [`to_secret`](Self::to_secret) gave; its address is not known any more.
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
        let kept = Kept {
            state: text.state.into(),
            nonce: text.nonce.map(SecretString::from),
            verifier: text.verifier.into(),
            redirect_uri: text.redirect_uri,
            issuer: text.issuer,
        };
        Ok(Self { url: String::new(), kept })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login(at {})", self.kept.issuer)
    }
}

impl OAuthClient {
    /// Begins a login: makes state, verifier and, for `openid`, nonce, and the address that the browser is to go to.
    ///
    /// # Errors
    /// Those of asking the server for its endpoints; `Unsupported` where it has none for browsers.
    pub async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login> {
        let (_, endpoint) = self.server().endpoint(cx, Endpoint::Authorization).await?;
        let nonce = if request.wanted.is_openid() { Some(random::token(cx)?) } else { None };
        let (state, verifier) = (random::token(cx)?, random::token(cx)?);
        let mut url = endpoint;
        let scope = request.wanted.scopes.join(" ");
        let challenge = pkce::challenge(&verifier);
        let own = [
            ("response_type", "code"),
            ("client_id", self.client_id()),
            ("redirect_uri", &request.redirect_uri),
            ("scope", &scope),
            ("state", state.expose_secret()),
            ("nonce", nonce.as_ref().map_or("", |nonce| nonce.expose_secret())),
            ("code_challenge", &challenge),
            ("code_challenge_method", pkce::METHOD),
        ];
        let others = request.wanted.others.iter().map(|(name, value)| (&**name, &**value));
        // What makes the login safe cannot be set from outside: the first of a name would be as good as the last.
        let others = others.filter(|(name, _)| !own.iter().any(|(own, _)| own == name));
        for (name, value) in own.into_iter().filter(|(_, value)| !value.is_empty()).chain(others) {
            url.push(if url.contains('?') { '&' } else { '?' });
            encode::query(&mut url, name);
            url.push('=');
            encode::query(&mut url, value);
        }
        let issuer = self.server().issuer().to_owned();
        Ok(Login { url, kept: Kept { state, nonce, verifier, redirect_uri: request.redirect_uri, issuer } })
    }

    /// Finishes a login with the query that the browser brought to the redirect address, and redeems its code. Of an ID token
    /// nothing is verified here: [`OpenIdClient`](crate::OpenIdClient) does.
    ///
    /// # Errors
    /// `Unauthenticated` when the answer belongs to another login, or is another server's; `InvalidInput` when it is none; what
    /// the server or its user refused, as [`OAuthError`]; those of redeeming the code.
    pub async fn finish_login(&self, cx: &CallContext, login: Login, callback: &str) -> Result<TokenSet> {
        let kept = login.kept;
        if kept.issuer != self.server().issuer() {
            return Err(refused("the login was begun at another server"));
        }
        let answer = Callback::parse(callback)?;
        // First of all: until it fits, nothing that the answer says is anybody's word.
        if !answer.state.as_ref().is_some_and(|state| equal(state, &kept.state)) {
            return Err(refused("the answer belongs to another login: its `state` is not the one that was sent"));
        }
        match &answer.issuer {
            Some(issuer) if !equal(issuer, &kept.issuer.as_str().into()) => {
                return Err(refused("the answer is another server's: its `iss` is not the one that was asked"));
            }
            None if self.server().endpoints(cx).await?.authorization_response_iss_parameter_supported => {
                return Err(refused("the answer does not say whose it is, which this server always does (`iss`)"));
            }
            _ => {}
        }
        if let Some(error) = &answer.error {
            return Err(OAuthError::of_callback(error, answer.description.as_deref()));
        }
        let Some(code) = answer.code else {
            return Err(Error::new(ErrorKind::InvalidInput, "the answer has neither a code nor an error"));
        };
        let form = Form::grant("authorization_code").secret("code", code).plain("redirect_uri", kept.redirect_uri);
        self.token(cx, &REDEEM, form.secret("code_verifier", kept.verifier)).await
    }
}

fn refused(text: &'static str) -> Error {
    Error::new(ErrorKind::Unauthenticated, text)
}

/// The parameters of a callback.
#[derive(Default)]
pub(crate) struct Callback {
    pub(crate) state: Option<SecretString>,
    issuer: Option<SecretString>,
    code: Option<SecretString>,
    error: Option<String>,
    description: Option<String>,
}

impl Callback {
    /// Reads a query, with or without its question mark.
    pub(crate) fn parse(query: &str) -> Result<Self> {
        let invalid = |text: &'static str| Error::new(ErrorKind::InvalidInput, text);
        if query.len() > CALLBACK_MAX {
            return Err(invalid("the answer to the login is too long"));
        }
        let mut answer = Self::default();
        let query = query.strip_prefix('?').unwrap_or(query);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let twice = match &*name {
                "state" => answer.state.replace(value.into_owned().into()).is_some(),
                "iss" => answer.issuer.replace(value.into_owned().into()).is_some(),
                "code" => answer.code.replace(value.into_owned().into()).is_some(),
                "error" => answer.error.replace(value.into_owned()).is_some(),
                "error_description" => answer.description.replace(value.into_owned()).is_some(),
                _ => false,
            };
            // Else one part of the way might check the first and another use the last (RFC 6749, 3.1).
            if twice {
                return Err(invalid("the answer to the login has a parameter twice"));
            }
        }
        Ok(answer)
    }
}
