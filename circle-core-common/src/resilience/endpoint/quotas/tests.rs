use super::*;
use crate::resilience::{Idempotency, Profile, Refill};

static A: RemoteOperation = RemoteOperation::new("test.A", Idempotency::Safe, "/a");
static B: RemoteOperation = RemoteOperation::new("test.B", Idempotency::Safe, "/b");

const SECOND: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(1000);

fn quotas() -> Quotas {
    quotas_with(0.0)
}

fn quotas_with(pace: f64) -> Quotas {
    Quotas::new(&Resolved { pace, ..Profile::Interactive.values() })
}

fn of(operation: &'static RemoteOperation) -> Counted<'static> {
    Counted { operation, part: None }
}

fn window(limit: u64, remaining: u64, seconds: u64) -> RateLimit {
    RateLimit {
        limit: Some(limit),
        remaining: Some(remaining),
        reset_after: Some(Duration::from_secs(seconds)),
        ..RateLimit::default()
    }
}

fn named(name: &str, limit: RateLimit) -> RateLimit {
    RateLimit { scope: LimitScope::Named(name.to_owned()), ..limit }
}

fn kind(name: &str, limit: RateLimit) -> RateLimit {
    RateLimit { scope: LimitScope::Kind(name.to_owned()), ..limit }
}

/// Starts as many as go at once; their numbers.
fn starts(quotas: &Quotas, now: Duration, counted: Counted<'_>) -> Vec<u16> {
    (0..10_000).map_while(|_| quotas.take(now, Duration::ZERO, counted).ok()).map(|(flight, _)| flight).collect()
}

fn closed(quotas: &Quotas, now: Duration, counted: Counted<'_>) -> Option<Duration> {
    match quotas.take(now, Duration::ZERO, counted) {
        Ok((flight, _)) => {
            quotas.land(flight, false);
            None
        }
        Err(wait) => Some(wait),
    }
}

#[test]
fn nothing_is_counted_before_a_service_tells() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[], None);
    assert!(!quotas.are_told());
    // What has no end, and what no time brings back, are no reason to wait.
    let endless = RateLimit { reset_after: None, ..window(5, 0, 0) };
    let concurrent = RateLimit { unit: LimitUnit::Concurrent, ..window(5, 0, 9) };
    quotas.hear(START, Some(0), of(&A), &[endless, concurrent], None);
    assert!(!quotas.are_told());
    assert_eq!(closed(&quotas, START, of(&A)), None);
}

/// However many callers there are: remaining N is at most N more starts until the reset.
#[test]
fn no_more_start_than_remain() {
    for remaining in [0, 1, 7, 50] {
        let quotas = quotas();
        quotas.hear(START, Some(0), of(&A), &[window(100, remaining, 60)], None);
        assert_eq!(starts(&quotas, START, of(&A)).len() as u64, remaining);
        assert_eq!(closed(&quotas, START + SECOND, of(&B)), Some(59 * SECOND));
        // In the next window as many as it has.
        assert_eq!(starts(&quotas, START + 60 * SECOND, of(&A)).len(), 100);
        assert_eq!(closed(&quotas, START + 61 * SECOND, of(&A)), Some(59 * SECOND));
    }
}

/// Answers come in any order, some tell nothing, and others use the same quota: a model of the service decides.
#[test]
fn answers_in_any_order_never_overrun() {
    for seed in 0..200_u64 {
        let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let quotas = quotas();
        let (mut remaining, mut now, mut served) = (40_u64, START, 0);
        quotas.hear(now, Some(0), of(&A), &[window(100, remaining, 3600)], None);
        let mut under_way: Vec<(u16, Option<u64>)> = Vec::new();
        for _ in 0..2000 {
            now += Duration::from_millis(1);
            match roll(5) {
                0..=2 => {
                    if let Ok((flight, _)) = quotas.take(now, Duration::ZERO, of(&A)) {
                        under_way.push((flight, None));
                    }
                }
                // The service serves any of those that it has got.
                3 if !under_way.is_empty() => {
                    let at = roll(under_way.len() as u64) as usize;
                    if under_way[at].1.is_none() {
                        assert!(remaining > 0, "overrun with seed {seed} after {served}");
                        (remaining, served) = (remaining - 1, served + 1);
                        under_way[at].1 = Some(remaining);
                    }
                }
                // And any of its answers arrives, a fifth of them without headers.
                4 if !under_way.is_empty() => {
                    let at = roll(under_way.len() as u64) as usize;
                    if let (flight, Some(told)) = under_way[at] {
                        let left = 3600 - (now - START).as_secs();
                        let limits: &[RateLimit] = if roll(5) == 0 { &[] } else { &[window(100, told, left)] };
                        quotas.hear(now, Some(flight), of(&A), limits, None);
                        quotas.land(flight, true);
                        under_way.remove(at);
                    }
                }
                _ => {}
            }
        }
        assert!(served >= 30, "only {served} of 40 were used with seed {seed}");
    }
}

#[test]
fn what_never_went_out_is_free_again() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[window(10, 1, 60)], None);
    for sent in [false, false, true] {
        let (flight, _) = quotas.take(START, Duration::ZERO, of(&A)).unwrap();
        quotas.land(flight, sent);
    }
    assert!(closed(&quotas, START, of(&A)).is_some());
}

#[test]
fn the_service_has_the_last_word() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[window(10, 5, 60)], None);
    let (flight, _) = quotas.take(START, Duration::ZERO, of(&A)).unwrap();
    // Others have used the rest.
    quotas.hear(START, Some(flight), of(&A), &[window(10, 1, 60)], None);
    quotas.land(flight, true);
    assert_eq!((quotas.least(START), starts(&quotas, START, of(&A)).len()), (Some(1), 1));
    // The next window begins before it was said to.
    quotas.hear(START + SECOND, None, of(&A), &[window(10, 9, 90)], None);
    // Nine, and one of them is on its way.
    assert_eq!(quotas.least(START + SECOND), Some(8));
}

#[test]
fn a_quota_of_some_requests_stops_no_others() {
    let quotas = quotas();
    assert!(quotas.hear(START, Some(0), of(&A), &[named("search", window(30, 0, 60))], None));
    assert_eq!(closed(&quotas, START, of(&A)), Some(60 * SECOND));
    assert_eq!(closed(&quotas, START, of(&B)), None);
    // Another operation that counts in the same is known by its own answer.
    quotas.hear(START, Some(0), of(&B), &[named("search", window(30, 0, 60))], None);
    assert!(closed(&quotas, START, of(&B)).is_some());
    // What holds for everything does not need to be learned.
    assert!(!quotas.hear(START, Some(0), of(&A), &[window(30, 0, 70)], None));
    static C: RemoteOperation = RemoteOperation::new("test.C", Idempotency::Safe, "/c");
    assert_eq!(closed(&quotas, START, of(&C)), Some(70 * SECOND));
}

#[test]
fn parts_are_limited_by_themselves() {
    let quotas = quotas();
    let part = |part| Counted { operation: &A, part: Some(part) };
    assert!(quotas.hear(START, Some(0), part("gpt-a"), &[kind("requests", window(30, 0, 60))], None));
    assert!(quotas.hear(START, Some(0), part("shop-1"), &[window(30, 0, 60)], None));
    assert!(quotas.hear(START, Some(0), part("channel-1"), &[named("bucket", window(5, 0, 60))], None));
    for (name, is_closed) in
        [("gpt-a", true), ("gpt-b", false), ("shop-1", true), ("shop-2", false), ("channel-1", true), ("channel-2", false)]
    {
        assert_eq!(closed(&quotas, START, part(name)).is_some(), is_closed, "{name}");
    }
    assert_eq!(closed(&quotas, START, of(&A)), None);
    // A refusal without a word is the part's; one of everything is everybody's.
    assert!(quotas.hear(START, Some(0), part("shop-2"), &[], Some(9 * SECOND)));
    assert_eq!(closed(&quotas, START, part("shop-2")), Some(9 * SECOND));
    let everything = RateLimit { scope: LimitScope::Everything, ..window(50, 0, 3) };
    assert!(!quotas.hear(START, Some(0), part("channel-2"), &[everything], Some(2 * SECOND)));
    assert!(closed(&quotas, START, of(&B)).is_some() && closed(&quotas, START, part("gpt-b")).is_some());
}

#[test]
fn kinds_without_a_part_are_an_operations() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[kind("requests", window(30, 0, 60))], None);
    quotas.hear(START, Some(0), of(&B), &[kind("requests", window(30, 9, 60))], None);
    assert!(closed(&quotas, START, of(&A)).is_some());
    assert_eq!(closed(&quotas, START, of(&B)), None);
}

#[test]
fn a_request_waits_for_all_its_quotas() {
    let quotas = quotas();
    let limits = [named("burst", window(10, 0, 1)), named("daily", window(1000, 2, 3600))];
    quotas.hear(START, Some(0), of(&A), &limits, None);
    assert_eq!(closed(&quotas, START, of(&A)), Some(SECOND));
    assert_eq!(starts(&quotas, START + SECOND, of(&A)).len(), 2);
    // However long the day, something is tried before too long.
    assert_eq!(closed(&quotas, START + SECOND, of(&A)), Some(119 * SECOND));
}

/// A service may say a year, or mean milliseconds: one request is tried every two minutes.
#[test]
fn one_is_tried_now_and_then_whatever_the_service_says() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[window(10, 0, 365 * 86_400)], None);
    assert_eq!(closed(&quotas, START, of(&A)), Some(120 * SECOND));
    for minutes in [2, 4, 6] {
        assert_eq!(starts(&quotas, START + minutes * 60 * SECOND, of(&A)).len(), 1, "after {minutes} minutes");
    }
}

#[test]
fn a_bucket_fills_all_the_time() {
    let quotas = quotas();
    // 40 at 2 each second, of which 38 are used.
    let bucket = RateLimit { refill: Refill::Steadily, ..window(40, 2, 19) };
    quotas.hear(START, Some(0), of(&A), &[bucket], None);
    assert_eq!(starts(&quotas, START, of(&A)).len(), 2);
    let wait = closed(&quotas, START, of(&A)).unwrap();
    assert!(wait.abs_diff(SECOND / 2) < Duration::from_millis(1), "{wait:?}");
    assert_eq!(starts(&quotas, START + 3 * SECOND, of(&A)).len(), 6);
    let quotas = self::quotas();
    // Of tokens nobody knows how many a request takes: a tenth is waited for.
    let tokens = RateLimit { refill: Refill::Steadily, unit: LimitUnit::Amount, ..window(90_000, 0, 60) };
    quotas.hear(START, Some(0), of(&B), &[kind("tokens", tokens.clone())], None);
    assert_eq!(closed(&quotas, START, of(&B)), Some(6 * SECOND));
    assert_eq!(closed(&quotas, START + 6 * SECOND, of(&B)), None);
    let (flight, _) = quotas.take(START + 6 * SECOND, Duration::ZERO, of(&B)).unwrap();
    quotas.hear(START + 6 * SECOND, Some(flight), of(&B), &[kind("tokens", RateLimit { remaining: Some(1), ..tokens })], None);
    // Many may go while a token is left.
    assert_eq!(starts(&quotas, START + 6 * SECOND, of(&B)).len(), 10_000);
}

#[test]
fn few_are_spread_over_the_rest_of_the_window() {
    let quotas = quotas_with(0.1);
    let waits = |remaining, patience| {
        quotas.hear(START, Some(0), of(&A), &[window(100, remaining, 3600 + remaining)], None);
        let taken = (0..4).map(|_| quotas.take(START, patience, of(&A)).unwrap());
        taken.map(|(_, pace)| pace.as_secs()).collect::<Vec<_>>()
    };
    // Of a hundred eleven are not few.
    assert_eq!(waits(14, Duration::MAX), [0, 0, 0, 0]);
    let quotas = quotas_with(0.1);
    quotas.hear(START, Some(0), of(&A), &[window(100, 10, 60)], None);
    let taken: Vec<_> = (0..10).map(|_| quotas.take(START, Duration::MAX, of(&A)).unwrap().1.as_secs()).collect();
    assert_eq!(taken, [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]);
    // Who cannot wait for his turn goes, as long as any are left.
    let quotas = quotas_with(0.1);
    quotas.hear(START, Some(0), of(&A), &[window(100, 3, 60)], None);
    let taken: Vec<_> = (0..4).map(|_| quotas.take(START, SECOND, of(&A)).map(|(_, pace)| pace)).collect();
    assert_eq!(taken, [Ok(Duration::ZERO), Ok(Duration::ZERO), Ok(Duration::ZERO), Err(60 * SECOND)]);
    // Nobody waits for hours.
    let quotas = quotas_with(0.1);
    quotas.hear(START, Some(0), of(&A), &[window(5000, 400, 2400)], None);
    let taken: Vec<_> = (0..3).map(|_| quotas.take(START, Duration::MAX, of(&A)).unwrap().1.as_secs()).collect();
    assert_eq!(taken, [0, 0, 0]);
    // A service that warns means few.
    let quotas = quotas_with(0.1);
    quotas.hear(START, Some(0), of(&A), &[RateLimit { near: true, ..window(100, 20, 60) }], None);
    let taken: Vec<_> = (0..3).map(|_| quotas.take(START, Duration::MAX, of(&A)).unwrap().1.as_secs()).collect();
    assert_eq!(taken, [0, 3, 6]);
}

#[test]
fn a_late_answer_does_not_speak_for_the_next_window() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[window(10, 2, 5)], None);
    let early = starts(&quotas, START, of(&A));
    let later = START + 5 * SECOND;
    let next = starts(&quotas, later, of(&A));
    assert_eq!((early.len(), next.len()), (2, 10));
    quotas.hear(later, Some(early[1]), of(&A), &[window(10, 0, 0)], None);
    assert!(closed(&quotas, later, of(&A)).is_some());
    quotas.hear(later, Some(next[0]), of(&A), &[window(10, 9, 5)], None);
    next.iter().for_each(|&flight| quotas.land(flight, true));
    assert!(closed(&quotas, later, of(&A)).is_some(), "nine others were sent");
}

#[test]
fn a_start_that_waited_into_the_next_window_is_counted_anew() {
    let quotas = quotas();
    quotas.hear(START, Some(0), of(&A), &[window(10, 2, 5)], None);
    let flight = starts(&quotas, START, of(&A))[0];
    assert!(quotas.is_current(flight, START + 4 * SECOND));
    assert!(!quotas.is_current(flight, START + 5 * SECOND));
}

#[test]
fn a_million_names_are_few() {
    let quotas = quotas();
    for number in 0..100_000_u64 {
        let now = START + Duration::from_millis(number);
        let part = number.to_string();
        let counted = Counted { operation: &A, part: Some(&part) };
        quotas.hear(now, Some(0), counted, &[named("bucket", window(5, number % 5, 1000))], None);
        if let Ok((flight, _)) = quotas.take(now, Duration::ZERO, counted) {
            quotas.land(flight, true);
        }
    }
    let table = quotas.lock();
    assert!(table.windows.len() <= WINDOWS && table.lanes.len() <= LANES && table.flights.is_empty());
}
