//! The body of a request on its way out: given up when the network hardly takes it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use super::stall::{Patience, shortage};
use super::transport::{TransportBody, TransportResponse};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Reason, Result, Sent};

/// What fits into the buffers of a connection: of a smaller body the network's share is not seen.
const WATCHED_FROM: u64 = 64 * 1024;

/// How often a grace is looked at.
const LOOKS: u32 = 20;

/// How far a body is, told by a transport that sees what its connections write.
///
/// How much of a body was handed over says little: hundreds of kilobytes wait in buffers, and a slow line that works takes
/// minutes for them. What the connection has written is the truth.
#[derive(Debug, Default)]
pub(super) struct Progress {
    given: AtomicU64,
    connection: OnceLock<Connection>,
}

#[derive(Debug)]
struct Connection {
    written: Arc<AtomicU64>,
    /// What it had written before this body.
    before: u64,
}

#[derive(Clone, Copy)]
struct Seen {
    written: u64,
    /// Whether there is something that the network has not taken. Not while the body itself has nothing to give, nor after
    /// its end.
    waits: bool,
}

impl Progress {
    /// The body begins, on a connection that counts its writes here.
    pub(super) fn begin(&self, written: Arc<AtomicU64>) {
        let before = written.load(Ordering::Relaxed);
        // A body that begins again is the same one: nothing of it was sent.
        let _ = self.connection.set(Connection { written, before });
    }

    /// So much of the body was handed over to the connection.
    pub(super) fn give(&self, bytes: u64) {
        self.given.fetch_add(bytes, Ordering::Relaxed);
    }

    fn seen(&self) -> Seen {
        let Some(connection) = self.connection.get() else { return Seen { written: 0, waits: false } };
        let written = connection.written.load(Ordering::Relaxed).saturating_sub(connection.before);
        Seen { written, waits: self.given.load(Ordering::Relaxed) > written }
    }
}

/// Whether a body is worth watching.
pub(super) fn is_watched(body: &TransportBody) -> bool {
    body.length().is_none_or(|length| length > WATCHED_FROM)
}

/// Runs `sending` until the answer's headers are there, or until its body has stalled.
pub(super) async fn watched(
    sending: impl Future<Output = Result<TransportResponse>>,
    progress: &Progress,
    clock: &Clock,
    patience: Patience,
) -> Result<TransportResponse> {
    let mut sending = pin!(sending);
    let mut stalled = pin!(stalled(progress, clock, patience));
    poll_fn(|cx| match sending.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => stalled.as_mut().poll(cx).map(|()| {
            let text = format!("the upload stalled: the network took {}", shortage(patience.stall()));
            Err(Error::new(ErrorKind::Timeout, text).with_reason(Reason::Stalled).with_sent(Sent::Maybe))
        }),
    })
    .await
}

async fn stalled(progress: &Progress, clock: &Clock, mut patience: Patience) {
    let step = (patience.stall().grace() / LOOKS).max(Duration::from_millis(1));
    let (mut at, mut before) = (clock.now(), progress.seen());
    loop {
        clock.sleep_until(at.after(step)).await;
        let (now, seen) = (clock.now(), progress.seen());
        if before.waits && seen.waits {
            // A machine that slept is no stall: it counts as two looks.
            patience.spend(now.since(at).min(step.saturating_mul(2)));
        }
        patience.earn(seen.written.saturating_sub(before.written));
        if patience.left().is_zero() {
            return;
        }
        (at, before) = (now, seen);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::resilience::Stall;

    const SECOND: Duration = Duration::from_secs(1);

    async fn run(writes: impl Future<Output = ()>, progress: &Progress) -> Option<Reason> {
        let patience = Patience::new(Stall::default()).unwrap();
        let sending = async {
            writes.await;
            tokio::time::sleep(600 * SECOND).await;
            Err(Error::new(ErrorKind::Unavailable, "").with_reason(Reason::Degraded))
        };
        watched(sending, progress, &Clock::System, patience).await.err().and_then(|error| error.reason())
    }

    fn begun(given: u64) -> (Progress, Arc<AtomicU64>) {
        let (progress, written) = (Progress::default(), Arc::new(AtomicU64::new(1_000)));
        progress.begin(Arc::clone(&written));
        progress.give(given);
        (progress, written)
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_network_does_not_take_is_given_up() {
        let (progress, written) = begun(100_000);
        written.fetch_add(65_000, Ordering::Relaxed);
        let before = Clock::System.now();
        assert_eq!(run(pending(), &progress).await, Some(Reason::Stalled));
        let lasted = Clock::System.now().since(before);
        assert!(lasted >= 20 * SECOND && lasted < 25 * SECOND, "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_a_slow_source_and_a_slow_service_are_no_stall() {
        // A line that takes three bytes every two seconds, and then the rest.
        let (progress, written) = begun(100_000);
        let slow_line = async {
            for _ in 0..300 {
                tokio::time::sleep(2 * SECOND).await;
                written.fetch_add(3, Ordering::Relaxed);
            }
            written.fetch_add(100_000, Ordering::Relaxed);
        };
        assert_eq!(run(slow_line, &progress).await, Some(Reason::Degraded));
        // All that was given is written: it is the source that pauses, or the end and the service that works.
        let (progress, written) = begun(70_000);
        written.fetch_add(70_100, Ordering::Relaxed);
        assert_eq!(run(async {}, &progress).await, Some(Reason::Degraded));
        // Nobody tells.
        let progress = Progress::default();
        progress.give(100_000);
        assert_eq!(run(async {}, &progress).await, Some(Reason::Degraded));
    }

    #[test]
    fn small_bodies_are_not_watched() {
        assert!(!is_watched(&TransportBody::Empty));
        assert!(!is_watched(&TransportBody::Bytes(vec![0; 64 * 1024].into())));
        assert!(is_watched(&TransportBody::Bytes(vec![0; 64 * 1024 + 1].into())));
        let stream = || crate::ByteStream::from(bytes::Bytes::new());
        assert!(is_watched(&TransportBody::Stream { stream: stream(), length: None }));
        assert!(!is_watched(&TransportBody::Stream { stream: stream(), length: Some(1) }));
    }
}
