//! Whether calls on two threads get in each other's way at one endpoint.
//!
//! Not to be pinned to one core. The second row has two endpoints, so it shows what the machine itself makes of two busy
//! threads; the goal is about the third beside the first.

use std::hint::black_box;
use std::sync::Arc;

use circle_core_benches::at_once;
use circle_core_benches::typed_call::{GET, GET_ISSUE};
use circle_core_common::resilience::Policy;
use circle_core_common::{CallContext, Environment};
use circle_core_peers::call_path::policy;
use circle_core_peers::{Contest, Contestant};

fn calls(environment: &Environment, policy: &Policy, calls: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    for _ in 0..calls {
        let cx = CallContext::new(environment, &GET, None);
        assert_eq!(at_once(policy.run(&cx, &GET_ISSUE, |_| async { Ok(black_box(7)) })).ok(), Some(7));
    }
}

fn both(environment: &Environment, policies: [&Policy; 2], count: u32) {
    std::thread::scope(|scope| {
        for policy in policies {
            scope.spawn(move || calls(environment, policy, count));
        }
    });
}

fn main() {
    let environment = Environment::default();
    let shared = policy(&environment);
    let own = [Arc::new(policy(&Environment::default())), Arc::new(policy(&Environment::default()))];
    let contestants = vec![
        Contestant::new("one thread", |count| {
            std::thread::scope(|scope| {
                scope.spawn(|| calls(&environment, &shared, count));
            });
        }),
        Contestant::new("two threads, an endpoint each", |count| both(&environment, [&own[0], &own[1]], count)),
        Contestant::new("two threads, one endpoint", |count| both(&environment, [&shared, &shared], count)),
    ];
    // Long rounds: for some ten milliseconds the kernel may leave two new threads on one core.
    Contest { title: "`two_threads`: time per call of each thread", rounds: 21, calls: 2_000_000 }.run(contestants);
}
