//! Which things were written since they were read.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Among how many stamps the things are spread. Two that share one take each other's writes for their own, which costs a read.
const STAMPS: usize = 1024;

/// A stamp for each thing, which changes when a write of it begins and when it ends, however it ends. What was read under one
/// stamp is of no use under another: it may be from before the write.
pub(super) struct Stamps {
    stamps: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Stamps {
    pub(super) fn new() -> Self {
        Self { stamps: (0..STAMPS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }

    fn place(&self, thing: &str) -> usize {
        // The remainder of a small number fits.
        (self.hasher.hash_one(thing) % STAMPS as u64) as usize
    }

    /// The stamp of a thing now.
    pub(super) fn of(&self, thing: &str) -> u64 {
        self.stamps[self.place(thing)].load(Ordering::Acquire)
    }

    /// A write of these things, until it is dropped.
    pub(super) fn writing<T: AsRef<str>>(&self, things: impl IntoIterator<Item = T>) -> Writing<'_> {
        let mut places: Vec<usize> = things.into_iter().map(|thing| self.place(thing.as_ref())).collect();
        places.sort_unstable();
        places.dedup();
        let writing = Writing { stamps: self, places };
        writing.touch();
        writing
    }
}

/// A write that is on its way.
pub(super) struct Writing<'s> {
    stamps: &'s Stamps,
    places: Vec<usize>,
}

impl Writing<'_> {
    fn touch(&self) {
        for place in &self.places {
            self.stamps.stamps[*place].fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.touch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_changes_its_own_stamps_at_its_beginning_and_its_end() {
        let stamps = Stamps::new();
        let other = (0..).map(|at| format!("other {at}")).find(|other| stamps.place(other) != stamps.place("a")).unwrap();
        let (before, untouched) = (stamps.of("a"), stamps.of(&other));
        let writing = stamps.writing(["a", "a"]);
        let during = stamps.of("a");
        drop(writing);
        let after = stamps.of("a");
        assert!(before < during && during < after);
        assert_eq!(stamps.of(&other), untouched);
    }
}
