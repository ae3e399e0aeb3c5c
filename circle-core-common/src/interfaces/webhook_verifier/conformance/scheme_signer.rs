//! What signs by a scheme.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::{SignedRequest, SignsWebhooks, ToSign};
use crate::error::Result;
use crate::webhook::{Delivery, Scheme, SecretEncoding, Verification, WebhookKey};

/// Signs by a scheme: the service behind verifiers by it.
#[derive(Debug)]
pub struct SchemeSigner {
    verification: Verification,
    secrets: Vec<String>,
}

impl SchemeSigner {
    /// A service that signs by this scheme, with these secrets.
    ///
    /// # Errors
    /// `ConfigInvalid` for a scheme or a secret that is none.
    pub fn new<S: Into<String>>(scheme: Scheme, secrets: impl IntoIterator<Item = S>) -> Result<Self> {
        let verification = Verification::new(scheme)?;
        let secrets: Vec<String> = secrets.into_iter().map(Into::into).collect();
        for secret in &secrets {
            verification.key(secret)?;
        }
        Ok(Self { verification, secrets })
    }

    fn scheme(&self) -> &Scheme {
        self.verification.scheme()
    }

    fn key(&self, number: usize) -> Option<WebhookKey> {
        let unknown = format!("a-secret-that-is-not-live-{number}");
        let unknown = match self.scheme().secret_encoding {
            SecretEncoding::Text => unknown,
            SecretEncoding::Base64 => STANDARD.encode(unknown),
        };
        self.verification.key(self.secrets.get(number).unwrap_or(&unknown)).ok()
    }

    /// A body that is JSON, with id and kind where the scheme looks for them.
    fn body(&self, request: &ToSign) -> Bytes {
        let mut body = Value::Object(Map::new());
        let scheme = self.scheme();
        let fields = [(scheme.id_fields.first(), &*request.event), (scheme.kind_fields.first(), "suite.tested")];
        let fields = fields.into_iter().filter_map(|(field, text)| Some((field?.as_str(), text)));
        for (field, text) in fields.chain([("/suite_event", &*request.event), ("/suite_text", &*request.text)]) {
            let mut place = &mut body;
            for name in field.split('/').skip(1) {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                place = &mut place[name];
            }
            *place = Value::from(text);
        }
        Bytes::from(body.to_string())
    }

    fn header(name: Option<&String>) -> Option<HeaderName> {
        name.and_then(|name| HeaderName::try_from(name.as_str()).ok())
    }
}

impl SignsWebhooks for SchemeSigner {
    fn secrets(&self) -> usize {
        self.secrets.len()
    }

    fn sign(&self, request: &ToSign) -> Option<SignedRequest> {
        let keys = request.secrets.iter().map(|number| self.key(*number)).collect::<Option<Vec<_>>>()?;
        let body = self.body(request);
        let delivery = Delivery { id: &request.event, at: request.at, body: &body };
        let mut headers = self.verification.sign(&keys, delivery).ok()?;
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for name in self.unsigned_headers() {
            headers.insert(name, HeaderValue::from_static("unsigned"));
        }
        Some(SignedRequest { headers, body })
    }

    fn signature_header(&self) -> HeaderName {
        // The scheme was checked, so that it has one.
        Self::header(Some(&self.scheme().signature_header)).unwrap_or(http::header::AUTHORIZATION)
    }

    fn timestamp_header(&self) -> Option<HeaderName> {
        Self::header(self.scheme().timestamp_header.as_ref()).filter(|name| *name != self.signature_header())
    }

    fn id_header(&self) -> Option<HeaderName> {
        Self::header(self.scheme().id_header.as_ref())
    }

    fn unsigned_headers(&self) -> Vec<HeaderName> {
        let scheme = self.scheme();
        [&scheme.delivery_header, &scheme.kind_header].into_iter().filter_map(|name| Self::header(name.as_ref())).collect()
    }
}
