//! Envelopes: a header with the encrypted data key, and the data behind it.
//!
//! ```text
//! "CCE"  version (1)  scheme (1)
//! length of the key's name (2)          the key's name
//! length of the encrypted data key (2)  the encrypted data key
//! the message, as `chunked` writes it
//! ```
//!
//! Numbers are big-endian. The message is bound to its context and to nothing of the header, so that a header can be written anew
//! when the key is rotated. A header of another message gives another data key, and the commitment of the message does not fit it.

use std::fmt;

use bytes::Bytes;

use super::chunked::{self, ChunkKey};
use super::corrupt;
use crate::error::{Error, ErrorKind, Result};
use crate::interfaces::key_service::{Context, KeyName};
use crate::secret::SecretBytes;

const MAGIC: &[u8; 3] = b"CCE";
const VERSION: u8 = 1;
/// `chunked`, the only scheme so far.
const SCHEME: u8 = 1;
const FIXED: usize = 5;

/// What stands before a message: which key encrypted its data key, and the encrypted data key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The key of the key service.
    pub key: KeyName,
    /// The data key, encrypted by it.
    pub data_key: Bytes,
}

impl Header {
    /// The longest header, in bytes.
    pub const LEN_MAX: usize = FIXED + 2 * (2 + u16::MAX as usize);

    /// A header.
    ///
    /// # Errors
    /// `InvalidInput` when a part is beyond 65,535 bytes.
    pub fn new(key: KeyName, data_key: impl Into<Bytes>) -> Result<Self> {
        let header = Self { key, data_key: data_key.into() };
        if header.key.as_str().len().max(header.data_key.len()) > usize::from(u16::MAX) {
            return Err(Error::new(ErrorKind::InvalidInput, "the name of the key or its data key is too long for a header"));
        }
        Ok(header)
    }

    /// The header as it stands before the message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend([VERSION, SCHEME]);
        for part in [self.key.as_str().as_bytes(), &self.data_key] {
            // `new` and `parse` hold them to it.
            bytes.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// Reads a header, and says where the message begins. `None` when there are too few bytes to tell.
    ///
    /// # Errors
    /// `Corrupt` when this is no envelope; `Unsupported` for one of a later version.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>> {
        let start = &bytes[..bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(start) {
            return Err(Error::new(ErrorKind::Corrupt, "this is no envelope: it was not encrypted, or begins elsewhere"));
        }
        if let Some(version) = bytes.get(3..FIXED)
            && version != [VERSION, SCHEME]
        {
            let text =
                format!("the envelope is of version {}, scheme {}, which this version does not know", version[0], version[1]);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let part = |at: usize| {
            let length = usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
            Some((bytes.get(at + 2..at + 2 + length)?, at + 2 + length))
        };
        let Some((key, at)) = part(FIXED) else { return Ok(None) };
        let Some((data_key, at)) = part(at) else { return Ok(None) };
        let key = std::str::from_utf8(key).map_err(|_| corrupt())?;
        Ok(Some((Self { key: key.into(), data_key: Bytes::copy_from_slice(data_key) }, at)))
    }
}

/// How envelopes are made and read, once there is a data key.
#[derive(Clone, Copy, Debug)]
pub struct Envelope;

impl Envelope {
    /// What a message is bound to: the format, and what the application gave.
    #[must_use]
    pub fn binding(context: &Context) -> Vec<u8> {
        let mut bytes = b"circle-core/envelope\0".to_vec();
        bytes.extend([VERSION, SCHEME]);
        bytes.extend(context.to_bytes());
        bytes
    }

    /// Encrypts a message and puts the header before it.
    ///
    /// # Errors
    /// `InvalidInput` for a data key that is not 32 bytes long.
    pub fn seal(header: &Header, data_key: &SecretBytes, context: &Context, plaintext: &[u8]) -> Result<Sealed> {
        let mut bytes = header.to_bytes();
        bytes.extend(chunked::seal(data_key, &Self::binding(context), plaintext)?);
        Ok(Sealed(bytes.into()))
    }

    /// Decrypts the message of an envelope, which begins at `at`.
    ///
    /// # Errors
    /// `Corrupt` when it was made with another data key or context, or was changed since.
    pub fn open(sealed: &Sealed, at: usize, data_key: &SecretBytes, context: &Context) -> Result<SecretBytes> {
        let message = sealed.0.get(at..).ok_or_else(corrupt)?;
        chunked::open(data_key, &Self::binding(context), message)
    }

    /// The key of the chunks of the message that begins with these bytes.
    ///
    /// # Errors
    /// `Corrupt` when it was made with another data key or context.
    pub fn chunk_key(message: &[u8], data_key: &SecretBytes, context: &Context) -> Result<ChunkKey> {
        ChunkKey::of_message(data_key, &Self::binding(context), message)
    }
}

/// An envelope: data that says nothing without its key and context, to be kept anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Bytes);

impl Sealed {
    /// The bytes, to be kept.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The header, and where the message begins.
    ///
    /// # Errors
    /// `Corrupt` when this is no envelope, or is cut in its header.
    pub fn header(&self) -> Result<(Header, usize)> {
        Header::parse(&self.0)?.ok_or_else(corrupt)
    }

    /// The same message behind another header.
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn with_header(&self, header: &Header) -> Result<Self> {
        let (_, at) = self.header()?;
        let mut bytes = header.to_bytes();
        bytes.extend_from_slice(&self.0[at..]);
        Ok(Self(bytes.into()))
    }
}

impl From<Sealed> for Bytes {
    fn from(sealed: Sealed) -> Self {
        sealed.0
    }
}

impl From<Bytes> for Sealed {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Sealed {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&Self> for Sealed {
    fn from(sealed: &Self) -> Self {
        sealed.clone()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret as _;

    fn sealed() -> Sealed {
        let header = Header::new("orders".into(), vec![7; 40]).unwrap();
        Envelope::seal(&header, &vec![1; 32].into(), &Context::from([("tenant", "acme")]), b"a message").unwrap()
    }

    #[test]
    fn headers_read_back() {
        let (header, at) = sealed().header().unwrap();
        assert_eq!((header.key.as_str(), header.data_key.len()), ("orders", 40));
        assert_eq!(sealed().as_bytes()[..at], header.to_bytes());
        assert!(Header::new("k".into(), vec![0; 65_536]).unwrap_err().is(ErrorKind::InvalidInput));
    }

    #[test]
    fn too_few_bytes_tell_nothing_and_others_are_corrupt() {
        let sealed = sealed();
        let (_, at) = sealed.header().unwrap();
        for end in 0..at {
            assert_eq!(Header::parse(&sealed.as_bytes()[..end]).unwrap(), None, "{end}");
        }
        for other in [&b"x"[..], b"CC{", b"{\"json\": true}"] {
            assert!(Header::parse(other).unwrap_err().is(ErrorKind::Corrupt));
        }
        assert!(Header::parse(b"CCE\x02\x01").unwrap_err().is(ErrorKind::Unsupported));
    }

    #[test]
    fn a_message_opens_behind_another_header_with_its_own_data_key_and_context_alone() {
        let (key, context) = (SecretBytes::from(vec![1; 32]), Context::from([("tenant", "acme")]));
        let moved = sealed().with_header(&Header::new("a longer name".into(), vec![9; 3]).unwrap()).unwrap();
        let (_, at) = moved.header().unwrap();
        assert_eq!(Envelope::open(&moved, at, &key, &context).unwrap().expose_secret(), b"a message");
        for (key, context) in [(&vec![2; 32].into(), &context), (&key, &Context::from([("tenant", "other")]))] {
            assert!(Envelope::open(&moved, at, key, context).unwrap_err().is(ErrorKind::Corrupt));
        }
    }
}
