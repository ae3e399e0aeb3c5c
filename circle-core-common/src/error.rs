//! The one error of the SDK.
//!
//! [`Error::kind`] is coarse and stable, for `match`; [`Error::reason`] is the fine code, for logs and special cases;
//! [`Error::detail`] keeps what the service said; [`Error::provider_error`] is the provider's own type. Nothing is
//! stringified away, and nothing in here may hold a secret, a query string or user-info.

mod attempt;
mod decode;
mod detail;
mod kind;
mod problem;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use attempt::FailedAttempt;
pub(crate) use decode::decode_json_error;
pub use detail::{Detail, Limit, Sent};
pub use kind::{ErrorKind, Reason};
pub use problem::Problem;

use crate::identifier::OperationId;
use crate::operation::Operation;
use crate::units::Timestamp;

/// `Result` with the SDK's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed, in one type for every interface and provider.
///
/// One pointer wide, cheap to clone (bulk results share one cause).
#[derive(Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    reason: Option<Reason>,
    message: Cow<'static, str>,
    retryable: Option<bool>,
    sent: Sent,
    attempts: u32,
    failed_attempts: Option<Arc<[FailedAttempt]>>,
    operation: Option<&'static Operation>,
    service: Option<Arc<str>>,
    provider: Option<&'static str>,
    resource: Option<Arc<str>>,
    capability: Option<&'static str>,
    limit: Option<Limit>,
    operation_id: Option<OperationId>,
    credential: Option<u64>,
    /// Whether it happened while the request was made ready, so that it says nothing of the service asked.
    preparing: bool,
    /// Whether the service said that it did nothing with the request.
    unprocessed: bool,
    detail: Option<Box<Detail>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind with a message that a person can act on: the thing, the place, the remedy.
    ///
    /// The message must hold no secret, query string or user-info.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                reason: None,
                message: message.into(),
                retryable: None,
                sent: Sent::No,
                attempts: 1,
                failed_attempts: None,
                operation: None,
                service: None,
                provider: None,
                resource: None,
                capability: None,
                limit: None,
                operation_id: None,
                credential: None,
                preparing: false,
                unprocessed: false,
                detail: None,
                source: None,
            }),
        }
    }

    /// `Unsupported`: the provider lacks a capability, and nothing was sent.
    #[must_use]
    pub fn unsupported(capability: &'static str) -> Self {
        let mut error = Self::new(ErrorKind::Unsupported, format!("the provider has no capability `{capability}`"));
        error.inner.capability = Some(capability);
        error
    }

    /// `InvalidInput` because a value is outside a limit; the message names both.
    #[must_use]
    pub fn outside_limit(limit: Limit, actual: impl fmt::Display) -> Self {
        let mut error = Self::new(ErrorKind::InvalidInput, format!("{limit}, not {actual}"));
        error.inner.reason = Some(Reason::OutsideLimit);
        error.inner.limit = Some(limit);
        error
    }

    /// Sets the fine code.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.inner.reason = Some(reason);
        self
    }

    /// Sets what the service said.
    #[must_use]
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.inner.detail = Some(Box::new(detail));
        self
    }

    /// Adds when an answer came, and how long it took.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only HTTP tells"))]
    pub(crate) fn timed(mut self, received_at: Timestamp, round_trip: Duration) -> Self {
        if let Some(detail) = &mut self.inner.detail {
            (detail.received_at, detail.round_trip) = (Some(received_at), Some(round_trip));
        }
        self
    }

    /// Says that what refused it is a limit of some requests only.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only HTTP tells"))]
    pub(crate) fn limited_apart(mut self, apart: bool) -> Self {
        if let Some(detail) = &mut self.inner.detail {
            detail.limited_apart = apart;
        }
        self
    }

    /// Sets the cause; a provider's own error type is found again by [`Error::provider_error`].
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(Arc::from(source.into()));
        self
    }

    /// Puts a cause in front of the one that there is.
    pub(crate) fn wrap_source<E: StdError + Send + Sync + 'static>(
        mut self,
        wrap: impl FnOnce(Option<Arc<dyn StdError + Send + Sync>>) -> E,
    ) -> Self {
        let source = self.inner.source.take();
        self.inner.source = Some(Arc::new(wrap(source)));
        self
    }

    /// Overrules what the kind says about repeating the call.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.inner.retryable = Some(retryable);
        self
    }

    /// Says whether the request can have reached the other side.
    #[must_use]
    pub fn with_sent(mut self, sent: Sent) -> Self {
        self.inner.sent = sent;
        self
    }

    /// Sets the number of attempts that were made.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.inner.attempts = attempts;
        self
    }

    /// Sets what the attempts came to.
    pub(crate) fn with_failed_attempts(mut self, failed: Vec<FailedAttempt>) -> Self {
        self.inner.failed_attempts = (!failed.is_empty()).then(|| failed.into());
        self
    }

    /// Sets the operation id by which an unknown outcome can be resolved.
    #[must_use]
    pub fn with_operation_id(mut self, id: OperationId) -> Self {
        self.inner.operation_id = Some(id);
        self
    }

    /// Sets the version of the credential that the refused request was signed with
    /// ([`Lease::version`](crate::credentials::Lease::version)), so that this one is replaced and no newer one.
    #[must_use]
    pub fn with_credential(mut self, version: u64) -> Self {
        self.inner.credential = Some(version);
        self
    }

    /// Says that it happened while the request was made ready: what failed is the source of a credential or the caller's
    /// own code, not the service that the request was for.
    #[cfg(feature = "http")]
    #[must_use]
    pub(crate) fn while_preparing(mut self) -> Self {
        self.inner.preparing = true;
        self
    }

    /// Says that the service answered and did nothing with the request, so that repeating has no effect twice.
    #[cfg(feature = "http")]
    #[must_use]
    pub(crate) fn with_unprocessed(mut self, unprocessed: bool) -> Self {
        self.inner.unprocessed = unprocessed;
        self
    }

    /// Adds where the error happened; what is already known is kept, because the innermost place knows best.
    #[must_use]
    pub fn with_place(mut self, operation: &'static Operation, service: &Arc<str>, provider: &'static str) -> Self {
        let inner = &mut *self.inner;
        inner.operation.get_or_insert(operation);
        inner.service.get_or_insert_with(|| Arc::clone(service));
        inner.provider.get_or_insert(provider);
        self
    }

    /// Sets the thing that the call named: a key, a topic. What is already known is kept.
    #[must_use]
    pub fn with_resource(mut self, resource: &Arc<str>) -> Self {
        self.inner.resource.get_or_insert_with(|| Arc::clone(resource));
        self
    }

    /// Sets the thing that one entry of a bulk names, whatever the call named.
    #[must_use]
    pub fn with_own_resource(mut self, resource: &Arc<str>) -> Self {
        self.inner.resource = Some(Arc::clone(resource));
        self
    }

    /// Puts words in front of the message: `reading the manifest: not found …`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.inner.message = format!("{what}: {}", self.inner.message).into();
        self
    }

    /// The coarse, stable kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether the kind is this one.
    #[must_use]
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.inner.kind == kind
    }

    /// The fine, stable code, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.inner.reason
    }

    /// The message without kind and place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Whether the same call may succeed when it is repeated later.
    ///
    /// It says nothing about whether repeating is *safe*; that is [`Error::sent`] and the operation's idempotency.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.inner.retryable.unwrap_or_else(|| self.inner.kind.is_retryable())
    }

    /// Whether the request can have reached the other side.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.inner.sent
    }

    /// How many attempts were made, the first included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// What the attempts of the call came to, in the order in which they failed, the last included: cause, time and duration of
    /// each. Empty where one attempt was made, of which the error tells all.
    #[must_use]
    pub fn failed_attempts(&self) -> &[FailedAttempt] {
        self.inner.failed_attempts.as_deref().unwrap_or_default()
    }

    /// The operation that failed, such as `object_store.get`.
    #[must_use]
    pub fn operation(&self) -> Option<&'static Operation> {
        self.inner.operation
    }

    /// The configured name of the service.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.inner.service.as_deref()
    }

    /// The provider's id.
    #[must_use]
    pub fn provider(&self) -> Option<&'static str> {
        self.inner.provider
    }

    /// The thing that the call named, or the first of several: a key, a topic.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.inner.resource.as_deref()
    }

    /// The missing capability of an `Unsupported`.
    #[must_use]
    pub fn capability(&self) -> Option<&'static str> {
        self.inner.capability
    }

    /// The limit that an `InvalidInput` broke.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        self.inner.limit
    }

    /// The id under which the outcome of a write can be looked up.
    #[must_use]
    pub fn operation_id(&self) -> Option<&OperationId> {
        self.inner.operation_id.as_ref()
    }

    /// The version of the credential that the request was signed with.
    #[must_use]
    pub fn credential(&self) -> Option<u64> {
        self.inner.credential
    }

    /// Whether it says nothing of the service that the request was for.
    pub(crate) fn is_of_preparing(&self) -> bool {
        self.inner.preparing
    }

    /// Whether the request had no effect for certain, although the service has answered it.
    pub(crate) fn is_unprocessed(&self) -> bool {
        self.inner.unprocessed
    }

    /// What the service said: status, code, request id, message, body.
    #[must_use]
    pub fn detail(&self) -> Option<&Detail> {
        self.inner.detail.as_deref()
    }

    /// How long the service asked to wait before another call.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.detail().and_then(|detail| detail.retry_after)
    }

    /// The provider's own error, from anywhere in the source chain.
    #[must_use]
    pub fn provider_error<E: StdError + 'static>(&self) -> Option<&E> {
        let mut next: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// The error as an RFC 9457 problem document, for an application's own HTTP answers.
    #[must_use]
    pub fn to_problem(&self) -> Problem {
        Problem::from(self)
    }
}

/// `object_store.get on documents (s3): not found: object `a.txt` does not exist (404 NoSuchKey, request 4F2A)`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        if let Some(operation) = inner.operation {
            f.write_str(operation.name())?;
        }
        if let Some(service) = inner.service.as_deref().filter(|name| !name.is_empty()) {
            write!(f, " on {service}")?;
        }
        if let Some(provider) = inner.provider {
            write!(f, " ({provider})")?;
        }
        if inner.operation.is_some() {
            f.write_str(": ")?;
        }
        write!(f, "{}: {}", inner.kind.title(), inner.message)?;
        if let Some(detail) = self.detail() {
            detail.write_brief(f)?;
        }
        if inner.attempts > 1 {
            write!(f, " after {} attempts", inner.attempts)?;
        }
        Ok(())
    }
}

/// What `Display` says, then everything else: a `main` that returns an error and an `unwrap` print this, and people read it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        write!(f, "{self}\n    ")?;
        let mut rest = f.debug_struct("Error");
        rest.field("kind", &inner.kind);
        for (name, value) in [
            ("reason", inner.reason.as_ref().map(|reason| reason as &dyn fmt::Debug)),
            ("resource", inner.resource.as_ref().map(|resource| resource as &dyn fmt::Debug)),
            ("capability", inner.capability.as_ref().map(|capability| capability as &dyn fmt::Debug)),
            ("detail", inner.detail.as_ref().map(|detail| detail as &dyn fmt::Debug)),
            ("source", inner.source.as_ref().map(|source| source as &dyn fmt::Debug)),
        ] {
            if let Some(value) = value {
                rest.field(name, value);
            }
        }
        if let Some(failed) = &inner.failed_attempts {
            rest.field("failed_attempts", failed);
        }
        rest.field("sent", &inner.sent).field("attempts", &inner.attempts).finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Whether a write behind an `OutcomeUnknown` has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// It has.
    Applied,
    /// It has not, and did not leave a trace.
    NotApplied,
    /// It cannot be told any more: something else has been written since.
    Unknown,
}

/// Turns `NotFound` into `None` where absence is an answer.
pub trait ResultExt<T> {
    /// `Ok(None)` for [`ErrorKind::NotFound`]; everything else is unchanged.
    ///
    /// # Errors
    /// Every error that is not `NotFound`.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> ResultExt<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is(ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Native(u32);
    impl fmt::Display for Native {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "native {}", self.0)
        }
    }
    impl StdError for Native {}

    #[test]
    fn error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn display_is_one_line_with_what_the_service_said() {
        let error = Error::new(ErrorKind::NotFound, "object `a.txt` does not exist")
            .with_detail(Detail {
                status: Some(404),
                code: Some("NoSuchKey".into()),
                request_id: Some("4F2A".into()),
                ..Detail::default()
            })
            .with_attempts(2);
        assert_eq!(error.to_string(), "not found: object `a.txt` does not exist (404 NoSuchKey, request 4F2A) after 2 attempts");
    }

    #[test]
    fn debug_begins_with_what_a_person_reads_and_leaves_nothing_out() {
        let error = Error::new(ErrorKind::NotFound, "object `a.txt` does not exist").with_source(Native(7)).with_attempts(2);
        let text = format!("{error:?}");
        assert_eq!(text.lines().next(), Some(error.to_string().as_str()));
        let rest = "Error { kind: NotFound, source: Native(7), sent: No, attempts: 2, .. }";
        assert_eq!(text.lines().nth(1).map(str::trim), Some(rest));
    }

    #[test]
    fn provider_error_is_found_in_the_chain() {
        let inner = Error::new(ErrorKind::Internal, "x").with_source(Native(7));
        let outer = Error::new(ErrorKind::Unavailable, "y").with_source(inner);
        assert_eq!(outer.provider_error::<Native>().map(|e| e.0), Some(7));
        assert!(outer.provider_error::<fmt::Error>().is_none());
    }

    #[test]
    fn optional_swallows_not_found_only() {
        assert!(matches!(Err::<u8, _>(Error::new(ErrorKind::NotFound, "")).optional(), Ok(None)));
        assert!(Err::<u8, _>(Error::new(ErrorKind::Conflict, "")).optional().is_err());
    }

    #[test]
    fn unsupported_names_the_capability() {
        let error = Error::unsupported("presign_get");
        assert_eq!(error.capability(), Some("presign_get"));
        assert_eq!(error.sent(), Sent::No);
    }
}
