//! Checksums, verified before an object is kept.

use circle_core_common::interfaces::object_store::Checksum;
use circle_core_common::{Error, ErrorKind, Reason, Result};

pub(super) fn verify(checksum: Option<Checksum>, content: &[u8]) -> Result<()> {
    if checksum.is_none_or(|expected| Checksum::of(expected.algorithm(), content) == expected) {
        return Ok(());
    }
    let text = format!("the content of {} bytes does not match its checksum; nothing was kept", content.len());
    Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_match_is_refused() {
        let nine_digits = [Checksum::Crc32c(0xe306_9283), Checksum::Crc64Nvme(0xae8b_1486_0a79_9888)];
        for checksum in nine_digits {
            assert!(verify(Some(checksum), b"123456789").is_ok());
            let error = verify(Some(checksum), b"123456780").unwrap_err();
            assert_eq!((error.kind(), error.reason()), (ErrorKind::Corrupt, Some(Reason::ChecksumMismatch)));
        }
        assert!(verify(None, b"anything").is_ok());
    }
}
