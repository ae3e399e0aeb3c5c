//! What must hold in every order.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::atomic::{AtomicU32 as Counter, Ordering};
use loom::sync::{Arc, Notify as Parked};
use loom::thread::{JoinHandle, spawn};

use super::BreakerState;
use super::adaptive::Adaptive;
use super::breaker::{Breaker, Refusal};
use super::budget::Budget;
use super::bulkhead::Bulkhead;
use super::hedges::Hedges;
use super::places::Places;
use super::shard::be;
use super::window::Window;
use crate::resilience::Resolved;

/// A model, by what it shows.
pub(crate) const MODELS: [(&str, fn()); 20] = [
    ("an open breaker whose time is over lets one probe through", one_probe),
    ("a probe that is given up leaves its place to the next", abandoned_probe),
    ("the last of the failures opens a breaker, once", opens_once),
    ("failures of two shards open a breaker with the next of them", opens_over_shards),
    ("an isolated breaker stays isolated, whatever a probe brings", isolated),
    ("a result of an earlier state changes nothing", stale),
    ("a window loses no count as a slot begins", window),
    ("a budget pays one of two that need it whole", budget_draw),
    ("a budget keeps what is put back as time fills it", budget_refill),
    ("a hedge that is saved is made once", hedges),
    ("those that come together each have their own time, and what is not made is given back", super::limiter::model),
    ("there are never more attempts than places, in one shard", places_exactly),
    ("there are never more attempts than places, in two shards", places_sharded),
    ("what ran together lowers a limit once", adaptive),
    ("a place that is given back wakes who waits for it", one_waits),
    ("all who wait get the place, one after the other", two_wait),
    ("a newcomer takes no turn away", newcomer),
    ("who gives up leaves his turn to the next", gives_up),
    ("two who are in each other's way at a place that is free both get it, one after the other", in_each_others_way),
    ("a limit that is raised wakes who waits for the place", raised),
];

const SECOND: Duration = Duration::from_secs(1);

/// Small enough for a model: two attempts open the breaker, and one good probe closes it.
fn settings() -> Resolved {
    Resolved {
        budget_tokens: 10,
        retry_cost: 10,
        throttle_cost: 5,
        refill_per_second: 1,
        budget_ratio: None,
        budget_min_per_second: 10,
        window: 30 * SECOND,
        min_calls: 2,
        failure_ratio: 0.5,
        slow_after: None,
        slow_ratio: 0.8,
        open: 5 * SECOND,
        open_max: 60 * SECOND,
        close_after: 1,
        hedge_max_ratio: 0.05,
        max_in_flight: 1,
        max_queued: 2,
        adaptive: false,
    }
}

fn join<T>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("a thread of the model failed"))).collect()
}

pub(super) fn together<T: 'static>(count: usize, run: impl Fn(usize) -> T + Clone + 'static) -> Vec<T> {
    let threads = (0..count).map(|at| {
        let run = run.clone();
        spawn(move || run(at))
    });
    join(threads.collect())
}

fn closed() -> Arc<Breaker> {
    Arc::new(Breaker::new(&settings()))
}

/// Counts an attempt that failed, as one thread.
fn fail(breaker: &Breaker, now: Duration) -> Option<BreakerState> {
    let ticket = breaker.admit(now).0.ok()?;
    breaker.settle(ticket, true, Duration::ZERO, now, || 0.0)
}

fn opened() -> Arc<Breaker> {
    let breaker = closed();
    assert_eq!((fail(&breaker, Duration::ZERO), fail(&breaker, Duration::ZERO).is_some()), (None, true));
    breaker
}

fn one_probe() {
    let breaker = opened();
    let shared = Arc::clone(&breaker);
    let admitted = together(3, move |_| shared.admit(6 * SECOND).0);
    assert_eq!(admitted.iter().filter(|admitted| admitted.is_ok()).count(), 1);
    assert!(admitted.iter().all(|admitted| matches!(admitted, Ok(_) | Err(Refusal::Probing))));
}

fn abandoned_probe() {
    let breaker = opened();
    let (shared, running) = (Arc::clone(&breaker), Arc::new(Counter::new(0)));
    together(2, move |_| {
        if let Ok(ticket) = shared.admit(6 * SECOND).0 {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two probes at the same time");
            running.fetch_sub(1, Ordering::SeqCst);
            shared.release(ticket);
        }
    });
    assert!(breaker.admit(6 * SECOND).0.is_ok(), "the place was lost");
}

fn opens_once() {
    let breaker = closed();
    let shared = Arc::clone(&breaker);
    let entered = together(3, move |_| fail(&shared, Duration::ZERO));
    // The third may come too late for a ticket; whoever opens it is the only one.
    assert_eq!(entered.iter().flatten().count(), 1);
    assert_eq!(breaker.state(Duration::ZERO), BreakerState::Open { remaining: 5 * SECOND });
}

/// Two threads that count in different shards may both miss the other's failure: the next one sees them.
fn opens_over_shards() {
    let breaker = closed();
    let shared = Arc::clone(&breaker);
    together(2, move |shard| {
        be(shard);
        fail(&shared, Duration::ZERO)
    });
    fail(&breaker, Duration::ZERO);
    assert!(matches!(breaker.state(Duration::ZERO), BreakerState::Open { .. }));
}

fn isolated() {
    let breaker = opened();
    let Ok(probe) = breaker.admit(6 * SECOND).0 else { panic!("its time is over") };
    let (good, by_hand) = (Arc::clone(&breaker), Arc::clone(&breaker));
    let threads = vec![
        spawn(move || _ = good.settle(probe, false, Duration::ZERO, 6 * SECOND, || 0.0)),
        spawn(move || by_hand.force(true)),
    ];
    join(threads);
    assert_eq!(breaker.state(6 * SECOND), BreakerState::Isolated);
    assert_eq!(breaker.admit(1000 * SECOND).0, Err(Refusal::Isolated));
}

fn stale() {
    let breaker = opened();
    let Ok(old) = breaker.admit(6 * SECOND).0 else { panic!("its time is over") };
    // Somebody resets it while it is probed, and it opens again.
    breaker.force(false);
    assert_eq!((fail(&breaker, 6 * SECOND), fail(&breaker, 6 * SECOND).is_some()), (None, true));
    let (late, next) = (Arc::clone(&breaker), Arc::clone(&breaker));
    let late = spawn(move || {
        late.release(old);
        assert_eq!(late.settle(old, false, Duration::ZERO, 12 * SECOND, || 0.0), None);
    });
    let probe = spawn(move || next.admit(12 * SECOND).0);
    join(vec![late]);
    assert!(join(vec![probe]).iter().all(Result::is_ok));
    assert_eq!(breaker.state(12 * SECOND), BreakerState::HalfOpen);
    assert_eq!(breaker.admit(12 * SECOND).0, Err(Refusal::Probing), "the stale ticket has freed the probe's place");
}

fn window() {
    let window = Arc::new(Window::default());
    // What stands in the slot is too old.
    window.record(0, 0, true);
    let shared = Arc::clone(&window);
    together(3, move |at| shared.record(super::window::SLOTS, 0, at == 0));
    assert_eq!(window.sum(super::window::SLOTS, 0), (3, 1));
}

fn budget_draw() {
    let budget = Arc::new(Budget::new(&settings()));
    let shared = Arc::clone(&budget);
    let drawn = together(3, move |_| shared.draw(Duration::ZERO, false));
    assert_eq!(drawn.iter().flatten().count(), 1);
    assert_eq!(budget.tokens(Duration::ZERO), 0);
}

fn budget_refill() {
    let budget = Arc::new(Budget::new(&settings()));
    assert_eq!(budget.draw(SECOND, false), Some(10));
    // Five seconds later, and one that has read the clock before.
    let (early, late) = (Arc::clone(&budget), Arc::clone(&budget));
    let early = spawn(move || early.put_back(2 * SECOND, 1));
    let late = spawn(move || late.draw(6 * SECOND, true));
    join(vec![early]);
    assert_eq!(join(vec![late]), [Some(5)]);
    assert_eq!(budget.tokens(6 * SECOND), 1, "5 of time and 1 put back, less 5");
}

fn hedges() {
    let hedges = Arc::new(Hedges::new(&settings()));
    let shared = Arc::clone(&hedges);
    let taken = together(2, move |_| {
        shared.count_call();
        shared.take()
    });
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    hedges.give_back();
    assert!(hedges.take() && !hedges.take());
}

fn places_exactly() {
    places(1, |places, _| places.take_exactly(1));
}

/// Shards of one place each, of which one has two customers.
fn places_sharded() {
    places(2, |places, at| places.take(at % 2, 2));
}

fn places(limit: u32, take: fn(&Places, usize) -> Option<super::places::Place>) {
    let (places, running) = (Arc::new(Places::default()), Arc::new(Counter::new(0)));
    let (shared, counted) = (Arc::clone(&places), Arc::clone(&running));
    together(3, move |at| {
        if let Some(place) = take(&shared, at) {
            assert!(counted.fetch_add(1, Ordering::SeqCst) < limit, "more than there are");
            counted.fetch_sub(1, Ordering::SeqCst);
            shared.give_back(place);
        }
    });
    assert_eq!(places.taken(), 0);
    // All of them are there again.
    assert_eq!((0..=limit as usize).filter(|at| take(&places, *at).is_some()).count(), limit as usize);
}

fn adaptive() {
    let limit = Arc::new(Adaptive::new(100));
    let shared = Arc::clone(&limit);
    together(3, move |at| match at {
        0 => _ = shared.raise(100),
        _ => shared.lower(SECOND, 2 * SECOND),
    });
    // A success before the limit is lowered adds nothing, and one behind it a part of a place.
    assert_eq!(limit.limit(), 90);
}

/// A thread that waits for a future. One that nobody wakes any more is a deadlock, which loom finds.
struct Thread(Parked);

impl Wake for Thread {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let thread = std::sync::Arc::new(Thread(Parked::new()));
    let (waker, mut future) = (Waker::from(std::sync::Arc::clone(&thread)), pin!(future));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread.0.wait(),
        }
    }
}

/// A bulkhead whose places are all taken, and a thread that gives one of them back.
fn taken(settings: &Resolved) -> (Arc<Bulkhead>, JoinHandle<()>) {
    let bulkhead = Arc::new(Bulkhead::new(settings));
    let places: Vec<_> = std::iter::from_fn(|| bulkhead.enter()).collect();
    assert_eq!(places.len(), settings.max_in_flight as usize);
    let shared = Arc::clone(&bulkhead);
    // The others are held for ever.
    let gives_back = spawn(move || places.first().copied().into_iter().for_each(|place| shared.leave(place)));
    (bulkhead, gives_back)
}

/// Waits for a place as a thread of its own, and gives it back.
fn waits(bulkhead: &Arc<Bulkhead>) -> JoinHandle<()> {
    let bulkhead = Arc::clone(bulkhead);
    spawn(move || match wait_for(bulkhead.queue()) {
        Some(place) => bulkhead.leave(place),
        None => panic!("there is room in the queue"),
    })
}

fn all_is_back(bulkhead: &Bulkhead, threads: Vec<JoinHandle<()>>, held: u64) {
    join(threads);
    assert_eq!(bulkhead.in_flight(), held);
    assert!(bulkhead.enter().is_some(), "nobody waits, and there is a place");
}

fn one_waits() {
    let (bulkhead, gives_back) = taken(&settings());
    let threads = vec![gives_back, waits(&bulkhead)];
    all_is_back(&bulkhead, threads, 0);
}

/// With two in a queue for two it is crowded, and the last come goes first.
fn two_wait() {
    let (bulkhead, gives_back) = taken(&settings());
    let threads = vec![gives_back, waits(&bulkhead), waits(&bulkhead)];
    all_is_back(&bulkhead, threads, 0);
}

fn newcomer() {
    let (bulkhead, gives_back) = taken(&settings());
    let shared = Arc::clone(&bulkhead);
    let newcomer = spawn(move || shared.enter().into_iter().for_each(|place| shared.leave(place)));
    let threads = vec![gives_back, waits(&bulkhead), newcomer];
    all_is_back(&bulkhead, threads, 0);
}

fn gives_up() {
    let (bulkhead, gives_back) = taken(&settings());
    let shared = Arc::clone(&bulkhead);
    let gives_up = spawn(move || {
        let mut queued = Box::pin(shared.queue());
        if let Poll::Ready(Some(place)) = queued.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            shared.leave(place);
        }
    });
    let threads = vec![gives_back, waits(&bulkhead), gives_up];
    all_is_back(&bulkhead, threads, 0);
}

/// Whoever takes of many places counts first and looks then: two may see each other at the last one and both step back.
fn in_each_others_way() {
    let (bulkhead, gives_back) = taken(&Resolved { max_in_flight: 2, ..settings() });
    let threads = vec![gives_back, waits(&bulkhead), waits(&bulkhead)];
    all_is_back(&bulkhead, threads, 1);
}

fn raised() {
    let bulkhead = Arc::new(Bulkhead::new(&Resolved { max_in_flight: 2, adaptive: true, ..settings() }));
    bulkhead.learn(Some(true), SECOND, 2 * SECOND);
    assert_eq!((bulkhead.limit(), bulkhead.enter().is_some(), bulkhead.enter()), (1, true, None));
    let shared = Arc::clone(&bulkhead);
    let raises = spawn(move || shared.learn(Some(false), 3 * SECOND, 3 * SECOND));
    let threads = vec![raises, waits(&bulkhead)];
    all_is_back(&bulkhead, threads, 1);
}
