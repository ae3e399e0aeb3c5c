//! Who goes first when a service that had too many requests takes some again.
//!
//! Without it everybody who has waited goes at once, and nearly all are refused again. It is the slow start of TCP: as many go
//! as the service took the last time, and behind them one, two, four at a time, as long as they are taken. A request counts as
//! taken when it is answered, or was not refused for a second: refusals come soon, answers of a model may not.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;

/// After how long without a refusal nothing is limited any more.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// A request that was not refused for so long is taken.
const SOON: Duration = Duration::from_secs(1);

/// How many may go at a time at most, where the service has never taken more in one go.
const WIDEST: u32 = 64;

/// When so many may, and nobody waits, nothing is limited any more.
const WIDE: u32 = 8;

/// The slow start of one endpoint. Between refusals that lie far apart it is a single load.
#[derive(Debug, Default)]
pub(in crate::resilience) struct SlowStart {
    on: AtomicBool,
    state: Mutex<State>,
    waiting: AtomicU32,
    freed: Notify,
}

/// What an attempt goes with; its end has to be told, or the turn [given back](SlowStart::give_back).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resilience) struct Turn {
    round: u32,
    /// The second in which it was given: of an earlier one it is taken for taken already.
    second: u16,
    /// Whether the attempt has gone out.
    gone: bool,
    /// Whether it is one of those at a time.
    narrow: bool,
}

/// From one refusal to the next is a round.
#[derive(Debug, Default)]
struct State {
    round: u32,
    began: Duration,
    /// How many may still go without being counted at a time: what the service took the last time.
    free: u32,
    /// As many as that were at the beginning of the round.
    granted: u32,
    /// How many the service took the last time, as far as is known: late refusals lower it.
    took: u32,
    /// How many of the others may go at a time, and how many are on their way.
    width: u32,
    narrow: u32,
    /// When the width has last grown by itself, and how often in this round.
    grown: Duration,
    second: u16,
    /// How many have gone in this round.
    gone: u32,
    /// The most that were taken in a round.
    most: u32,
    /// How many of the free are on their way: until they are taken, what goes behind them proves nothing.
    ahead: u32,
    /// By how much of a twentieth the round begins later than the service said: a number from 0 to 1, the same for all.
    later: Option<f64>,
}

impl State {
    /// A new round from when the service takes some again, with so many who may go before the others are counted at a time.
    fn turn(&mut self, now: Duration, opens: Duration, free: u32, width: u32) {
        let (round, most) = (self.round.wrapping_add(1), self.most.max(free));
        *self = Self { round, began: now, grown: opens, free, granted: free, width, most, ..Self::default() };
    }

    /// How many of those that were taken may go at once the next time: a round that reaches into two of the service's windows has
    /// taken those of both.
    fn bounded(&self, taken: u32) -> u32 {
        if self.granted == 0 { taken } else { taken.min(self.granted.saturating_add(self.granted / 8 + 1)) }
    }

    fn widen(&mut self, by: u32) {
        self.width = self.width.saturating_add(by).min(WIDEST.max(self.most));
    }

    fn take(&mut self, now: Duration) -> Option<Turn> {
        if now.saturating_sub(self.grown) >= SOON {
            let taken = std::mem::take(&mut self.narrow);
            self.ahead = 0;
            self.widen(taken);
            self.grown = now;
            self.second = self.second.wrapping_add(1);
        }
        let narrow = self.free == 0;
        if narrow && self.narrow >= self.width {
            return None;
        }
        if narrow {
            self.narrow += 1;
        } else {
            self.free -= 1;
            self.ahead += 1;
        }
        Some(Turn { round: self.round, second: self.second, gone: false, narrow })
    }

    /// A turn is over that was still counted. Whether it was one of those at a time.
    fn end(&mut self, turn: Turn) -> bool {
        let counts = turn.second == self.second;
        let on_its_way = if turn.narrow { &mut self.narrow } else { &mut self.ahead };
        *on_its_way = on_its_way.saturating_sub(u32::from(counts));
        turn.narrow && counts
    }

    fn turns(&self) -> u32 {
        self.free + self.width.saturating_sub(self.narrow)
    }
}

impl SlowStart {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether turns are given out at all.
    #[inline]
    pub(in crate::resilience) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Whether an attempt that was admitted with this may still go.
    #[inline]
    pub(in crate::resilience) fn is_current(&self, turn: Option<Turn>) -> bool {
        !self.is_on() || turn.is_some_and(|turn| turn.round == self.lock().round)
    }

    /// A turn, if there is one and nobody waits for it.
    pub(in crate::resilience) fn enter(&self, now: Duration) -> Option<Turn> {
        if self.waiting.load(Ordering::SeqCst) > 0 { None } else { self.lock().take(now) }
    }

    /// Waits for a turn, one behind the other; `None` where nothing is limited any more. Dropping it leaves the queue.
    pub(in crate::resilience) async fn queue(&self, clock: &Clock) -> Option<Turn> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waits = Waits(self);
        let mut sleep = clock.sleep(SOON);
        loop {
            let mut freed = pin!(self.freed.notified());
            // In line before looking, so that a turn that comes in between wakes somebody.
            freed.as_mut().enable();
            loop {
                if !self.is_on() {
                    self.wake(u32::MAX);
                    return None;
                }
                if let Some(turn) = self.lock().take(clock.now().since_start()) {
                    return Some(turn);
                }
                // Whoever was in line before keeps his place.
                let woken = poll_fn(|context| match freed.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(true),
                    Poll::Pending => Pin::new(&mut sleep).poll(context).map(|()| false),
                });
                if woken.await {
                    break;
                }
                sleep = clock.sleep(SOON);
            }
        }
    }

    /// How long those with a turn wait for the service to take some again: up to a twentieth longer than it said, since other
    /// processes wait for the same moment. All of this one the same: as many as the service took in one go, it takes so again.
    pub(in crate::resilience) fn spread(&self, gate: Duration, unit: impl FnOnce() -> f64) -> Duration {
        let later = *self.lock().later.get_or_insert_with(unit);
        gate.saturating_add(gate.mul_f64(later / 20.0))
    }

    /// The attempt goes out with its turn.
    pub(in crate::resilience) fn went(&self, turn: &mut Turn) {
        let mut state = self.lock();
        turn.gone = true;
        if turn.round == state.round {
            state.gone += 1;
        }
    }

    /// The service had too many requests. `told` is how long it will take none, where it said that: only then as many go at once
    /// as it took. `running` is how many are on their way, where nobody has counted yet.
    pub(in crate::resilience) fn refused(&self, turn: Option<Turn>, told: Option<Duration>, running: u64, now: Duration) {
        let opens = now.saturating_add(told.unwrap_or_default());
        let turns = {
            let mut state = self.lock();
            // Of a single refusal without a time nobody knows how long it holds.
            if !self.is_on() && told.is_none() {
                return;
            }
            if !self.on.swap(true, Ordering::Relaxed) {
                let width = u32::try_from(running / 2).unwrap_or(u32::MAX).clamp(1, WIDEST);
                state.most = 0;
                state.turn(now, opens, 0, width);
            } else {
                match turn {
                    Some(turn) if turn.round == state.round => {
                        // The others that have gone are taken for taken until they are refused as well.
                        let taken = state.gone.saturating_sub(1);
                        let free = if told.is_some() { state.bounded(taken) } else { 0 };
                        state.turn(now, opens, free, 1);
                        state.took = taken;
                    }
                    Some(turn) if turn.round.wrapping_add(1) == state.round => {
                        state.took = state.took.saturating_sub(1);
                        if state.took < state.granted {
                            state.granted = state.took;
                            state.free = state.free.saturating_sub(1);
                        }
                    }
                    _ => {}
                }
            }
            // A late refusal may have moved the opening.
            state.grown = state.grown.max(opens);
            state.turns()
        };
        self.wake(turns);
    }

    /// The service has taken the request.
    pub(in crate::resilience) fn taken(&self, turn: Turn, now: Duration) {
        let turns = {
            let mut state = self.lock();
            if turn.round != state.round {
                return;
            }
            if state.end(turn) && state.free == 0 && state.ahead == 0 {
                state.widen(1);
            }
            let wide = state.free == 0 && state.width >= WIDE;
            let alone = self.waiting.load(Ordering::SeqCst) == 0;
            if alone && (wide || now.saturating_sub(state.began) > FORGOTTEN) {
                self.on.store(false, Ordering::Relaxed);
            }
            state.turns()
        };
        self.wake(turns);
    }

    /// The attempt came to nothing that says anything.
    pub(in crate::resilience) fn give_back(&self, turn: Turn) {
        {
            let mut state = self.lock();
            if turn.round != state.round {
                return;
            }
            if turn.gone {
                state.gone = state.gone.saturating_sub(1);
            }
            state.end(turn);
            if !turn.narrow {
                state.free += 1;
            }
        }
        self.wake(1);
    }

    fn wake(&self, turns: u32) {
        let waiting = self.waiting.load(Ordering::SeqCst);
        (0..turns.min(waiting)).for_each(|_| self.freed.notify_one());
    }
}

struct Waits<'a>(&'a SlowStart);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    impl SlowStart {
        /// All the turns that there are, whoever waits.
        fn all(&self, now: Duration) -> Vec<Turn> {
            let one = || {
                let mut turn = self.lock().take(now)?;
                self.went(&mut turn);
                Some(turn)
            };
            std::iter::from_fn(one).take(10_000).collect()
        }

        /// Lets go until at least so many are taken, and says how many those are.
        fn taken_until(&self, least: usize) -> usize {
            let mut taken = 0;
            while taken < least {
                let turns = self.all(NOW);
                taken += turns.len();
                self.taken_in_a_crowd(turns);
            }
            taken
        }

        /// As while others wait: it stays on.
        fn taken_in_a_crowd(&self, turns: impl IntoIterator<Item = Turn>) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            turns.into_iter().for_each(|turn| self.taken(turn, NOW));
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn refused_once() -> SlowStart {
        let start = SlowStart::default();
        start.refused(None, Some(Duration::ZERO), 1, NOW);
        start
    }

    #[test]
    fn it_doubles_while_they_are_taken_and_ends_when_nobody_waits() {
        let start = SlowStart::default();
        assert!(!start.is_on() && start.is_current(None));
        start.refused(None, Some(Duration::ZERO), 1, NOW);
        assert!(start.is_on() && !start.is_current(None));
        for expected in [1, 2, 4, 8, 16, 32, 64, 64] {
            let turns = start.all(NOW);
            assert_eq!(turns.len(), expected);
            start.taken_in_a_crowd(turns);
        }
        let last = start.enter(NOW).unwrap();
        start.taken(last, NOW);
        assert!(!start.is_on());
    }

    #[test]
    fn it_begins_with_half_of_what_was_on_its_way() {
        for (running, expected) in [(0, 1), (1, 1), (20, 10), (1000, 64)] {
            let start = SlowStart::default();
            start.refused(None, Some(Duration::ZERO), running, NOW);
            assert_eq!(start.all(NOW).len(), expected);
        }
    }

    #[test]
    fn as_many_go_as_were_taken_the_last_time_and_one_that_asks_for_more() {
        let start = refused_once();
        let taken = start.taken_until(100);
        let refused = start.all(NOW);
        refused.iter().for_each(|turn| start.refused(Some(*turn), Some(Duration::ZERO), 1, NOW));
        for _ in 0..3 {
            let turns = start.all(NOW);
            assert_eq!(turns.len(), taken + 1);
            assert_eq!(turns.iter().filter(|turn| turn.narrow).count(), 1);
            let (last, others) = turns.split_last().unwrap();
            start.taken_in_a_crowd(others.iter().copied());
            start.refused(Some(*last), Some(Duration::ZERO), 1, NOW);
        }
    }

    #[test]
    fn behind_as_many_as_were_taken_one_asks_for_more_until_those_are_taken_again() {
        let start = refused_once();
        let taken = start.taken_until(100);
        start.all(NOW).iter().for_each(|turn| start.refused(Some(*turn), Some(Duration::ZERO), 1, NOW));
        let turns = start.all(NOW);
        assert_eq!(turns.len(), taken + 1);
        let (last, ahead) = turns.split_last().unwrap();
        start.taken_in_a_crowd([*last]);
        let another = start.all(NOW);
        assert_eq!(another.len(), 1, "while others are ahead, its answer proves nothing");
        start.taken_in_a_crowd(ahead.iter().copied());
        start.taken_in_a_crowd(another);
        assert_eq!(start.all(NOW).len(), 2);
    }

    #[test]
    fn all_of_a_process_wait_equally_long_and_up_to_a_twentieth_longer() {
        let (start, told) = (refused_once(), Duration::from_secs(20));
        for unit in [0.5, 0.9] {
            assert_eq!(start.spread(told, || unit), Duration::from_millis(20_500));
        }
        let turn = start.enter(NOW).unwrap();
        start.refused(Some(turn), Some(Duration::ZERO), 1, NOW);
        assert_eq!(start.spread(told, || 1.0), Duration::from_secs(21), "every round anew");
    }

    #[test]
    fn a_round_over_two_windows_makes_the_next_hardly_larger() {
        let start = refused_once();
        let taken = start.taken_until(100);
        let turns = start.all(NOW);
        turns.iter().for_each(|turn| start.refused(Some(*turn), Some(Duration::ZERO), 1, NOW));
        // As many again are taken behind those, by ones, twos and fours.
        start.taken_until(2 * taken);
        let turns = start.all(NOW);
        turns.iter().for_each(|turn| start.refused(Some(*turn), Some(Duration::ZERO), 1, NOW));
        let free = start.lock().free as usize;
        assert!(free >= taken - WIDEST as usize && free <= taken + taken / 8 + 1, "{free} after {taken}");
    }

    #[test]
    fn refusals_of_one_round_are_one_and_those_of_an_older_one_none() {
        let start = refused_once();
        let first = start.all(NOW)[0];
        start.taken_in_a_crowd([first]);
        let turns = start.all(NOW);
        start.refused(Some(turns[0]), Some(Duration::ZERO), 1, NOW);
        assert_eq!(start.lock().free, 2, "the first, and for now the other");
        start.refused(Some(turns[1]), Some(Duration::ZERO), 1, NOW);
        assert_eq!(start.lock().free, 1);
        start.refused(None, Some(Duration::ZERO), 1, NOW);
        start.taken(first, NOW);
        assert!(start.is_on());
        assert_eq!(start.all(NOW).len(), 2, "one of them free, and one at a time");
        assert!(!start.is_current(Some(first)));
    }

    #[test]
    fn what_comes_to_nothing_gives_its_turn_back_and_who_was_told_no_time_begins_with_one() {
        let start = refused_once();
        for _ in 0..3 {
            let turns = start.all(NOW);
            assert_eq!(turns.len(), 1);
            start.give_back(turns[0]);
        }
        let turns = start.all(NOW);
        start.refused(Some(turns[0]), None, 1, NOW);
        assert_eq!(start.all(NOW).len(), 1);
    }

    #[test]
    fn what_was_not_refused_for_a_second_is_taken() {
        let start = refused_once();
        for (second, expected) in [(0, 1), (0, 0), (1, 2), (2, 4), (3, 8)] {
            assert_eq!(start.all(NOW + Duration::from_secs(second)).len(), expected);
        }
    }

    #[test]
    fn who_was_taken_for_taken_lets_nobody_go_a_second_time() {
        let start = refused_once();
        let mut running = Vec::new();
        for second in 0..20 {
            let now = NOW + Duration::from_secs(second);
            running.extend(start.all(now));
            assert!(running.len() <= 2 * WIDEST as usize, "{}", running.len());
            // Half a second later the older half is answered, and nobody else goes for it.
            let answered: Vec<Turn> = running.drain(..running.len() / 2).collect();
            start.taken_in_a_crowd(answered);
        }
    }

    #[test]
    fn what_waits_behind_the_gate_has_not_gone() {
        let start = SlowStart::default();
        start.refused(None, Some(Duration::from_secs(30)), 100, NOW);
        assert_eq!(start.all(NOW).len(), 50);
        assert!(start.all(NOW + Duration::from_secs(29)).is_empty(), "no time counts before it opens");
        let mut first = start.enter(NOW + Duration::from_secs(31)).unwrap();
        let _behind = start.enter(NOW + Duration::from_secs(31)).unwrap();
        start.went(&mut first);
        start.refused(Some(first), Some(Duration::ZERO), 1, NOW + Duration::from_secs(31));
        assert_eq!(start.lock().free, 50, "those before, and not the one that had not gone");
    }

    #[test]
    fn after_a_minute_without_refusals_nothing_is_limited() {
        let start = refused_once();
        let turn = start.enter(NOW).unwrap();
        start.taken(turn, NOW + FORGOTTEN + Duration::from_secs(1));
        assert!(!start.is_on());
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_go_one_behind_the_other_and_leave_when_dropped() {
        let (start, clock) = (SlowStart::default(), Clock::default());
        let now = clock.now().since_start();
        start.refused(None, Some(Duration::ZERO), 1, now);
        let first = start.enter(now).unwrap();
        let (mut second, mut third) = (Box::pin(start.queue(&clock)), Box::pin(start.queue(&clock)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending() && third.as_mut().poll(&mut context).is_pending());
        start.give_back(first);
        assert!(start.enter(now).is_none(), "nobody passes by");
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(second);
        let turn = third.await.unwrap();
        assert_eq!(start.waiting.load(Ordering::SeqCst), 0);
        start.give_back(turn);
        assert!(start.enter(now).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_slow_answers_goes_after_a_second() {
        let (start, clock) = (SlowStart::default(), Clock::default());
        start.refused(None, Some(Duration::ZERO), 1, clock.now().since_start());
        let _running = start.enter(clock.now().since_start()).unwrap();
        let began = clock.now();
        assert!(start.queue(&clock).await.is_some());
        assert_eq!(clock.now().since(began), SOON);
    }
}
