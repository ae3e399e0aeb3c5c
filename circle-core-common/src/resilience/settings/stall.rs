//! When content that hardly flows is given up.

use std::time::Duration;

use super::StallSettings;

/// When a body that hardly flows is given up, in either direction: less than so many bytes a second for as long as the
/// grace, counted only while somebody waits for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    grace: Duration,
    bytes_per_second: u64,
}

impl Stall {
    /// Less than 1 B/s for so long; zero is [`off`](Self::off).
    #[must_use]
    pub const fn new(grace: Duration) -> Self {
        Self { grace, bytes_per_second: 1 }
    }

    /// Nothing at all for so long: for content that comes drop by drop, such as events; zero is [`off`](Self::off).
    #[must_use]
    pub const fn silence(grace: Duration) -> Self {
        Self { grace, bytes_per_second: 0 }
    }

    /// Never.
    #[must_use]
    pub const fn off() -> Self {
        Self::silence(Duration::ZERO)
    }

    /// With this least rate; 0 is any.
    #[must_use]
    pub const fn at_least(mut self, bytes_per_second: u64) -> Self {
        self.bytes_per_second = bytes_per_second;
        self
    }

    /// For how long too little may flow.
    #[must_use]
    pub const fn grace(&self) -> Duration {
        self.grace
    }

    /// The least rate; 0 is any.
    #[must_use]
    pub const fn bytes_per_second(&self) -> u64 {
        self.bytes_per_second
    }

    /// Whether nothing is ever given up.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.grace.is_zero()
    }
}

/// 1 B/s and 20 s.
impl Default for Stall {
    fn default() -> Self {
        Self::new(Duration::from_secs(20))
    }
}

impl StallSettings {
    /// Nothing is given up.
    #[must_use]
    pub fn off() -> Self {
        Self::new().enabled(false)
    }

    /// These settings over what holds otherwise.
    #[must_use]
    pub fn resolved(&self, base: Stall) -> Stall {
        match self.enabled {
            Some(false) => return Stall::off(),
            // Nothing chosen for what is off by its nature leaves it so.
            None if base.is_off() && self.grace.is_none() => return base,
            _ => {}
        }
        let base = if base.is_off() { Stall::default() } else { base };
        let rate = self.min_bytes_per_second.unwrap_or(base.bytes_per_second);
        Stall::new(self.grace.unwrap_or(base.grace)).at_least(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_lie_over_what_holds_otherwise() {
        let (base, minute) = (Stall::default(), Duration::from_secs(60));
        assert_eq!(StallSettings::new().resolved(base), base);
        assert_eq!(StallSettings::new().grace(minute).resolved(base), Stall::new(minute));
        assert_eq!(StallSettings::new().min_bytes_per_second(9).resolved(base), base.at_least(9));
        assert!(StallSettings::off().grace(minute).resolved(base).is_off());
        assert!(StallSettings::new().min_bytes_per_second(9).resolved(Stall::off()).is_off());
        assert_eq!(StallSettings::new().enabled(true).resolved(Stall::off()), base);
        assert!(StallSettings::new().grace(Duration::ZERO).resolved(base).is_off());
    }
}
