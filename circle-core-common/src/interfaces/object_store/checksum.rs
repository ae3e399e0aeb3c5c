//! Checksums, computed piece by piece.

use sha2::{Digest, Sha256};

use super::Checksum;

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumAlgorithm {
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-256.
    Sha256,
}

impl Checksum {
    /// How it is computed.
    #[must_use]
    pub const fn algorithm(&self) -> ChecksumAlgorithm {
        match self {
            Self::Crc32c(_) => ChecksumAlgorithm::Crc32c,
            Self::Crc64Nvme(_) => ChecksumAlgorithm::Crc64Nvme,
            Self::Sha256(_) => ChecksumAlgorithm::Sha256,
        }
    }

    /// That of a content in memory.
    #[must_use]
    pub fn of(algorithm: ChecksumAlgorithm, content: &[u8]) -> Self {
        let mut checksummer = Checksummer::new(algorithm);
        checksummer.update(content);
        checksummer.finish()
    }
}

/// Computes a checksum of a content that comes in pieces.
#[derive(Clone, Debug)]
pub struct Checksummer {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Crc32c(u32),
    Crc64Nvme(u64),
    Sha256(Box<Sha256>),
}

impl Checksummer {
    /// Of nothing so far.
    #[must_use]
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let state = match algorithm {
            ChecksumAlgorithm::Crc32c => State::Crc32c(!0),
            ChecksumAlgorithm::Crc64Nvme => State::Crc64Nvme(!0),
            ChecksumAlgorithm::Sha256 => State::Sha256(Box::default()),
        };
        Self { state }
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.state {
            State::Crc32c(crc) => *crc = crc32c::update(*crc, piece),
            State::Crc64Nvme(crc) => *crc = crc64nvme::update(*crc, piece),
            State::Sha256(hash) => hash.update(piece),
        }
    }

    /// The checksum of all pieces.
    #[must_use]
    pub fn finish(self) -> Checksum {
        match self.state {
            State::Crc32c(crc) => Checksum::Crc32c(!crc),
            State::Crc64Nvme(crc) => Checksum::Crc64Nvme(!crc),
            State::Sha256(hash) => Checksum::Sha256(hash.finalize().into()),
        }
    }
}

/// A cyclic redundancy check with reflected bits, eight bytes a step.
macro_rules! crc {
    ($(#[$meta:meta])* $name:ident: $word:ty, $polynomial:literal) => {
        $(#[$meta])*
        mod $name {
            pub(super) fn update(crc: $word, content: &[u8]) -> $word {
                let (words, rest) = content.as_chunks::<8>();
                let crc = words.iter().fold(crc, |crc, word| {
                    let low = crc.to_le_bytes();
                    (0..8).fold(0, |sum, at| {
                        let byte = word[at] ^ low.get(at).copied().unwrap_or(0);
                        sum ^ TABLES[7 - at][usize::from(byte)]
                    })
                });
                rest.iter().fold(crc, |crc, byte| crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)])
            }

            /// `TABLES[n][byte]`: what the byte adds to the sum when `n` more bytes follow it.
            static TABLES: [[$word; 256]; 8] = tables();

            const fn tables() -> [[$word; 256]; 8] {
                let mut tables = [[0; 256]; 8];
                let mut byte = 0;
                while byte < 256 {
                    let mut crc = byte as $word;
                    let mut bit = 0;
                    while bit < 8 {
                        crc = if crc & 1 == 1 { crc >> 1 ^ $polynomial } else { crc >> 1 };
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
        }
    };
}

crc! {
    /// CRC-32C (RFC 3720, appendix B.4); the polynomial with its bits reversed.
    crc32c: u32, 0x82f6_3b78
}

crc! {
    /// CRC-64/NVME (NVM Express, NVM Command Set, "64b CRC"); the polynomial with its bits reversed.
    crc64nvme: u64, 0x9a6c_9329_ac4b_c9b5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors of RFC 3720, appendix B.4, and the customary "123456789".
    #[test]
    fn crc32c_is_the_published_one() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (content, crc) in [
            (&b""[..], 0),
            (b"123456789", 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
        ] {
            assert_eq!(Checksum::of(ChecksumAlgorithm::Crc32c, content), Checksum::Crc32c(crc));
        }
    }

    /// The check value of the catalogue of parametrised CRC algorithms.
    #[test]
    fn crc64nvme_is_the_published_one() {
        for (content, crc) in [(&b""[..], 0), (b"123456789", 0xae8b_1486_0a79_9888)] {
            assert_eq!(Checksum::of(ChecksumAlgorithm::Crc64Nvme, content), Checksum::Crc64Nvme(crc));
        }
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn sha256_is_the_published_one() {
        let digest = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61,
            0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(Checksum::of(ChecksumAlgorithm::Sha256, b"abc"), Checksum::Sha256(digest));
    }

    #[test]
    fn pieces_come_to_the_same_as_the_whole() {
        let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for algorithm in [ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256] {
            let whole = Checksum::of(algorithm, &content);
            for size in [1, 7, 8, 13, 999] {
                let mut checksummer = Checksummer::new(algorithm);
                content.chunks(size).for_each(|piece| checksummer.update(piece));
                assert_eq!(checksummer.finish(), whole, "{algorithm:?} in pieces of {size}");
            }
            assert_eq!(whole.algorithm(), algorithm);
        }
    }
}
