//! Keys of the caller's own (SSE-C).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::http::headers;
use circle_core_common::{Error, ErrorKind, Extensions, Result, SecretRef, secret};
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use crate::extension::{Encryption, S3Copy, S3Get, S3Put};
use crate::metadata::md5;

/// The length of a key, in bytes: that of AES-256, the only algorithm that S3 knows here.
const LENGTH: usize = 32;

/// A key of the caller's own with which the service encrypts an object (SSE-C). The service forgets it after the request:
/// every request for the object must bring it again, and without it the object is lost. Nothing prints it.
#[derive(Clone)]
pub struct CustomerKey {
    /// Base64, as headers have it.
    key: SecretString,
    digest: String,
}

impl CustomerKey {
    /// A key of 256 bits.
    #[must_use]
    pub fn new(key: &[u8; LENGTH]) -> Self {
        Self { key: STANDARD.encode(key).into(), digest: md5(key) }
    }

    /// The key that a reference names: 256 bits in base64.
    ///
    /// # Errors
    /// `ConfigInvalid` for another text; why the reference cannot be resolved.
    pub async fn resolve(reference: &SecretRef) -> Result<Self> {
        let secret = reference.resolve().await?;
        // The text is not repeated: it is a key, if a wrong one.
        let wrong = || Error::new(ErrorKind::ConfigInvalid, format!("the customer key is not {LENGTH} bytes in base64"));
        let bytes = secrecy::SecretBox::new(Box::new(STANDARD.decode(secret.expose_secret().trim()).map_err(|_| wrong())?));
        Ok(Self::new(bytes.expose_secret().as_slice().try_into().map_err(|_| wrong())?))
    }

    /// The key that a request for an object, or one that makes it, was given.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        let of_get = || extensions.get::<S3Get>()?.customer_key.as_ref();
        let of_put = || extensions.get::<S3Put>()?.encryption.as_ref();
        let of_copy = || extensions.get::<S3Copy>()?.encryption.as_ref();
        of_get().or_else(|| of_put().or_else(of_copy).and_then(Encryption::customer_key))
    }

    /// The key as headers: of the object itself, or of the source of a copy.
    pub(crate) fn push(&self, headers: &mut HeaderMap, of_source: bool) -> Result<()> {
        let [algorithm, key, digest] = if of_source { OF_SOURCE } else { OWN }.map(HeaderName::from_static);
        headers.insert(algorithm, headers::value(&http::header::ACCEPT, "AES256")?);
        let value = headers::secret(&key, self.key.expose_secret())?;
        headers.insert(key, value);
        let value = headers::value(&digest, &self.digest)?;
        headers.insert(digest, value);
        Ok(())
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-c-encryption.html>
const OWN: [&str; 3] = [
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5",
];
const OF_SOURCE: [&str; 3] = [
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
];

impl PartialEq for CustomerKey {
    fn eq(&self, other: &Self) -> bool {
        secret::equal(&self.key, &other.key)
    }
}

impl Eq for CustomerKey {}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_read_and_never_shown() {
        let text = STANDARD.encode([7; LENGTH]);
        let key = CustomerKey::resolve(&SecretRef::literal(text.clone())).await.unwrap();
        assert_eq!(key, CustomerKey::new(&[7; LENGTH]));
        assert_ne!(key, CustomerKey::new(&[8; LENGTH]));
        let mut headers = HeaderMap::new();
        key.push(&mut headers, false).unwrap();
        assert!(headers[OWN[1]].is_sensitive());
        assert!(!format!("{key:?} {headers:?}").contains(&text));
        for wrong in ["", "no base64", &STANDARD.encode([7; 31])] {
            let error = CustomerKey::resolve(&SecretRef::literal(wrong.to_owned())).await.unwrap_err();
            assert!(error.is(ErrorKind::ConfigInvalid) && !error.message().contains("no base64"), "{error}");
        }
    }
}
