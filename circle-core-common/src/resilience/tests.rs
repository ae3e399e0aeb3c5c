//! The machine from outside, on a paused clock and with dice that always fall the same.

mod cancellation;
mod hedging;
mod limits;
mod model;
mod operations;
mod order;
mod refusals;
mod retries;
mod shared;
mod telemetry;

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::clock::Tick;
use crate::context::{CallContext, CallOptions};
use crate::environment::Environment;
use crate::error::{Detail, Error, ErrorKind, Reason, Result, Sent};
use crate::random::{Random, RandomSource};

crate::operations! {
    "Test" => {
        /// Writes.
        WRITE = "test.write", Write;
        /// Reads.
        READ = "test.read", Read;
    }
}

static SAFE: RemoteOperation = RemoteOperation::new("test.Safe", Idempotency::Safe, "/safe");
static IDEMPOTENT: RemoteOperation = RemoteOperation::new("test.Idempotent", Idempotency::Idempotent, "/idempotent");
static KEYED: RemoteOperation = RemoteOperation::new("test.Keyed", Idempotency::Keyed, "/keyed");
static ONCE: RemoteOperation = RemoteOperation::new("test.Once", Idempotency::NonIdempotent, "/once");

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Every throw is this many 256ths.
struct Dice(u8);

impl RandomSource for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        if let Some(highest) = bytes.last_mut() {
            *highest = self.0;
        }
    }
}

/// Keeps what the machine does, in words.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Notes {
    fn event(&self, event: &PolicyEvent<'_>) {
        let words = match &event.step {
            Step::Passed(stage) => format!("{stage:?}"),
            Step::Waits { at, .. } => format!("waits at {at:?}"),
            Step::Rejected(by) => format!("rejected by {}", by.code()),
            Step::Started(attempt) => format!("started {}{}", attempt.number, if attempt.hedged { " hedged" } else { "" }),
            Step::Ended { attempt, error } => {
                format!("ended {} {}", attempt.number, error.map_or("ok", |error| error.kind().code()))
            }
            Step::Retry { number, .. } => format!("retry {number}"),
            Step::Repaired(_) => "repaired".to_owned(),
            Step::Breaker(state) => format!("breaker {state}"),
        };
        self.0.lock().unwrap().push(words);
    }
}

/// What one attempt does.
enum Answer {
    Ok,
    Fail(Error),
    /// After so long.
    After(Duration, Box<Answer>),
    Never,
}

impl Answer {
    fn after(wait: Duration, then: Self) -> Self {
        Self::After(wait, Box::new(then))
    }
}

/// A service that answers as it is told to; the last answer is given for ever.
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    last: fn() -> Answer,
    hits: AtomicU32,
    replayable: bool,
    repairs: AtomicU32,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            last: || Answer::Ok,
            hits: AtomicU32::new(0),
            replayable: true,
            repairs: AtomicU32::new(0),
        }
    }

    fn always(answer: fn() -> Answer) -> Self {
        Self { last: answer, ..Self::new([]) }
    }

    fn hits(&self) -> u32 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Attempts for Script {
    type Output = u32;

    async fn attempt(&self, attempt: Attempt) -> Result<u32> {
        self.hits.fetch_add(1, Ordering::Relaxed);
        let mut answer = self.answers.lock().unwrap().pop_front().unwrap_or_else(|| (self.last)());
        loop {
            answer = match answer {
                Answer::Ok => return Ok(attempt.number),
                Answer::Fail(error) => return Err(error),
                Answer::After(wait, then) => {
                    tokio::time::sleep(wait).await;
                    *then
                }
                Answer::Never => pending().await,
            };
        }
    }

    fn replayable(&self) -> bool {
        self.replayable || self.hits() == 0
    }

    async fn repair(&self, error: &Error) -> bool {
        let repairs = error.is(ErrorKind::Unauthenticated);
        self.repairs.fetch_add(u32::from(repairs), Ordering::Relaxed);
        repairs
    }
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "503").with_sent(Sent::Yes)
}

fn cut() -> Error {
    Error::new(ErrorKind::Connection, "cut").with_sent(Sent::Maybe)
}

fn refused() -> Error {
    Error::new(ErrorKind::Connection, "refused").with_sent(Sent::No)
}

fn throttled(retry_after: Option<Duration>) -> Error {
    let detail = Detail { status: Some(429), retry_after, ..Detail::default() };
    Error::new(ErrorKind::RateLimited, "429").with_sent(Sent::Yes).with_detail(detail)
}

/// A policy in an environment of its own.
struct Bench {
    environment: Environment,
    policy: Policy,
    endpoint: Arc<Endpoint>,
    notes: Notes,
}

/// How a call ended.
struct Came {
    result: Result<u32>,
    took: Duration,
    hits: u32,
}

impl Bench {
    fn new(resilience: Resilience) -> Self {
        Self::with_dice(resilience, 0)
    }

    fn with_dice(resilience: Resilience, dice: u8) -> Self {
        let notes = Notes::default();
        let environment = Environment::builder().random(Random::from_source(Dice(dice))).observer(notes.clone()).build();
        let policy = Policy::new(&environment, "test", &resilience);
        let endpoint = policy.endpoint("https://example.test");
        Self { environment, policy, endpoint, notes }
    }

    fn cx(&self, options: CallOptions) -> CallContext {
        CallContext::new(&self.environment, &WRITE, Some(options.into()))
    }

    fn now(&self) -> Tick {
        self.environment.clock().now()
    }

    async fn call(&self, operation: &'static RemoteOperation, script: &Script, options: CallOptions) -> Came {
        let (cx, began, before) = (self.cx(options), self.now(), script.hits());
        let done = self.policy.execute(&cx, operation, &self.endpoint, script).await;
        let result = done.map(|done| done.output);
        Came { result, took: self.now().since(began), hits: script.hits() - before }
    }

    /// As [`call`](Self::call), with nothing chosen.
    async fn plain(&self, operation: &'static RemoteOperation, script: &Script) -> Came {
        self.call(operation, script, CallOptions::new()).await
    }

    /// Whether nothing is held any more.
    fn assert_at_rest(&self) {
        let state = self.endpoint.state();
        assert_eq!(state.in_flight, 0, "{state:?}");
        assert_ne!(state.breaker, Some(BreakerState::HalfOpen));
    }
}
