//! How much a store holds.

use std::sync::atomic::{AtomicU64, Ordering};

use circle_core_common::{ByteSize, Error, ErrorKind, Result};

/// The bytes of keys and content in a store, and the most that there may be.
pub(crate) struct Quota {
    limit: u64,
    used: AtomicU64,
}

impl Quota {
    pub(crate) fn new(capacity: Option<ByteSize>) -> Self {
        Self { limit: capacity.unwrap_or(ByteSize::MAX).as_u64(), used: AtomicU64::new(0) }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `wanted` bytes in place of `given_up` ones, or changes nothing.
    ///
    /// In one step, so that an object can be replaced in a full store. What shrinks always fits.
    pub(crate) fn exchange(&self, given_up: u64, wanted: u64) -> Result<()> {
        let exchanged = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let next = used.saturating_sub(given_up).saturating_add(wanted);
            (next <= self.limit || wanted <= given_up).then_some(next)
        });
        exchanged.map(drop).map_err(|used| self.exceeded(used, wanted))
    }

    /// Counts what cannot be refused.
    pub(crate) fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: u64) {
        // Cannot be refused: what shrinks always fits.
        let _ = self.exchange(bytes, 0);
    }

    pub(crate) fn exceeded(&self, used: u64, wanted: u64) -> Error {
        let text =
            format!("{wanted} bytes do not fit: {used} of {} bytes are used; raise `capacity`, or delete something", self.limit);
        Error::new(ErrorKind::QuotaExceeded, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let quota = Quota::new(Some(ByteSize::bytes(10)));
        quota.exchange(0, 8).unwrap();
        assert!(quota.exchange(0, 3).unwrap_err().is(ErrorKind::QuotaExceeded));
        assert!(quota.exchange(1, 4).is_err());
        assert_eq!(quota.used(), 8);
        quota.exchange(8, 10).unwrap();
        quota.release(10);
        assert_eq!(quota.used(), 0);
    }
}
