//! The schemes that are one secret, in a header or in the query.

use std::sync::Arc;

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
use crate::secret::equal;

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

/// Where a secret goes.
pub(super) enum Kind {
    Header(HeaderName),
    Query(String),
    Basic(String),
    Bearer,
}

pub(super) struct Scheme {
    kind: Kind,
    source: Arc<dyn CredentialSource<Credential = SecretString>>,
}

impl Scheme {
    pub(super) const fn new(kind: Kind, source: Arc<dyn CredentialSource<Credential = SecretString>>) -> Self {
        Self { kind, source }
    }

    fn ready(&self, secret: SecretString) -> Result<Ready> {
        let text = secret.expose_secret();
        let place = match &self.kind {
            Kind::Header(name) => header(name, text),
            Kind::Bearer => header(&AUTHORIZATION, &bearer(text)?),
            Kind::Basic(user) => header(&AUTHORIZATION, &basic(user, text)?),
            Kind::Query(name) => {
                let mut pair = String::new();
                encode::query(&mut pair, name);
                pair.push('=');
                encode::query(&mut pair, text);
                Ok(Place::Query(pair.into()))
            }
        }?;
        let hidden = matches!(self.kind, Kind::Basic(_) | Kind::Query(_)).then_some(secret);
        Ok(Ready { place, hidden })
    }
}

#[async_trait]
impl CredentialSource for Scheme {
    type Credential = Ready;

    async fn load(&self, cx: &CallContext) -> Result<Lease<Ready>> {
        self.source.load(cx).await?.try_map(|secret| self.ready(secret))
    }

    fn by_tenant(&self) -> bool {
        self.source.by_tenant()
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
