//! An environment for tests: tokio's paused clock, which the wall clock follows, and no jitter.

use crate::clock::{Clock, ClockSource, Tick};
use crate::environment::Environment;
use crate::random::{Random, RandomSource};
use crate::units::Timestamp;

struct Paused(tokio::time::Instant);

impl ClockSource for Paused {
    fn now(&self) -> Tick {
        Tick::from_start(self.0.elapsed())
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(1_700_000_000, 0) + self.0.elapsed()
    }

    fn sleep_until(&self, deadline: Tick) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(deadline.since(self.now())))
    }
}

/// The longest waits, and the earliest refreshes.
struct Ones;

impl RandomSource for Ones {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0xFF);
    }
}

pub(super) fn environment() -> Environment {
    Environment::builder()
        .clock(Clock::from_source(Paused(tokio::time::Instant::now())))
        .random(Random::from_source(Ones))
        .build()
}
