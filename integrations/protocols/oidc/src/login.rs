//! Logging a user in with a browser: authorisation code with PKCE (RFC 6749, 4.1; RFC 7636; RFC 9207).

use circle_core_common::http::encode;
use circle_core_common::interfaces::identity_provider::{Login, LoginRequest, LoginState, TokenSet};
use circle_core_common::secret::equal;
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};

use crate::client::{OAuthClient, REDEEM};
use crate::error::OAuthError;
use crate::form::Form;
use crate::grants::is_openid;
use crate::server::Endpoint;
use crate::{pkce, random};

/// The largest query of a callback: a code is a few hundred bytes, or a JWT.
const CALLBACK_MAX: usize = 16 * 1024;

impl OAuthClient {
    /// Begins a login: makes state, verifier and, for `openid`, nonce, and the address that the browser is to go to.
    ///
    /// # Errors
    /// Those of asking the server for its endpoints; `Unsupported` where it has none for browsers; `ConfigInvalid` without an address
    /// for the answer.
    pub async fn start_login(&self, cx: &CallContext, request: LoginRequest) -> Result<Login> {
        let (_, endpoint) = self.server().endpoint(cx, Endpoint::Authorization).await?;
        let missing = || Error::new(ErrorKind::ConfigInvalid, "a login with a browser needs a `redirect_uri`");
        let redirect_uri = request.redirect_uri.ok_or_else(missing)?;
        let nonce = if is_openid(&request.scopes) { Some(random::token(cx)?) } else { None };
        let (state, verifier) = (random::token(cx)?, random::token(cx)?);
        let mut url = endpoint;
        let scope = request.scopes.join(" ");
        let challenge = pkce::challenge(&verifier);
        let own = [
            ("response_type", "code"),
            ("client_id", self.client_id()),
            ("redirect_uri", &redirect_uri),
            ("scope", &scope),
            ("state", state.expose_secret()),
            ("nonce", nonce.as_ref().map_or("", |nonce| nonce.expose_secret())),
            ("code_challenge", &challenge),
            ("code_challenge_method", pkce::METHOD),
        ];
        let others = request.parameters.iter().map(|(name, value)| (&**name, &**value));
        // What makes the login safe cannot be set from outside: the first of a name would be as good as the last.
        let others = others.filter(|(name, _)| !own.iter().any(|(own, _)| own == name));
        for (name, value) in own.into_iter().filter(|(_, value)| !value.is_empty()).chain(others) {
            url.push(if url.contains('?') { '&' } else { '?' });
            encode::query(&mut url, name);
            url.push('=');
            encode::query(&mut url, value);
        }
        let mut kept = LoginState::new(self.server().issuer(), redirect_uri, state, verifier);
        kept.nonce = nonce;
        Ok(Login::new(url, kept))
    }

    /// Finishes a login with the query that the browser brought to the redirect address, and redeems its code. Of an ID token
    /// nothing is verified here: [`OpenIdClient`](crate::OpenIdClient) does.
    ///
    /// # Errors
    /// `Unauthenticated` when the answer belongs to another login, or is another server's; `InvalidInput` when it is none; what
    /// the server or its user refused, as [`OAuthError`]; those of redeeming the code.
    pub async fn finish_login(&self, cx: &CallContext, kept: LoginState, callback: &str) -> Result<TokenSet> {
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
