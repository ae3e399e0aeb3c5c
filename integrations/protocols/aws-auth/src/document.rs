//! The JSON documents that credentials come in: of containers and instances, and of programs.

use std::fmt;

use circle_core_common::credentials::Lease;
use circle_core_common::{Error, ErrorKind, Result, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::credentials::AwsCredentials;

/// JSON from somewhere else, without a word of it in the error: it may hold secrets anywhere.
pub(crate) fn read<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let why = if error.is_data() { "a value is missing or of another type" } else { "the syntax is wrong" };
        Error::new(ErrorKind::Decode, format!("{what} cannot be read as JSON: {why} at line {line}, column {column}"))
    })
}

/// A moment as AWS and its tools write it: RFC 3339, and in old caches with `UTC` in place of `Z`.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    match text.strip_suffix("UTC") {
        Some(bare) => format!("{bare}Z").parse().ok(),
        None => text.parse().ok(),
    }
}

/// Credentials, or why there are none. Names are read whatever their letters' case, as AWS's own SDKs do; values that are no text
/// are passed over.
#[derive(Default)]
pub(crate) struct Document {
    version: Option<u64>,
    code: Option<String>,
    message: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<SecretString>,
    token: Option<SecretString>,
    expiration: Option<String>,
}

impl Document {
    /// What an endpoint of containers or instances answers. Its credentials are temporary, so that token and end must be there.
    ///
    /// # Errors
    /// `Decode` for what is no such document; `Unavailable`, or `ConfigInvalid`, where it says why there are no credentials.
    pub(crate) fn fetched(what: &str, json: &[u8]) -> Result<Lease<AwsCredentials>> {
        let document: Self = read(what, json)?;
        if let Some(code) = document.code.as_deref().filter(|code| *code != "Success") {
            let (code, message) =
                (shown(code), document.message.as_deref().map_or_else(String::new, |text| format!(": {}", shown(text))));
            // The role is there, and nobody may take it: its trust policy names another service.
            return Err(if code == "AssumeRoleUnauthorizedAccess" {
                let hint = "does the role trust the service that it is to be assumed by?";
                Error::new(ErrorKind::ConfigInvalid, format!("{what} says {code}{message}; {hint}"))
            } else {
                Error::new(ErrorKind::Unavailable, format!("{what} says {code}{message}"))
            });
        }
        let missing = |name: &str| Error::new(ErrorKind::Decode, format!("{what} has no `{name}`"));
        let token = document.token.clone().ok_or_else(|| missing("Token"))?;
        let end = document.end(what)?.ok_or_else(|| missing("Expiration"))?;
        Ok(Lease::new(document.key(what)?.session_token(token)).until(end))
    }

    /// What a program prints (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>). Without an end,
    /// the credentials are good until they are refused.
    ///
    /// # Errors
    /// `Decode` for what is no such document, or is of another version.
    pub(crate) fn printed(what: &str, json: &[u8]) -> Result<Lease<AwsCredentials>> {
        let document: Self = read(what, json)?;
        if document.version != Some(1) {
            return Err(Error::new(ErrorKind::Decode, format!("{what} has no `Version` of 1")));
        }
        let end = document.end(what)?;
        let key = document.key(what)?;
        let key = match document.token {
            Some(token) => key.session_token(token),
            None => key,
        };
        Ok(end.into_iter().fold(Lease::new(key), Lease::until))
    }

    fn key(&self, what: &str) -> Result<AwsCredentials> {
        let missing = |name: &str| Error::new(ErrorKind::Decode, format!("{what} has no `{name}`"));
        let id = self.access_key_id.as_deref().filter(|id| is_key_id(id)).ok_or_else(|| missing("AccessKeyId"))?;
        let secret = self.secret_access_key.clone().ok_or_else(|| missing("SecretAccessKey"))?;
        Ok(AwsCredentials::new(id, secret))
    }

    fn end(&self, what: &str) -> Result<Option<Timestamp>> {
        let wrong = || Error::new(ErrorKind::Decode, format!("{what} has an `Expiration` that is no moment of RFC 3339"));
        self.expiration.as_deref().map(|text| moment(text).ok_or_else(wrong)).transpose()
    }
}

/// Whether a text can be the id of a key: it is shown, and it stands in a header.
pub(crate) fn is_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+=.".contains(&byte))
}

/// A few words of somebody else's, for a message: what looks like a secret is taken out of them.
fn shown(text: &str) -> String {
    let text = circle_core_common::http::Secrets::default().redact(text);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect()
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Document, A::Error> {
                let mut document = Document::default();
                while let Some(name) = map.next_key::<String>()? {
                    let slot = match &*name.to_ascii_lowercase() {
                        "version" => {
                            document.version = map.next_value::<Value>()?.number();
                            continue;
                        }
                        "secretaccesskey" => {
                            document.secret_access_key = map.next_value::<Value>()?.text().map(Into::into);
                            continue;
                        }
                        "token" | "sessiontoken" => {
                            document.token = map.next_value::<Value>()?.text().map(Into::into);
                            continue;
                        }
                        "accesskeyid" => &mut document.access_key_id,
                        "expiration" | "expiresat" => &mut document.expiration,
                        "code" => &mut document.code,
                        "message" => &mut document.message,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *slot = map.next_value::<Value>()?.text();
                }
                Ok(document)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A value that is of use as a text or a number, or not at all.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(u64),
    Other(IgnoredAny),
}

impl Value {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    const fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
