//! A clock that tests move.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use circle_core_common::{Clock, ClockSource, Tick, Timestamp};

/// A clock that stands still until a test moves it: deadlines, expiries and waits happen when the test says so.
///
/// ```
/// # use circle_core_common::Environment;
/// # use circle_core_testkit::ManualClock;
/// # use std::time::Duration;
/// let clock = ManualClock::new();
/// let environment = Environment::builder().clock(clock.clock()).build();
/// clock.advance(Duration::from_secs(3600)); // what lived for an hour has expired
/// # assert_eq!(environment.clock().now(), clock.clock().now());
/// ```
///
/// Clones are the same clock.
#[derive(Clone, Default)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    jumps: bool,
    sleepers: Vec<Waker>,
}

impl ManualClock {
    /// A clock that starts with the year 2000.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that jumps to the end of every wait: nothing waits, and time passes nevertheless.
    #[must_use]
    pub fn jumping() -> Self {
        let clock = Self::new();
        clock.state().jumps = true;
        clock
    }

    /// The clock for an environment.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::from_source(self.clone())
    }

    /// Lets so much time pass; waits that end by then end now.
    pub fn advance(&self, by: Duration) {
        let sleepers = {
            let mut state = self.state();
            state.elapsed = state.elapsed.saturating_add(by);
            std::mem::take(&mut state.sleepers)
        };
        sleepers.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClockSource for ManualClock {
    fn now(&self) -> Tick {
        Tick::from_start(self.state().elapsed)
    }

    fn timestamp(&self) -> Timestamp {
        // 2000-01-01T00:00:00Z.
        Timestamp::from_unix(946_684_800, 0) + self.state().elapsed
    }

    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Sleeping { clock: self.clone(), deadline })
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({:?})", self.state().elapsed)
    }
}

struct Sleeping {
    clock: ManualClock,
    deadline: Tick,
}

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        let left = self.deadline.since(Tick::from_start(state.elapsed));
        if left.is_zero() {
            return Poll::Ready(());
        }
        if state.jumps {
            state.elapsed = state.elapsed.saturating_add(left);
            let sleepers = std::mem::take(&mut state.sleepers);
            drop(state);
            sleepers.into_iter().for_each(Waker::wake);
            return Poll::Ready(());
        }
        state.sleepers.push(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn waits_end_when_the_clock_is_moved() {
        let manual = ManualClock::new();
        let clock = manual.clock();
        let (began, at) = (clock.now(), clock.timestamp());
        let sleeping = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(HOUR).await }
        });
        for _ in 0..3 {
            tokio::task::yield_now().await;
            assert!(!sleeping.is_finished());
            manual.advance(HOUR / 3);
        }
        assert!(sleeping.await.is_ok());
        assert_eq!((clock.now().since(began), clock.timestamp().since(at)), (HOUR, HOUR));
    }

    #[tokio::test]
    async fn a_jumping_clock_waits_for_nothing() {
        let clock = ManualClock::jumping().clock();
        let began = clock.now();
        clock.sleep(HOUR).await;
        clock.sleep_until(began).await;
        assert_eq!(clock.now().since(began), HOUR);
    }
}
