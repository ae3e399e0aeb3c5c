//! Many calls at once.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::{Error, Result};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What many calls at once came to.
///
/// ```
/// # use circle_core_common::{Error, ErrorKind};
/// # use circle_core_testkit::Storm;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let storm = Storm::of(100, |number| async move {
///     if number == 7 { Err(Error::new(ErrorKind::NotFound, "not there")) } else { Ok(()) }
/// })
/// .await;
/// assert_eq!((storm.succeeded, storm.failed["not_found"]), (99, 1));
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Storm {
    /// Calls that succeeded.
    pub succeeded: usize,
    /// Calls that failed, by the codes of kind and reason: `unavailable/breaker_open`. A task that panicked is `panic`.
    pub failed: BTreeMap<String, usize>,
    /// How long all of them took together.
    pub took: Duration,
    /// How long each took, the shortest first.
    latencies: Vec<Duration>,
}

impl Storm {
    /// Makes so many calls, each as a task of its own and all at once; each gets its number. Times are tokio's, so a paused
    /// clock will do.
    pub async fn of<F, Fut>(tasks: usize, call: F) -> Self
    where
        F: Fn(usize) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send,
    {
        let (call, began) = (Arc::new(call), Instant::now());
        let mut running = JoinSet::new();
        for number in 0..tasks {
            let call = Arc::clone(&call);
            running.spawn(async move { (call(number).await, began.elapsed()) });
        }
        let mut storm =
            Self { succeeded: 0, failed: BTreeMap::new(), took: Duration::ZERO, latencies: Vec::with_capacity(tasks) };
        while let Some(ended) = running.join_next().await {
            let failed = match &ended {
                Ok((Ok(()), _)) => None,
                Ok((Err(error), _)) => Some(code(error)),
                Err(_) => Some("panic".to_owned()),
            };
            match failed {
                Some(code) => *storm.failed.entry(code).or_default() += 1,
                None => storm.succeeded += 1,
            }
            storm.latencies.extend(ended.map(|(_, took)| took));
        }
        storm.took = began.elapsed();
        storm.latencies.sort_unstable();
        storm
    }

    /// How long all but the slowest calls took: `percentile(0.99)` is what one of a hundred exceeds.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() as f64 * share).floor().max(0.0) as usize;
        self.latencies.get(at.min(last)).copied().unwrap_or_default()
    }
}

fn code(error: &Error) -> String {
    match error.reason() {
        Some(reason) => format!("{}/{}", error.kind().code(), reason.code()),
        None => error.kind().code().to_owned(),
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} succeeded", self.succeeded)?;
        for (code, count) in &self.failed {
            write!(f, ", {count} {code}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_run_at_once_and_are_told_by_their_ends() {
        let storm = Storm::of(101, |number| async move {
            tokio::time::sleep(Duration::from_secs(number as u64)).await;
            assert_ne!(number, 5);
            Ok(())
        });
        let storm = storm.await;
        assert_eq!(storm.to_string(), "100 succeeded, 1 panic");
        assert!(storm.took.abs_diff(Duration::from_secs(100)) < Duration::from_millis(10), "{:?}", storm.took);
        let percentile = |share| storm.percentile(share).as_secs();
        assert_eq!((percentile(0.0), percentile(0.5), percentile(0.99), percentile(1.0)), (0, 51, 100, 100));
    }
}
