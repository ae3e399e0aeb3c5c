//! Little that becomes much.

use bytes::Bytes;

/// A gzip file of so many zeros, about one 160th as long.
///
/// Made by hand: one block of fixed Huffman codes (RFC 1951, 3.2.6) that repeats its first byte.
pub(super) fn zeros(length: u32) -> Bytes {
    /// The longest repetition that one code stands for.
    const LONGEST: u32 = 258;
    let mut bits = Bits { bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], pending: 0, count: 0 };
    // The last block, with fixed codes.
    bits.push(0b011, 3);
    let repeated = length.saturating_sub(1);
    for _ in 0..length - repeated / LONGEST * LONGEST {
        // The literal 0, first bit first.
        bits.push(0b0000_1100, 8);
    }
    for _ in 0..repeated / LONGEST {
        // Length 258 is code 285, 11000101; distance 1 is code 0.
        bits.push(0b1010_0011, 8);
        bits.push(0, 5);
    }
    // The end of the block, code 256.
    bits.push(0, 7);
    let mut bytes = bits.finish();
    bytes.extend(crc_of_zeros(length).to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.into()
}

struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        self.pending |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending.to_le_bytes()[0]);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.pending.to_le_bytes()[0]);
        }
        self.bytes
    }
}

/// The CRC-32 of so many zeros.
fn crc_of_zeros(length: u32) -> u32 {
    let byte = |crc: u32| (0..8).fold(crc, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
    let table: Vec<u32> = (0..=0xff).map(byte).collect();
    !(0..length).fold(!0, |crc: u32, _| table[(crc & 0xff) as usize] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gzip_of_zeros_is_what_gzip_makes_of_it() -> std::io::Result<()> {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        for length in [1, 257, 258, 259, 260, 100_000] {
            let bomb = zeros(length);
            assert!(length < 1000 || bomb.len() < length as usize / 100, "{} for {length}", bomb.len());
            let Ok(mut gzip) = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
                return Ok(()); // no gzip here to ask
            };
            if let Some(mut stdin) = gzip.stdin.take() {
                stdin.write_all(&bomb)?;
            }
            let output = gzip.wait_with_output()?;
            assert!(output.status.success(), "{length}");
            assert_eq!(output.stdout, vec![0; length as usize]);
        }
        // Of RFC 1952's polynomial, four zeros.
        assert_eq!(crc_of_zeros(4), 0x2144_df1c);
        Ok(())
    }
}
