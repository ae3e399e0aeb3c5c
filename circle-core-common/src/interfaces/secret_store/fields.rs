//! What is secret: named fields of text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, ErrorKind, Result};

/// The fields of a secret, or its one value. Cleared when the last clone is dropped; it has no `Serialize`, no `Display` and no
/// `PartialEq`, and `Debug` shows neither values nor names nor their number.
///
/// ```
/// use circle_core_common::interfaces::secret_store::SecretFields;
/// use circle_core_common::secret::ExposeSecret as _;
///
/// let fields = SecretFields::new().field("user", "app").field("password", "hunter2");
/// assert_eq!(fields.get("user").unwrap().expose_secret(), "app");
/// assert_eq!(format!("{fields:?}"), "SecretFields([REDACTED])");
/// assert_eq!(SecretFields::single("a token").value().unwrap().expose_secret(), "a token");
/// ```
///
/// ```compile_fail
/// use circle_core_common::interfaces::secret_store::SecretFields;
/// serde_json::to_string(&SecretFields::single("a token")); // what is secret cannot be written down by accident
/// ```
#[derive(Clone, Default)]
pub struct SecretFields {
    // `SecretString` copies when it is cloned; what many hold should be there once.
    fields: Arc<BTreeMap<Arc<str>, SecretString>>,
}

impl SecretFields {
    /// The name of the field of a secret that is one value.
    pub const VALUE: &'static str = "value";

    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One value without a name: a token, a connection string.
    #[must_use]
    pub fn single(value: impl Into<SecretString>) -> Self {
        Self::new().field(Self::VALUE, value)
    }

    /// Adds a field; one of the same name is replaced.
    #[must_use]
    pub fn field(mut self, name: impl Into<Arc<str>>, value: impl Into<SecretString>) -> Self {
        let fields = std::mem::take(&mut self.fields);
        let mut fields = Arc::try_unwrap(fields).unwrap_or_else(|shared| (*shared).clone());
        fields.insert(name.into(), value.into());
        Self { fields: Arc::new(fields) }
    }

    /// A field by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.fields.get(name)
    }

    /// The value of a secret that is one value, or has one field.
    #[must_use]
    pub fn value(&self) -> Option<&SecretString> {
        match self.fields.values().next() {
            Some(value) if self.fields.len() == 1 => Some(value),
            _ => self.get(Self::VALUE),
        }
    }

    /// The names of the fields, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(|name| &**name)
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// How many bytes names and values have, for stores that count.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.fields.iter().map(|(name, value)| (name.len() + value.expose_secret().len()) as u64).sum()
    }

    /// The fields as one text, for stores that keep one: a single value as it is, several as a JSON object of strings.
    ///
    /// [`from_text`](Self::from_text) reads it back. A value that is itself such an object is kept within one.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        if let (1, Some(value)) = (self.len(), self.get(Self::VALUE))
            && !value.expose_secret().is_empty()
            && parsed(value.expose_secret()).is_none()
        {
            return value.clone();
        }
        let object: BTreeMap<&str, &str> = self.fields.iter().map(|(name, value)| (&**name, value.expose_secret())).collect();
        // Text and maps of text are always JSON.
        serde_json::to_string(&object).unwrap_or_default().into()
    }

    /// The fields in a text: of a JSON object of strings its members, else the text as one value.
    #[must_use]
    pub fn from_text(text: SecretString) -> Self {
        match parsed(text.expose_secret()) {
            Some(fields) => Self { fields: Arc::new(fields) },
            None => Self::single(text),
        }
    }

    /// The field that a caller needs.
    ///
    /// # Errors
    /// `NotFound` when there is none of the name.
    pub(super) fn required(&self, secret: &str, name: &str) -> Result<&SecretString> {
        self.get(name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("the secret `{secret}` has no field `{name}`")).with_resource(&secret.into())
        })
    }
}

/// The members of a JSON object of strings that has any.
fn parsed(text: &str) -> Option<BTreeMap<Arc<str>, SecretString>> {
    // Most secrets are no JSON; a look spares the parser.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let object: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let fields: BTreeMap<_, _> = object.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Some(fields).filter(|fields| !fields.is_empty())
}

impl<N: Into<Arc<str>>, V: Into<SecretString>> FromIterator<(N, V)> for SecretFields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self { fields: Arc::new(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect()) }
    }
}

impl<N: Into<Arc<str>>, V: Into<SecretString>, const COUNT: usize> From<[(N, V); COUNT]> for SecretFields {
    fn from(fields: [(N, V); COUNT]) -> Self {
        fields.into_iter().collect()
    }
}

impl From<&Self> for SecretFields {
    fn from(fields: &Self) -> Self {
        fields.clone()
    }
}

impl fmt::Debug for SecretFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretFields([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(fields: &SecretFields) -> Vec<(String, String)> {
        fields.names().map(|name| (name.to_owned(), fields.get(name).unwrap().expose_secret().to_owned())).collect()
    }

    #[test]
    fn text_reads_back_as_what_it_was() {
        let object = r#"{"user":"app"}"#;
        for fields in [
            SecretFields::single("a token"),
            SecretFields::single(""),
            SecretFields::single(" {not json"),
            SecretFields::single(object),
            SecretFields::single(r#"{"port":5432}"#),
            SecretFields::single("{}"),
            SecretFields::from([("user", "app"), ("password", "a\"b\\c\n")]),
            SecretFields::from([("password", "alone")]),
            SecretFields::from([("value", "a"), ("other", "b")]),
        ] {
            let read = SecretFields::from_text(fields.to_text());
            assert_eq!(pairs(&read), pairs(&fields));
        }
        assert_eq!(SecretFields::single("plain").to_text().expose_secret(), "plain");
        assert_eq!(SecretFields::from([("user", "app")]).to_text().expose_secret(), object);
    }

    #[test]
    fn what_is_no_object_of_strings_is_one_value() {
        for text in [r#"{"port":5432}"#, "[1]", "{}", "{", "text", r#"{"a":{"b":"c"}}"#] {
            let fields = SecretFields::from_text(text.into());
            assert_eq!(fields.value().unwrap().expose_secret(), text);
        }
    }

    #[test]
    fn the_one_value_is_that_of_the_only_field_or_of_the_field_called_so() {
        assert_eq!(SecretFields::from([("key", "k")]).value().unwrap().expose_secret(), "k");
        assert_eq!(SecretFields::from([("key", "k"), ("value", "v")]).value().unwrap().expose_secret(), "v");
        assert!(SecretFields::from([("key", "k"), ("id", "i")]).value().is_none());
        assert!(SecretFields::new().value().is_none());
    }
}
