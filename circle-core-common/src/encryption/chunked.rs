//! The scheme `c2sp.org/chunked-encryption@v1` over AES-256-GCM and SHA-512.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use secrecy::zeroize::Zeroize as _;

use super::{corrupt, random};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::{ExposeSecret as _, SecretBytes};

/// How many bytes of plaintext a chunk has; the last has fewer, and may have none.
pub const CHUNK_LEN: u64 = 16 * 1024;
/// How many bytes a chunk grows by.
pub const TAG_LEN: u64 = 16;
/// How many bytes stand before the first chunk: the salt and the commitment.
pub const HEADER_LEN: u64 = (SALT_LEN + COMMITMENT_LEN) as u64;

const SALT_LEN: usize = 24;
const COMMITMENT_LEN: usize = 32;
const KEY_LEN: usize = 32;
/// The scheme numbers no more chunks than this.
const CHUNKS_MAX: u64 = 1 << 38;
const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";

/// How many bytes so many bytes of plaintext become.
#[must_use]
pub const fn sealed_len(plain: u64) -> u64 {
    HEADER_LEN + plain + (plain / CHUNK_LEN + 1) * TAG_LEN
}

/// How many bytes of plaintext are in so many bytes.
///
/// # Errors
/// `Corrupt` for a length that no message has.
pub fn plain_len(sealed: u64) -> Result<u64> {
    let body = sealed.checked_sub(HEADER_LEN).ok_or_else(corrupt)?;
    let (full, last) = (body / (CHUNK_LEN + TAG_LEN), body % (CHUNK_LEN + TAG_LEN));
    // The last chunk is never full, so that one that is cut off at a chunk's end has no last chunk.
    let last = last.checked_sub(TAG_LEN).ok_or_else(corrupt)?;
    if full >= CHUNKS_MAX { Err(corrupt()) } else { Ok(full * CHUNK_LEN + last) }
}

/// The key of one message, which encrypts or decrypts its chunks in any order.
pub struct ChunkKey {
    key: LessSafeKey,
    base_nonce: [u8; NONCE_LEN],
}

/// What is derived: the message's key, its first nonce, its commitment.
struct Derived;

impl KeyType for Derived {
    fn len(&self) -> usize {
        KEY_LEN + NONCE_LEN + COMMITMENT_LEN
    }
}

impl ChunkKey {
    /// The key of a new message, and what stands before its first chunk.
    ///
    /// # Errors
    /// `InvalidInput` for a key that is not 32 bytes long.
    pub fn generate(key: &SecretBytes, context: &[u8]) -> Result<(Self, [u8; HEADER_LEN as usize])> {
        let salt = random::<SALT_LEN>()?;
        let (made, commitment) = Self::derive(key, &salt, context)?;
        let mut header = [0; HEADER_LEN as usize];
        header[..SALT_LEN].copy_from_slice(&salt);
        header[SALT_LEN..].copy_from_slice(&commitment);
        Ok((made, header))
    }

    /// The key of the message that begins with these bytes.
    ///
    /// # Errors
    /// `Corrupt` when the message was made with another key or context, or what stands before its first chunk was changed.
    pub fn of_message(key: &SecretBytes, context: &[u8], start: &[u8]) -> Result<Self> {
        let header = start.get(..HEADER_LEN as usize).ok_or_else(corrupt)?;
        let (salt, commitment) = header.split_at(SALT_LEN);
        let (made, expected) = Self::derive(key, salt, context)?;
        verify_slices_are_equal(commitment, &expected).map_err(|_| corrupt())?;
        Ok(made)
    }

    fn derive(key: &SecretBytes, salt: &[u8], context: &[u8]) -> Result<(Self, [u8; COMMITMENT_LEN])> {
        if key.len() != KEY_LEN {
            return Err(Error::new(ErrorKind::InvalidInput, "a key has 32 bytes"));
        }
        let internal = |_| Error::new(ErrorKind::Internal, "a key could not be derived");
        let prk = Prk::new_less_safe(HKDF_SHA512, key.expose_secret());
        let mut derived = [0; KEY_LEN + NONCE_LEN + COMMITMENT_LEN];
        prk.expand(&[LABEL, salt, context], Derived).and_then(|okm| okm.fill(&mut derived)).map_err(internal)?;
        let (message_key, rest) = derived.split_at(KEY_LEN);
        let (mut base_nonce, mut commitment) = ([0; NONCE_LEN], [0; COMMITMENT_LEN]);
        base_nonce.copy_from_slice(&rest[..NONCE_LEN]);
        commitment.copy_from_slice(&rest[NONCE_LEN..]);
        let key = UnboundKey::new(&AES_256_GCM, message_key).map(LessSafeKey::new).map_err(internal);
        derived.zeroize();
        Ok((Self { key: key?, base_nonce }, commitment))
    }

    fn nonce(&self, number: u64) -> Result<Nonce> {
        if number >= CHUNKS_MAX {
            return Err(Error::new(ErrorKind::InvalidInput, "a message has at most 4 PiB"));
        }
        let mut nonce = self.base_nonce;
        for (byte, counter) in nonce[NONCE_LEN - 8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= counter;
        }
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Encrypts chunk `number` in place; each number once. Every chunk but the last has [`CHUNK_LEN`] bytes, and the last fewer.
    ///
    /// # Errors
    /// `InvalidInput` beyond 4 PiB.
    pub fn seal(&self, number: u64, chunk: &mut Vec<u8>) -> Result<()> {
        let sealed = self.key.seal_in_place_append_tag(self.nonce(number)?, Aad::empty(), chunk);
        sealed.map_err(|_| Error::new(ErrorKind::Internal, "a chunk could not be encrypted"))
    }

    /// Decrypts chunk `number` in place.
    ///
    /// # Errors
    /// `Corrupt` when it is no such chunk of this message.
    pub fn open(&self, number: u64, chunk: &mut Vec<u8>) -> Result<()> {
        let opened = self.key.open_in_place(self.nonce(number)?, Aad::empty(), chunk).map_err(|_| corrupt())?.len();
        chunk.truncate(opened);
        Ok(())
    }
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkKey")
    }
}

/// Encrypts a whole message.
///
/// # Errors
/// `InvalidInput` for a key that is not 32 bytes long.
pub fn seal(key: &SecretBytes, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let (key, header) = ChunkKey::generate(key, context)?;
    let mut sealed = Vec::with_capacity(usize::try_from(sealed_len(plaintext.len() as u64)).unwrap_or_default());
    sealed.extend_from_slice(&header);
    let mut rest = plaintext;
    for number in 0.. {
        let (chunk, next) = rest.split_at(rest.len().min(CHUNK_LEN as usize));
        let mut chunk = chunk.to_vec();
        let is_last = chunk.len() < CHUNK_LEN as usize;
        key.seal(number, &mut chunk)?;
        sealed.extend_from_slice(&chunk);
        if is_last {
            break;
        }
        rest = next;
    }
    Ok(sealed)
}

/// Decrypts a whole message.
///
/// # Errors
/// `Corrupt` when it was made with another key or context, or was changed, cut or made longer since.
pub fn open(key: &SecretBytes, context: &[u8], sealed: &[u8]) -> Result<SecretBytes> {
    let length = plain_len(sealed.len() as u64)?;
    let key = ChunkKey::of_message(key, context, sealed)?;
    let mut plaintext = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    for (number, chunk) in (0..).zip(sealed[HEADER_LEN as usize..].chunks((CHUNK_LEN + TAG_LEN) as usize)) {
        let mut chunk = chunk.to_vec();
        if let Err(error) = key.open(number, &mut chunk) {
            plaintext.zeroize();
            return Err(error);
        }
        plaintext.extend_from_slice(&chunk);
        chunk.zeroize();
    }
    Ok(plaintext.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SecretBytes {
        vec![byte; 32].into()
    }

    const LENGTHS: [usize; 9] = [0, 1, 16, 16_383, 16_384, 16_385, 32_767, 32_768, 50_000];

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn what_was_sealed_is_opened() {
        for length in LENGTHS {
            let sealed = seal(&key(1), b"context", &message(length)).unwrap();
            assert_eq!(sealed.len() as u64, sealed_len(length as u64));
            assert_eq!(plain_len(sealed.len() as u64).unwrap(), length as u64);
            assert!(open(&key(1), b"context", &sealed).unwrap().expose_secret() == message(length), "{length}");
        }
    }

    /// Held against an implementation of the specification on Python's `cryptography`, with a salt that counts from 0.
    #[test]
    fn a_message_of_another_implementation_is_opened() {
        let key: SecretBytes = (0..32).collect::<Vec<u8>>().into();
        let hex = include_str!("chunked/message.hex").trim();
        let sealed: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert_eq!(open(&key, b"a context", &sealed).unwrap().expose_secret(), b"a message");
    }

    #[test]
    fn equal_messages_are_sealed_differently() {
        assert_ne!(seal(&key(1), b"", b"a").unwrap(), seal(&key(1), b"", b"a").unwrap());
    }

    #[test]
    fn another_key_or_context_is_corrupt_before_anything_is_decrypted() {
        let sealed = seal(&key(1), b"context", b"message").unwrap();
        for (key, context) in [(key(2), &b"context"[..]), (key(1), b""), (key(1), b"contexT"), (key(1), b"context\0")] {
            assert!(ChunkKey::of_message(&key, context, &sealed).unwrap_err().is(ErrorKind::Corrupt));
        }
        assert!(seal(&vec![1; 31].into(), b"", b"").unwrap_err().is(ErrorKind::InvalidInput));
    }

    #[test]
    fn every_flipped_bit_is_corrupt() {
        let sealed = seal(&key(1), b"", b"message").unwrap();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[place] ^= 1 << bit;
                assert!(open(&key(1), b"", &flipped).unwrap_err().is(ErrorKind::Corrupt), "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn every_truncation_and_extension_is_corrupt() {
        for length in [0, 7, 16_384, 16_400] {
            let sealed = seal(&key(1), b"", &message(length)).unwrap();
            let ends = (0..sealed.len()).filter(|end| *end < 200 || *end + 200 > sealed.len());
            for end in ends {
                assert!(open(&key(1), b"", &sealed[..end]).unwrap_err().is(ErrorKind::Corrupt), "{end} of {}", sealed.len());
            }
            for more in [1, 15, 16, 17, 16_400] {
                let longer = [&sealed[..], &vec![0; more]].concat();
                assert!(open(&key(1), b"", &longer).unwrap_err().is(ErrorKind::Corrupt), "{more} more");
            }
        }
    }

    #[test]
    fn chunks_that_are_moved_or_of_another_message_are_corrupt() {
        let chunk = (CHUNK_LEN + TAG_LEN) as usize;
        let (one, two) = (seal(&key(1), b"", &message(50_000)).unwrap(), seal(&key(1), b"", &message(50_000)).unwrap());
        let part = |from: &[u8], number: usize| {
            let start = HEADER_LEN as usize + number * chunk;
            from[start..(start + chunk).min(from.len())].to_vec()
        };
        let header = one[..HEADER_LEN as usize].to_vec();
        let spliced = |parts: [Vec<u8>; 4]| [header.clone(), parts.concat()].concat();
        let (a, b, c, d) = (part(&one, 0), part(&one, 1), part(&one, 2), part(&one, 3));
        assert!(open(&key(1), b"", &spliced([a.clone(), b.clone(), c.clone(), d.clone()])).is_ok());
        for wrong in [
            [b.clone(), a.clone(), c.clone(), d.clone()],
            [a.clone(), a.clone(), c.clone(), d.clone()],
            [a.clone(), b.clone(), part(&two, 2), d.clone()],
            [a.clone(), c.clone(), vec![], d.clone()],
            [a, b, c, part(&two, 3)],
        ] {
            assert!(open(&key(1), b"", &spliced(wrong)).unwrap_err().is(ErrorKind::Corrupt));
        }
    }

    #[test]
    fn lengths_that_no_message_has_are_corrupt() {
        for sealed in [0, 55, 56, 71, HEADER_LEN + CHUNK_LEN + TAG_LEN, HEADER_LEN + CHUNK_LEN + TAG_LEN + 15] {
            assert!(plain_len(sealed).is_err(), "{sealed}");
        }
        assert_eq!(plain_len(72).unwrap(), 0);
        assert!(plain_len(u64::MAX).is_err());
    }
}
