//! Requests, options and results.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::identifier::Version;
use crate::listing::PageRequest;
use crate::secret::SecretBytes;
use crate::units::Timestamp;

crate::name! {
    /// The name of a key: an id, an alias, a path.
    pub struct KeyName;
}

/// What encrypted data is for and whose it is: not secret, and without it nothing is decrypted. Services log it, so that no
/// personal data belongs in it.
///
/// ```
/// use circle_core_common::interfaces::key_service::Context;
/// let context = Context::from([("tenant", "acme"), ("purpose", "orders")]);
/// assert_eq!(context.get("tenant"), Some("acme"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Context {
    pairs: Arc<BTreeMap<String, String>>,
}

impl Context {
    /// No context.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.pairs).insert(name.into(), value.into());
        self
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.get(name).map(String::as_str)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The context as bytes, for encryption that binds bytes: one encoding per context, and no two contexts share one.
    ///
    /// A pair is the length of its name in bytes as 4 big-endian bytes, the name, and the same of its value; pairs come in the
    /// byte order of their names.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in self.pairs.iter().flat_map(|(name, value)| [name, value]) {
            // A context of 4 GiB does not fit into any request.
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}

impl<N: Into<String>, V: Into<String>, const COUNT: usize> From<[(N, V); COUNT]> for Context {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

impl From<()> for Context {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<&Self> for Context {
    fn from(context: &Self) -> Self {
        context.clone()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self { pairs: Arc::new(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()) }
    }
}

/// The names alone: values are not secret, but may say who a customer is.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.pairs.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}

/// How something is signed. The message is what is signed: the algorithm says how it is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256; signatures are DER.
    EcdsaP256Sha256,
    /// ECDSA over P-384 with SHA-384; signatures are DER.
    EcdsaP384Sha384,
    /// RSA PSS with SHA-256.
    RsaPssSha256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RsaPkcs1Sha256,
    /// Another one, as the service calls it.
    Other(String),
}

/// What a service has encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encrypted {
    /// The bytes, which say nothing to anybody else.
    pub ciphertext: Bytes,
    /// The version of the key that encrypted, where the service tells.
    pub key_version: Option<Version>,
}

impl Encrypted {
    /// What was encrypted by a version of a key that is not told.
    #[must_use]
    pub fn new(ciphertext: impl Into<Bytes>) -> Self {
        Self { ciphertext: ciphertext.into(), key_version: None }
    }
}

/// A fresh key to encrypt data with: in the open for now, and encrypted to be kept beside the data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DataKey {
    /// The key, 32 bytes.
    pub key: SecretBytes,
    /// The same key, encrypted; `decrypt` gives it back.
    pub encrypted: Encrypted,
}

impl DataKey {
    /// How many bytes a data key has.
    pub const LEN: usize = 32;

    /// A data key.
    #[must_use]
    pub const fn new(key: SecretBytes, encrypted: Encrypted) -> Self {
        Self { key, encrypted }
    }
}

/// What anybody may know of a key that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublicKey {
    /// The key as DER of a `SubjectPublicKeyInfo` (RFC 5280).
    pub der: Bytes,
    /// How the key signs.
    pub algorithms: Vec<Algorithm>,
    /// Which version of the key this is, where the service tells.
    pub key_version: Option<Version>,
}

impl PublicKey {
    /// A public key.
    #[must_use]
    pub fn new(der: impl Into<Bytes>, algorithms: Vec<Algorithm>) -> Self {
        Self { der: der.into(), algorithms, key_version: None }
    }
}

/// What a list tells of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The name.
    pub name: KeyName,
    /// Its newest version, where the list tells.
    pub version: Option<Version>,
    /// When that was made, where the list tells.
    pub changed_at: Option<Timestamp>,
}

impl KeyInfo {
    /// A name, of which nothing else is told.
    #[must_use]
    pub fn new(name: impl Into<KeyName>) -> Self {
        Self { name: name.into(), version: None, changed_at: None }
    }
}

request! {
    /// Encrypts a little.
    EncryptRequest {
        /// With which key.
        key: KeyName,
        /// What.
        plaintext: SecretBytes,
        /// What it is bound to.
        context: Context,
    }
}

request! {
    /// Decrypts what `encrypt` or `generate_data_key` gave.
    DecryptRequest {
        /// With which key; whatever version of it.
        key: KeyName,
        /// What.
        ciphertext: Bytes,
        /// What it is bound to.
        context: Context,
    }
}

request! {
    /// Asks for a fresh data key of 32 bytes.
    DataKeyRequest {
        /// Which key encrypts it.
        key: KeyName,
        /// What it is bound to.
        context: Context,
    }
}

request! {
    /// Signs.
    SignRequest {
        /// With which key.
        key: KeyName,
        /// How.
        algorithm: Algorithm,
        /// What: the message itself, not a hash of it.
        message: Bytes,
    }
}

request! {
    /// Asks whether a signature is right.
    VerifyRequest {
        /// By which key.
        key: KeyName,
        /// How it was signed.
        algorithm: Algorithm,
        /// What was signed.
        message: Bytes,
        /// The signature.
        signature: Bytes,
    }
}

request! {
    /// Asks for the public key of a key that signs.
    PublicKeyRequest {
        /// Of which key.
        key: KeyName,
    }
}

request! {
    /// Gives a key new material.
    RotateRequest {
        /// Which.
        key: KeyName,
    }
}

request! {
    /// Asks for a page of keys.
    ListRequest {
        /// What the names begin with, byte for byte.
        prefix: Arc<str>,
        /// Which page.
        page: PageRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_have_one_encoding_each() {
        let context = Context::from([("b", "2"), ("a", "1")]);
        assert_eq!(context.to_bytes(), Context::new().with("a", "1").with("b", "2").to_bytes());
        assert_eq!(Context::from([("a", "1")]).to_bytes(), [0, 0, 0, 1, b'a', 0, 0, 0, 1, b'1']);
        let different = [
            Context::new(),
            Context::from([("a", "")]),
            Context::from([("", "a")]),
            Context::from([("a", "b"), ("c", "d")]),
            Context::from([("a", "bc"), ("", "d")]),
            Context::from([("ab", "c")]),
            Context::from([("a", "bc")]),
        ];
        for (at, one) in different.iter().enumerate() {
            for other in &different[at + 1..] {
                assert_ne!(one.to_bytes(), other.to_bytes(), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn debug_shows_the_names_of_a_context_alone() {
        assert_eq!(format!("{:?}", Context::from([("tenant", "acme"), ("b", "c")])), "Context(b, tenant)");
    }
}
