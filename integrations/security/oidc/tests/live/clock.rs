//! The time of this machine, and so much more as a test says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use circle_core_common::{Clock, ClockSource, Tick, Timestamp};

/// Clones are the same clock.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<AtomicU64>);

impl Ahead {
    pub(crate) fn by(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::from_source(self.clone())
    }

    fn ahead(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl ClockSource for Ahead {
    fn now(&self) -> Tick {
        Clock::System.now().after(self.ahead())
    }

    fn timestamp(&self) -> Timestamp {
        Clock::System.timestamp() + self.ahead()
    }

    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(deadline.since(self.now())))
    }
}
