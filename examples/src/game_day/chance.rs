//! Chance that is the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use circle_core_common::RandomSource;

/// The generator `splitmix64`.
#[derive(Debug, Default)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The next number.
    pub fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut word = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Whether something happens that happens so many times of a hundred.
    pub fn has_it(&self, percent: u32) -> bool {
        self.draw() % 100 < u64::from(percent)
    }
}

impl RandomSource for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes()[..chunk.len()]);
        }
    }
}
