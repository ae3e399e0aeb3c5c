//! The machine: one request through every policy.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Attempt, Attempts, Endpoint, Idempotency, Permit, RemoteOperation, Resilience, Resolved};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result, Sent};

/// The policies of one service. Cheap to clone; clones share every endpoint.
#[derive(Clone)]
pub struct Policy {
    inner: Arc<Inner>,
}

struct Inner {
    service: Arc<str>,
    settings: Resolved,
    endpoints: Mutex<HashMap<Box<str>, Arc<Endpoint>>>,
    default: Arc<Endpoint>,
}

/// What a request came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Done<'a, T> {
    /// The answer.
    pub output: T,
    /// The place of the attempt, still held: dropped at once, or kept while the answer is still being read.
    pub permit: Permit<'a>,
    /// How many attempts it took.
    pub attempts: u32,
}

impl Policy {
    /// The policies of a service; a provider gets them from [`BuildContext::policy`](crate::BuildContext::policy).
    #[must_use]
    pub fn new(environment: &Environment, service: &str, resilience: &Resilience) -> Self {
        let _ = environment;
        Self {
            inner: Arc::new(Inner {
                service: service.into(),
                settings: resilience.resolved(),
                endpoints: Mutex::default(),
                default: Arc::new(Endpoint::new("")),
            }),
        }
    }

    /// The values that hold.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.inner.settings
    }

    /// The endpoint of this key, made when it is first asked for.
    #[must_use]
    pub fn endpoint(&self, key: &str) -> Arc<Endpoint> {
        let mut endpoints = self.inner.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = endpoints.get(key) {
            return Arc::clone(found);
        }
        let made = Arc::new(Endpoint::new(key));
        endpoints.insert(key.into(), Arc::clone(&made));
        made
    }

    /// Makes a request of a service that has one endpoint.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn run<T, F, Fut>(&self, cx: &CallContext, operation: &'static RemoteOperation, attempt: F) -> Result<T>
    where
        F: Fn(Attempt) -> Fut + Sync,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        struct Closure<F>(F);
        impl<T: Send, F: Fn(Attempt) -> Fut + Sync, Fut: Future<Output = Result<T>> + Send> Attempts for Closure<F> {
            type Output = T;

            fn attempt(&self, attempt: Attempt) -> impl Future<Output = Result<T>> + Send {
                (self.0)(attempt)
            }
        }
        let work = Closure(attempt);
        self.execute(cx, operation, &self.inner.default, &work).await.map(|done| done.output)
    }

    /// Makes a request at an endpoint: every policy in the contracted order around `work`.
    ///
    /// # Errors
    /// The last attempt's, with the number of attempts; `Timeout`; what refused it, with its
    /// [`Reason`](crate::Reason); `OutcomeUnknown` for a request that must not be repeated and may have arrived.
    pub async fn execute<'a, A: Attempts>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        endpoint: &'a Arc<Endpoint>,
        work: &A,
    ) -> Result<Done<'a, A::Output>> {
        let settings = &self.inner.settings;
        let mut waits = settings.backoff.waits(cx.random());
        let mut repaired = false;
        let mut number = 1;
        loop {
            let attempt = Attempt { number, deadline: cx.deadline(), hedged: false };
            let error = match work.attempt(attempt).await {
                Ok(output) => return Ok(Done { output, permit: Permit::new(endpoint), attempts: number }),
                Err(error) => error,
            };
            cx.note_attempts(number);
            if !repaired && work.replayable() && work.repair(&error).await {
                repaired = true;
                number += 1;
                continue;
            }
            let harmless = operation.idempotency() != Idempotency::NonIdempotent || error.sent() == Sent::No;
            if !error.is_retryable() || number >= settings.max_attempts || !harmless || !work.replayable() {
                return Err(error.with_attempts(number));
            }
            match waits.next_wait()? {
                Some(wait) if cx.remaining().is_none_or(|remaining| wait < remaining) => cx.clock().sleep(wait).await,
                _ => return Err(error.with_attempts(number)),
            }
            if cx.cancel().is_some_and(crate::Cancel::is_cancelled) {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller").with_source(error));
            }
            number += 1;
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({})", self.inner.service)
    }
}
