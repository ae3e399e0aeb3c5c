//! Allocations per call: counted, so the same on every machine, and bounded.

use circle_core::chat_model::ChatModel;
use circle_core_benches::chat_streams::{Recorded, ask, canned, canned_response};
use circle_core_benches::credentials::Cached;
use circle_core_benches::typed_call::{DOCUMENT, Typed};
use circle_core_benches::{Leaf, at_once, get, guarded, plain};
use circle_core_common::credentials::LOAD;
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
    for cached in [Cached::secret(), Cached::token(), Cached::token_of_a_tenant()] {
        assert_eq!(allocations(|| cached.get()), 0);
    }
}

type Reads = std::sync::Arc<[bytes::Bytes]>;

/// What a stream of 10,000 events allocates, beyond one of a hundred: so without the call itself.
fn allocations_of_events(make: fn(usize) -> Recorded, model: fn(&Reads) -> ChatModel, read_size: usize) -> (u64, u64) {
    let count = |recorded: &Recorded| {
        let model = model(&recorded.reads(read_size));
        allocations(|| at_once(ask(&model)).map_or(0, |said| usize::from(said == recorded.said)))
    };
    let (short, long) = (make(100), make(10_000));
    (count(&long) - count(&short), (long.events - short.events) as u64)
}

#[test]
fn an_event_of_a_streaming_answer_allocates_once() {
    for (name, make) in [
        ("text", Recorded::text as fn(usize) -> Recorded),
        ("padded", Recorded::padded),
        ("reasoning", Recorded::reasoning),
        ("tools", Recorded::tools),
    ] {
        for size in [256, 1400, 16 << 10] {
            let (count, events) = allocations_of_events(make, canned, size);
            // The text of each event, and the answer that grows by doubling.
            assert!(count <= events + 60, "{name}: {count} for {events} events in reads of {size}");
        }
    }
}

#[test]
fn an_event_of_a_streaming_response_allocates_once() {
    for size in [256, 1400, 16 << 10] {
        let (count, events) = allocations_of_events(Recorded::response, canned_response, size);
        // The text of each event, the answer that grows by doubling, and the last events, which hold all of it.
        assert!(count <= events + 80, "{count} for {events} events in reads of {size}");
    }
}

#[test]
fn opening_a_streaming_answer_allocates_at_most_80_times() {
    let empty = Recorded::text(0);
    let model = canned(&empty.reads(16 << 10));
    let count = allocations(|| at_once(ask(&model)).map_or(0, |said| usize::from(said == empty.said)));
    assert!(count <= 80, "{count}");
}

/// A service that calls whatever hosts its users name: of a hundred thousand, what is kept is that of 128.
#[test]
fn a_hundred_thousand_endpoints_keep_at_most_a_mebibyte() {
    let environment = Environment::default();
    let policy = circle_core::resilience::Policy::new(&environment, "", &circle_core::resilience::Resilience::new());
    let _ = policy.endpoint("https://warm.test");
    let kept = allocation_counter::measure(|| {
        for host in 0..100_000 {
            let _ = policy.endpoint(&format!("https://{host}.test"));
        }
    });
    assert!(kept.bytes_current <= 1 << 20, "{} bytes", kept.bytes_current);
}

/// A rate for each of as many tenants.
#[test]
fn a_hundred_thousand_tenants_keep_at_most_a_mebibyte() {
    use circle_core::CallOptions;
    use circle_core::resilience::{Idempotency, LimitBy, Policy, RateLimitSettings, RemoteOperation, Resilience};
    static CALL: RemoteOperation = RemoteOperation::new("bench.Call", Idempotency::Safe, "/");
    let environment = Environment::default();
    let limit = RateLimitSettings::new().per_second(1.0).burst(1).by(LimitBy::Tenant);
    let policy = Policy::new(&environment, "", &Resilience::new().rate_limit(limit));
    let call = |tenant: String| {
        let cx = CallContext::new(&environment, &LOAD, Some(CallOptions::new().tenant(tenant).into()));
        at_once(policy.run(&cx, &CALL, |_| std::future::ready(Ok(())))).is_ok()
    };
    assert!(call("warm".to_owned()));
    let kept = allocation_counter::measure(|| {
        for tenant in 0..100_000 {
            assert!(call(tenant.to_string()));
        }
    });
    assert!(kept.bytes_current <= 1 << 20, "{} bytes", kept.bytes_current);
}
