//! Allocations per call: counted, so the same on every machine, and bounded.

use bytes::Bytes;
use circle_core_benches::{Leaf, at_once, get, guarded, plain};
use circle_core_common::credentials::{CredentialCache, Fixed, LOAD};
use circle_core_common::http::{Auth, HttpClient, Origin, Request, Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, ByteStream, CallContext, Class, Environment, Operation, Result, SecretRef};

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

/// Answers every request with the same JSON, and has looked at the request as a service would.
struct Canned;

const ANSWER: &[u8] = br#"{"id":7,"name":"seven","tags":["a"]}"#;

#[async_trait::async_trait]
impl Transport for Canned {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        assert_eq!(request.headers["authorization"], "Bearer secret");
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        Ok(TransportResponse { status: http::StatusCode::OK, headers, body: ByteStream::from(Bytes::from_static(ANSWER)) })
    }
}

#[derive(serde::Deserialize)]
struct Item {
    id: u64,
}

fn typed(environment: &Environment, client: &HttpClient) -> usize {
    static READ: Operation = Operation::new("items", "get", Class::Read, 0);
    static GET_ITEM: RemoteOperation = RemoteOperation::new("acme.GetItem", Idempotency::Safe, "/v1/items/{id}");
    let id = at_once(async {
        let cx = CallContext::new(environment, &READ, None);
        let target = client.target("/v1/items").segment("7")?.query("fields", "id");
        let request = Request::get(target).header("accept", "application/json")?;
        client.send(&cx, &GET_ITEM, request).await?.json::<Item>().map(|item| item.id)
    });
    id.map_or_else(|error| panic!("{error}"), |id| id as usize)
}

#[test]
fn a_typed_call_on_a_canned_transport_allocates_at_most_12_times() {
    let environment = Environment::builder().transport(Canned).build();
    let context = BuildContext::new(environment.clone(), "items");
    let origin = Origin::parse("https://api.example.org").unwrap();
    let client = context.http(origin).auth(Auth::Bearer(SecretRef::literal("secret"))).build();
    let count = allocations(|| typed(&environment, &client));
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
