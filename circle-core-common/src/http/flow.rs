//! The body of an answer on its way: watched for stalls and cuts, holding the call's place at the endpoint.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use super::stall::{Patience, shortage};
use crate::body::ByteStream;
use crate::clock::{Clock, Sleep, Tick};
use crate::error::{Error, ErrorKind, Reason, Result, Sent};
use crate::resilience::{OwnedPermit, Stall};
use crate::scope::ServiceStats;

/// Ends in an error when too little comes for too long while somebody waits, or when less or more comes than was announced.
pub(super) struct Flow {
    source: ByteStream,
    clock: Clock,
    /// `None` is for ever.
    patience: Option<Patience>,
    /// Since when somebody waits.
    waiting: Option<Tick>,
    timer: Option<Timer>,
    /// What is still to come, where that was announced.
    left: Option<u64>,
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

/// Kept from one wait to the next: a timer that rings too early costs less than one for every piece.
struct Timer {
    at: Tick,
    sleep: Sleep,
}

impl Flow {
    pub(super) fn new(source: ByteStream, clock: &Clock, stall: Stall, left: Option<u64>) -> Self {
        let patience = Patience::new(stall);
        Self {
            source,
            clock: clock.clone(),
            patience,
            waiting: None,
            timer: None,
            left,
            permit: None,
            received: None,
            ended: false,
        }
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
        self.timer = None;
        self.permit = None;
        self.received = None;
        Poll::Ready(result)
    }

    /// Something has come.
    fn came(&mut self, bytes: u64) {
        let waiting = self.waiting.take();
        let Some(patience) = &mut self.patience else { return };
        if patience.is_restored_by(bytes) {
            return patience.restore();
        }
        if let Some(began) = waiting {
            let waited = self.clock.now().since(began);
            match was_away(patience, waited) {
                true => patience.restore(),
                false => patience.spend(waited),
            }
        }
        patience.earn(bytes);
    }

    /// Whether the other side has stalled. The time counts from when somebody began to wait, and anew when that somebody
    /// was away: a slow reader is no slow service.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(patience) = &mut self.patience else { return Poll::Pending };
        loop {
            let began = *self.waiting.get_or_insert_with(|| self.clock.now());
            let until = began.after(patience.left());
            let timer = match &mut self.timer {
                Some(timer) if timer.at <= until => timer,
                timer => timer.insert(Timer { at: until, sleep: self.clock.sleep_until(until) }),
            };
            if Pin::new(&mut timer.sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
            let waited = self.clock.now().since(began);
            if was_away(patience, waited) {
                patience.restore();
                self.waiting = None;
            } else if waited >= patience.left() {
                return Poll::Ready(());
            }
        }
    }
}

/// Whether who has waited for so long was not there in between: who waits is woken when the patience is used up.
fn was_away(patience: &Patience, waited: Duration) -> bool {
    waited > patience.left().saturating_add(patience.stall().grace() / 4).saturating_add(Duration::from_millis(1))
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
                this.came(chunk.len() as u64);
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
                    let stall = this.patience.as_ref().map_or(Stall::off(), Patience::stall);
                    let text = format!("the answer stalled: {} came", shortage(stall));
                    let error = Error::new(ErrorKind::Timeout, text).with_reason(Reason::Stalled);
                    this.end(Some(Err(error.with_sent(Sent::Maybe))))
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
    const SECOND: Duration = Duration::from_secs(1);

    fn flow(left: Option<u64>) -> (mpsc::Sender<Bytes>, ByteStream) {
        flow_by(Stall::silence(STALL), left)
    }

    fn flow_by(stall: Stall, left: Option<u64>) -> (mpsc::Sender<Bytes>, ByteStream) {
        let (sender, receiver) = mpsc::channel::<Bytes>(8);
        let source =
            ByteStream::unfold(receiver, |mut receiver| async move { Ok(receiver.recv().await.map(|chunk| (chunk, receiver))) });
        (sender, ByteStream::new(Flow::new(source, &Clock::System, stall, left)))
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
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Timeout, Some(Reason::Stalled)), "{error}");
        assert!(Clock::System.now().since(before) < STALL + Duration::from_secs(1));
        assert!(body.try_next().await.unwrap().is_none());
        trickle.abort();
    }

    /// Failure test 3: a byte a second flows, for as long as it likes; a byte every two seconds does not.
    #[tokio::test(start_paused = true)]
    async fn t03_the_least_rate_is_enough_and_less_is_not() {
        for (pause, flows) in [(SECOND, true), (2 * SECOND, false)] {
            let (sender, body) = flow_by(Stall::default(), Some(600));
            tokio::spawn(async move {
                for _ in 0..600 {
                    tokio::time::sleep(pause).await;
                    if sender.send(Bytes::from_static(b"x")).await.is_err() {
                        return;
                    }
                }
            });
            let before = Clock::System.now();
            let end = body.collect(None).await;
            assert_eq!(end.as_ref().err().map(Error::reason), (!flows).then_some(Some(Reason::Stalled)), "{pause:?}");
            let lasted = Clock::System.now().since(before);
            assert!(if flows { lasted >= 600 * SECOND } else { lasted < 60 * SECOND }, "{pause:?}: {lasted:?}");
        }
    }

    /// Failure test 4: who reads a byte now and then is slow, the service is not.
    #[tokio::test(start_paused = true)]
    async fn t04_a_slow_reader_of_a_trickle_is_no_stall() {
        let (sender, mut body) = flow_by(Stall::default(), None);
        tokio::spawn(async move {
            while sender.send(Bytes::from_static(b"x")).await.is_ok() {
                tokio::time::sleep(SECOND).await;
            }
        });
        for _ in 0..100 {
            assert_eq!(body.try_next().await.unwrap().unwrap(), "x");
            tokio::time::sleep(90 * SECOND).await;
            // Looks for a moment only, and finds nothing or something.
            let _ = tokio::time::timeout(SECOND / 10, body.try_next()).await;
            tokio::time::sleep(90 * SECOND).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_off_waits_for_ever() {
        let (sender, mut body) = flow_by(Stall::off(), None);
        tokio::spawn(async move {
            tokio::time::sleep(100_000 * SECOND).await;
            sender.send(Bytes::from_static(b"x")).await.unwrap();
        });
        assert_eq!(body.try_next().await.unwrap().unwrap(), "x");
    }

    /// Nor does a patience that has no end overflow.
    #[tokio::test(start_paused = true)]
    async fn an_endless_patience_waits_for_ever() {
        let (sender, mut body) = flow_by(Stall::new(Duration::MAX), None);
        tokio::spawn(async move {
            for _ in 0..2 {
                tokio::time::sleep(100_000 * SECOND).await;
                sender.send(Bytes::from_static(b"x")).await.unwrap();
            }
        });
        for _ in 0..2 {
            assert_eq!(body.try_next().await.unwrap().unwrap(), "x");
        }
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
