//! Calls to a service that never answers.

use std::future::Future;
use std::time::Duration;

use super::{Failed, Fault, Faults, Outcome, equal, expect_kind, holds};
use crate::context::{CallOptions, Cancel};
use crate::error::{ErrorKind, Result, Sent};

/// How much later than its deadline, or its cancellation, a call may end.
const SLACK: Duration = Duration::from_millis(100);
/// The deadline that is tried.
const DEADLINE: Duration = Duration::from_millis(50);
/// How often a bound on time is tried, each time after a longer rest: the machine may be busy with something else.
const TRIES: u32 = 10;
const REST: Duration = Duration::from_millis(20);

/// The options under which [`times_out`] calls.
pub(crate) fn with_deadline() -> CallOptions {
    CallOptions::new().timeout(DEADLINE)
}

/// Checks that a call [`with_deadline`] to a silent service is `Timeout`: not before the deadline, and at most 100 ms
/// after it.
pub(crate) async fn times_out<T, Fut>(what: &str, faults: &dyn Faults, call: impl Fn() -> Fut) -> Outcome
where
    Fut: Future<Output = Result<T>>,
{
    let mut took = Duration::ZERO;
    for number in 0..TRIES {
        tokio::time::sleep(REST * number).await;
        faults.inject(Fault::Silent);
        let started = tokio::time::Instant::now();
        let error = expect_kind(what, call().await.map(drop), ErrorKind::Timeout)?;
        took = started.elapsed();
        equal(format!("whether {what} was sent"), &error.sent(), &Sent::Maybe)?;
        holds(format!("{what} does not end before its deadline, but after {took:?}"), took >= DEADLINE)?;
        if took <= DEADLINE + SLACK {
            return Ok(());
        }
    }
    holds(format!("{what} ends {SLACK:?} after {DEADLINE:?} at the latest, not after {took:?}"), false)
}

/// Checks that a call to a silent service is `Cancelled` at most 100 ms after its scope is.
pub(crate) async fn is_cancelled<T, Fut>(what: &str, faults: &dyn Faults, call: impl Fn(CallOptions) -> Fut) -> Outcome
where
    T: Send + 'static,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    let mut late = Duration::ZERO;
    for number in 0..TRIES {
        tokio::time::sleep(REST * number).await;
        let cancel = Cancel::new();
        faults.inject(Fault::Silent);
        let call = call(CallOptions::new().cancel(&cancel));
        let call = tokio::spawn(async move { (call.await.map(drop), tokio::time::Instant::now()) });
        tokio::time::sleep(Duration::from_millis(20)).await;
        cancel.cancel();
        let cancelled = tokio::time::Instant::now();
        let (result, ended) = call.await.map_err(|error| Failed::Wrong(format!("{what} failed: {error}")))?;
        expect_kind(what, result, ErrorKind::Cancelled)?;
        late = ended.saturating_duration_since(cancelled);
        if late <= SLACK {
            return Ok(());
        }
    }
    holds(format!("{what} ends at once, not {late:?} after it was cancelled"), false)
}
