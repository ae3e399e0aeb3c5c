//! The machine against one that is plain: no atomics, no futures, one endpoint as a few numbers. Whatever is done, in whatever
//! order, both send as much, end the same way and leave the same behind.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::clock::{Clock, ClockSource};
use crate::resilience::endpoint::breaker_model::{Model as PlainBreaker, State};
use crate::units::Timestamp;

const PLACES: u32 = 4;
const TOKENS: u32 = 60;

/// A clock that jumps to the end of every wait.
#[derive(Clone, Default)]
struct Jumping(Arc<Mutex<Duration>>);

impl Jumping {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl ClockSource for Jumping {
    fn now(&self) -> Tick {
        Tick::from_start(*self.0.lock().unwrap())
    }

    fn timestamp(&self) -> Timestamp {
        std::time::SystemTime::UNIX_EPOCH.into()
    }

    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = self.clone();
        Box::pin(async move {
            let mut now = clock.0.lock().unwrap();
            *now = now.max(deadline.since_start());
        })
    }
}

/// What an attempt comes to.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Fine,
    Unavailable { retry_after: Option<u64> },
    Throttled { retry_after: Option<u64> },
    Cut,
    Refused,
    Missing,
    Unauthenticated,
}

impl Outcome {
    fn error(self) -> Option<Error> {
        let asks = |error: Error, retry_after: Option<u64>| {
            let retry_after = retry_after.map(Duration::from_secs);
            error.with_sent(Sent::Yes).with_detail(Detail { retry_after, ..Detail::default() })
        };
        Some(match self {
            Self::Fine => return None,
            Self::Unavailable { retry_after } => asks(Error::new(ErrorKind::Unavailable, "503"), retry_after),
            Self::Throttled { retry_after } => asks(Error::new(ErrorKind::RateLimited, "429"), retry_after),
            Self::Cut => cut(),
            Self::Refused => refused(),
            Self::Missing => Error::new(ErrorKind::NotFound, "404").with_sent(Sent::Yes),
            Self::Unauthenticated => Error::new(ErrorKind::Unauthenticated, "401").with_sent(Sent::Yes),
        })
    }

    fn kind(self) -> ErrorKind {
        self.error().map_or(ErrorKind::Internal, |error| error.kind())
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let seconds = || prop_oneof![3 => Just(None), 1 => Just(Some(0)), 1 => (1_u64..10).prop_map(Some), 1 => Just(Some(500))];
    prop_oneof![
        4 => Just(Outcome::Fine),
        4 => seconds().prop_map(|retry_after| Outcome::Unavailable { retry_after }),
        1 => seconds().prop_map(|retry_after| Outcome::Throttled { retry_after }),
        2 => Just(Outcome::Cut),
        2 => Just(Outcome::Refused),
        1 => Just(Outcome::Missing),
        1 => Just(Outcome::Unauthenticated),
    ]
}

#[derive(Clone, Debug)]
enum Do {
    /// A call whose attempts are answered at once; after the last of these answers all is fine.
    Call {
        operation: usize,
        answers: Vec<Outcome>,
        timeout: Option<u64>,
    },
    /// One whose first attempt waits for its answer.
    Begin {
        operation: usize,
        answers: Vec<Outcome>,
    },
    /// The answer to one that waits.
    Answer {
        which: usize,
        outcome: Outcome,
    },
    /// One that waits is dropped.
    Drop {
        which: usize,
    },
    /// The service asks for a pause.
    Hold {
        seconds: u64,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Do> {
    let answers = || prop::collection::vec(outcome(), 0..5);
    let timeout = prop_oneof![3 => Just(None), 1 => (1_u64..12_000).prop_map(Some)];
    prop_oneof![
        8 => (0_usize..4, answers(), timeout).prop_map(|(operation, answers, timeout)| Do::Call { operation, answers, timeout }),
        3 => (0_usize..4, answers()).prop_map(|(operation, answers)| Do::Begin { operation, answers }),
        3 => (0_usize..PLACES as usize, outcome()).prop_map(|(which, outcome)| Do::Answer { which, outcome }),
        1 => (0_usize..PLACES as usize).prop_map(|which| Do::Drop { which }),
        1 => (0_u64..5).prop_map(|seconds| Do::Hold { seconds }),
        4 => (0_u64..6000).prop_map(|millis| Do::Wait { millis }),
    ]
}

const OPERATIONS: [&RemoteOperation; 4] = [&SAFE, &IDEMPOTENT, &KEYED, &ONCE];

/// How a call ends: the kind and reason of its error, if any.
type End = Option<(ErrorKind, Option<Reason>)>;

/// The endpoint, plainly. Times in milliseconds.
struct Plain {
    now: u64,
    breaker: PlainBreaker,
    tokens: u32,
    /// The second up to which time has paid.
    paid: u64,
    opens: u64,
    in_flight: u32,
}

impl Plain {
    fn tokens(&self) -> u32 {
        (self.tokens + (self.now / 1000 - self.paid) as u32).min(TOKENS)
    }

    fn set_tokens(&mut self, tokens: u32) {
        (self.tokens, self.paid) = (tokens.min(TOKENS), self.now / 1000);
    }

    fn hold(&mut self, seconds: u64) {
        self.opens = self.opens.max(self.now + seconds.min(120) * 1000);
    }
}

/// A call, plainly.
struct PlainCall {
    operation: &'static RemoteOperation,
    answers: VecDeque<Outcome>,
    deadline: Option<u64>,
    ticket: (u32, bool),
    hits: u32,
    retries: u32,
    drawn: u32,
    unspent: u32,
    unsure: bool,
    repaired: bool,
}

impl PlainCall {
    fn new(operation: usize, answers: &[Outcome], deadline: Option<u64>) -> Self {
        Self {
            operation: OPERATIONS[operation],
            answers: answers.iter().copied().collect(),
            deadline,
            ticket: (0, false),
            hits: 0,
            retries: 0,
            drawn: 0,
            unspent: 0,
            unsure: false,
            repaired: false,
        }
    }

    fn has_time_for(&self, wait: u64, now: u64) -> bool {
        self.deadline.is_none_or(|deadline| now + wait < deadline)
    }

    /// Lets an attempt go, or ends the call.
    fn admit(&mut self, at: &mut Plain) -> Result<(), End> {
        let refused = |this: &Self, at: &mut Plain, kind, reason| {
            at.set_tokens(at.tokens() + this.unspent);
            Err(Some((kind, Some(reason))))
        };
        let Some(ticket) = at.breaker.admit(at.now) else {
            return refused(self, at, ErrorKind::Unavailable, Reason::BreakerOpen);
        };
        let wait = at.opens.saturating_sub(at.now);
        if !self.has_time_for(wait, at.now) {
            at.breaker.settle(ticket, None, at.now);
            return refused(self, at, ErrorKind::RateLimited, Reason::LocalRateLimit);
        }
        at.now += wait;
        if at.in_flight == PLACES {
            at.breaker.settle(ticket, None, at.now);
            return refused(self, at, ErrorKind::RateLimited, Reason::BulkheadFull);
        }
        at.in_flight += 1;
        (self.ticket, self.unspent) = (ticket, 0);
        self.hits += 1;
        Ok(())
    }

    /// The attempt that runs has ended; the rest of the call.
    fn go_on(&mut self, at: &mut Plain, mut outcome: Outcome) -> End {
        loop {
            if let Some(end) = self.ended(at, outcome) {
                return end;
            }
            if let Err(end) = self.admit(at) {
                return end;
            }
            outcome = self.answers.pop_front().unwrap_or(Outcome::Fine);
        }
    }

    /// `None`: there is another attempt.
    fn ended(&mut self, at: &mut Plain, outcome: Outcome) -> Option<End> {
        at.in_flight -= 1;
        let failed = match outcome {
            Outcome::Fine | Outcome::Missing | Outcome::Unauthenticated => Some((false, false)),
            Outcome::Unavailable { .. } | Outcome::Cut | Outcome::Refused => Some((true, false)),
            Outcome::Throttled { .. } => None,
        };
        at.breaker.settle(self.ticket, failed, at.now);
        self.unsure |= matches!(outcome, Outcome::Cut);
        let (throttled, asked) = match outcome {
            Outcome::Fine => {
                at.set_tokens(at.tokens() + self.drawn.max(1));
                return Some(None);
            }
            Outcome::Unavailable { retry_after } => (false, retry_after),
            Outcome::Throttled { retry_after } => (true, retry_after),
            _ => (false, None),
        };
        if let Some(seconds) = asked {
            at.hold(seconds);
        }
        if matches!(outcome, Outcome::Unauthenticated) && !self.repaired {
            self.repaired = true;
            return None;
        }
        let once = self.operation.idempotency() == Idempotency::NonIdempotent;
        let over =
            |reason| Some(Some(if once && self.unsure { (ErrorKind::OutcomeUnknown, None) } else { (outcome.kind(), reason) }));
        let passes = !matches!(outcome, Outcome::Missing | Outcome::Unauthenticated);
        let harmless = !once || matches!(outcome, Outcome::Refused) && !self.unsure;
        let wait = asked.unwrap_or(0) * 1000;
        if !passes || self.retries == 2 || !harmless || wait > 120_000 || !self.has_time_for(wait, at.now) {
            return over(None);
        }
        let cost = if throttled { 5 } else { 14 };
        let Some(left) = at.tokens().checked_sub(cost) else { return over(Some(Reason::RetryBudget)) };
        at.set_tokens(left);
        (self.drawn, self.unspent) = (cost, cost);
        self.retries += 1;
        at.now += wait;
        None
    }
}

/// Attempts that are answered as the model is.
struct Work {
    /// The answer that the first attempt waits for, where it waits.
    gate: Option<Arc<Mutex<Option<Outcome>>>>,
    answers: Mutex<VecDeque<Outcome>>,
    hits: Arc<AtomicU32>,
}

impl Attempts for Work {
    type Output = ();

    async fn attempt(&self, attempt: Attempt) -> Result<()> {
        self.hits.fetch_add(1, Ordering::Relaxed);
        let outcome = match &self.gate {
            Some(gate) if attempt.number == 1 => {
                std::future::poll_fn(|_| gate.lock().unwrap().take().map_or(Poll::Pending, Poll::Ready)).await
            }
            _ => self.answers.lock().unwrap().pop_front().unwrap_or(Outcome::Fine),
        };
        outcome.error().map_or(Ok(()), Err)
    }

    async fn repair(&self, error: &Error) -> bool {
        error.is(ErrorKind::Unauthenticated)
    }
}

/// A real call that waits, beside the plain one.
struct Waiting {
    call: Pin<Box<dyn Future<Output = End>>>,
    gate: Arc<Mutex<Option<Outcome>>>,
    hits: Arc<AtomicU32>,
    plain: PlainCall,
}

struct Real {
    clock: Jumping,
    environment: Environment,
    policy: Policy,
    endpoint: Arc<Endpoint>,
}

impl Real {
    fn new() -> Self {
        let clock = Jumping::default();
        let (source, dice) = (Clock::from_source(clock.clone()), Random::from_source(Dice(0)));
        let environment = Environment::builder().clock(source).random(dice).build();
        let resilience = Resilience::new()
            .total_timeout(Duration::ZERO)
            .attempt_timeout(Duration::ZERO)
            .bulkhead(BulkheadSettings::new().max_in_flight(PLACES))
            .rate_limit(RateLimitSettings::new().slow_start(false))
            .retry(Retry::new().budget(BudgetSettings::new().tokens(TOKENS)));
        let policy = Policy::new(&environment, "", &resilience);
        let endpoint = policy.endpoint("");
        Self { clock, environment, policy, endpoint }
    }

    fn call(&self, operation: usize, work: Work, options: CallOptions) -> Pin<Box<dyn Future<Output = End>>> {
        let cx = CallContext::new(&self.environment, &WRITE, Some(options.into()));
        let (policy, endpoint) = (self.policy.clone(), Arc::clone(&self.endpoint));
        Box::pin(async move {
            let done = policy.execute(&cx, OPERATIONS[operation], &endpoint, &work).await;
            done.err().map(|error| (error.kind(), error.reason()))
        })
    }
}

fn poll(call: &mut Pin<Box<dyn Future<Output = End>>>) -> Option<End> {
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(end) => Some(end),
        Poll::Pending => None,
    }
}

proptest! {
    #[test]
    fn the_machine_does_what_the_model_does(steps in prop::collection::vec(step(), 1..120)) {
        let real = Real::new();
        let mut plain = Plain { now: 0, breaker: PlainBreaker::new(), tokens: TOKENS, paid: 0, opens: 0, in_flight: 0 };
        let mut waiting: Vec<Waiting> = Vec::new();
        for step in steps {
            match step {
                Do::Wait { millis } => {
                    real.clock.advance(Duration::from_millis(millis));
                    plain.now += millis;
                }
                Do::Hold { seconds } => {
                    real.endpoint.hold(Duration::from_secs(seconds));
                    plain.hold(seconds);
                }
                Do::Call { operation, ref answers, timeout } => {
                    let mut call = PlainCall::new(operation, answers, timeout.map(|timeout| plain.now + timeout));
                    let expected = match call.admit(&mut plain) {
                        Ok(()) => {
                            let first = call.answers.pop_front().unwrap_or(Outcome::Fine);
                            call.go_on(&mut plain, first)
                        }
                        Err(end) => end,
                    };
                    let hits = Arc::new(AtomicU32::new(0));
                    let answers = Mutex::new(answers.iter().copied().collect());
                    let options = timeout.map(|timeout| CallOptions::new().timeout(Duration::from_millis(timeout)));
                    let work = Work { gate: None, answers, hits: Arc::clone(&hits) };
                    let end = poll(&mut real.call(operation, work, options.unwrap_or_default()));
                    prop_assert_eq!(end, Some(expected), "{:?}", step);
                    prop_assert_eq!(hits.load(Ordering::Relaxed), call.hits, "{:?}", step);
                }
                Do::Begin { operation, ref answers } => {
                    let mut call = PlainCall::new(operation, answers, None);
                    let refused = call.admit(&mut plain).err();
                    let (gate, hits) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU32::new(0)));
                    let answers = Mutex::new(answers.iter().copied().collect());
                    let work = Work { gate: Some(Arc::clone(&gate)), answers, hits: Arc::clone(&hits) };
                    let mut begun = real.call(operation, work, CallOptions::new());
                    prop_assert_eq!(poll(&mut begun), refused, "{:?}", step);
                    if refused.is_none() {
                        waiting.push(Waiting { call: begun, gate, hits, plain: call });
                    }
                }
                Do::Answer { which, outcome } if which < waiting.len() => {
                    let mut answered = waiting.swap_remove(which);
                    *answered.gate.lock().unwrap() = Some(outcome);
                    let expected = answered.plain.go_on(&mut plain, outcome);
                    prop_assert_eq!(poll(&mut answered.call), Some(expected), "{:?}", step);
                    prop_assert_eq!(answered.hits.load(Ordering::Relaxed), answered.plain.hits, "{:?}", step);
                }
                Do::Drop { which } if which < waiting.len() => {
                    let dropped = waiting.swap_remove(which);
                    plain.breaker.settle(dropped.plain.ticket, None, plain.now);
                    plain.in_flight -= 1;
                }
                Do::Answer { .. } | Do::Drop { .. } => {}
            }
            let state = real.endpoint.state();
            prop_assert_eq!(real.clock.now().since_start(), Duration::from_millis(plain.now));
            prop_assert_eq!((state.in_flight, state.retry_tokens), (u64::from(plain.in_flight), plain.tokens()));
            prop_assert_eq!(state.held, Duration::from_millis(plain.opens.saturating_sub(plain.now)));
            let breaker = match plain.breaker.state() {
                State::Closed => BreakerState::Closed,
                State::Open { until } => BreakerState::Open { remaining: Duration::from_millis(until.saturating_sub(plain.now)) },
                State::HalfOpen { .. } => BreakerState::HalfOpen,
            };
            prop_assert_eq!(state.breaker, Some(breaker));
        }
        drop(waiting);
        prop_assert_eq!(real.endpoint.state().in_flight, 0);
    }
}
