//! What a verified body tells.

use serde_json::Value;

use super::carried::ID_MAX;
use super::scheme::Scheme;

/// The longest kind of an event.
const KIND_MAX: usize = 200;

/// A body that is JSON, where the scheme reads in it.
pub(super) struct Content(Option<Value>);

impl Content {
    pub(super) fn read(scheme: &Scheme, body: &[u8]) -> Self {
        let is_read = !scheme.id_fields.is_empty() || !scheme.kind_fields.is_empty();
        Self(if is_read { serde_json::from_slice(body).ok() } else { None })
    }

    /// The first field that is there and is a short text or a whole number.
    fn first(&self, fields: &[String], max: usize) -> Option<String> {
        let value = self.0.as_ref()?;
        let text = fields.iter().find_map(|field| match value.pointer(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
            _ => None,
        })?;
        Some(text).filter(|text| is_plain(text, max))
    }

    pub(super) fn id(&self, scheme: &Scheme) -> Option<String> {
        self.first(&scheme.id_fields, ID_MAX)
    }

    pub(super) fn kind(&self, scheme: &Scheme) -> Option<String> {
        self.first(&scheme.kind_fields, KIND_MAX)
    }
}

/// Whether a text is short and can be a key, a label, a word in a log.
pub(super) fn is_plain(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A header as a kind or a name of a delivery.
pub(super) fn plain_header(headers: &http::HeaderMap, name: Option<&http::HeaderName>) -> Option<String> {
    let text = headers.get(name?)?.to_str().ok()?;
    Some(text.to_owned()).filter(|text| is_plain(text, KIND_MAX))
}
