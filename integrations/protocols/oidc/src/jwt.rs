//! A signed JWT in its compact form (RFC 7515, 7519), taken apart and not believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core_common::interfaces::token_verifier::TokenRefusal;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::algorithm::Algorithm;
use crate::jwk::KID_MAX;

/// The longest token that is looked at; large ID tokens have some tens of KiB.
const TOKEN_MAX: usize = 64 * 1024;

/// The parts of a token.
pub(crate) struct Jwt<'a> {
    pub(crate) header: Header,
    /// What is signed: header and payload as they came.
    pub(crate) signed: &'a str,
    payload: &'a str,
    pub(crate) signature: &'a str,
}

/// What is read of a header. `jku`, `x5u`, `x5c` and `jwk` are not: a key comes from the issuer and from nowhere else.
#[derive(Deserialize)]
pub(crate) struct Header {
    alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Header {
    /// The algorithm, if it is one of these.
    pub(crate) fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, TokenRefusal> {
        let algorithm = Algorithm::from_name(&self.alg).filter(|algorithm| allowed.contains(algorithm));
        algorithm.ok_or(TokenRefusal::Algorithm)
    }
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, TokenRefusal> {
        if text.len() > TOKEN_MAX {
            return Err(TokenRefusal::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenRefusal::Malformed)?;
        // An encrypted token has five parts; one that is not signed has an empty last.
        if payload.contains('.') || signature.is_empty() {
            return Err(TokenRefusal::Malformed);
        }
        let header: Header = json(header)?;
        // RFC 7515, 4.1.11: what is critical has to be understood, and nothing of it is.
        if header.crit || header.kid.as_ref().is_some_and(|kid| kid.len() > KID_MAX) {
            return Err(TokenRefusal::Malformed);
        }
        Ok(Self { header, signed, payload, signature })
    }

    /// What it says, once its signature has been verified.
    pub(crate) fn payload<T: for<'de> Deserialize<'de>>(&self) -> Result<T, TokenRefusal> {
        json(self.payload)
    }
}

fn json<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenRefusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenRefusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenRefusal::Malformed)
}
