//! Checksums that are computed while content is sent, and sent behind it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::interfaces::object_store::{Checksum, ChecksumAlgorithm, Checksummer};
use circle_core_protocol_aws_auth::{PayloadHash, Trailer, TrailerChecksum};
use http::HeaderName;

/// A checksum that is computed while content is sent, sent behind it, and verified before the service keeps it.
///
/// Those that content in parts has as a whole too: a SHA-256 of parts is none of the whole, and a service tells it of the
/// parts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrailingChecksum {
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME, Amazon's default.
    Crc64Nvme,
}

impl TrailingChecksum {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Crc32c, Self::Crc64Nvme];

    /// As `x-amz-checksum-algorithm` has it, and as the end of an upload does behind `Checksum`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
        }
    }

    pub(crate) const fn header(self) -> &'static str {
        match self {
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
        }
    }

    /// What has the signer compute it.
    pub(crate) fn payload(self) -> PayloadHash {
        let (algorithm, length) = match self {
            Self::Crc32c => (ChecksumAlgorithm::Crc32c, 8),
            Self::Crc64Nvme => (ChecksumAlgorithm::Crc64Nvme, 12),
        };
        let start = move || -> Box<dyn TrailerChecksum> { Box::new(Running(Checksummer::new(algorithm))) };
        PayloadHash::Streamed(Some(Trailer::new(HeaderName::from_static(self.header()), length, start)))
    }
}

struct Running(Checksummer);

impl TrailerChecksum for Running {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> String {
        match self.0.finish() {
            Checksum::Crc32c(sum) => STANDARD.encode(sum.to_be_bytes()),
            Checksum::Crc64Nvme(sum) => STANDARD.encode(sum.to_be_bytes()),
            // None of the trailing ones.
            _ => String::new(),
        }
    }
}

/// What names a part at the end of its upload: its ETag, and the checksum that the service verified. An ETag has no blank.
pub(crate) fn part_token(etag: &str, checksum: Option<(TrailingChecksum, &str)>) -> String {
    match checksum {
        Some((of, value)) => format!("{etag} {}:{value}", of.name()),
        None => etag.to_owned(),
    }
}

/// The ETag of a part, and the checksum that goes with it.
pub(crate) fn part_of_token(token: &str) -> (&str, Option<(TrailingChecksum, &str)>) {
    let read = || {
        let (etag, checksum) = token.split_once(' ')?;
        let (name, value) = checksum.split_once(':')?;
        Some((etag, (TrailingChecksum::ALL.into_iter().find(|of| of.name() == name)?, value)))
    };
    read().map_or((token, None), |(etag, checksum)| (etag, Some(checksum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_with_its_checksum() {
        for checksum in [None, Some((TrailingChecksum::Crc64Nvme, "M3eFcAZSQlc=")), Some((TrailingChecksum::Crc32c, "4waSgw=="))]
        {
            assert_eq!(part_of_token(&part_token("e-1", checksum)), ("e-1", checksum));
        }
        assert_eq!(part_of_token("e SHA1:x"), ("e SHA1:x", None));
    }
}
