//! What a signature says about the payload.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

/// What the signature of a request says about its payload; an extension of the request.
///
/// Without it a payload in memory is signed, and one that streams is [`Streamed`](Self::Streamed) without a trailer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PayloadHash {
    /// The SHA-256 of the payload, which is in memory.
    Signed,
    /// The SHA-256 of the payload, computed elsewhere; hexadecimal, in lower case.
    Known(Arc<str>),
    /// Nothing, where TLS protects it. Without TLS it is signed after all: as [`Signed`](Self::Signed) in memory, as
    /// [`Streamed`](Self::Streamed) from a stream.
    Unsigned,
    /// A payload that is signed, or at least checked, while it streams. With TLS its trailer alone is checked
    /// (`STREAMING-UNSIGNED-PAYLOAD-TRAILER`, or `UNSIGNED-PAYLOAD` without one); without TLS every chunk is signed
    /// (`STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, `-TRAILER`). S3 only, and the length must be known.
    Streamed(Option<Trailer>),
}

/// A checksum that is computed while the payload streams, and sent behind it.
#[derive(Clone)]
pub struct Trailer {
    header: HeaderName,
    length: usize,
    start: Arc<dyn Fn() -> Box<dyn TrailerChecksum> + Send + Sync>,
}

/// The computation of a checksum.
pub trait TrailerChecksum: Send {
    /// Takes more of the payload.
    fn update(&mut self, bytes: &[u8]);
    /// The checksum as its header has it: base64.
    fn finish(self: Box<Self>) -> String;
}

impl Trailer {
    /// A trailer such as `x-amz-checksum-crc32c`, whose value has `length` characters; `start` begins a computation,
    /// one for each attempt.
    #[must_use]
    pub fn new(header: HeaderName, length: usize, start: impl Fn() -> Box<dyn TrailerChecksum> + Send + Sync + 'static) -> Self {
        Self { header, length, start: Arc::new(start) }
    }

    /// The header that is sent behind the payload.
    #[must_use]
    pub const fn header(&self) -> &HeaderName {
        &self.header
    }

    pub(super) const fn value_length(&self) -> usize {
        self.length
    }

    pub(super) fn start(&self) -> Box<dyn TrailerChecksum> {
        (self.start)()
    }
}

impl fmt::Debug for Trailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trailer({})", self.header)
    }
}
