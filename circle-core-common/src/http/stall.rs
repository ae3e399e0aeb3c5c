//! When content that hardly flows is given up, in both directions.

use std::time::Duration;

use crate::resilience::Stall;

/// The patience with one body: the grace, less the time in which somebody waited for the network, and a little more for
/// every byte.
///
/// Content that flows at the least rate or above never uses it up, however it is cut into pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    stall: Stall,
    left: Duration,
}

impl Patience {
    /// `None` where nothing is ever given up.
    pub(super) fn new(stall: Stall) -> Option<Self> {
        (!stall.is_off()).then_some(Self { stall, left: stall.grace() })
    }

    pub(super) const fn stall(&self) -> Stall {
        self.stall
    }

    /// How long it still lasts if nothing comes.
    pub(super) const fn left(&self) -> Duration {
        self.left
    }

    pub(super) const fn restore(&mut self) {
        self.left = self.stall.grace();
    }

    /// Whether so many bytes restore it whole, however little was left.
    pub(super) fn is_restored_by(&self, bytes: u64) -> bool {
        worth(self.stall, bytes) >= self.stall.grace()
    }

    pub(super) fn earn(&mut self, bytes: u64) {
        self.left = self.left.saturating_add(worth(self.stall, bytes)).min(self.stall.grace());
    }

    pub(super) fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }
}

/// The time that the least rate takes for so many bytes.
fn worth(stall: Stall, bytes: u64) -> Duration {
    match (bytes, stall.bytes_per_second()) {
        (0, _) => Duration::ZERO,
        (_, 0) => Duration::MAX,
        (bytes, rate) => {
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        }
    }
}

/// What was too little.
pub(super) fn shortage(stall: Stall) -> String {
    match stall.bytes_per_second() {
        0 => format!("nothing for {:?}", stall.grace()),
        rate => format!("less than {rate} B/s for {:?}", stall.grace()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_least_rate_lasts_for_ever_and_less_does_not() {
        let mut patience = Patience::new(Stall::new(20 * SECOND)).unwrap();
        for _ in 0..100_000 {
            patience.spend(SECOND);
            assert!(!patience.left().is_zero());
            patience.earn(1);
        }
        // A byte every two seconds loses one second each time.
        let pieces = (0..100).take_while(|_| {
            patience.spend(2 * SECOND);
            let lasts = !patience.left().is_zero();
            patience.earn(1);
            lasts
        });
        assert_eq!(pieces.count(), 18);
    }

    #[test]
    fn a_burst_is_not_saved_up() {
        let mut patience = Patience::new(Stall::new(20 * SECOND)).unwrap();
        patience.earn(u64::MAX);
        assert_eq!(patience.left(), 20 * SECOND);
        assert!(patience.is_restored_by(20) && !patience.is_restored_by(19));
    }

    #[test]
    fn without_a_rate_any_byte_will_do() {
        let mut patience = Patience::new(Stall::silence(SECOND)).unwrap();
        patience.spend(SECOND / 2);
        patience.earn(0);
        assert_eq!(patience.left(), SECOND / 2);
        patience.earn(1);
        assert_eq!(patience.left(), SECOND);
        assert!(Patience::new(Stall::off()).is_none());
    }
}
