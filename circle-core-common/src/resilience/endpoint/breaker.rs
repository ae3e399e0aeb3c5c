//! The circuit breaker of one endpoint: lock-free, with one reserved probe.

use std::time::Duration;

use super::BreakerState;
use super::atomic::{AtomicU64, Ordering};
use super::shard::{SHARDS, mine};
use super::window::{SLOTS, Window, sum};
use crate::resilience::Resolved;

/// What an attempt was admitted with: its result counts only while the breaker is still in the state that admitted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resilience) struct Ticket {
    generation: u16,
    probe: bool,
}

/// Why an attempt was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resilience) enum Refusal {
    Open {
        remaining: Duration,
    },
    /// Another attempt is probing.
    Probing,
    Isolated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open,
    HalfOpen,
    Isolated,
}

/// The whole state in one word, so that each transition is one compare-and-swap:
/// `until (38 bits of milliseconds: 8 years) | generation (15) | streak (4) | successes (4) | probe (1) | phase (2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    until: u64,
    generation: u16,
    /// How often it has opened since it was last closed, for the doubling.
    streak: u32,
    successes: u32,
    probe: bool,
    phase: Phase,
}

const GENERATIONS: u16 = 1 << 15;
const UNTIL_MAX: u64 = (1 << 38) - 1;

impl Word {
    const CLOSED: Self = Self { until: 0, generation: 0, streak: 0, successes: 0, probe: false, phase: Phase::Closed };

    #[inline]
    fn read(word: u64) -> Self {
        Self {
            until: word >> 26,
            generation: (word >> 11) as u16 & (GENERATIONS - 1),
            streak: (word >> 7) as u32 & 15,
            successes: (word >> 3) as u32 & 15,
            probe: word >> 2 & 1 == 1,
            phase: match word & 3 {
                0 => Phase::Closed,
                1 => Phase::Open,
                2 => Phase::HalfOpen,
                _ => Phase::Isolated,
            },
        }
    }

    fn write(self) -> u64 {
        self.until.min(UNTIL_MAX) << 26
            | u64::from(self.generation) << 11
            | u64::from(self.streak.min(15)) << 7
            | u64::from(self.successes.min(15)) << 3
            | u64::from(self.probe) << 2
            | self.phase as u64
    }

    /// The same in another phase, so that every ticket of the old one is stale.
    fn turn(self, phase: Phase) -> Self {
        let generation = (self.generation + 1) % GENERATIONS;
        Self { phase, generation, successes: 0, probe: false, until: 0, ..self }
    }

    fn state(self, now: u64) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open => BreakerState::Open { remaining: Duration::from_millis(self.until.saturating_sub(now)) },
            Phase::HalfOpen => BreakerState::HalfOpen,
            Phase::Isolated => BreakerState::Isolated,
        }
    }
}

/// Times are on the clock of the calls, counted from its beginning.
#[derive(Debug)]
pub(in crate::resilience) struct Breaker {
    /// Read by every call and written by transitions only, so that threads share the cache line.
    word: AtomicU64,
    windows: [Window; SHARDS],
    slot: u64,
    min_calls: u64,
    failure_ratio: f64,
    open: Duration,
    open_max: Duration,
    close_after: u32,
    slow: Option<Slow>,
}

/// How many attempts were slow, where that opens the breaker too.
#[derive(Debug)]
struct Slow {
    after: Duration,
    ratio: f64,
    windows: Box<[Window; SHARDS]>,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(UNTIL_MAX)
}

impl Breaker {
    pub(super) fn new(settings: &Resolved) -> Self {
        Self {
            word: AtomicU64::new(Word::CLOSED.write()),
            windows: Default::default(),
            slot: (millis(settings.window) / SLOTS).max(1),
            min_calls: u64::from(settings.min_calls.max(1)),
            failure_ratio: settings.failure_ratio,
            open: settings.open,
            open_max: settings.open_max,
            close_after: settings.close_after.clamp(1, 15),
            slow: settings.slow_after.map(|after| Slow { after, ratio: settings.slow_ratio, windows: Box::default() }),
        }
    }

    #[inline]
    fn load(&self) -> Word {
        Word::read(self.word.load(Ordering::Acquire))
    }

    fn swap(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.write(), to.write(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn state(&self, now: Duration) -> BreakerState {
        self.load().state(millis(now))
    }

    /// Admits an attempt of a closed breaker: the way of almost every call.
    #[inline]
    pub(in crate::resilience) fn admit_closed(&self) -> Option<Ticket> {
        let word = self.load();
        (word.phase == Phase::Closed).then_some(Ticket { generation: word.generation, probe: false })
    }

    /// Admits an attempt, or says why not. The second value is a state that it has just entered.
    pub(in crate::resilience) fn admit(&self, now: Duration) -> (Result<Ticket, Refusal>, Option<BreakerState>) {
        loop {
            let word = self.load();
            let (probing, entered) = match word.phase {
                Phase::Closed => return (Ok(Ticket { generation: word.generation, probe: false }), None),
                Phase::Isolated => return (Err(Refusal::Isolated), None),
                Phase::HalfOpen if word.probe => return (Err(Refusal::Probing), None),
                Phase::HalfOpen => (Word { probe: true, ..word }, None),
                Phase::Open => match word.until.saturating_sub(millis(now)) {
                    0 => (Word { probe: true, ..word.turn(Phase::HalfOpen) }, Some(BreakerState::HalfOpen)),
                    left => return (Err(Refusal::Open { remaining: Duration::from_millis(left) }), None),
                },
            };
            if self.swap(word, probing) {
                return (Ok(Ticket { generation: probing.generation, probe: true }), entered);
            }
        }
    }

    /// Whether the breaker is still in the state that gave this ticket.
    pub(in crate::resilience) fn is_current(&self, ticket: Ticket) -> bool {
        self.load().generation == ticket.generation
    }

    /// Counts a result; answers the state that it led to, if it led to another. A slow probe is as bad as one that failed.
    /// `jitter` is a number in `0.0..1.0`.
    pub(in crate::resilience) fn settle(
        &self,
        ticket: Ticket,
        failed: bool,
        took: Duration,
        now: Duration,
        jitter: impl FnOnce() -> f64,
    ) -> Option<BreakerState> {
        let now = millis(now);
        let slow = self.slow.as_ref().filter(|slow| took >= slow.after);
        if !ticket.probe {
            if !self.is_current(ticket) {
                return None;
            }
            let (stamp, generation) = (now / self.slot, u64::from(ticket.generation));
            self.windows[mine()].record(stamp, generation, failed);
            if let Some(counted) = &self.slow {
                counted.windows[mine()].record(stamp, generation, slow.is_some());
            }
            let reaches = |windows: &[Window; SHARDS], ratio: f64| self.reaches(ratio, sum(windows, stamp, generation));
            let failing = failed && reaches(&self.windows, self.failure_ratio);
            if !failing && !slow.is_some_and(|slow| reaches(&slow.windows, slow.ratio)) {
                return None;
            }
        }
        let failed = failed || slow.is_some();
        let jitter = if failed { jitter() } else { 0.0 };
        loop {
            let word = self.load();
            if word.generation != ticket.generation {
                return None;
            }
            let next = match (failed, word.phase) {
                (true, Phase::Closed | Phase::HalfOpen) => Word {
                    until: now + millis(self.open_for(word.streak, jitter)),
                    streak: (word.streak + 1).min(15),
                    ..word.turn(Phase::Open)
                },
                (false, Phase::HalfOpen) if word.successes + 1 >= self.close_after => {
                    Word { streak: 0, ..word.turn(Phase::Closed) }
                }
                (false, Phase::HalfOpen) => Word { successes: word.successes + 1, probe: false, ..word },
                _ => return None,
            };
            if self.swap(word, next) {
                return (next.phase != word.phase).then(|| next.state(now));
            }
        }
    }

    /// Gives a ticket back whose attempt came to nothing: a probe's place becomes free.
    pub(super) fn release(&self, ticket: Ticket) {
        loop {
            let word = self.load();
            let holds = ticket.probe && word.generation == ticket.generation && word.phase == Phase::HalfOpen;
            if !holds || self.swap(word, Word { probe: false, ..word }) {
                return;
            }
        }
    }

    /// Enters `Isolated`, or `Closed` with nothing counted.
    pub(super) fn force(&self, isolated: bool) {
        let phase = if isolated { Phase::Isolated } else { Phase::Closed };
        loop {
            let word = self.load();
            if self.swap(word, Word { streak: 0, ..word.turn(phase) }) {
                return;
            }
        }
    }

    /// The attempts and failures in the window.
    #[cfg(test)]
    pub(in crate::resilience) fn counted(&self, now: Duration) -> (u64, u64) {
        sum(&self.windows, millis(now) / self.slot, u64::from(self.load().generation))
    }

    fn reaches(&self, ratio: f64, (calls, bad): (u64, u64)) -> bool {
        calls >= self.min_calls && bad as f64 >= ratio * calls as f64
    }

    /// Doubling, and up to a tenth shorter, so that the breakers of many processes do not probe together.
    fn open_for(&self, streak: u32, jitter: f64) -> Duration {
        let doubled = self.open.saturating_mul(1 << streak.min(15)).min(self.open_max.max(self.open));
        doubled - doubled.mul_f64(jitter.clamp(0.0, 1.0) / 10.0)
    }
}

#[cfg(test)]
#[path = "breaker/tests.rs"]
pub(super) mod tests;
