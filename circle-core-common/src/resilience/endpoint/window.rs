//! How much was done lately and how much of it was of the counted sort, such as failures, as one shard of threads saw it.

use super::atomic::{AtomicU64, Ordering};
use super::shard::{Padded, SHARDS};

/// How many slots the window has.
pub(super) const SLOTS: u64 = 30;

const COUNT_BITS: u32 = 18;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const GENERATION_BITS: u32 = 8;
const HEAD_SHIFT: u32 = 2 * COUNT_BITS;

/// A ring of slots. Each is one word, `stamp (20) | generation (8) | calls (18) | failures (18)`, so that starting a slot
/// anew and counting in it are one step: no count is lost between two threads.
#[derive(Debug, Default)]
pub(super) struct Window {
    slots: Padded<[AtomicU64; SLOTS as usize]>,
}

/// The slot's stamp and the breaker's generation, as they stand above the counts.
fn head(stamp: u64, generation: u64) -> u64 {
    let bits = 64 - HEAD_SHIFT;
    ((stamp << GENERATION_BITS) | (generation & ((1 << GENERATION_BITS) - 1))) & ((1 << bits) - 1)
}

impl Window {
    pub(super) fn record(&self, stamp: u64, generation: u64, failed: bool) {
        let slot = &self.slots.0[(stamp % SLOTS) as usize];
        let head = head(stamp, generation);
        let count = |word: u64| {
            let (mut calls, mut failures) = match word >> HEAD_SHIFT == head {
                true => (word >> COUNT_BITS & COUNT_MAX, word & COUNT_MAX),
                false => (0, 0),
            };
            if calls == COUNT_MAX {
                // The ratio is what counts, and it stays.
                (calls, failures) = (calls / 2, failures / 2);
            }
            Some(head << HEAD_SHIFT | (calls + 1) << COUNT_BITS | (failures + u64::from(failed)))
        };
        // The closure always gives a value.
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
    }

    /// Takes one of the counted sort out again; `false` where this shard has none of that slot.
    pub(super) fn take_back(&self, stamp: u64, generation: u64) -> bool {
        let head = head(stamp, generation);
        let fewer = |word: u64| {
            let counted = word >> HEAD_SHIFT == head && word & COUNT_MAX > 0;
            // Whatever is of the counted sort is one of all.
            counted.then(|| word - (1 << COUNT_BITS) - 1)
        };
        let slot = &self.slots.0[(stamp % SLOTS) as usize];
        slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    /// The calls and failures of the slots up to `stamp` that belong to this generation.
    pub(super) fn sum(&self, stamp: u64, generation: u64) -> (u64, u64) {
        let mut sum = (0, 0);
        for age in 0..SLOTS.min(stamp + 1) {
            let stamp = stamp - age;
            let word = self.slots.0[(stamp % SLOTS) as usize].load(Ordering::Relaxed);
            if word >> HEAD_SHIFT == head(stamp, generation) {
                sum = (sum.0 + (word >> COUNT_BITS & COUNT_MAX), sum.1 + (word & COUNT_MAX));
            }
        }
        sum
    }
}

/// What all shards have counted.
pub(super) fn sum(windows: &[Window; SHARDS], stamp: u64, generation: u64) -> (u64, u64) {
    windows.iter().fold((0, 0), |sum, window| {
        let (calls, bad) = window.sum(stamp, generation);
        (sum.0 + calls, sum.1 + bad)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_slots_and_other_generations_do_not_count() {
        let window = Window::default();
        window.record(0, 0, true);
        window.record(SLOTS - 1, 0, false);
        assert_eq!(window.sum(SLOTS - 1, 0), (2, 1));
        assert_eq!(window.sum(SLOTS, 0), (1, 0), "slot 0 has left the window");
        assert_eq!(window.sum(SLOTS - 1, 1), (0, 0));
        window.record(SLOTS, 0, true); // the place of slot 0
        assert_eq!(window.sum(SLOTS, 0), (2, 1));
    }

    #[test]
    fn what_is_taken_back_was_there() {
        let window = Window::default();
        [true, false, true].into_iter().for_each(|counted| window.record(3, 1, counted));
        assert!(!window.take_back(4, 1) && !window.take_back(3, 2) && !window.take_back(3 + SLOTS, 1));
        assert_eq!((window.take_back(3, 1), window.sum(3, 1)), (true, (2, 1)));
        assert_eq!((window.take_back(3, 1), window.take_back(3, 1), window.sum(3, 1)), (true, false, (1, 0)));
    }

    #[test]
    fn a_full_slot_keeps_the_ratio() {
        let window = Window::default();
        for call in 0..2 * COUNT_MAX {
            window.record(7, 3, call % 4 == 0);
        }
        let (calls, failures) = window.sum(7, 3);
        let ratio = failures as f64 / calls as f64;
        assert!(calls > COUNT_MAX / 2 && (ratio - 0.25).abs() < 0.01, "{calls} {ratio}");
    }

    #[test]
    fn two_threads_lose_no_count() {
        let window = Window::default();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..50_000).for_each(|call| window.record(call / 10_000, 0, call % 2 == 0)));
            }
        });
        // The threads may stand in different slots, but each slot is of one stamp only.
        assert_eq!(window.sum(4, 0), (100_000, 50_000));
    }
}
