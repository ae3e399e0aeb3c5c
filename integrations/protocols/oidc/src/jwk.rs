//! The public keys of a server (RFC 7517, RFC 7518, RFC 8037).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core_common::{Error, ErrorKind, Result};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::{Algorithm, KeyType};
use crate::tokens::read;

/// The longest name of a key.
pub(crate) const KID_MAX: usize = 256;
/// The most keys that are looked at; servers have a handful.
const KEYS_MAX: usize = 128;

/// Public keys that tokens are verified with.
///
/// What is no public key for signatures is left out: other types, keys for encryption, shared secrets, and private keys, which
/// nobody may publish.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    key_type: KeyType,
    /// The only one that it is for, where it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a set: `{"keys": […]}`.
    ///
    /// # Errors
    /// `Decode` for what is no set.
    pub fn parse(text: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = read("the set of keys", text)?;
        if set.keys.len() > KEYS_MAX {
            return Err(Error::new(ErrorKind::Decode, format!("the set of keys has more than {KEYS_MAX} of them")));
        }
        // A key that cannot be read is none of ours (RFC 7517, 5); the others are.
        Ok(Self { keys: set.keys.into_iter().filter_map(Key::of).collect() })
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a key of this name.
    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys that a token of this algorithm and this name of a key may be signed with.
    pub(crate) fn fitting(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&Key| {
            key.key_type == algorithm.key_type()
                && key.algorithm.is_none_or(|only| only == algorithm)
                && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        };
        self.keys.iter().filter(fits).map(|key| &key.key)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.key_type))).finish()
    }
}

/// A key as it is written. Of private keys only that they are is read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

impl Key {
    fn of(jwk: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let for_signatures = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let for_verifying = jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !for_signatures || !for_verifying || jwk.d.is_some() || jwk.kid.as_ref().is_some_and(|kid| kid.len() > KID_MAX) {
            return None;
        }
        let algorithm = match &jwk.alg {
            // For one that is not known here, or for encryption, it is of no use.
            Some(name) => Some(Algorithm::from_name(name)?),
            None => None,
        };
        let (key_type, key) = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (decoded(&jwk.n)?, decoded(&jwk.e)?);
                // From 2048 bits on, as the verification itself asks for; more than 8192 cost more than anybody's key needs.
                let bits = n.iter().skip_while(|byte| **byte == 0).count() * 8;
                (2048..=8192).contains(&bits).then(|| (KeyType::Rsa, DecodingKey::from_rsa_raw_components(&n, &e)))?
            }
            ("EC", Some("P-256")) => (KeyType::P256, point(&jwk, 32)?),
            ("EC", Some("P-384")) => (KeyType::P384, point(&jwk, 48)?),
            ("OKP", Some("Ed25519")) => {
                let x = decoded(&jwk.x).filter(|x| x.len() == 32)?;
                (KeyType::Ed25519, DecodingKey::from_ed_der(&x))
            }
            _ => return None,
        };
        if algorithm.is_some_and(|algorithm| algorithm.key_type() != key_type) {
            return None;
        }
        Some(Self { kid: jwk.kid, key_type, algorithm, key })
    }
}

fn decoded(text: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_ref()?).ok()
}

/// A point of a curve, uncompressed. Whether it lies on the curve the verification checks.
fn point(jwk: &Jwk, size: usize) -> Option<DecodingKey> {
    let (x, y) = (decoded(&jwk.x)?, decoded(&jwk.y)?);
    (x.len() == size && y.len() == size).then(|| DecodingKey::from_ec_der(&[&[4], &*x, &*y].concat()))
}
