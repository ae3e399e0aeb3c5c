//! Runs cases as the trials of a test binary.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::suite::{Case, Failed, Negative, Outcome, Subject};
use circle_core_common::{Flag, Result};
use libtest_mimic::{Arguments, Completion, Trial};
use tokio::sync::Semaphore;

/// How long one trial may take.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long what a trial leaves running may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The trials of a test binary with `harness = false`: every case in a runtime of its own, with a time limit of 60 s.
/// A case that cannot run is shown as ignored, with its reason.
#[derive(Default)]
pub struct Runner {
    trials: Vec<Trial>,
}

impl Runner {
    /// No trials yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one test that is no case of a suite.
    #[must_use]
    pub fn test<Fut>(mut self, name: impl Into<String>, test: impl FnOnce() -> Fut + Send + 'static) -> Self
    where
        Fut: Future<Output = Outcome>,
    {
        self.trials.push(Trial::ignorable_test(name, move || in_runtime(async move { test().await })));
        self
    }

    /// Adds the cases of a suite, each over a subject of its own.
    #[must_use]
    pub fn suite<H, Fut>(
        mut self,
        name: &str,
        cases: impl IntoIterator<Item = &'static Case<H>>,
        subject: impl Fn() -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        H: 'static,
        Fut: Future<Output = Result<Subject<H>>> + Send + 'static,
    {
        let subject = Arc::new(subject);
        for case in cases {
            let subject = Arc::clone(&subject);
            self = self.test(format!("{name}::{}", case.name), move || async move { (case.run)(subject().await?).await });
        }
        self
    }

    /// Adds the negatives of a suite; the subject may have the flag off or on.
    #[must_use]
    pub fn negatives<H, C, Fut>(
        mut self,
        name: &str,
        negatives: &'static [Negative<H, C>],
        subject: impl Fn(Flag<C>) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        H: 'static,
        C: 'static,
        Fut: Future<Output = Result<Subject<H>>> + Send + 'static,
    {
        let subject = Arc::new(subject);
        for negative in negatives {
            let subject = Arc::clone(&subject);
            let name = format!("{name}::without_{}_is_unsupported", negative.flag.name());
            self = self.test(name, move || async move { (negative.run)(subject(negative.flag).await?).await });
        }
        self
    }

    /// Runs the trials that the command line chooses, as `cargo test` does, and ends the process.
    pub fn main(self) -> ! {
        libtest_mimic::run(&Arguments::from_args(), self.trials).exit()
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runner({} trials)", self.trials.len())
    }
}

fn in_runtime(test: impl Future<Output = Outcome>) -> std::result::Result<Completion, libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(limited(test));
    // A case that hangs in blocking work must not hang the run.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    match outcome {
        Ok(()) => Ok(Completion::Completed),
        Err(Failed::Skipped(reason)) => Ok(Completion::ignored_with(reason)),
        Err(Failed::Wrong(text)) => Err(text.into()),
    }
}

async fn limited(test: impl Future<Output = Outcome>) -> Outcome {
    match tokio::time::timeout(TRIAL_TIMEOUT, test).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failed::Wrong(format!("did not end within {TRIAL_TIMEOUT:?}"))),
    }
}

/// How many cases [`outcomes`] runs at a time.
const AT_A_TIME: usize = 8;

/// Runs cases here and now, some at a time, each over a subject of its own; their names with their outcomes, in order.
/// For tests about suites: of a broken provider, say, which cases find it out.
pub async fn outcomes<H: Send + 'static>(
    cases: impl IntoIterator<Item = &'static Case<H>>,
    subject: impl Fn() -> Subject<H>,
) -> Vec<(&'static str, Outcome)> {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let running: Vec<_> = cases
        .into_iter()
        .map(|case| {
            let (permits, case_future) = (Arc::clone(&permits), (case.run)(subject()));
            let limited = async move {
                let _permit = permits.acquire_owned().await;
                limited(case_future).await
            };
            (case.name, tokio::spawn(limited))
        })
        .collect();
    let mut outcomes = Vec::with_capacity(running.len());
    for (name, outcome) in running {
        // A case that panics has found something out, too.
        let failed = |error| Err(Failed::Wrong(format!("the case failed: {error}")));
        outcomes.push((name, outcome.await.unwrap_or_else(failed)));
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use circle_core_common::interfaces::object_store::{MockObjectStoreProvider, ObjectStore};
    use circle_core_common::suite::{Faulty, Script, Scripted};
    use circle_core_common::{CallOptions, Error, ErrorKind, Result};

    use super::*;
    use crate::{Fault, Faults};

    #[test]
    fn what_cannot_run_is_ignored_with_its_reason() {
        let skipped = in_runtime(async { Err(Failed::Skipped("copy is off".to_owned())) });
        assert!(matches!(skipped, Ok(Completion::Ignored { reason: Some(reason) }) if reason == "copy is off"));
        assert!(matches!(in_runtime(async { Ok(()) }), Ok(Completion::Completed)));
        let wrong = in_runtime(async { Err(Failed::Wrong("expected 1, got 2".to_owned())) });
        assert_eq!(wrong.err().and_then(|failed| failed.message().map(str::to_owned)).as_deref(), Some("expected 1, got 2"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_fails() {
        assert!(matches!(limited(pending()).await, Err(Failed::Wrong(text)) if text.contains("60s")));
    }

    #[tokio::test]
    async fn outcomes_are_in_order_and_a_panic_is_one() {
        const CASES: &[Case<u8>] = &[
            Case { name: "right", run: |_| Box::pin(async { Ok(()) }) },
            Case { name: "panics", run: |_| Box::pin(async { panic!("at the case") }) },
            Case { name: "skipped", run: |subject| Box::pin(async move { subject.second().map(drop) }) },
        ];
        let outcomes = outcomes(CASES, || Subject::new(0, Default::default())).await;
        assert_eq!(outcomes[0], ("right", Ok(())));
        assert!(matches!(&outcomes[1], ("panics", Err(Failed::Wrong(_)))));
        assert!(matches!(&outcomes[2], ("skipped", Err(Failed::Skipped(_)))));
    }

    fn absent() -> MockObjectStoreProvider {
        let mut store = MockObjectStoreProvider::ready();
        store.expect_head().returning(|_, request| Err(Error::new(ErrorKind::NotFound, format!("no {}", request.key))));
        store
    }

    #[tokio::test]
    async fn faulty_fails_every_nth_call() {
        let store = ObjectStore::new(Faulty::over(absent()).every(3, ErrorKind::Unavailable).every(2, ErrorKind::Timeout));
        let mut kinds = Vec::new();
        for _ in 0..6 {
            kinds.extend(store.head("a").await.err().map(|error| error.kind()));
        }
        use ErrorKind::{NotFound, Timeout, Unavailable};
        assert_eq!(kinds, [NotFound, Timeout, Unavailable, Timeout, NotFound, Unavailable]);
    }

    #[tokio::test]
    async fn scripted_breaks_the_next_calls_in_order() -> Result<()> {
        let scripted = Scripted::over(absent());
        let script: Script = scripted.script();
        let store = ObjectStore::new(scripted).with(CallOptions::new().timeout(Duration::from_millis(20)));
        for fault in [Fault::Unavailable, Fault::Silent, Fault::LoseAnswer] {
            script.inject(fault);
        }
        let mut kinds = Vec::new();
        for _ in 0..4 {
            kinds.extend(store.head("a").await.err().map(|error| error.kind()));
        }
        use ErrorKind::{Connection, NotFound, Timeout, Unavailable};
        assert_eq!((kinds, script.pending()), (vec![Unavailable, Timeout, Connection, NotFound], 0));
        Ok(())
    }
}
