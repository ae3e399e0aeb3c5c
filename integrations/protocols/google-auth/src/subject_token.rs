//! The token of another platform: where it is, read anew for every exchange.

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialSource, Lease};
use circle_core_common::http::Request;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteSize, CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::Refusals;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::fields::Fields;
use crate::place::Place;

pub(crate) static FETCH: RemoteOperation = RemoteOperation::new("google.FetchSubjectToken", Idempotency::Safe, "");

/// The largest token that is read; those with many groups have some tens of KiB.
const TOKEN_MAX: ByteSize = ByteSize::kib(256);

/// What a file says of where a token is.
#[derive(Clone)]
pub(crate) struct Whence {
    at: At,
    format: Format,
}

#[derive(Clone)]
enum At {
    File(String),
    Url { url: String, headers: Vec<(String, SecretString)> },
}

#[derive(Clone)]
enum Format {
    Text,
    /// A field of a JSON object.
    Json(String),
}

impl Whence {
    pub(crate) fn of(mut fields: Fields) -> Result<Self> {
        for (field, what) in [
            ("environment_id", "has AWS sign a request (`environment_id`)"),
            ("executable", "runs a program (`executable`)"),
            ("certificate", "shows a certificate (`certificate`)"),
        ] {
            if fields.has(field) {
                return Err(fields.unsupported(what));
            }
        }
        let format = match fields.object_opt("format")? {
            None => Format::Text,
            Some(mut format) => match format.text_opt("type")?.as_deref() {
                None | Some("text") => Format::Text,
                Some("json") => Format::Json(format.text("subject_token_field_name")?),
                Some(_) => return Err(format.invalid("is of a type that is not known")),
            },
        };
        let at = match (fields.text_opt("file")?, fields.text_opt("url")?) {
            (Some(file), None) => At::File(file),
            (None, Some(url)) => At::Url { url, headers: fields.table("headers")? },
            (Some(_), Some(_)) => return Err(fields.invalid("has both `file` and `url`")),
            (None, None) => return Err(fields.invalid("has neither `file` nor `url`")),
        };
        Ok(Self { at, format })
    }
}

impl Format {
    /// The token in what was read from `at`.
    fn token(&self, text: &str, at: &str) -> Result<SecretString> {
        let none = |what: String| Err(Error::new(ErrorKind::ConfigInvalid, format!("what {at} gave for a token {what}")));
        let token = match self {
            Self::Text => text.trim().to_owned(),
            Self::Json(field) => match serde_json::from_str::<Value>(text) {
                Ok(value) => match value.get(field).and_then(Value::as_str) {
                    Some(token) => token.trim().to_owned(),
                    None => return none(format!("has no text `{field}`")),
                },
                Err(_) => return none("is not JSON".to_owned()),
            },
        };
        if token.is_empty() { none("is empty".to_owned()) } else { Ok(token.into()) }
    }
}

/// The token that is there now.
pub(crate) struct SubjectToken {
    place: Place,
    whence: Whence,
}

impl SubjectToken {
    pub(crate) const fn new(place: Place, whence: Whence) -> Self {
        Self { place, whence }
    }

    async fn fetch(&self, cx: &CallContext, url: &str, headers: &[(String, SecretString)]) -> Result<SecretString> {
        let target = self.place.token_source("credential_source.url", url)?;
        let origin = target.origin.clone();
        let at = origin.to_string();
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request
                .secret_header(name, value.expose_secret())
                .map_err(|_| Error::new(ErrorKind::ConfigInvalid, "a header in `credential_source` is none that can be sent"))?;
        }
        let client = self.place.cx.http(origin).classify(Refusals).body_limit(TOKEN_MAX).traced(false).build();
        let response = client.send(cx, &FETCH, request).await?;
        let text = std::str::from_utf8(&response.body);
        let text = text.map_err(|_| Error::new(ErrorKind::Decode, format!("what {at} gave for a token is not UTF-8")))?;
        self.whence.format.token(text, &at)
    }
}

#[async_trait]
impl CredentialSource for SubjectToken {
    type Credential = SecretString;

    /// # Errors
    /// `ConfigInvalid` for a file that is not there, an address that is not trusted, and what is no token; those of the request.
    async fn load(&self, cx: &CallContext) -> Result<Lease<SecretString>> {
        let token = match &self.whence.at {
            At::Url { url, headers } => self.fetch(cx, url, headers).await?,
            At::File(file) => {
                let path = self.place.os.expand(file)?;
                let at = format!("the file `{}`", path.display());
                let missing =
                    || Error::new(ErrorKind::ConfigInvalid, format!("{at}, which `credential_source` names, is not there"));
                self.whence.format.token(&self.place.os.read(&path).await?.ok_or_else(missing)?, &at)?
            }
        };
        Ok(Lease::new(token))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
