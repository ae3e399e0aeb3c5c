//! Checksums, verified before an object is kept.

use circle_core_common::interfaces::object_store::Checksum;
use circle_core_common::{Error, ErrorKind, Reason, Result};
use sha2::{Digest, Sha256};

pub(super) fn verify(checksum: Option<Checksum>, content: &[u8]) -> Result<()> {
    let fits = match checksum {
        None => true,
        Some(Checksum::Crc32c(expected)) => crc32c(content) == expected,
        Some(Checksum::Sha256(expected)) => Sha256::digest(content)[..] == expected,
        Some(_) => return Err(Error::unsupported("put_checksum")),
    };
    if fits {
        return Ok(());
    }
    let text = format!("the content of {} bytes does not match its checksum; nothing was kept", content.len());
    Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
}

/// CRC-32C (RFC 3720, appendix B.4), eight bytes a step.
fn crc32c(content: &[u8]) -> u32 {
    let (words, rest) = content.as_chunks::<8>();
    let crc = words.iter().fold(!0_u32, |crc, word| {
        let low = crc.to_le_bytes();
        (0..8).fold(0, |sum, at| {
            let byte = word[at] ^ low.get(at).copied().unwrap_or(0);
            sum ^ TABLES[7 - at][usize::from(byte)]
        })
    });
    !rest.iter().fold(crc, |crc, byte| crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)])
}

/// `TABLES[n][byte]`: what the byte adds to the sum when `n` more bytes follow it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    /// The polynomial, bits reversed.
    const CASTAGNOLI: u32 = 0x82f6_3b78;
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ CASTAGNOLI } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = crc >> 8 ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors of RFC 3720, appendix B.4, and the customary "123456789".
    #[test]
    fn crc32c_is_the_published_one() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(&descending), 0x113f_db5c);
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn sha256_is_the_published_one() {
        let digest = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61,
            0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert!(verify(Some(Checksum::Sha256(digest)), b"abc").is_ok());
        let error = verify(Some(Checksum::Sha256(digest)), b"abd").unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Corrupt, Some(Reason::ChecksumMismatch)));
    }
}
