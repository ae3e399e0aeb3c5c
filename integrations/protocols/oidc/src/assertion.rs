//! JWTs that this side signs: assertions of RFC 7523 and of services that ask for the like.

use std::fmt;
use std::time::Duration;

use circle_core_common::credentials::{CredentialCache, CredentialSource};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::algorithm::{Algorithm, KeyType};
use crate::random;

/// How long an assertion lives where nobody says otherwise: servers refuse long ones.
const LIFE: Duration = Duration::from_secs(300);

/// A private key that assertions are signed with: PEM, PKCS#8 for elliptic curves; or a shared secret for `HS…`.
///
/// It is read when it is first needed, looked at again as its source says, and read anew when the server refuses it.
#[derive(Clone)]
pub struct SigningKey {
    key: CredentialCache<SecretString>,
    algorithm: Algorithm,
    kid: Option<String>,
    certificate_sha256: Option<String>,
}

impl SigningKey {
    /// A key for this algorithm: a [`SecretRef`](circle_core_common::SecretRef), say.
    #[must_use]
    pub fn new(algorithm: Algorithm, key: impl CredentialSource<Credential = SecretString>) -> Self {
        Self { key: CredentialCache::new(key), algorithm, kid: None, certificate_sha256: None }
    }

    pub(crate) const fn secret(&self) -> &CredentialCache<SecretString> {
        &self.key
    }

    /// Names the key to the server.
    #[must_use]
    pub fn kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Names the key's certificate to the server: the SHA-256 of its DER form in base64url (`x5t#S256`).
    #[must_use]
    pub fn certificate_sha256(mut self, thumbprint: impl Into<String>) -> Self {
        self.certificate_sha256 = Some(thumbprint.into());
        self
    }

    /// Signs these claims.
    ///
    /// # Errors
    /// `ConfigInvalid` when the key cannot be read, or is none for the algorithm; no error tells anything of it.
    pub async fn sign(&self, cx: &CallContext, claims: &Map<String, Value>) -> Result<SecretString> {
        let mut header = Header::new(self.algorithm.ready());
        header.kid.clone_from(&self.kid);
        header.x5t_s256.clone_from(&self.certificate_sha256);
        let secret = self.key.get(cx).await?;
        let invalid = || Error::new(ErrorKind::ConfigInvalid, format!("the signing key is none in PEM for {}", self.algorithm));
        let text = secret.expose_secret().as_bytes();
        let key = match self.algorithm.key_type() {
            KeyType::Rsa => EncodingKey::from_rsa_pem(text),
            KeyType::P256 | KeyType::P384 => EncodingKey::from_ec_pem(text),
            KeyType::Ed25519 => EncodingKey::from_ed_pem(text),
            KeyType::Secret => Ok(EncodingKey::from_secret(text)),
        };
        let token = key.and_then(|key| jsonwebtoken::encode(&header, claims, &key)).map_err(|_| invalid())?;
        Ok(token.into())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What an assertion says: who says it, of whom, to whom. Times and id are added when it is signed, anew each time.
#[derive(Clone, Debug)]
#[must_use = "an assertion is signed by a key"]
pub struct Assertion {
    claims: Map<String, Value>,
    life: Duration,
}

impl Assertion {
    /// An assertion of `issuer` to `audience`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), Value::String(issuer.into()));
        claims.insert("aud".to_owned(), Value::String(audience.into()));
        Self { claims, life: LIFE }
    }

    /// Whom it speaks of.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.claim("sub", subject.into())
    }

    /// Another claim. What is said by the times and the id of the assertion cannot be set.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// How long it lives; five minutes where nobody says otherwise.
    pub const fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// Signs it.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub async fn sign(&self, cx: &CallContext, key: &SigningKey) -> Result<SecretString> {
        let mut claims = self.claims.clone();
        let now = cx.clock().timestamp().unix_seconds();
        let life = i64::try_from(self.life.as_secs()).unwrap_or(i64::MAX);
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now.saturating_add(life)));
        claims.insert("jti".to_owned(), json!(random::token(cx)?.expose_secret()));
        key.sign(cx, &claims).await
    }
}
