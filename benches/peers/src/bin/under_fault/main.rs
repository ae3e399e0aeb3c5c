//! What clients do to a service that fails, and to their callers: in a time of its own, in which minutes pass at once, so that
//! every run counts the same.
//!
//! `cargo run --release --features faults --bin under_fault`

mod half_open;
mod keys;
mod outage;
mod storm;
mod tail;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use circle_core_benches::typed_call::{GET, GET_ISSUE};
use circle_core_common::resilience::{Policy, Resilience};
use circle_core_common::{CallContext, Environment, Error, ErrorKind, Result, Sent};

fn main() {
    outage::run();
    storm::run();
    half_open::run();
    tail::run();
    keys::run();
}

/// Runs a future in a time that passes when everybody waits.
fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// What several tasks count.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Count {
    fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Circle Core, with these values.
#[derive(Clone)]
struct Ours {
    environment: Environment,
    policy: Policy,
}

impl Ours {
    fn new(resilience: &Resilience) -> Self {
        let environment = Environment::default();
        Self { policy: Policy::new(&environment, "service", resilience), environment }
    }

    /// A call: each of its attempts is a run of `attempt`.
    async fn call<T, F, Fut>(&self, attempt: F) -> Result<T>
    where
        T: Send,
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let cx = CallContext::new(&self.environment, &GET, None);
        self.policy.run(&cx, &GET_ISSUE, |_| attempt()).await
    }
}

/// Begins a call every so often, whatever became of those before, and waits for all.
async fn offer<F: Future<Output = ()> + 'static>(calls: u32, every: Duration, call: impl Fn() -> F) {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..calls {
        running.spawn_local(call());
        tokio::time::sleep(every).await;
    }
    running.join_all().await;
}

/// A 503, as a service answers it in an outage.
fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "503").with_sent(Sent::Maybe)
}
