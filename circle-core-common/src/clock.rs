//! The clock of a hub: monotonic ticks for deadlines and waits, wall time for dates.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use crate::units::Timestamp;

/// A moment on a [`Clock`], meaningful to that clock only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(Duration);

impl Tick {
    /// So long after the clock's own beginning.
    #[must_use]
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time since the clock's own beginning.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this tick; zero when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This tick and `duration` more.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// A clock that an application or a test brings.
pub trait ClockSource: Send + Sync + 'static {
    /// Monotonic time since the clock's beginning.
    fn now(&self) -> Tick;
    /// Wall time.
    fn timestamp(&self) -> Timestamp;
    /// Completes at `deadline`.
    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The clock that every deadline, wait and date of a hub comes from.
#[derive(Clone, Default)]
pub enum Clock {
    /// tokio's clock, so `tokio::time::pause` is followed, and the system's wall time.
    #[default]
    System,
    /// Somebody else's.
    Source(Arc<dyn ClockSource>),
}

fn system_start() -> tokio::time::Instant {
    static START: OnceLock<tokio::time::Instant> = OnceLock::new();
    *START.get_or_init(tokio::time::Instant::now)
}

impl Clock {
    /// A clock from a source.
    #[must_use]
    pub fn from_source(source: impl ClockSource) -> Self {
        Self::Source(Arc::new(source))
    }

    /// The tick of now.
    #[must_use]
    pub fn now(&self) -> Tick {
        match self {
            // `system_start` first: the very first call must not read now before the start.
            Self::System => {
                let start = system_start();
                Tick(tokio::time::Instant::now().saturating_duration_since(start))
            }
            Self::Source(source) => source.now(),
        }
    }

    /// Wall time.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        match self {
            Self::System => SystemTime::now().into(),
            Self::Source(source) => source.timestamp(),
        }
    }

    /// Completes at `deadline`. Needs a tokio runtime with time enabled when it is polled.
    #[must_use]
    pub fn sleep_until(&self, deadline: Tick) -> Sleep {
        match self {
            Self::System => {
                // An instant that the platform cannot write is as good as never.
                let at = system_start().checked_add(deadline.0);
                Sleep(Timer::Tokio(Box::pin(at.map_or_else(|| tokio::time::sleep(Duration::MAX), tokio::time::sleep_until))))
            }
            Self::Source(source) => Sleep(Timer::Source(source.sleep_until(deadline))),
        }
    }

    /// Completes after `duration`.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().after(duration))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "Clock(system)",
            Self::Source(_) => "Clock(source)",
        })
    }
}

/// A wait on a [`Clock`].
pub struct Sleep(Timer);

enum Timer {
    Tokio(Pin<Box<tokio::time::Sleep>>),
    Source(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Timer::Tokio(sleep) => sleep.as_mut().poll(cx),
            Timer::Source(sleep) => sleep.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn system_clock_follows_a_paused_runtime() {
        let clock = Clock::System;
        let before = clock.now();
        clock.sleep(Duration::from_secs(3600)).await;
        let waited = clock.now().since(before);
        assert!(waited >= Duration::from_secs(3600) && waited < Duration::from_secs(3601), "{waited:?}");
    }

    #[test]
    fn ticks_saturate() {
        let tick = Tick::from_start(Duration::from_secs(1));
        assert_eq!(tick.since(tick.after(Duration::from_secs(1))), Duration::ZERO);
        assert_eq!(tick.after(Duration::MAX), Tick::from_start(Duration::MAX));
    }
}
