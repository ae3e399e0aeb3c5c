//! Services that fail, wait and count as a test tells them to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use circle_core_common::suite::{Decoration, Interception, Plan};
use circle_core_common::{Error, ErrorKind, Result, Sent};
use tokio::sync::Semaphore;

/// What happens to the calls of a service. Clones are one.
#[derive(Clone)]
pub(super) struct Outage {
    state: Arc<Mutex<State>>,
    calls: Arc<AtomicU32>,
    passes: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    error: Option<Error>,
    plan: Plan,
    /// Which methods; all of them where there are none.
    methods: Vec<&'static str>,
    tenants: Vec<Option<String>>,
    waits: bool,
}

impl Outage {
    /// Everything works.
    pub(super) fn new() -> Self {
        Self { state: Arc::default(), calls: Arc::default(), passes: Arc::new(Semaphore::new(0)) }
    }

    fn set(&self, set: impl FnOnce(&mut State)) {
        set(&mut self.state.lock().unwrap());
    }

    /// Calls of these methods, or all, are refused with this error.
    pub(super) fn fails(&self, error: Error, methods: &[&'static str]) {
        self.set(|state| (state.error, state.methods) = (Some(error), methods.to_vec()));
    }

    /// As [`fails`](Self::fails): nobody is there.
    pub(super) fn begins(&self) {
        self.fails(Error::new(ErrorKind::Unavailable, "nobody is there"), &[]);
    }

    /// As [`fails`](Self::fails): the answer is lost, and the call may have been made.
    pub(super) fn is_unsure(&self) {
        self.fails(Error::new(ErrorKind::Connection, "the connection broke").with_sent(Sent::Maybe), &[]);
    }

    /// Calls are made, and this becomes of their answers.
    pub(super) fn plans(&self, plan: Plan) {
        self.set(|state| state.plan = plan);
    }

    /// Everything works again.
    pub(super) fn ends(&self) {
        self.set(|state| (state.error, state.plan, state.waits) = (None, Plan::Answer, false));
    }

    /// Calls wait until they may [pass](Self::pass).
    pub(super) fn holds(&self) {
        self.set(|state| state.waits = true);
    }

    /// So many calls may pass.
    pub(super) fn pass(&self, calls: usize) {
        self.passes.add_permits(calls);
    }

    /// The calls so far, those that failed included.
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The tenants of the calls so far.
    pub(super) fn tenants(&self) -> Vec<Option<String>> {
        self.state.lock().unwrap().tenants.clone()
    }
}

#[async_trait]
impl Decoration for Outage {
    async fn before(&self, call: Interception<'_>) -> Result<Plan> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (waits, decided) = {
            let mut state = self.state.lock().unwrap();
            state.tenants.push(call.cx.tenant().map(ToString::to_string));
            let hit = state.methods.is_empty() || state.methods.contains(&call.method);
            (state.waits, state.error.clone().filter(|_| hit).map_or(Ok(state.plan.clone()), Err))
        };
        if waits {
            self.passes.acquire().await.unwrap().forget();
        }
        decided
    }
}
