//! Instruments that are looked up once.
//!
//! An exporter may be installed at any time, and a thread may have a recorder of its own, which tests use. So a handle is kept
//! for the recorder of the process only: there is one at most, and it stays.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{IntoF64, Key, Level, Metadata, Recorder};

static METADATA: Metadata<'static> = Metadata::new("circle", Level::INFO, None);

/// Where the recorder of the process is, once it is known.
static GLOBAL: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A recorder that is known to be this thread's own.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

/// Where a recorder is; 0 for one without content, whose address says nothing: the one that stands for none is such.
fn address(recorder: &dyn Recorder) -> usize {
    if size_of_val(recorder) == 0 { 0 } else { std::ptr::from_ref(recorder).cast::<()>().addr() }
}

#[inline]
fn is_global(recorder: &dyn Recorder) -> bool {
    match address(recorder) {
        0 => false,
        at => at == GLOBAL.load(Ordering::Relaxed) || (OWN.get() != at && find_out(at)),
    }
}

/// Whether this is the recorder of the process: a thread that has just begun has no other.
#[cold]
fn find_out(at: usize) -> bool {
    let thread = std::thread::Builder::new().name("circle-recorder".to_owned());
    let seen = thread.spawn(|| metrics::with_recorder(address)).ok().and_then(|thread| thread.join().ok());
    if seen == Some(at) {
        GLOBAL.store(at, Ordering::Relaxed);
        return true;
    }
    // Nor is it where no thread can be had to ask: its instruments are looked up every time.
    OWN.set(at);
    false
}

/// A histogram.
#[derive(Debug)]
pub(crate) struct Histogram {
    key: Key,
    handle: OnceLock<metrics::Histogram>,
}

impl Histogram {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, handle: OnceLock::new() }
    }

    /// Records a value, which is made only if somebody listens.
    #[inline]
    pub(crate) fn record(&self, value: impl IntoF64) {
        metrics::with_recorder(|recorder| {
            let register = || recorder.register_histogram(&self.key, &METADATA);
            match is_global(recorder) {
                true => self.handle.get_or_init(register).record(value),
                false => register().record(value),
            }
        });
    }
}

/// A counter.
#[derive(Debug)]
pub(crate) struct Counter {
    key: Key,
    handle: OnceLock<metrics::Counter>,
}

impl Counter {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, handle: OnceLock::new() }
    }

    #[inline]
    pub(crate) fn add(&self, count: u64) {
        metrics::with_recorder(|recorder| {
            let register = || recorder.register_counter(&self.key, &METADATA);
            match is_global(recorder) {
                true => self.handle.get_or_init(register).increment(count),
                false => register().increment(count),
            }
        });
    }
}

/// Sets a gauge; for what is seldom told.
pub(crate) fn set_gauge(key: &Key, value: f64) {
    metrics::with_recorder(|recorder| recorder.register_gauge(key, &METADATA).set(value));
}

#[cfg(feature = "http")]
/// How many instruments a [`Table`] has.
const SLOTS: usize = 64;

/// Instruments whose labels differ in a few small values: found by a number that is made of those. Bounded, never emptied.
#[cfg(feature = "http")]
#[derive(Debug)]
struct Table<T> {
    slots: [OnceLock<(u32, T)>; SLOTS],
}

#[cfg(feature = "http")]
impl<T> Table<T> {
    fn new() -> Self {
        Self { slots: [const { OnceLock::new() }; SLOTS] }
    }

    /// The instrument of this number, made when it is first asked for; `None` when all places are taken by others.
    #[inline]
    fn get(&self, number: u32, make: impl Fn() -> T) -> Option<&T> {
        // The numbers are no random ones: neighbours lie apart all the same, and the same one is always found in the same place.
        let start = (number.wrapping_mul(0x9E37_79B1) >> 16) as usize;
        for step in 0..SLOTS {
            let (own, found) = self.slots[(start + step) % SLOTS].get_or_init(|| (number, make()));
            if *own == number {
                return Some(found);
            }
        }
        None
    }
}

/// The histograms of one metric, by a number that is made of the values of its labels; what is one too many is one of its own.
#[cfg(feature = "http")]
#[derive(Debug)]
pub(crate) struct Series {
    table: Table<Histogram>,
    rest: OnceLock<Histogram>,
}

#[cfg(feature = "http")]
impl Series {
    pub(crate) fn new() -> Self {
        Self { table: Table::new(), rest: OnceLock::new() }
    }

    /// The histogram of this number; `key` gives its key, or that of the rest for `None`.
    #[inline]
    pub(crate) fn get(&self, number: u32, key: impl Fn(Option<u32>) -> Key) -> &Histogram {
        match self.table.get(number, || Histogram::new(key(Some(number)))) {
            Some(found) => found,
            None => self.rest.get_or_init(|| Histogram::new(key(None))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::kept::Kept;

    #[test]
    fn a_recorder_of_one_thread_is_never_kept() {
        let (counter, histogram) = (Counter::new(Key::from_name("c")), Histogram::new(Key::from_name("h")));
        counter.add(1);
        for _ in 0..2 {
            let kept = Kept::default();
            metrics::with_local_recorder(&kept, || {
                counter.add(2);
                histogram.record(3.0);
            });
            assert_eq!(kept.all(), [("c".to_owned(), vec![2.0]), ("h".to_owned(), vec![3.0])].into());
        }
        assert!(counter.handle.get().is_none() && histogram.handle.get().is_none());
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_table_finds_what_it_has_made_and_is_bounded() {
        let table = Table::new();
        for number in 0..SLOTS as u32 {
            assert_eq!(table.get(number * 7, || number), Some(&number));
        }
        assert_eq!(table.get(7, || unreachable!()), Some(&1));
        assert_eq!(table.get(1_000_000, || 0), None);
    }
}
