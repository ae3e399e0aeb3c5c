//! What is measured: counts of a window of slots. Every call writes to the shard of its thread; whoever first comes to a new slot
//! puts the shards together.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Key, Label};

use super::{Measured, Objective, ObjectiveReport, Slo, SloReport, SloState, WINDOW};
use crate::resilience::shard::{Padded, SHARDS, mine};
use crate::telemetry::{SLO_BUDGET_LEFT, SLO_BURN_RATE, SLO_STATE, set_gauge};

/// How many slots the window has, and how many of them the burn rate looks at.
const SLOTS: u64 = 30;
const RECENT: u64 = 3;
/// Buckets of durations: eight per doubling of microseconds, to an hour and more.
const BUCKETS: usize = 8 * 30;
/// Objectives of latency there can be.
const LATENCIES: usize = 4;
/// Before so many calls, nothing is said.
const ENOUGH: u64 = 20;

/// The counts of one thread's shard, or of one slot.
struct Counts<N> {
    failed: N,
    good: N,
    /// Of the good ones those that were too slow, by objective.
    slow: [N; LATENCIES],
    buckets: [N; BUCKETS],
}

type Live = Counts<AtomicU32>;
type Slot = Counts<u64>;

impl<N: Default> Counts<N> {
    fn new() -> Self {
        let zeros = || std::array::from_fn(|_| N::default());
        Self { failed: N::default(), good: N::default(), slow: std::array::from_fn(|_| N::default()), buckets: zeros() }
    }
}

impl Slot {
    /// Adds what `of` gives for every count of a shard.
    fn add(&mut self, shard: &Live, of: impl Fn(&AtomicU32) -> u32) {
        self.failed += u64::from(of(&shard.failed));
        self.good += u64::from(of(&shard.good));
        self.slow.iter_mut().zip(&shard.slow).for_each(|(sum, own)| *sum += u64::from(of(own)));
        self.buckets.iter_mut().zip(&shard.buckets).for_each(|(sum, own)| *sum += u64::from(of(own)));
    }

    fn plus(&mut self, other: &Self) {
        self.failed += other.failed;
        self.good += other.good;
        self.slow.iter_mut().zip(&other.slow).for_each(|(sum, own)| *sum += own);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, own)| *sum += own);
    }
}

/// Measures the calls of a service.
pub(in crate::scope) struct Meter {
    objectives: Vec<Objective>,
    /// The limits of the objectives of latency, in their order.
    limits: Vec<Duration>,
    window: Duration,
    live: [Padded<Live>; SHARDS],
    /// The slot that the shards count for.
    current: AtomicU64,
    past: Mutex<Vec<Slot>>,
    gauges: Vec<[Key; 3]>,
}

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(8);
    let doublings = micros.ilog2();
    let eighth = (micros >> (doublings - 3)) & 7;
    ((doublings as usize - 3) * 8 + eighth as usize).min(BUCKETS - 1)
}

/// The end of a bucket.
fn upper(bucket: usize) -> Duration {
    Duration::from_micros((8 + bucket as u64 % 8 + 1) << (bucket / 8))
}

impl Meter {
    pub(in crate::scope) fn new(service: &str, slo: &Slo) -> Self {
        let objectives = slo.objectives();
        let gauges = |objective: &Objective| {
            [SLO_STATE, SLO_BUDGET_LEFT, SLO_BURN_RATE].map(|name| {
                let service = Label::new("circle.service", service.to_owned());
                Key::from_parts(name, vec![service, Label::from_static_parts("circle.objective", objective.name())])
            })
        };
        Self {
            limits: slo.latencies().map(|(_, within)| within).collect(),
            gauges: objectives.iter().map(gauges).collect(),
            objectives,
            window: slo.window.unwrap_or(WINDOW).max(Duration::from_secs(1)),
            live: std::array::from_fn(|_| Padded(Live::new())),
            current: AtomicU64::new(0),
            past: Mutex::new((0..SLOTS).map(|_| Slot::new()).collect()),
        }
    }

    fn slot(&self, now: Duration) -> u64 {
        let length = (self.window.as_nanos() / u128::from(SLOTS)).max(1);
        u64::try_from(now.as_nanos() / length).unwrap_or(u64::MAX)
    }

    /// Counts a call that ended `now`.
    pub(in crate::scope) fn record(&self, now: Duration, took: Duration, failed: bool) {
        let slot = self.slot(now);
        if slot > self.current.load(Ordering::Relaxed) {
            // Also so that the gauges are set while nobody asks for the health.
            let _ = self.report(now);
        }
        let shard = &self.live[mine()].0;
        if failed {
            shard.failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        shard.good.fetch_add(1, Ordering::Relaxed);
        shard.buckets[bucket(took)].fetch_add(1, Ordering::Relaxed);
        for (slow, limit) in shard.slow.iter().zip(&self.limits) {
            if took > *limit {
                slow.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Goes on to a slot: what the shards have counted belongs to the one before.
    fn turn(&self, slot: u64) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load(Ordering::Relaxed);
        if slot <= current {
            return;
        }
        let ended = &mut past[(current % SLOTS) as usize];
        self.live.iter().for_each(|shard| ended.add(&shard.0, |count| count.swap(0, Ordering::Relaxed)));
        // Those in between saw no call; of very many, all slots are.
        for next in current + 1..=slot.min(current + SLOTS) {
            past[(next % SLOTS) as usize] = Slot::new();
        }
        self.current.store(slot, Ordering::Relaxed);
    }

    /// How the calls stand.
    pub(in crate::scope) fn report(&self, now: Duration) -> SloReport {
        let slot = self.slot(now);
        self.turn(slot);
        let (mut all, mut recent) = (Slot::new(), Slot::new());
        {
            let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            let current = self.current.load(Ordering::Relaxed);
            for age in 0..SLOTS.min(current + 1) {
                let slot = &past[((current - age) % SLOTS) as usize];
                all.plus(slot);
                if age < RECENT {
                    recent.plus(slot);
                }
            }
            for shard in &self.live {
                all.add(&shard.0, |count| count.load(Ordering::Relaxed));
                recent.add(&shard.0, |count| count.load(Ordering::Relaxed));
            }
        }
        let mut latency = 0;
        let objectives: Vec<_> = self
            .objectives
            .iter()
            .map(|objective| {
                let of = |counts: &Slot| match objective {
                    Objective::Success { .. } => (counts.good + counts.failed, counts.failed),
                    Objective::Latency { .. } => (counts.good, counts.slow[latency]),
                };
                let (all_of, recent_of) = (of(&all), of(&recent));
                latency += usize::from(matches!(objective, Objective::Latency { .. }));
                stands(*objective, all_of, recent_of, &all)
            })
            .collect();
        let state = objectives.iter().map(|one| one.state).max().unwrap_or(SloState::Unmeasured);
        let report = SloReport { state, window: self.window, objectives };
        self.tell(&report);
        report
    }

    /// Sets the gauges.
    fn tell(&self, report: &SloReport) {
        for (one, [state, budget, burn]) in report.objectives.iter().zip(&self.gauges) {
            let Some(value) = one.state.gauge() else { continue };
            set_gauge(state, value);
            set_gauge(budget, one.budget_left);
            set_gauge(burn, one.burn_rate);
        }
    }
}

/// How one objective stands, by the calls that it speaks of and those of them that were bad.
fn stands(objective: Objective, (calls, bad): (u64, u64), recent: (u64, u64), all: &Slot) -> ObjectiveReport {
    let allowed = 1.0 - objective.share();
    // How much of what is allowed was used, of so many calls.
    let used = |(calls, bad): (u64, u64)| if calls == 0 { 0.0 } else { bad as f64 / calls as f64 / allowed };
    let (budget_left, burn_rate) = (1.0 - used((calls, bad)), used(recent));
    let state = match () {
        () if calls < ENOUGH => SloState::Unmeasured,
        // A rounding error of the division is no broken promise.
        () if budget_left < -1e-9 => SloState::Broken,
        () if budget_left < 0.25 || burn_rate > 2.0 => SloState::AtRisk,
        () => SloState::Met,
    };
    let measured = (calls > 0).then(|| match objective {
        Objective::Success { .. } => Measured::Share((calls - bad) as f64 / calls as f64),
        Objective::Latency { .. } => {
            let wanted = (calls as f64 * objective.share()).ceil() as u64;
            let mut seen = 0;
            let at = all.buckets.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            Measured::Within(upper(at.unwrap_or(BUCKETS - 1)))
        }
    });
    ObjectiveReport { objective, state, calls, bad, measured, budget_left, burn_rate }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Meter({:?} in {:?})", self.objectives, self.window)
    }
}
