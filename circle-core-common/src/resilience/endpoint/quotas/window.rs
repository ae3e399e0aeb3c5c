//! One quota: what is left of it now.

use std::time::Duration;

use crate::resilience::{LimitUnit, RateLimit, Refill};

/// How far two answers may differ in when they say that a window ends: services round to seconds.
const ROUNDING: Duration = Duration::from_secs(2);
/// The part of a bucket of unknown amounts that must be back before anything is tried.
const WORTHWHILE: u32 = 10;

/// A quota that the service tells of.
#[derive(Debug)]
pub(super) struct Window {
    /// The first start that it counts.
    pub(super) opened: u64,
    /// When the service last told of it.
    pub(super) heard: Duration,
    /// How many starts there were then: a later one's answer is certainly newer.
    heard_at_start: u64,
    limit: Option<u64>,
    /// The least that the service has said to be left, of what it had counted then.
    least: u64,
    /// Starts without an answer.
    unanswered: u64,
    /// Answers since then that told nothing.
    silent: u64,
    /// How many starts there were at the last of them: what a later one tells has counted them all.
    silent_at_start: u64,
    filling: Filling,
    /// Whether a start takes one; else nobody knows how much.
    counts: bool,
    near: bool,
    /// When the next start has its turn, where what is left is spread.
    turn: Duration,
    /// When something was last tried although nothing was left.
    tried: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Filling {
    /// Nothing is known yet.
    Unknown,
    /// All is back at `until`. `length` is the most that it ever had to go: windows after this one are taken to last as long.
    /// `guessed` is one that began when the one before was over.
    Window { until: Duration, length: Duration, guessed: bool },
    /// So many come back each second.
    Bucket { per_second: f64, full: Duration },
}

impl Window {
    /// A quota of which nothing is known yet.
    pub(super) fn unknown(opened: u64) -> Self {
        Self {
            opened,
            heard: Duration::ZERO,
            heard_at_start: 0,
            limit: None,
            least: 0,
            unanswered: 0,
            silent: 0,
            silent_at_start: 0,
            filling: Filling::Unknown,
            counts: true,
            near: false,
            turn: Duration::ZERO,
            tried: Duration::ZERO,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.filling == Filling::Unknown
    }

    /// Whether it has begun anew, and nothing is known of what follows.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        match self.filling {
            Filling::Unknown => true,
            Filling::Window { until, .. } => until <= now,
            Filling::Bucket { full, .. } => full <= now && self.unanswered == 0,
        }
    }

    /// Whether a start is counted in what runs now; after a long wait another window may have begun.
    pub(super) fn has_counted(&self, start: u64, now: Duration) -> bool {
        match self.filling {
            Filling::Window { until, .. } => self.opened <= start && now < until,
            Filling::Unknown | Filling::Bucket { .. } => true,
        }
    }

    /// Begins the next window when this one is over: as many as the service has said that a window has.
    pub(super) fn turn_over(&mut self, now: Duration, next_start: u64) {
        let Filling::Window { until, length, .. } = self.filling else { return };
        if until > now {
            return;
        }
        (self.opened, self.unanswered, self.silent) = (next_start, 0, 0);
        self.filling = match self.limit {
            Some(limit) if !length.is_zero() => {
                self.least = limit;
                Filling::Window { until: now.saturating_add(length), length, guessed: true }
            }
            _ => Filling::Unknown,
        };
    }

    /// How many are left.
    pub(super) fn left(&self, now: Duration) -> u64 {
        let told = match self.filling {
            Filling::Unknown => return u64::MAX,
            Filling::Window { .. } => self.least,
            Filling::Bucket { per_second, .. } => {
                let back = now.saturating_sub(self.heard).as_secs_f64() * per_second;
                self.least.saturating_add(back as u64).min(self.limit.unwrap_or(u64::MAX))
            }
        };
        if self.counts { told.saturating_sub(self.unanswered.saturating_add(self.silent)) } else { told }
    }

    /// How long nothing goes; zero while some are left. Whatever the service says, one is tried every `longest`.
    pub(super) fn closed_for(&self, now: Duration, longest: Duration) -> Duration {
        let left = self.left(now);
        let opens = match self.filling {
            _ if left > 0 && self.counts || self.least > 0 && !self.counts => return Duration::ZERO,
            Filling::Unknown => return Duration::ZERO,
            Filling::Window { until, .. } => until,
            Filling::Bucket { full, .. } if !self.counts => {
                self.heard.saturating_add(full.saturating_sub(self.heard) / WORTHWHILE)
            }
            Filling::Bucket { per_second, full } => {
                let missing = self.unanswered.saturating_add(self.silent).saturating_add(1).saturating_sub(self.least);
                let wait = Duration::try_from_secs_f64(missing as f64 / per_second).unwrap_or(Duration::MAX);
                // Behind the moment when it would be full, what is on its way takes nothing any more.
                self.heard.saturating_add(wait).min(full.max(self.heard))
            }
        };
        opens.min(self.heard.max(self.tried).saturating_add(longest)).saturating_sub(now)
    }

    /// Counts a start, and says how long it should wait for its turn: zero for one without that much patience.
    pub(super) fn start(&mut self, now: Duration, patience: Duration, longest: Duration, pace: f64) -> Duration {
        let left = self.left(now);
        if self.counts {
            self.unanswered += 1;
        }
        let nothing_left = if self.counts { left == 0 } else { self.least == 0 };
        if nothing_left && !self.is_unknown() {
            self.tried = now;
        }
        let (Filling::Window { until, guessed: false, .. }, Some(limit), true) = (self.filling, self.limit, self.counts) else {
            return Duration::ZERO;
        };
        let are_few = left <= (limit as f64 * pace) as u64 || self.near && pace > 0.0;
        // A window that lasts for hours is no reason to let anybody wait for them.
        if left == 0 || !are_few || until.saturating_sub(now) > longest {
            return Duration::ZERO;
        }
        let turn = self.turn.max(now);
        let wait = turn.saturating_sub(now);
        if wait > patience {
            return Duration::ZERO;
        }
        let each = u32::try_from(left).map_or(Duration::ZERO, |left| until.saturating_sub(turn) / left);
        self.turn = turn.saturating_add(each);
        wait
    }

    /// A start that it counts has its answer.
    pub(super) fn answered(&mut self, start: u64) {
        if start >= self.opened && self.counts {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
    }

    /// And the answer told nothing of it.
    pub(super) fn silent(&mut self, start: u64, starts: u64) {
        if start >= self.opened && self.counts && !self.is_unknown() {
            self.silent += 1;
            self.silent_at_start = starts;
        }
    }

    /// Hears what the answer to `start` says; of `starts` so far. `false` when it says nothing that could be heeded.
    pub(super) fn hear(&mut self, now: Duration, start: u64, starts: u64, told: &RateLimit, reset: Option<Duration>) -> bool {
        let Some(remaining) = told.remaining else { return false };
        if matches!(self.filling, Filling::Window { guessed: true, .. }) && start < self.opened {
            // A late answer, of the window before.
            return true;
        }
        let newer = start > self.heard_at_start;
        let until = reset.map(|reset| now.saturating_add(reset));
        let bucket = told.refill == Refill::Steadily;
        let another = match (self.filling, until) {
            (Filling::Unknown, None) => return false,
            (_, None) => false,
            (Filling::Window { until: known, guessed, .. }, Some(until)) if !bucket => {
                guessed && newer || until > known.saturating_add(ROUNDING) || known <= now
            }
            (Filling::Bucket { .. }, Some(_)) if bucket => newer || remaining < self.left(now),
            (_, Some(_)) => true,
        };
        self.counts = told.unit == LimitUnit::Requests;
        self.limit = told.limit.or(self.limit);
        self.near = told.near;
        if let (true, Some(until)) = (another, until) {
            let reset = until.saturating_sub(now);
            self.filling = if bucket {
                let whole = self.limit.unwrap_or_else(|| remaining.saturating_add(1));
                // A full bucket has no time to go: it fills as fast as it did before.
                let per_second = match (whole.saturating_sub(remaining), self.filling) {
                    (missing, _) if missing > 0 && !reset.is_zero() => missing as f64 / reset.as_secs_f64(),
                    (_, Filling::Bucket { per_second, .. }) => per_second,
                    (missing, _) => missing.max(1) as f64 / reset.as_secs_f64().max(1.0),
                };
                Filling::Bucket { per_second, full: until }
            } else {
                let longest = if let Filling::Window { length, .. } = self.filling { length } else { Duration::ZERO };
                Filling::Window { until, length: longest.max(reset), guessed: false }
            };
        }
        // What was on its way when the service began another window may be counted in that one.
        if another || newer || remaining < self.least {
            self.least = remaining;
            if start > self.silent_at_start {
                self.silent = 0;
            }
            (self.heard, self.heard_at_start) = (now, starts);
        }
        true
    }
}
