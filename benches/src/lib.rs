//! What the benchmarks share: the configurations that are measured, and a way to run a call that answers at once.

pub mod chat_streams;
pub mod credentials;
pub mod typed_call;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use circle_core::access::{AccessRule, AccessRules};
use circle_core::audit::{AuditMode, AuditQueue, AuditRecord, AuditSink, Recording};
use circle_core::memory::Memory;
use circle_core::resilience::{HedgeSettings, Idempotency, Policy, RateLimitSettings, RemoteOperation, Resilience};
use circle_core::{CallContext, CallOptions, Class, Environment, ObjectStore, object_store};

/// Runs a future that is ready at its first poll, without a runtime around it.
///
/// # Panics
/// When it is not ready: then something is measured that should not be there.
// Inline, so that what is measured is the call and not moving its future here.
#[inline(always)]
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory call did not answer at once"),
    }
}

/// The content that is put and got, 4 KiB.
pub const CONTENT: [u8; 4096] = [7; 4096];

/// A store in memory with one object, `reports/q3.md`; access control and audit are off.
#[must_use]
pub fn plain() -> ObjectStore {
    filled(ObjectStore::builder(Memory::new()).name("documents").build())
}

/// The same behind 16 access rules, the last of which allows, and a bounded audit queue that is never full.
#[must_use]
pub fn guarded() -> ObjectStore {
    let rule = |at: u32| {
        AccessRule::allow().principal(format!("service-{at}")).service("documents").class(Class::Read).resource("reports/*")
    };
    let rules = (1..16).map(rule).chain([AccessRule::allow().principal("reporter").service("documents").resource("reports/*")]);
    let rules = rules.fold(AccessRules::new(), AccessRules::rule);
    let store = ObjectStore::builder(Memory::new()).name("documents").access(rules).audit(Draining::new(), AuditMode::BestEffort);
    filled(store.build().with(CallOptions::new().principal("reporter")))
}

fn filled(store: ObjectStore) -> ObjectStore {
    if let Err(error) = at_once(store.put("reports/q3.md", CONTENT.as_slice())) {
        panic!("{error}");
    }
    store
}

/// The body of the measured call: get through the handle, and take the bytes.
///
/// # Panics
/// When the call fails.
pub fn get(store: &ObjectStore) -> usize {
    let bytes = at_once(async { store.get("reports/q3.md").await?.bytes().await });
    bytes.map_or_else(|error| panic!("{error}"), |bytes| bytes.len())
}

/// The request that [`Leaf`] makes.
pub static REQUEST: RemoteOperation = RemoteOperation::new("leaf.Read", Idempotency::Safe, "/leaf");

/// The policies of a service, without a service.
pub struct Leaf {
    environment: Environment,
    policy: Policy,
}

impl Leaf {
    /// With the values that hold for a service of which nothing is said: every policy but the local rate limit.
    #[must_use]
    pub fn usual() -> Self {
        Self::with(&Resilience::new())
    }

    /// With the local rate limit too.
    #[must_use]
    pub fn limited() -> Self {
        Self::with(&Resilience::new().rate_limit(RateLimitSettings::new().per_second(1e9)))
    }

    /// With a hedge that is never needed.
    #[must_use]
    pub fn hedged() -> Self {
        Self::with(&Resilience::new().hedge(HedgeSettings::on().delay(std::time::Duration::from_secs(1))))
    }

    fn with(resilience: &Resilience) -> Self {
        let environment = Environment::default();
        Self { policy: Policy::new(&environment, "leaf", resilience), environment }
    }

    /// The body of the measured call: a context and every policy around an answer that is there.
    ///
    /// # Panics
    /// When the call fails.
    pub fn call(&self) -> usize {
        let cx = CallContext::new(&self.environment, &object_store::GET, None);
        let answer = at_once(self.policy.run(&cx, &REQUEST, |attempt| std::future::ready(Ok(attempt.number as usize))));
        answer.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A bounded queue that never stays full: what came is taken out in one go, as a drain would.
struct Draining {
    queue: AuditQueue,
    taken: AtomicUsize,
}

/// How many records the queue holds.
const QUEUE: usize = 1024;

impl Draining {
    fn new() -> Self {
        Self { queue: AuditQueue::undrained(QUEUE), taken: AtomicUsize::new(0) }
    }
}

impl AuditSink for Draining {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        if self.taken.fetch_add(1, Ordering::Relaxed) % QUEUE == QUEUE - 1 {
            drop(self.queue.take_all());
        }
        self.queue.record(record)
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = circle_core::Result<()>> + Send + '_>> {
        self.queue.flush()
    }
}
