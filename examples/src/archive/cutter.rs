//! Cuts content where the content itself says so, so that a change moves no cut but those beside it.

use std::io::{self, Read};

use bytes::Bytes;
use fastcdc::v2020::FastCDC;

/// How large pieces are, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The smallest, but for the last of a content.
    pub min: usize,
    /// What is aimed at.
    pub average: usize,
    /// The largest.
    pub max: usize,
}

impl Sizes {
    /// For files: few objects per GiB, and a change of one byte costs about 1 MiB.
    pub const FILES: Self = Self { min: 256 << 10, average: 1 << 20, max: 4 << 20 };
    /// For manifests, in which a changed file is one changed line.
    pub const MANIFESTS: Self = Self { min: 16 << 10, average: 64 << 10, max: 256 << 10 };
}

/// A buffer that fills with content and gives pieces: FastCDC as of 2020, at its default normalisation.
#[derive(Debug)]
pub struct Cutter {
    sizes: Sizes,
    buffer: Vec<u8>,
}

impl Cutter {
    /// An empty buffer.
    #[must_use]
    pub const fn new(sizes: Sizes) -> Self {
        Self { sizes, buffer: Vec::new() }
    }

    /// Adds content.
    pub fn push(&mut self, content: &[u8]) {
        self.buffer.extend_from_slice(content);
    }

    /// Reads until the buffer has enough for a piece; says whether the reader has ended.
    ///
    /// # Errors
    /// What the reader says.
    pub fn fill(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        let wanted = self.sizes.max.saturating_sub(self.buffer.len());
        let read = reader.take(wanted as u64).read_to_end(&mut self.buffer)?;
        Ok(read < wanted)
    }

    /// The next piece; `None` when more content is needed, or at the end of all.
    #[must_use]
    pub fn cut(&mut self, ended: bool) -> Option<Bytes> {
        // A cut may depend on as much as the largest piece holds.
        if self.buffer.is_empty() || (!ended && self.buffer.len() < self.sizes.max) {
            return None;
        }
        let Sizes { min, average, max } = self.sizes;
        let length = FastCDC::new(&self.buffer, min, average, max).next().map_or(self.buffer.len(), |chunk| chunk.length);
        let piece = Bytes::copy_from_slice(&self.buffer[..length]);
        self.buffer.drain(..length);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
    }

    fn pieces(content: &[u8]) -> Vec<Bytes> {
        let mut cutter = Cutter::new(Sizes::MANIFESTS);
        let mut all = Vec::new();
        let mut reader = content;
        loop {
            let ended = cutter.fill(&mut reader).unwrap();
            while let Some(piece) = cutter.cut(ended) {
                all.push(piece);
            }
            if ended {
                return all;
            }
        }
    }

    #[test]
    fn pieces_make_the_whole_within_their_sizes() {
        for length in [0, 1, 100, 16 << 10, 256 << 10, (256 << 10) + 1, 1_000_001] {
            let content = noise(7, length);
            let all = pieces(&content);
            assert_eq!(all.concat(), content);
            let (Sizes { min, max, .. }, count) = (Sizes::MANIFESTS, all.len());
            assert!(all.iter().enumerate().all(|(at, piece)| piece.len() <= max && (at + 1 == count || piece.len() >= min)));
        }
    }

    #[test]
    fn pushed_content_is_cut_as_read_content_is() {
        let content = noise(8, 900_000);
        let mut cutter = Cutter::new(Sizes::MANIFESTS);
        let mut all = Vec::new();
        for part in content.chunks(777) {
            cutter.push(part);
            all.extend(std::iter::from_fn(|| cutter.cut(false)));
        }
        all.extend(std::iter::from_fn(|| cutter.cut(true)));
        assert_eq!(all, pieces(&content));
    }

    #[test]
    fn an_insertion_moves_the_cuts_beside_it_only() {
        for seed in 0..20 {
            let mut content = noise(seed, 1 << 20);
            let before = pieces(&content);
            content.insert(0, b'x');
            let new = pieces(&content).into_iter().filter(|piece| !before.contains(piece)).count();
            assert!(new <= 3, "{new} new pieces at seed {seed}");
        }
    }
}
