//! JSON Schemas.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, ErrorKind, Result, decode_json_error};

/// A JSON Schema, kept as the text that is sent: equal schemas are equal bytes, so that prompt caches hit.
///
/// From a [`Value`] the keys are sorted, whatever the `preserve_order` feature of `serde_json` says. Where the order of
/// properties matters, because a model writes them in that order, give the text.
#[derive(Clone)]
pub struct Schema {
    text: Arc<RawValue>,
}

impl Schema {
    /// A schema from its text, which is sent as it is.
    ///
    /// # Errors
    /// `InvalidInput` when it is not JSON.
    pub fn from_text(text: &str) -> Result<Self> {
        let raw: Box<RawValue> = serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::InvalidInput, decode_json_error("the schema", &error).message().to_owned()))?;
        Ok(Self { text: raw.into() })
    }

    /// The schema of a type, as `schemars` derives it. Properties are in alphabetical order, or in that of the fields where
    /// the feature `preserve_order` of `schemars` is on.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn of<T: schemars::JsonSchema>() -> Self {
        // The dialect's name is no part of what services take.
        let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        let schema = settings.into_generator().into_root_schema_for::<T>();
        Self { text: to_raw_value(&schema).unwrap_or_else(|_| RawValue::NULL.to_owned()).into() }
    }

    /// Whether it is an object, as services want it.
    pub(in crate::interfaces::chat_model) fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get()
    }

    /// The schema as a value, for providers that must rewrite it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // It was checked when it was made.
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl From<Value> for Schema {
    fn from(mut value: Value) -> Self {
        value.sort_all_objects();
        // A value can always be written.
        Self { text: to_raw_value(&value).unwrap_or_else(|_| RawValue::NULL.to_owned()).into() }
    }
}

impl From<&Schema> for Schema {
    fn from(schema: &Self) -> Self {
        schema.clone()
    }
}

impl Serialize for Schema {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_text(raw.get()).map_err(serde::de::Error::custom)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_are_equal_bytes_and_text_is_kept() {
        let one = Schema::from(json!({ "type": "object", "properties": { "b": {}, "a": {} } }));
        let other = Schema::from(json!({ "properties": { "a": {}, "b": {} }, "type": "object" }));
        assert_eq!(one, other);
        assert_eq!(one.as_str(), r#"{"properties":{"a":{},"b":{}},"type":"object"}"#);
        let text = r#"{"type": "object", "properties": {"b": {}, "a": {}}}"#;
        let kept = Schema::from_text(text).unwrap();
        assert_eq!((kept.as_str(), serde_json::to_string(&kept).unwrap().as_str()), (text, text));
        assert_eq!(kept.to_value(), one.to_value());
        assert!(Schema::from_text("{").unwrap_err().is(ErrorKind::InvalidInput));
    }

    #[cfg(feature = "schema")]
    #[test]
    fn a_type_has_a_schema() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Invoice {
            number: String,
            total: Option<u32>,
        }
        let schema = Schema::of::<Invoice>().to_value();
        assert_eq!(schema["required"], json!(["number"]));
        assert_eq!(schema.get("$schema"), None);
    }
}
