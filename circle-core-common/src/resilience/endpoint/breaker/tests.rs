use super::*;
use crate::resilience::Profile;

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> Breaker {
    Breaker::new(&Profile::Interactive.values())
}

fn call(breaker: &Breaker, failed: bool, now: Duration) -> Option<BreakerState> {
    breaker.settle(breaker.admit(now).0.unwrap(), failed, Duration::ZERO, now, || 0.0)
}

/// A breaker that has just opened, at one second.
fn opened() -> Breaker {
    let breaker = breaker();
    let states: Vec<_> = (0..20).map(|_| call(&breaker, true, SECOND)).collect();
    assert_eq!(states[19], Some(BreakerState::Open { remaining: 5 * SECOND }));
    breaker
}

#[test]
fn it_opens_at_exactly_the_threshold() {
    // (successes, failures before the last, opens at the last failure)
    for (successes, failures, opens) in
        [(0, 18, false), (0, 19, true), (10, 8, false), (10, 9, true), (11, 9, false), (12, 11, true)]
    {
        let breaker = breaker();
        for _ in 0..successes {
            assert_eq!(call(&breaker, false, SECOND), None);
        }
        for _ in 0..failures {
            assert_eq!(call(&breaker, true, SECOND), None, "{successes} {failures}");
        }
        assert_eq!(call(&breaker, true, SECOND).is_some(), opens, "{successes} {failures}");
    }
}

#[test]
fn slow_answers_open_it_at_exactly_their_own_threshold() {
    let slow = || {
        let settings = Resolved { slow_after: Some(SECOND), slow_ratio: 0.8, ..Profile::Interactive.values() };
        Breaker::new(&settings)
    };
    let answer = |breaker: &Breaker, took: Duration, now: Duration| {
        breaker.settle(breaker.admit(now).0.unwrap(), false, took, now, || 0.0)
    };
    // (quick, slow before the last, opens at the last slow one)
    for (quick, slowly, opens) in [(0, 18, false), (0, 19, true), (4, 15, true), (5, 18, false), (5, 19, true), (10, 10, false)] {
        let breaker = slow();
        for _ in 0..quick {
            assert_eq!(answer(&breaker, SECOND - Duration::from_nanos(1), SECOND), None);
        }
        for _ in 0..slowly {
            assert_eq!(answer(&breaker, SECOND, SECOND), None, "{quick} {slowly}");
        }
        assert_eq!(answer(&breaker, SECOND, SECOND).is_some(), opens, "{quick} {slowly}");
    }
    let breaker = slow();
    (0..20).for_each(|_| _ = answer(&breaker, 2 * SECOND, SECOND));
    // A slow probe opens it again, for twice as long; quick ones close it.
    assert_eq!(answer(&breaker, SECOND, 7 * SECOND), Some(BreakerState::Open { remaining: 10 * SECOND }));
    let closed = (0..3).filter_map(|_| answer(&breaker, Duration::ZERO, 20 * SECOND)).last();
    assert_eq!(closed, Some(BreakerState::Closed));
    // Without a threshold nothing is slow.
    let breaker = self::breaker();
    assert!((0..100).all(|_| answer(&breaker, Duration::MAX, SECOND).is_none()));
}

#[test]
fn failures_leave_the_window() {
    let breaker = breaker();
    (0..19).for_each(|_| assert_eq!(call(&breaker, true, SECOND), None));
    assert_eq!(call(&breaker, true, 40 * SECOND), None);
}

#[test]
fn it_refuses_until_the_time_is_over_then_probes_and_closes() {
    let breaker = opened();
    assert_eq!(breaker.admit(2 * SECOND), (Err(Refusal::Open { remaining: 4 * SECOND }), None));
    for probe in 1..=3 {
        let (ticket, entered) = breaker.admit(6 * SECOND);
        assert_eq!(entered, (probe == 1).then_some(BreakerState::HalfOpen));
        assert_eq!(breaker.admit(6 * SECOND).0, Err(Refusal::Probing));
        let state = breaker.settle(ticket.unwrap(), false, Duration::ZERO, 6 * SECOND, || 0.0);
        assert_eq!(state, (probe == 3).then_some(BreakerState::Closed));
    }
    // What was counted before is forgotten.
    (0..19).for_each(|_| assert_eq!(call(&breaker, true, 6 * SECOND), None));
    assert!(call(&breaker, true, 6 * SECOND).is_some());
}

#[test]
fn it_stays_open_twice_as_long_each_time_up_to_the_longest() {
    let breaker = opened();
    let mut now = SECOND;
    for seconds in [10, 20, 40, 60, 60] {
        now += 60 * SECOND;
        assert_eq!(call(&breaker, true, now), Some(BreakerState::Open { remaining: seconds * SECOND }));
    }
    assert_eq!(breaker.open_for(0, 0.5), Duration::from_millis(4750));
}

#[test]
fn ten_thousand_callers_are_one_probe() {
    let breaker = opened();
    let admitted = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1250 {
                    if breaker.admit(6 * SECOND).0.is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 1);
}

#[test]
fn a_cancelled_probe_frees_its_place() {
    let breaker = opened();
    let ticket = breaker.admit(6 * SECOND).0.unwrap();
    breaker.release(ticket);
    assert!(breaker.admit(6 * SECOND).0.is_ok());
}

#[test]
fn results_of_an_earlier_state_are_ignored() {
    let breaker = breaker();
    let stale = breaker.admit(SECOND).0.unwrap();
    (0..20).for_each(|_| _ = call(&breaker, true, SECOND));
    let probe = breaker.admit(6 * SECOND).0.unwrap();
    assert_eq!(breaker.settle(stale, true, Duration::ZERO, 6 * SECOND, || 0.0), None);
    assert_eq!(breaker.settle(stale, false, Duration::ZERO, 6 * SECOND, || 0.0), None);
    breaker.release(stale);
    assert_eq!(breaker.admit(6 * SECOND).0, Err(Refusal::Probing), "the stale ticket has freed nothing");
    assert!(breaker.is_current(probe) && !breaker.is_current(stale));
}

#[test]
fn it_can_be_isolated_and_reset() {
    let breaker = breaker();
    breaker.force(true);
    assert_eq!(breaker.admit(1000 * SECOND).0, Err(Refusal::Isolated));
    breaker.force(false);
    assert_eq!(breaker.state(SECOND), BreakerState::Closed);
    assert!(breaker.admit(SECOND).0.is_ok());
}

#[test]
fn the_word_is_read_as_it_was_written() {
    for phase in [Phase::Closed, Phase::Open, Phase::HalfOpen, Phase::Isolated] {
        let word = Word { until: UNTIL_MAX - 3, generation: GENERATIONS - 1, streak: 15, successes: 9, probe: true, phase };
        assert_eq!(Word::read(word.write()), word);
        assert_eq!(word.turn(phase).generation, 0);
    }
}

pub(in crate::resilience) mod model {
    //! The breaker against one that is plain: no bits, no slots shared by threads, a list of results.

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Do {
        Call {
            came: Came,
        },
        /// A call that is admitted and settled later, by its number.
        Begin,
        Settle {
            which: usize,
            came: Option<Came>,
        },
        Wait {
            millis: u64,
        },
    }

    /// Failed, slow.
    type Came = (bool, bool);

    fn step() -> impl Strategy<Value = Do> {
        prop_oneof![
            6 => any::<Came>().prop_map(|came| Do::Call { came }),
            2 => Just(Do::Begin),
            2 => (0_usize..8, any::<Option<Came>>()).prop_map(|(which, came)| Do::Settle { which, came }),
            2 => (0_u64..7000).prop_map(|millis| Do::Wait { millis }),
        ]
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(in crate::resilience) enum State {
        Closed,
        Open { until: u64 },
        HalfOpen { probing: bool, successes: u32 },
    }

    pub(in crate::resilience) struct Model {
        state: State,
        epoch: u32,
        streak: u32,
        /// Second, failure and slowness of each result since it was closed.
        results: Vec<(u64, Came)>,
    }

    impl Model {
        pub(in crate::resilience) fn new() -> Self {
            Self { state: State::Closed, epoch: 0, streak: 0, results: Vec::new() }
        }

        pub(in crate::resilience) fn state(&self) -> State {
            self.state
        }

        fn enter(&mut self, state: State) {
            self.state = state;
            self.epoch += 1;
            self.results.clear();
        }

        pub(in crate::resilience) fn admit(&mut self, now: u64) -> Option<(u32, bool)> {
            match self.state {
                State::Closed => return Some((self.epoch, false)),
                State::Open { until } if now < until => return None,
                State::Open { .. } => self.enter(State::HalfOpen { probing: true, successes: 0 }),
                State::HalfOpen { probing: true, .. } => return None,
                State::HalfOpen { successes, .. } => self.state = State::HalfOpen { probing: true, successes },
            }
            Some((self.epoch, true))
        }

        pub(in crate::resilience) fn settle(&mut self, (epoch, _): (u32, bool), came: Option<Came>, now: u64) {
            if epoch != self.epoch {
                return;
            }
            let open = |streak: u32| State::Open { until: now + (5000 << streak.min(4)).min(60_000) };
            match (self.state, came) {
                (State::Closed, Some(came)) => {
                    self.results.push((now / 1000, came));
                    let recent: Vec<Came> =
                        self.results.iter().filter(|(at, _)| at + 30 > now / 1000).map(|(_, came)| *came).collect();
                    let failures = recent.iter().filter(|(failed, _)| *failed).count();
                    let slow = recent.iter().filter(|(_, slow)| *slow).count();
                    let opens = came.0 && failures * 2 >= recent.len() || came.1 && slow * 5 >= recent.len() * 4;
                    if opens && recent.len() >= 20 {
                        self.enter(open(self.streak));
                        self.streak += 1;
                    }
                }
                (State::HalfOpen { .. }, Some((true, _) | (_, true))) => {
                    self.enter(open(self.streak));
                    self.streak += 1;
                }
                (State::HalfOpen { successes: 2, .. }, Some(_)) => {
                    self.enter(State::Closed);
                    self.streak = 0;
                }
                (State::HalfOpen { successes, .. }, Some(_)) => {
                    self.state = State::HalfOpen { probing: false, successes: successes + 1 };
                }
                (State::HalfOpen { successes, .. }, None) => self.state = State::HalfOpen { probing: false, successes },
                (State::Closed, None) | (State::Open { .. }, _) => {}
            }
        }
    }

    proptest! {
        #[test]
        fn the_breaker_does_what_the_model_does(steps in prop::collection::vec(step(), 1..400)) {
            let settings = Resolved { slow_after: Some(SECOND), ..Profile::Interactive.values() };
            let breaker = Breaker::new(&settings);
            let mut model = Model::new();
            let (mut now, mut begun) = (1000_u64, Vec::new());
            let settle = |ticket: Ticket, came: Option<Came>, now: u64| match came {
                Some((failed, slow)) => {
                    _ = breaker.settle(ticket, failed, SECOND * u32::from(slow), Duration::from_millis(now), || 0.0);
                }
                None => breaker.release(ticket),
            };
            for step in steps {
                match step {
                    Do::Wait { millis } => now += millis,
                    Do::Settle { which, came } => {
                        if which < begun.len() {
                            let (ticket, known) = begun.swap_remove(which);
                            settle(ticket, came, now);
                            model.settle(known, came, now);
                        }
                    }
                    Do::Call { .. } | Do::Begin => {
                        let (real, known) = (breaker.admit(Duration::from_millis(now)).0.ok(), model.admit(now));
                        prop_assert_eq!(real.map(|ticket| ticket.probe), known.map(|(_, probe)| probe));
                        if let (Some(ticket), Some(known)) = (real, known) {
                            match step {
                                Do::Call { came } => {
                                    settle(ticket, Some(came), now);
                                    model.settle(known, Some(came), now);
                                }
                                _ => begun.push((ticket, known)),
                            }
                        }
                    }
                }
                let same = match (breaker.state(Duration::from_millis(now)), model.state) {
                    (BreakerState::Closed, State::Closed) | (BreakerState::HalfOpen, State::HalfOpen { .. }) => true,
                    (BreakerState::Open { remaining }, State::Open { until }) => {
                        remaining == Duration::from_millis(until.saturating_sub(now))
                    }
                    _ => false,
                };
                prop_assert!(same, "{:?} {:?}", breaker.state(Duration::from_millis(now)), model.state);
            }
        }
    }
}
