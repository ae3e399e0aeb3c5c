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
        cases: &'static [Case<H>],
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
    cases: &'static [Case<H>],
    subject: impl Fn() -> Subject<H>,
) -> Vec<(&'static str, Outcome)> {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let running: Vec<_> = cases
        .iter()
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
