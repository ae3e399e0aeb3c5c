//! Faults by script: what happens to the next calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Decorated, Decoration, Fault, Faults, Interception, Plan};
use crate::error::{Detail, Error, ErrorKind, Reason, Result, Sent};

/// A provider whose next calls are broken as a script says; without one it is what it was.
pub type Scripted<P> = Decorated<P, Script>;

/// The faults of the next calls, one each. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Script {
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl Script {
    /// No faults yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The faults that have not happened yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, method: &'static str) -> Option<Fault> {
        let mut faults = self.lock();
        match faults.front() {
            // Only an answer with a body can break off within it.
            Some(Fault::CutBody { .. } | Fault::TruncateBody { .. }) if !["get", "stream"].contains(&method) => None,
            _ => faults.pop_front(),
        }
    }
}

impl<P> Scripted<P> {
    /// A provider without faults; [`inject`](Faults::inject) them into its [`script`](Self::script).
    pub fn over(provider: P) -> Self {
        Self::new(provider, Script::new())
    }

    /// The script.
    #[must_use]
    pub fn script(&self) -> Script {
        self.decoration.clone()
    }
}

impl Faults for Script {
    fn inject(&self, fault: Fault) {
        self.lock().push_back(fault);
    }

    fn clear(&self) {
        self.lock().clear();
    }
}

#[async_trait]
impl Decoration for Script {
    async fn before(&self, call: Interception<'_>) -> Result<Plan> {
        let cut = || Error::new(ErrorKind::Connection, "the connection was cut (injected)").with_sent(Sent::Maybe);
        let refused = |kind, text| Err(Error::new(kind, text).with_sent(Sent::Yes));
        match self.take(call.method) {
            None => Ok(Plan::Answer),
            Some(Fault::LoseAnswer) => Ok(Plan::Lose(cut())),
            Some(Fault::CutBody { after }) => Ok(Plan::Cut { after, error: Some(cut()) }),
            Some(Fault::TruncateBody { after }) => Ok(Plan::Cut { after, error: None }),
            Some(Fault::Delay { by }) => {
                call.cx.clock().sleep(by).await;
                Ok(Plan::Answer)
            }
            Some(Fault::CutBefore) => Err(cut()),
            Some(Fault::RefuseConflicting) => refused(ErrorKind::Conflict, "another conditional request is running (injected)")
                .map_err(|error| error.with_reason(Reason::ConflictingRequest)),
            Some(Fault::Throttle { retry_after }) => {
                refused(ErrorKind::RateLimited, "too many calls (injected)").map_err(|error| {
                    let mut detail = Detail::new();
                    detail.retry_after = Some(retry_after);
                    error.with_detail(detail)
                })
            }
            Some(Fault::Unavailable) => refused(ErrorKind::Unavailable, "the service cannot serve (injected)"),
            Some(Fault::NoContainer) => refused(ErrorKind::NotFound, "the bucket does not exist (injected)"),
            Some(Fault::Silent) => std::future::pending().await,
        }
    }
}
