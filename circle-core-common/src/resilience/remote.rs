//! What a request to a service is, statically.

use std::fmt;

/// What repeating a request does at the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Idempotency {
    /// It changes nothing.
    Safe,
    /// Done twice, it leaves the same as done once.
    Idempotent,
    /// The service recognises a repetition by the operation id that the request carries.
    Keyed,
    /// Done twice, it has its effect twice: repeated only when it is proved unsent.
    NonIdempotent,
}

/// One request of a service, described once.
///
/// An [`Operation`](crate::Operation) is what the application asked for; it may take several remote operations.
///
/// ```
/// use circle_core_common::resilience::{Idempotency, RemoteOperation};
/// static GET_OBJECT: RemoteOperation = RemoteOperation::new("s3.GetObject", Idempotency::Safe, "/{bucket}/{key}");
/// # assert_eq!(GET_OBJECT.name(), "s3.GetObject");
/// ```
#[derive(Debug)]
pub struct RemoteOperation {
    name: &'static str,
    idempotency: Idempotency,
    template: &'static str,
    apart: bool,
    cacheable: bool,
}

impl RemoteOperation {
    /// A request of this name; `template` is its path with placeholders, for spans: it must hold no value.
    #[must_use]
    pub const fn new(name: &'static str, idempotency: Idempotency, template: &'static str) -> Self {
        Self { name, idempotency, template, apart: false, cacheable: false }
    }

    /// Gives the requests an endpoint of their own, for a service that limits each operation by itself: a limit, an open breaker
    /// or a full bulkhead of this one stops no other.
    #[must_use]
    pub const fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// Lets the answers of a safe operation be kept and given again by HTTP's rules, and equal requests at the same time be sent
    /// once, where the service's user turns that on (`cache.enabled`).
    #[must_use]
    pub const fn cacheable(mut self) -> Self {
        self.cacheable = true;
        self
    }

    /// Whether its answers may be kept.
    #[must_use]
    pub const fn is_cacheable(&self) -> bool {
        self.cacheable
    }

    /// Whether the requests have an endpoint of their own.
    #[must_use]
    pub const fn is_apart(&self) -> bool {
        self.apart
    }

    /// The name in spans and metrics: `s3.GetObject`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What repeating it does.
    #[must_use]
    pub const fn idempotency(&self) -> Idempotency {
        self.idempotency
    }

    /// The path with placeholders; empty where there is none.
    #[must_use]
    pub const fn template(&self) -> &'static str {
        self.template
    }
}

impl fmt::Display for RemoteOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
