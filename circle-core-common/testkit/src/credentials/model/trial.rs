//! One interleaving.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use circle_core_common::credentials::LOAD;
use circle_core_common::{CallContext, CallOptions, Environment, Random, RandomSource, Result, Timestamp};

use super::source::{End, LIFE};
use super::{CacheUnderTest, Issued, ModelSource};
use crate::ManualClock;

/// So long before its end a credential may count as ended: 30 s, or a tenth of its life.
const SKEW: Duration = Duration::from_secs(30);
/// From here on its refresh may be due: a fifth of its life before its end, and a fifth of what is before that earlier.
const EARLIEST_REFRESH: Duration = Duration::from_secs(LIFE.as_secs() * 4 / 5 * 4 / 5);
/// As long as a failure may be answered from memory.
const RECOVERY: Duration = Duration::from_secs(31);

type Answer = Result<(Issued, u64)>;

/// Somebody who waits.
struct Caller {
    tenant: usize,
    future: Pin<Box<dyn Future<Output = Answer> + Send>>,
    /// The newest version that had been given out when he asked, and all that had been refused.
    newest: u64,
    refused: BTreeSet<u64>,
}

/// What the model knows of one tenant.
#[derive(Default)]
struct Known {
    /// What was given out last, when it was issued, and its version.
    given: Option<(Issued, u64)>,
    newest: u64,
    refused: BTreeSet<u64>,
}

pub(super) struct Trial<C> {
    dice: Dice,
    clock: ManualClock,
    source: ModelSource,
    cache: Arc<C>,
    contexts: Vec<CallContext>,
    callers: Vec<Caller>,
    known: BTreeMap<usize, Known>,
    history: Vec<String>,
}

impl<C: CacheUnderTest> Trial<C> {
    pub(super) fn new(seed: u64, tenants: usize) -> Self {
        let (clock, dice, source) = (ManualClock::new(), Dice::new(seed), ModelSource::default());
        let random = Random::from_source(Dice::new(!seed));
        let environment = Environment::builder().clock(clock.clock()).random(random).build();
        let of = |tenant| {
            let options = CallOptions::new().tenant(name(tenant));
            CallContext::new(&environment, &LOAD, Some(Arc::new(options)))
        };
        Self {
            dice,
            clock,
            cache: Arc::new(C::over(source.clone())),
            source,
            contexts: (0..tenants).map(of).collect(),
            callers: Vec::new(),
            known: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    pub(super) fn history(&self) -> String {
        self.history.join(", ")
    }

    pub(super) async fn run(&mut self, steps: u32) -> Result<(), String> {
        for _ in 0..steps {
            self.step()?;
            self.settle().await;
            if self.source.most() > 1 {
                return Err("two loads of one tenant ran at once".to_owned());
            }
        }
        self.recover().await
    }

    fn step(&mut self) -> Result<(), String> {
        let tenant = self.dice.below(self.contexts.len());
        match self.dice.below(12) {
            0..4 => self.ask(tenant),
            4..6 => self.poll_one(),
            6 => {
                self.drop_one();
                Ok(())
            }
            7..10 => {
                let end = [End::Issues, End::Issues, End::Passes, End::Stays][self.dice.below(4)];
                self.note(format!("{} {end:?}", name(tenant)));
                self.source.end(&name(tenant), end);
                Ok(())
            }
            10 => {
                let wait = Duration::from_secs([1, 29, 61, 200, 400, 700][self.dice.below(6)]);
                self.note(format!("{} s pass", wait.as_secs()));
                self.clock.advance(wait);
                Ok(())
            }
            _ => {
                self.refuse(tenant);
                Ok(())
            }
        }
    }

    /// A new caller, who is served at once where something good is held.
    fn ask(&mut self, tenant: usize) -> Result<(), String> {
        self.note(format!("{} asks", name(tenant)));
        let (cache, cx) = (Arc::clone(&self.cache), self.contexts[tenant].clone());
        let known = self.known.entry(tenant).or_default();
        let (newest, refused) = (known.newest, known.refused.clone());
        let future = Box::pin(async move { cache.get(&cx).await });
        let mut caller = Caller { tenant, future, newest, refused };
        let (is_good, is_fresh) = self.holds(tenant);
        let begun = self.source.begun(&name(tenant));
        let polled = poll(&mut caller);
        if is_good && !matches!(polled, Poll::Ready(Ok(_))) {
            let what = if polled.is_ready() { "got an error" } else { "had to wait" };
            return Err(format!("{} {what} although something good was held", name(tenant)));
        }
        if is_fresh && self.source.begun(&name(tenant)) != begun {
            return Err(format!("what {} holds was loaded again long before its end", name(tenant)));
        }
        match polled {
            Poll::Ready(answer) => self.check(&caller, answer),
            Poll::Pending => {
                self.callers.push(caller);
                Ok(())
            }
        }
    }

    /// Whether something is held that is good, and whether it is so for long.
    fn holds(&self, tenant: usize) -> (bool, bool) {
        let known = self.known.get(&tenant);
        let held = known.and_then(|known| known.given.as_ref().filter(|(_, version)| !known.refused.contains(version)));
        let Some((issued, _)) = held else { return (false, false) };
        let left = issued.expires_at.since(self.now());
        (left > SKEW.min(LIFE / 10), left > LIFE - EARLIEST_REFRESH)
    }

    fn poll_one(&mut self) -> Result<(), String> {
        if self.callers.is_empty() {
            return Ok(());
        }
        let at = self.dice.below(self.callers.len());
        self.note(format!("{} goes on", name(self.callers[at].tenant)));
        self.poll_at(at).map(drop)
    }

    /// Polls a caller; whether he has an answer now.
    fn poll_at(&mut self, at: usize) -> Result<bool, String> {
        let Poll::Ready(answer) = poll(&mut self.callers[at]) else { return Ok(false) };
        let caller = self.callers.swap_remove(at);
        self.check(&caller, answer)?;
        Ok(true)
    }

    fn drop_one(&mut self) {
        if !self.callers.is_empty() {
            let at = self.dice.below(self.callers.len());
            let caller = self.callers.swap_remove(at);
            self.note(format!("{} is cancelled", name(caller.tenant)));
        }
    }

    fn refuse(&mut self, tenant: usize) {
        let Some((_, version)) = self.known.get(&tenant).and_then(|known| known.given.clone()) else { return };
        self.note(format!("{} is refused", name(tenant)));
        self.cache.invalidate(version);
        if let Some(known) = self.known.get_mut(&tenant) {
            known.refused.insert(version);
        }
    }

    fn check(&mut self, caller: &Caller, answer: Answer) -> Result<(), String> {
        let Ok((issued, version)) = answer else { return Ok(()) };
        let who = name(caller.tenant);
        if issued.tenant != who {
            return Err(format!("{who} got what is {}'s", issued.tenant));
        }
        if issued.expires_at <= self.now() {
            return Err(format!("{who} got what had ended"));
        }
        if caller.refused.contains(&version) {
            return Err(format!("{who} got what had been refused before he asked"));
        }
        if issued.serial < caller.newest {
            return Err(format!("{who} got an older one than what had been given out before he asked"));
        }
        let known = self.known.entry(caller.tenant).or_default();
        if issued.serial >= known.newest {
            known.newest = issued.serial;
            known.given = Some((issued, version));
        }
        Ok(())
    }

    /// Lets the refreshes run that the cache has spawned.
    async fn settle(&self) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }

    /// The source works again: everybody who waits gets his answer, and half a minute later whoever asks.
    async fn recover(&mut self) -> Result<(), String> {
        self.note("the source works".to_owned());
        self.source.heal();
        // Those who wait for one load may get it one after the other, in another order than they are polled.
        for _ in 0..8 + 4 * self.callers.len() {
            self.settle().await;
            let mut at = 0;
            while at < self.callers.len() {
                if !self.poll_at(at)? {
                    at += 1;
                }
            }
        }
        if let Some(caller) = self.callers.first() {
            return Err(format!("{} waits although nothing runs any more", name(caller.tenant)));
        }
        self.clock.advance(RECOVERY);
        for tenant in 0..self.contexts.len() {
            self.ask(tenant)?;
            for _ in 0..8 {
                self.settle().await;
                if !self.callers.is_empty() {
                    self.poll_at(0)?;
                }
            }
            let served = self.known.get(&tenant).is_some_and(|known| known.given.is_some());
            if !self.callers.is_empty() || !served || !self.holds(tenant).0 {
                return Err(format!("{} gets nothing although the source has worked for {RECOVERY:?}", name(tenant)));
            }
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.clock.clock().timestamp()
    }

    fn note(&mut self, what: String) {
        self.history.push(what);
    }
}

fn poll(caller: &mut Caller) -> Poll<Answer> {
    caller.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A tenant's name.
fn name(tenant: usize) -> String {
    format!("tenant {tenant}")
}

/// Throws that a seed decides: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
struct Dice(Mutex<u64>);

impl Dice {
    fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give neighbouring throws.
        Self(Mutex::new(seed.wrapping_mul(0xD134_2543_DE82_EF95)))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }
}

impl RandomSource for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
