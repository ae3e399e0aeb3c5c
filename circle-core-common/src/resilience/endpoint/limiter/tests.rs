use super::*;
use crate::resilience::Profile;

const SECOND: Duration = Duration::from_secs(1);
const EVER: Duration = Duration::MAX;

fn wait(reserved: Result<(Duration, Reserved), Duration>) -> Result<Duration, Duration> {
    reserved.map(|(wait, _)| wait)
}

fn limiter(per_second: f64, burst: Option<u32>) -> Limiter {
    Limiter::new(&Resolved { per_second: Some(per_second), burst, ..Profile::Interactive.values() }, false)
}

#[test]
fn a_burst_goes_at_once_and_the_rest_in_step() {
    for (per_second, burst, at_once) in [(10.0, None, 10), (10.0, Some(1), 1), (10.0, Some(25), 25), (0.5, None, 1)] {
        let limiter = limiter(per_second, burst);
        let waits: Vec<Duration> = (0..at_once + 2).map(|_| limiter.reserve(SECOND, EVER, None, 1).unwrap().0).collect();
        assert!(waits[..at_once].iter().all(Duration::is_zero), "{per_second} {burst:?}: {waits:?}");
        let step = Duration::from_secs_f64(1.0 / per_second);
        assert_eq!(waits[at_once..], [step, 2 * step], "{per_second} {burst:?}");
    }
}

#[test]
fn idle_time_is_not_saved_up() {
    let limiter = limiter(10.0, None);
    (0..30).for_each(|_| assert!(limiter.reserve(SECOND, EVER, None, 1).is_ok()));
    let free = (0..30).take_while(|_| limiter.reserve(1000 * SECOND, Duration::ZERO, None, 1).is_ok()).count();
    assert_eq!(free, 10);
}

#[test]
fn what_cannot_wait_reserves_nothing_and_a_request_given_back_is_free_again() {
    let limiter = limiter(1.0, None);
    assert_eq!(wait(limiter.reserve(SECOND, EVER, None, 1)), Ok(Duration::ZERO));
    for _ in 0..3 {
        assert_eq!(wait(limiter.reserve(SECOND, SECOND / 2, None, 1)), Err(SECOND));
    }
    let (second, reserved) = limiter.reserve(SECOND, SECOND, None, 1).unwrap();
    assert_eq!(second, SECOND);
    limiter.release(reserved);
    assert_eq!(wait(limiter.reserve(SECOND, SECOND, None, 1)), Ok(SECOND));
}

#[test]
fn the_gate_only_moves_forward_and_not_further_than_a_retry_may_wait() {
    let limiter = Limiter::new(&Profile::Interactive.values(), false);
    assert_eq!(wait(limiter.reserve(SECOND, Duration::ZERO, None, 1)), Ok(Duration::ZERO));
    limiter.hold(SECOND, 3 * SECOND);
    limiter.hold(SECOND, SECOND);
    assert_eq!(wait(limiter.reserve(2 * SECOND, EVER, None, 1)), Ok(2 * SECOND));
    assert_eq!(wait(limiter.reserve(2 * SECOND, SECOND, None, 1)), Err(2 * SECOND));
    limiter.hold(SECOND, Duration::MAX);
    assert_eq!(limiter.gate(SECOND), 120 * SECOND);
}

/// Of what was not used in an hour nothing is owed, nor of what a machine slept through.
#[test]
fn no_burst_after_idle_or_suspend() {
    for by in [LimitBy::Endpoint, LimitBy::Tenant] {
        let limiter = Limiter::of_rate(Rate::new(10.0, Some(3)), by);
        let at_once = |at| (0..100).take_while(|_| limiter.reserve(at, Duration::ZERO, Some("a"), 1).is_ok()).count();
        // A clock that stops while the machine is suspended, and one that runs on.
        for at in [SECOND, SECOND, 3600 * SECOND, 86_400 * 365 * SECOND] {
            assert!(at_once(at) <= 3, "{by:?} {at:?}");
        }
        assert_eq!(at_once(86_400 * 365 * 10 * SECOND), 3, "{by:?}");
    }
}

#[test]
fn in_any_second_no_more_than_the_burst_and_the_rate() {
    let limiter = Limiter::of_rate(Rate::new(10.0, Some(5)), LimitBy::Endpoint);
    let mut starts = Vec::new();
    for step in 0..1000_u32 {
        let now = SECOND + step * Duration::from_millis(7);
        while limiter.reserve(now, Duration::ZERO, None, 1).is_ok() {
            starts.push(now);
        }
    }
    for (at, start) in starts.iter().enumerate() {
        let within = starts[at..].iter().take_while(|later| **later < *start + SECOND).count();
        assert!(within <= 15, "{within} from {start:?}");
    }
    assert!(starts.len() >= 70, "{}", starts.len());
}

#[test]
fn a_call_may_count_for_several() {
    let limiter = limiter(10.0, Some(5));
    assert_eq!(wait(limiter.reserve(SECOND, EVER, None, 3)), Ok(Duration::ZERO));
    let tenth = SECOND / 10;
    assert_eq!(wait(limiter.reserve(SECOND, EVER, None, 3)), Ok(tenth));
    // More than a burst goes as soon as a burst may, and is owed in full.
    assert_eq!(wait(limiter.reserve(100 * SECOND, EVER, None, 50)), Ok(Duration::ZERO));
    assert_eq!(wait(limiter.reserve(100 * SECOND, EVER, None, 1)), Ok(46 * tenth));
    // What is given back is what was taken.
    let (_, reserved) = limiter.reserve(200 * SECOND, EVER, None, 4).unwrap();
    limiter.release(reserved);
    let free = (0..30).take_while(|_| limiter.reserve(200 * SECOND, Duration::ZERO, None, 1).is_ok()).count();
    assert_eq!(free, 5);
}

#[test]
fn each_tenant_has_its_own() {
    let limiter = Limiter::of_rate(Rate::new(1.0, Some(2)), LimitBy::Tenant);
    let free = |tenant| (0..9).take_while(|_| limiter.reserve(SECOND, Duration::ZERO, tenant, 1).is_ok()).count();
    assert_eq!([free(Some("a")), free(Some("b")), free(Some("a")), free(None)], [2, 2, 0, 2]);
}

/// A million tenants, and the memory of 16,384: what is idle is forgotten without loss.
#[test]
fn a_million_keys_are_few() {
    let keyed = super::keyed::Keyed::new(Rate::new(1.0, Some(1)));
    for number in 0..1_000_000_u64 {
        let now = nanos(SECOND) + number * 1000;
        let key = keyed.key(&number.to_string());
        assert_eq!(keyed.reserve(key, now, now, Duration::ZERO, 1), Ok(Duration::ZERO));
    }
    assert!(keyed.keys() <= 16 * 1024, "{}", keyed.keys());
    // One that owes much is kept among them.
    let now = nanos(SECOND) + 1_000_000_000;
    let busy = keyed.key("busy");
    keyed.reserve(busy, now, now, EVER, 1000).unwrap();
    for number in 0..100_000_u64 {
        let _ = keyed.reserve(keyed.key(&format!("x{number}")), now, now, Duration::ZERO, 1);
    }
    assert!(keyed.reserve(busy, now, now, Duration::ZERO, 1).is_err());
}
