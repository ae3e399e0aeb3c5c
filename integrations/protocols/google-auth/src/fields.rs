//! The fields of a credentials file. No error repeats a value: most of them are secrets.

use circle_core_common::{Error, ErrorKind, Result};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// A JSON object, and where it stands for messages.
pub(crate) struct Fields {
    map: Map<String, Value>,
    at: String,
}

impl Fields {
    /// The object that is the content of a file.
    pub(crate) fn parse(text: &str, at: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self { map, at: at.to_owned() }),
            Ok(_) => Err(Error::new(ErrorKind::ConfigInvalid, format!("{at} is no JSON object"))),
            Err(error) => {
                let text = format!("{at} is not JSON, at line {}, column {}", error.line(), error.column());
                Err(Error::new(ErrorKind::ConfigInvalid, text))
            }
        }
    }

    pub(crate) fn invalid(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::ConfigInvalid, format!("{} {what}", self.at))
    }

    pub(crate) fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Unsupported, format!("{} {what}, which is not supported", self.at))
    }

    /// A field; `null` is none.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    fn missing(&self, name: &str) -> Error {
        self.invalid(format_args!("has no `{name}`"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        self.text_opt(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text; a blank one is none.
    pub(crate) fn text_opt(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
            Some(_) => Err(self.invalid(format_args!("has another `{name}` than a text"))),
        }
    }

    pub(crate) fn secret(&mut self, name: &str) -> Result<SecretString> {
        self.text(name).map(SecretString::from)
    }

    pub(crate) fn number_opt(&mut self, name: &str) -> Result<Option<u64>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_u64().ok_or_else(|| self.invalid(format_args!("has another `{name}` than a number")))?;
                Ok(Some(number))
            }
        }
    }

    /// A list of texts; none where there is no such field.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let texts = match self.take(name) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => list.into_iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        texts.ok_or_else(|| self.invalid(format_args!("has another `{name}` than a list of texts")))
    }

    /// Texts by name.
    pub(crate) fn table(&mut self, name: &str) -> Result<Vec<(String, SecretString)>> {
        let Some(table) = self.object_opt(name)? else { return Ok(Vec::new()) };
        let pairs: Option<Vec<_>> = table
            .map
            .into_iter()
            .map(|(name, value)| if let Value::String(text) = value { Some((name, text.into())) } else { None })
            .collect();
        pairs.ok_or_else(|| self.invalid(format_args!("has a value in `{name}` that is no text")))
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Self> {
        self.object_opt(name)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn object_opt(&mut self, name: &str) -> Result<Option<Self>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self { map, at: format!("`{name}` of {}", self.at) })),
            Some(_) => Err(self.invalid(format_args!("has another `{name}` than an object"))),
        }
    }
}
