//! Encryption of data: envelopes for what an application keeps anywhere, and the scheme beneath them.
//!
//! Data is encrypted in chunks as [c2sp.org/chunked-encryption](https://c2sp.org/chunked-encryption) says, with AES-256-GCM and
//! SHA-512: every message has a key of its own, derived from a data key, a random salt and the context; a commitment tells a wrong
//! key or context before anything is decrypted; a chunk that is cut off, moved or taken from elsewhere is found out; any chunk is
//! decrypted alone. The data key is encrypted by a key of a [`KeyService`](crate::interfaces::key_service::KeyService) and stands in
//! the header of the [envelope](Envelope), so that a key is rotated by writing headers anew.
//!
//! All cryptography is that of aws-lc. Nothing here draws from the [random source](crate::Random) of the environment, which a test
//! may bring: keys and salts come from aws-lc alone.

mod chunked;
mod data_keys;
mod envelope;
mod messages;

pub use chunked::{CHUNK_LEN, ChunkKey, HEADER_LEN, TAG_LEN, open, plain_len, seal, sealed_len};
pub use data_keys::{DataKeyLimits, DataKeySlot, DataKeys};
pub use envelope::{Envelope, Header, Sealed};
pub use messages::SealedChunks;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::SecretBytes;

/// So many bytes that nobody can guess.
///
/// # Errors
/// `Internal` when the machine has no randomness to give.
pub fn random<const LEN: usize>() -> Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::new(ErrorKind::Internal, "the machine gave no random bytes"))?;
    Ok(bytes)
}

/// A fresh key of 32 bytes.
///
/// # Errors
/// As [`random`].
pub fn random_key() -> Result<SecretBytes> {
    use secrecy::zeroize::Zeroize as _;
    let mut bytes = random::<32>()?;
    let key = SecretBytes::from(&bytes[..]);
    bytes.zeroize();
    Ok(key)
}

/// What is said of everything that does not decrypt: why is nobody's business.
fn corrupt() -> Error {
    Error::new(ErrorKind::Corrupt, "this was not encrypted with this key and context, or it was changed since")
}
