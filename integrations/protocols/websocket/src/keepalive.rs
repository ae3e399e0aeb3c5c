//! Whether the other side is still there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use circle_core_common::{Clock, Sleep, Tick};

/// Tells when to send a ping, and when nothing has come after one for too long.
pub(crate) struct Keepalive {
    clock: Clock,
    interval: Duration,
    timeout: Duration,
    heard: Tick,
    pinged: Option<Tick>,
    sleep: Option<Sleep>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Ping,
    /// Nothing came.
    Dead,
}

impl Keepalive {
    pub(crate) fn new(clock: &Clock, interval: Duration, timeout: Duration) -> Self {
        Self { clock: clock.clone(), interval, timeout, heard: clock.now(), pinged: None, sleep: None }
    }

    /// Something came: any frame is a sign of life.
    pub(crate) fn heard(&mut self) {
        self.heard = self.clock.now();
        self.pinged = None;
    }

    fn until(&self) -> Tick {
        self.pinged.map_or_else(|| self.heard.after(self.interval), |at| at.after(self.timeout))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        if self.interval.is_zero() {
            return Poll::Pending;
        }
        loop {
            let until = self.until();
            // A timer that was set before something came fires early, and is set anew: once each interval, not each message.
            let sleep = self.sleep.get_or_insert_with(|| self.clock.sleep_until(until));
            ready!(Pin::new(sleep).poll(cx));
            self.sleep = None;
            let now = self.clock.now();
            if now < until {
                continue;
            }
            if self.pinged.is_none() {
                self.pinged = Some(now);
                return Poll::Ready(Due::Ping);
            }
            // Whoever waits is woken when the time is up. One who comes later has not listened, and asks again.
            if now.since(until) < self.timeout / 4 + Duration::from_millis(1) {
                return Poll::Ready(Due::Dead);
            }
            self.pinged = None;
            self.heard = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use circle_core_testkit::ManualClock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    async fn now(keepalive: &mut Keepalive) -> Option<Due> {
        poll_fn(|cx| match keepalive.poll(cx) {
            Poll::Ready(due) => Poll::Ready(Some(due)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn silence_is_asked_about_and_then_is_death() {
        let clock = ManualClock::new();
        let mut keepalive = Keepalive::new(&clock.clock(), MINUTE, 10 * SECOND);
        assert_eq!(now(&mut keepalive).await, None);
        clock.advance(MINUTE - SECOND);
        keepalive.heard();
        clock.advance(SECOND);
        assert_eq!(now(&mut keepalive).await, None, "something came a second ago");
        clock.advance(MINUTE - SECOND);
        assert_eq!(now(&mut keepalive).await, Some(Due::Ping));
        clock.advance(9 * SECOND);
        assert_eq!(now(&mut keepalive).await, None);
        clock.advance(SECOND);
        assert_eq!(now(&mut keepalive).await, Some(Due::Dead));
    }

    #[tokio::test]
    async fn who_was_away_asks_again() {
        let clock = ManualClock::new();
        let mut keepalive = Keepalive::new(&clock.clock(), MINUTE, 10 * SECOND);
        clock.advance(MINUTE);
        assert_eq!(now(&mut keepalive).await, Some(Due::Ping));
        clock.advance(MINUTE);
        assert_eq!(now(&mut keepalive).await, None, "nobody listened for the answer");
        clock.advance(MINUTE);
        assert_eq!(now(&mut keepalive).await, Some(Due::Ping));
        keepalive.heard();
        clock.advance(10 * SECOND);
        assert_eq!(now(&mut keepalive).await, None);
    }

    #[tokio::test]
    async fn zero_is_never() {
        let clock = ManualClock::new();
        let mut keepalive = Keepalive::new(&clock.clock(), Duration::ZERO, SECOND);
        clock.advance(MINUTE);
        assert_eq!(now(&mut keepalive).await, None);
    }
}
