//! The schemes that are one secret, in a header or in the query.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::context::CallContext;
use crate::credentials::{CredentialSource, Lease};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{encode, headers};
use crate::secret::{SecretRef, equal};

/// What is put on a request, made once: a header then costs a count of references.
pub(in crate::http) struct Ready {
    pub(super) place: Place,
    /// What an answer must not repeat, where it does not stand in the header as it is.
    pub(in crate::http) hidden: Option<SecretString>,
}

pub(in crate::http) enum Place {
    Header(HeaderName, HeaderValue),
    /// `key=secret`, encoded.
    Query(SecretString),
}

impl Ready {
    /// The header that holds it, where one does.
    pub(in crate::http) fn header(&self) -> Option<&HeaderValue> {
        match &self.place {
            Place::Header(_, value) => Some(value),
            Place::Query(_) => None,
        }
    }

    /// Whether a request with the other would be another request.
    pub(super) fn differs(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Place::Header(_, one), Place::Header(_, other)) => one != other,
            (Place::Query(one), Place::Query(other)) => !equal(one, other),
            _ => true,
        }
    }
}

pub(super) enum Scheme {
    Header { name: HeaderName, secret: SecretRef },
    Query { name: String, secret: SecretRef },
    Basic { user: String, password: SecretRef },
    Bearer(SecretRef),
}

#[async_trait]
impl CredentialSource for Scheme {
    type Credential = Ready;

    async fn load(&self, _: &CallContext) -> Result<Lease<Ready>> {
        let secret = match self {
            Self::Header { secret, .. } | Self::Query { secret, .. } | Self::Bearer(secret) => secret,
            Self::Basic { password, .. } => password,
        };
        let secret = secret.resolve().await?;
        let text = secret.expose_secret();
        let place = match self {
            Self::Header { name, .. } => header(name, text),
            Self::Bearer(_) => header(&AUTHORIZATION, &bearer(text)?),
            Self::Basic { user, .. } => header(&AUTHORIZATION, &basic(user, text)?),
            Self::Query { name, .. } => {
                let mut pair = String::new();
                encode::query(&mut pair, name);
                pair.push('=');
                encode::query(&mut pair, text);
                Ok(Place::Query(pair.into()))
            }
        }?;
        let hidden = matches!(self, Self::Basic { .. } | Self::Query { .. }).then_some(secret);
        Ok(Lease::new(Ready { place, hidden }))
    }
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::ConfigInvalid, text)
}

/// A secret that cannot stand in a header is a mistake of the configuration, not of the call.
fn header(name: &HeaderName, text: &str) -> Result<Place> {
    let value = headers::secret(name, text).map_err(|error| invalid(error.message().to_owned()))?;
    Ok(Place::Header(name.clone(), value))
}

fn bearer(token: &str) -> Result<String> {
    // RFC 6750 allows less; a blank would end the token for some servers and not for others.
    if token.contains(char::is_whitespace) {
        return Err(invalid("a bearer token has no blanks and no line breaks"));
    }
    Ok(format!("Bearer {token}"))
}

fn basic(user: &str, password: &str) -> Result<String> {
    // RFC 7617, 2: the first colon ends the user; controls are allowed on neither side.
    if user.contains(':') {
        return Err(invalid("the user of basic authentication has no colon"));
    }
    if user.contains(char::is_control) || password.contains(char::is_control) {
        return Err(invalid("user and password of basic authentication have no control characters"));
    }
    Ok(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}
