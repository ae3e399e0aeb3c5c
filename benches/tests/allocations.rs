//! Allocations per call: counted, so the same on every machine, and bounded.

use circle_core_benches::streamed_chat::{Wire, read};
use circle_core_benches::typed_call::{DOCUMENT, Typed};
use circle_core_benches::{Leaf, at_once, get, guarded, plain};
use circle_core_common::credentials::{CredentialCache, Fixed, LOAD};
use circle_core_common::{CallContext, Environment};

/// The most that one of several calls allocates, the first left out: it makes the metric key.
fn allocations(call: impl Fn() -> usize) -> u64 {
    call();
    let count = || {
        let counted = allocation_counter::measure(|| assert!(call() > 0));
        counted.count_total
    };
    (0..10).map(|_| count()).max().unwrap_or(0)
}

#[test]
fn get_from_memory_allocates_at_most_4_times() {
    let store = plain();
    let count = allocations(|| get(&store));
    assert!(count <= 4, "{count}");
}

#[test]
fn get_behind_16_rules_and_an_audit_queue_allocates_at_most_8_times() {
    let store = guarded();
    let count = allocations(|| get(&store));
    assert!(count <= 8, "{count}");
}

#[test]
fn a_typed_call_on_a_canned_transport_allocates_at_most_12_times() {
    let client = Typed::canned(DOCUMENT);
    let count = allocations(|| at_once(client.issue()).map_or(0, |issue| issue.number as usize));
    assert!(count <= 12, "{count}");
}

#[test]
fn every_policy_around_an_answer_that_is_there_allocates_nothing() {
    for leaf in [Leaf::usual(), Leaf::limited()] {
        assert_eq!(allocations(|| leaf.call()), 0);
    }
}

#[test]
fn a_hedge_that_is_armed_allocates_once() {
    let leaf = Leaf::hedged();
    let count = allocations(|| leaf.call());
    assert!(count <= 1, "{count}");
}

#[test]
fn a_cached_credential_allocates_nothing() {
    let environment = Environment::default();
    let cache = CredentialCache::new(Fixed::new(7_usize));
    let count = allocations(|| {
        let cx = CallContext::new(&environment, &LOAD, None);
        at_once(async { cache.get(&cx).await.map_or(0, |lease| **lease) })
    });
    assert_eq!(count, 0);
}

#[test]
fn an_event_of_a_streaming_answer_allocates_once() {
    const PIECES: u64 = 10_000;
    let (short, long) = (Wire::model(0), Wire::model(PIECES as usize));
    let call = allocations(|| read(&short) + 1);
    let count = allocations(|| read(&long));
    // The text of each event, and the answer that grows by doubling.
    assert!(count - call <= PIECES + 40, "{count} for {PIECES} events, {call} of them for the call");
    assert!(call <= 40, "{call}");
}
