//! Unguessable texts: states, nonces, verifiers of PKCE, ids of assertions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core_common::{CallContext, Result};
use secrecy::SecretString;

/// 256 random bits in 43 letters, digits, `-` and `_`: as long as a verifier of RFC 7636 has to be.
pub(crate) fn token(cx: &CallContext) -> Result<SecretString> {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&cx.random().bits()?.to_le_bytes());
    bytes[16..].copy_from_slice(&cx.random().bits()?.to_le_bytes());
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}
