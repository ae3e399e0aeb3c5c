//! Secrets in config: references, never values.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretSlice;
use secrecy::zeroize::Zeroize as _;
pub use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::io::AsyncReadExt;

use crate::error::{Error, ErrorKind, Result};

/// The largest secret that a file may hold, in bytes.
const FILE_MAX: u64 = 64 * 1024;

/// A reference to a secret: `env:NAME`, `file:/path`, `secret:service/name#field` (of a configured secret store),
/// `keyring:service/user`, `vault:mount/path#field`, `aws-sm:…`, `azure-kv:…`, `gcp-sm:…`. A secret written into the config itself
/// needs `literal:`.
///
/// Limited to profiles, it is a table: `{ from = "env:TOKEN", profiles = ["production"] }`. It has no `Serialize` and
/// no `Display`; `Debug` shows where the secret is, and nothing of a literal.
///
/// ```
/// use circle_core_common::SecretRef;
/// let reference: SecretRef = "env:OPENAI_API_KEY".parse()?;
/// assert_eq!(format!("{reference:?}"), "SecretRef(env:OPENAI_API_KEY)");
/// # Ok::<(), circle_core_common::Error>(())
/// ```
#[derive(Clone)]
pub struct SecretRef {
    place: Place,
    profiles: Option<Vec<String>>,
}

#[derive(Clone)]
enum Place {
    Literal(SecretString),
    Environment(String),
    File(String),
    Store { scheme: &'static str, path: String },
}

/// The schemes whose secrets live in other services.
const STORES: [&str; 6] = ["secret", "keyring", "vault", "aws-sm", "azure-kv", "gcp-sm"];

impl SecretRef {
    /// A reference to an environment variable.
    #[must_use]
    pub fn environment(name: impl Into<String>) -> Self {
        Self { place: Place::Environment(name.into()), profiles: None }
    }

    /// A reference to a file; one line break at its end is not part of the secret.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Self { place: Place::File(path.into()), profiles: None }
    }

    /// A secret itself, for tests and for applications that have it from elsewhere.
    #[must_use]
    pub fn literal(secret: impl Into<SecretString>) -> Self {
        Self { place: Place::Literal(secret.into()), profiles: None }
    }

    /// Limits the reference to these profiles.
    #[must_use]
    pub fn only_in(mut self, profiles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.profiles = Some(profiles.into_iter().map(Into::into).collect());
        self
    }

    /// The profiles that it is limited to.
    #[must_use]
    pub fn profiles(&self) -> Option<&[String]> {
        self.profiles.as_deref()
    }

    /// The scheme and the path of a reference into a secret store.
    pub(crate) fn stored(&self) -> Option<(&'static str, &str)> {
        match &self.place {
            Place::Store { scheme, path } => Some((scheme, path)),
            _ => None,
        }
    }

    pub(crate) const fn is_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// The secret, read anew at every call, so that a rotated one is seen. What lives on with it reads it through a cache
    /// instead ([`BuildContext::secret`](crate::BuildContext::secret)).
    ///
    /// # Errors
    /// `ConfigInvalid` when the variable is not set or blank, the file is missing, unreadable, empty, over
    /// 64 KiB or no regular file;
    /// `Unsupported` for a reference into a secret store, which only
    /// [`BuildContext::secret`](crate::BuildContext::secret) reads.
    pub async fn resolve(&self) -> Result<SecretString> {
        match &self.place {
            Place::Literal(secret) => Ok(secret.clone()),
            Place::Environment(name) => match std::env::var(name) {
                Ok(value) if !value.trim().is_empty() => Ok(value.into()),
                Ok(_) => Err(invalid(format!("the environment variable `{name}` is blank"))),
                Err(std::env::VarError::NotPresent) => Err(invalid(format!("the environment variable `{name}` is not set"))),
                Err(std::env::VarError::NotUnicode(_)) => Err(invalid(format!("the environment variable `{name}` is not UTF-8"))),
            },
            Place::File(path) => read_file(path).await,
            Place::Store { scheme, .. } => {
                let text = format!("a `{scheme}:` secret needs a configured secret store that reads it");
                Err(Error::new(ErrorKind::Unsupported, text))
            }
        }
    }

    /// Says in the log when others on this machine may read the file: what is in it is theirs too then.
    #[cfg(feature = "http")]
    pub(crate) fn warn_if_shared(&self) {
        #[cfg(unix)]
        if let Place::File(path) = &self.place
            && let Ok(metadata) = std::fs::metadata(path)
            && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
        {
            tracing::warn!(target: "circle", path, "others on this machine may read the file of a key: give it the mode 0600");
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let error =
            |what: &str| Err(invalid(format!("{what}: write `env:NAME`, `file:PATH`, or `literal:` before a secret itself")));
        // The message never repeats the text: it may be the secret.
        let Some((scheme, path)) = text.split_once(':') else { return error("this is not a reference to a secret") };
        if path.is_empty() {
            return error("the reference to a secret has nothing behind its scheme");
        }
        let place = match scheme {
            "literal" => Place::Literal(path.into()),
            "env" => Place::Environment(path.to_owned()),
            "file" => Place::File(path.to_owned()),
            _ => match STORES.iter().find(|store| **store == scheme) {
                Some(scheme) => Place::Store { scheme, path: path.to_owned() },
                None => return error("this is not a reference to a secret"),
            },
        };
        Ok(Self { place, profiles: None })
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::ConfigInvalid, text)
}

async fn read_file(path: &str) -> Result<SecretString> {
    let failed = |error: std::io::Error| invalid(format!("the secret file `{path}` cannot be read: {error}")).with_source(error);
    // Asked before it is opened: opening a pipe waits for its writer, and a device may never end.
    if !tokio::fs::metadata(Path::new(path)).await.map_err(failed)?.is_file() {
        return Err(invalid(format!("the secret file `{path}` is no regular file")));
    }
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let size = file.take(FILE_MAX + 1).read_to_string(&mut text).await.map_err(failed)?;
    if size as u64 > FILE_MAX {
        return Err(invalid(format!("the secret file `{path}` is too large; at most {FILE_MAX} bytes are read")));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err(invalid(format!("the secret file `{path}` is empty"))) } else { Ok(text.into()) }
}

impl std::str::FromStr for SecretRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Literal(_) => f.write_str("SecretRef(literal:[REDACTED])"),
            Place::Environment(name) => write!(f, "SecretRef(env:{name})"),
            Place::File(path) => write!(f, "SecretRef(file:{path})"),
            Place::Store { scheme, path } => write!(f, "SecretRef({scheme}:{path})"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reference;

        impl<'de> Visitor<'de> for Reference {
            type Value = SecretRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference to a secret, such as `env:NAME`")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<SecretRef, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<SecretRef, E> {
                SecretRef::parse(text).map_err(|error| E::custom(error.message()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<SecretRef, A::Error> {
                let (mut from, mut profiles) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "from" => from = Some(map.next_value::<String>()?),
                        "profiles" => profiles = Some(map.next_value::<Vec<String>>()?),
                        _ => return Err(de::Error::unknown_field(&key, &["from", "profiles"])),
                    }
                }
                let from = from.ok_or_else(|| de::Error::missing_field("from"))?;
                let mut reference: SecretRef = self.visit_str(&from)?;
                reference.profiles = profiles;
                Ok(reference)
            }
        }

        // The name tells the config reader that no message may show this value.
        deserializer.deserialize_newtype_struct("$circle.secret", Reference)
    }
}

#[cfg(feature = "config")]
impl schemars::JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A reference to a secret: `env:NAME`, `file:PATH`, `vault:…`; `literal:` before a secret itself.",
            "anyOf": [
                { "type": "string", "pattern": "^(env|file|secret|keyring|vault|aws-sm|azure-kv|gcp-sm|literal):." },
                {
                    "type": "object",
                    "required": ["from"],
                    "additionalProperties": false,
                    "properties": { "from": { "type": "string" }, "profiles": { "type": "array", "items": { "type": "string" } } }
                }
            ]
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Secret bytes: a key, a plaintext. Cleared when the last clone is dropped; no `Serialize`, no `Display`, no `PartialEq`, and
/// `Debug` shows neither content nor length. Clones are cheap and share the bytes.
///
/// ```
/// use circle_core_common::secret::{ExposeSecret as _, SecretBytes};
/// let key = SecretBytes::from(vec![1, 2, 3]);
/// assert_eq!(format!("{key:?}"), "SecretBytes([REDACTED])");
/// assert_eq!(key.expose_secret(), [1, 2, 3]);
/// ```
///
/// ```compile_fail
/// let key = circle_core_common::secret::SecretBytes::from(vec![1, 2, 3]);
/// serde_json::to_string(&key); // what is secret cannot be written down by accident
/// ```
#[derive(Clone)]
pub struct SecretBytes(Arc<SecretSlice<u8>>);

impl SecretBytes {
    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes as text.
    ///
    /// # Errors
    /// `Decode` when they are no UTF-8.
    pub fn text(&self) -> Result<SecretString> {
        let text =
            std::str::from_utf8(self.expose_secret()).map_err(|_| Error::new(ErrorKind::Decode, "the secret is no UTF-8"))?;
        Ok(text.into())
    }
}

impl ExposeSecret<[u8]> for SecretBytes {
    fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(mut bytes: Vec<u8>) -> Self {
        // Boxing bytes of another capacity moves them, and would leave the old ones behind.
        let boxed = if bytes.len() == bytes.capacity() {
            bytes.into_boxed_slice()
        } else {
            let boxed = bytes.as_slice().into();
            bytes.zeroize();
            boxed
        };
        Self(Arc::new(SecretSlice::from(boxed)))
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(Arc::new(SecretSlice::from(Box::<[u8]>::from(bytes))))
    }
}

impl From<&str> for SecretBytes {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<&SecretString> for SecretBytes {
    fn from(text: &SecretString) -> Self {
        text.expose_secret().as_bytes().into()
    }
}

impl From<&Self> for SecretBytes {
    fn from(bytes: &Self) -> Self {
        bytes.clone()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes([REDACTED])")
    }
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
#[must_use]
pub fn equal(left: &SecretString, right: &SecretString) -> bool {
    let (left, right) = (left.expose_secret().as_bytes(), right.expose_secret().as_bytes());
    let difference = left.iter().zip(right).fold(0, |found, (a, b)| found | (a ^ b));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_and_no_debug_shows_a_secret() {
        const CANARY: &str = "s3cr3t-c4n4ry";
        for text in [CANARY.to_owned(), format!("https://user:{CANARY}@host"), format!("unknown:{CANARY}")] {
            let error = text.parse::<SecretRef>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
        }
        let literal: SecretRef = format!("literal:{CANARY}").parse().unwrap();
        assert!(!format!("{literal:?}").contains(CANARY));
    }

    #[tokio::test]
    async fn files_lose_one_line_break() {
        let folder = std::env::temp_dir().join(format!("circle-secret-{}", std::process::id()));
        std::fs::write(&folder, "geheim\r\n").unwrap();
        let secret = SecretRef::file(folder.to_str().unwrap()).resolve().await.unwrap();
        std::fs::remove_file(folder).unwrap();
        assert_eq!(secret.expose_secret(), "geheim");
    }

    #[tokio::test]
    async fn only_a_regular_file_of_the_size_of_a_secret_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (size, fits) in [(FILE_MAX, true), (FILE_MAX + 1, false)] {
            std::fs::write(&path, vec![b'a'; size as usize]).unwrap();
            assert_eq!(SecretRef::file(path.to_str().unwrap()).resolve().await.is_ok(), fits, "{size} bytes");
        }
        let places = if cfg!(unix) { vec![folder.path().to_str().unwrap(), "/dev/zero"] } else { vec![] };
        for place in places {
            let error = SecretRef::file(place).resolve().await.unwrap_err();
            assert!(error.message().ends_with("is no regular file"), "{error}");
        }
    }

    #[test]
    fn tables_limit_to_profiles() {
        let reference: SecretRef = serde_json::from_str(r#"{"from":"env:A","profiles":["production"]}"#).unwrap();
        assert_eq!(reference.profiles(), Some(&["production".to_owned()][..]));
        assert!(serde_json::from_str::<SecretRef>(r#"{"form":"env:A"}"#).is_err());
    }

    #[tokio::test]
    async fn stores_and_missing_variables_say_what_to_do() {
        let vault: SecretRef = "vault:kv/a#b".parse().unwrap();
        assert!(vault.resolve().await.unwrap_err().is(ErrorKind::Unsupported));
        let unset = SecretRef::environment("CIRCLE_TEST_SURELY_UNSET").resolve().await.unwrap_err();
        assert_eq!(unset.message(), "the environment variable `CIRCLE_TEST_SURELY_UNSET` is not set");
    }

    #[test]
    fn equality() {
        assert!(equal(&"a".into(), &"a".into()));
        assert!(!equal(&"a".into(), &"ab".into()) && !equal(&"a".into(), &"b".into()));
    }
}
