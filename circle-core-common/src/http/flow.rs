//! The body of an answer on its way: watched for stalls and cuts, holding the call's place at the endpoint.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use crate::body::ByteStream;
use crate::clock::{Clock, Sleep, Tick};
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::resilience::OwnedPermit;
use crate::scope::ServiceStats;

/// Ends in an error when nothing comes for too long while somebody waits, or when less or more comes than was announced.
pub(super) struct Flow {
    source: ByteStream,
    clock: Clock,
    /// How long nothing may come; zero is for ever.
    stall: Duration,
    /// What is still to come, where that was announced.
    left: Option<u64>,
    waiting: Option<Waiting>,
    permit: Option<OwnedPermit>,
    received: Option<Received>,
    ended: bool,
}

/// Counts what is received for the account of a tenant, when the body ends or is dropped.
pub(super) struct Received {
    pub(super) stats: Arc<ServiceStats>,
    pub(super) tenant: Option<Arc<str>>,
    pub(super) bytes: u64,
}

impl Drop for Received {
    fn drop(&mut self) {
        self.stats.account(self.tenant.as_ref(), |account| account.bytes(0, self.bytes));
    }
}

struct Waiting {
    until: Tick,
    sleep: Sleep,
}

impl Flow {
    pub(super) fn new(source: ByteStream, clock: &Clock, stall: Duration, left: Option<u64>) -> Self {
        Self { source, clock: clock.clone(), stall, left, waiting: None, permit: None, received: None, ended: false }
    }

    /// Counts its bytes.
    pub(super) fn counted(mut self, received: Received) -> Self {
        self.received = Some(received);
        self
    }

    /// Gives `permit` back when the body ends or is dropped.
    pub(super) fn holding(mut self, permit: OwnedPermit) -> ByteStream {
        self.permit = Some(permit);
        ByteStream::new(self)
    }

    fn end(&mut self, result: Option<Result<Bytes>>) -> Poll<Option<Result<Bytes>>> {
        self.ended = true;
        self.waiting = None;
        self.permit = None;
        self.received = None;
        Poll::Ready(result)
    }

    /// Whether the other side has stalled. The time counts from when somebody began to wait, and anew when that somebody
    /// was away: a slow reader is no slow service.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stall.is_zero() {
            return Poll::Pending;
        }
        loop {
            let clock = &self.clock;
            let stall = self.stall;
            let waiting = self.waiting.get_or_insert_with(|| {
                let until = clock.now().after(stall);
                Waiting { until, sleep: clock.sleep_until(until) }
            });
            if Pin::new(&mut waiting.sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Whoever waits is woken when the time is up; one who comes later was not waiting.
            let late = clock.now().since(waiting.until);
            if late < stall / 4 + Duration::from_millis(1) {
                return Poll::Ready(());
            }
            self.waiting = None;
        }
    }
}

impl Stream for Flow {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.source).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                this.waiting = None;
                if let Some(received) = &mut this.received {
                    received.bytes += chunk.len() as u64;
                }
                if let Some(left) = &mut this.left {
                    match left.checked_sub(chunk.len() as u64) {
                        Some(rest) => *left = rest,
                        None => {
                            let error = Error::new(ErrorKind::Connection, "the answer has more bytes than it announced");
                            return this.end(Some(Err(error.with_sent(Sent::Maybe))));
                        }
                    }
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => this.end(Some(Err(error))),
            Poll::Ready(None) if this.left.is_some_and(|left| left > 0) => {
                let error = Error::new(ErrorKind::Connection, "the answer ended before its end").with_reason(Reason::Truncated);
                this.end(Some(Err(error.with_sent(Sent::Maybe))))
            }
            Poll::Ready(None) => this.end(None),
            Poll::Pending => match this.poll_stall(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    let text = format!("the answer stalled: nothing came for {:?}", this.stall);
                    this.end(Some(Err(Error::new(ErrorKind::Timeout, text).with_sent(Sent::Maybe))))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    const STALL: Duration = Duration::from_secs(30);

    fn flow(left: Option<u64>) -> (mpsc::Sender<Bytes>, ByteStream) {
        let (sender, receiver) = mpsc::channel::<Bytes>(8);
        let source =
            ByteStream::unfold(receiver, |mut receiver| async move { Ok(receiver.recv().await.map(|chunk| (chunk, receiver))) });
        (sender, ByteStream::new(Flow::new(source, &Clock::System, STALL, left)))
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_a_trickle_does_not() {
        let (sender, mut body) = flow(None);
        let trickle = tokio::spawn(async move {
            for _ in 0..20 {
                tokio::time::sleep(STALL - Duration::from_secs(1)).await;
                sender.send(Bytes::from_static(b"x")).await.unwrap();
            }
            tokio::time::sleep(STALL * 2).await;
        });
        for _ in 0..20 {
            assert_eq!(body.try_next().await.unwrap().unwrap(), "x");
        }
        let before = Clock::System.now();
        let error = body.try_next().await.unwrap_err();
        assert!(error.is(ErrorKind::Timeout) && error.message().contains("stalled"), "{error}");
        assert!(Clock::System.now().since(before) < STALL + Duration::from_secs(1));
        assert!(body.try_next().await.unwrap().is_none());
        trickle.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_no_stall() {
        let (sender, mut body) = flow(None);
        for _ in 0..3 {
            // Waits for a moment, goes away for long, and comes back while nothing is there yet.
            let looked = tokio::time::timeout(Duration::from_secs(1), body.try_next()).await;
            assert!(looked.is_err());
            tokio::time::sleep(STALL * 10).await;
            let late = sender.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                late.send(Bytes::from_static(b"x")).await.unwrap();
            });
            assert_eq!(body.try_next().await.unwrap().unwrap(), "x");
        }
    }

    #[tokio::test]
    async fn the_announced_length_is_checked() {
        for (sent, announced, expected) in [
            ("abc", Some(3), None),
            ("abc", None, None),
            ("ab", Some(3), Some(Some(Reason::Truncated))),
            ("abcd", Some(3), Some(None)),
        ] {
            let (sender, body) = flow(announced);
            sender.send(Bytes::from_static(sent.as_bytes())).await.unwrap();
            drop(sender);
            let error = body.collect(None).await.err();
            assert_eq!(error.as_ref().map(Error::reason), expected, "{sent}");
            assert!(error.is_none_or(|error| error.is(ErrorKind::Connection)));
        }
    }
}
