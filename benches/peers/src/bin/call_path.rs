//! The call path: the policies alone, a typed call without a network, and one over the loopback interface.
//!
//! Run it pinned to one core: `taskset -c 1 cargo run --release --bin call_path`. Client and server then share the core,
//! so that every nanosecond of the client counts.

use std::hint::black_box;
use std::time::Duration;

use circle_core_benches::at_once;
use circle_core_benches::typed_call::{DOCUMENT, GET, GET_ISSUE, Issue, PATH, SHORT, TOKEN, Typed};
use circle_core_common::{CallContext, Environment};
use circle_core_peers::call_path::{policy, serve};
use circle_core_peers::{Contest, Contestant};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    policy_stack(&runtime);
    typed_call(&runtime);
    retry_rebuild(&runtime);
    loopback_get(&runtime);
}

/// tower's own retry, of so many attempts and without a wait.
#[derive(Clone)]
struct Attempts(u32);

impl tower::retry::Policy<u32, u32, tower::BoxError> for Attempts {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut u32, result: &mut Result<u32, tower::BoxError>) -> Option<Self::Future> {
        self.0 = self.0.checked_sub(1)?;
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &u32) -> Option<u32> {
        Some(*request)
    }
}

/// Every policy around a leaf that answers at once.
fn policy_stack(runtime: &tokio::runtime::Runtime) {
    let _entered = runtime.enter();
    let environment = Environment::default();
    let policy = policy(&environment);
    let mut layered = ServiceBuilder::new()
        .timeout(Duration::from_secs(30))
        .retry(Attempts(3))
        .concurrency_limit(1000)
        .timeout(Duration::from_secs(10))
        .service(service_fn(|number: u32| async move { Ok::<u32, tower::BoxError>(number) }));
    let contestants = vec![
        Contestant::each("Circle Core: breaker, budget, bulkhead, gates, both timeouts", || {
            let cx = CallContext::new(&environment, &GET, None);
            assert_eq!(at_once(policy.run(&cx, &GET_ISSUE, |_| async { Ok(black_box(7)) })).ok(), Some(7));
        }),
        Contestant::each("tower 0.5: timeout, retry, concurrency limit, timeout", || {
            let answer = at_once(async { layered.ready().await?.call(black_box(7)).await });
            assert_eq!(answer.ok(), Some(7));
        }),
        Contestant::each("the leaf alone", || assert_eq!(at_once(async { black_box(7) }), 7)),
    ];
    Contest { title: "`policy_stack`: a leaf that answers at once", rounds: 41, calls: 50_000 }.run(contestants);
}

/// A typed call over a transport that answers from memory.
fn typed_call(runtime: &tokio::runtime::Runtime) {
    let _entered = runtime.enter();
    let answered = |name: &str, document: &'static str| {
        let client = Typed::canned(document);
        Contestant::each(name, move || assert_eq!(at_once(client.issue()).expect("an issue").number, 7))
    };
    let contestants = vec![
        answered("Circle Core: request, policies, bearer token, classification, JSON of 3 values", SHORT),
        answered("the same, JSON of 10 values in 192 bytes, 3 of them read", DOCUMENT),
    ];
    Contest { title: "`typed_call`: a typed call, answered from memory", rounds: 41, calls: 20_000 }.run(contestants);
}

/// What a second attempt costs, and what others pay for the chance of one in every call: a copy of the request.
fn retry_rebuild(runtime: &tokio::runtime::Runtime) {
    let _entered = runtime.enter();
    let (steady, shaky, refused) = (Typed::canned(SHORT), Typed::shaky(SHORT), Typed::refused());
    let theirs = reqwest::Client::new().get(format!("https://api.example.org{PATH}")).bearer_auth(TOKEN);
    let request = theirs.header("accept", "application/json").build().expect("a request");
    let contestants = vec![
        Contestant::each("Circle Core: a call", || assert_eq!(at_once(steady.issue()).expect("an issue").number, 7)),
        Contestant::each("Circle Core: a call that is refused, and not repeated", || assert!(at_once(refused.issue()).is_err())),
        Contestant::each("Circle Core: a call that is refused, built again, and answered", || {
            assert_eq!(at_once(shaky.issue()).expect("an issue").number, 7);
        }),
        Contestant::each("reqwest 0.13: `try_clone` of the same request", || assert!(black_box(request.try_clone()).is_some())),
    ];
    Contest { title: "`retry_rebuild`: the chance of a second attempt, and a second attempt", rounds: 41, calls: 20_000 }
        .run(contestants);
}

/// The same over a connection that is kept alive.
fn loopback_get(runtime: &tokio::runtime::Runtime) {
    let endpoint = format!("http://{}", serve());
    let ours = Typed::new(Environment::default(), &endpoint);
    let theirs = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .expect("a client");
    let address = format!("{endpoint}{PATH}");
    let contestants = vec![
        Contestant::new("reqwest 0.13: timeout, bearer token, JSON", |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    let request = theirs.get(&address).bearer_auth(TOKEN).header("accept", "application/json");
                    let issue: Issue = request.send().await.expect("an answer").json().await.expect("an issue");
                    assert_eq!(black_box(issue).number, 7);
                }
            });
        }),
        Contestant::new("Circle Core: the same, every policy, classification", |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    assert_eq!(black_box(ours.issue().await.expect("an issue")).number, 7);
                }
            });
        }),
    ];
    Contest { title: "`loopback_get`: a typed GET over the loopback interface", rounds: 61, calls: 1000 }.run(contestants);
}
