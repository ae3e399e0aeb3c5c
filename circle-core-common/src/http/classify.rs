//! Which answers are failures, and of which kind.

mod table;

use http::header::AGE;
use http::{HeaderMap, StatusCode};

use super::date::parse_date;
use super::headers;
use super::rate_limit::RateLimit;
use super::redact::Secrets;
use super::retry_after::retry_after;
use super::said::{self, Said};
use crate::clock::Clock;
use crate::error::{Detail, Error, ErrorKind, Reason, Sent};
use crate::resilience::RemoteOperation;
use crate::units::Timestamp;

pub use table::StatusTable;

/// The longest message of a service that becomes the message of an error, in characters.
const MESSAGE_MAX: usize = 300;

/// An answer that is to be judged.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// What was asked for.
    pub operation: &'static RemoteOperation,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, of a failure at most 64 KiB of it; empty for the success of a call that streams.
    pub body: &'a [u8],
    now: Now<'a>,
    secrets: Option<&'a Secrets>,
}

/// What time it is here.
#[derive(Clone, Copy)]
enum Now<'a> {
    At(Timestamp),
    By(&'a Clock),
}

impl<'a> Answer<'a> {
    /// An answer of these parts.
    #[must_use]
    pub fn new(operation: &'static RemoteOperation, status: StatusCode, headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self { operation, status, headers, body, now: Now::At(Timestamp::UNIX_EPOCH), secrets: None }
    }

    /// Says what time it is here, for answers that tell a date and have none themselves.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Now::At(now);
        self
    }

    /// As [`at`](Self::at), by a clock that is read only when the time matters.
    pub(super) fn by(mut self, clock: &'a Clock) -> Self {
        self.now = Now::By(clock);
        self
    }

    fn now(&self) -> Timestamp {
        match self.now {
            Now::At(now) => now,
            Now::By(clock) => clock.timestamp(),
        }
    }

    /// What the service says about its rate limit.
    #[must_use]
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::from_headers(self.headers, self.now())
    }

    /// Keeps these secrets, which the request carried, out of the error.
    #[must_use]
    pub fn without(mut self, secrets: &'a Secrets) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// The error that `rule` and the service's own words make: with status, code, request id, the wait that was asked for, and
    /// the redacted body.
    #[must_use]
    pub fn error(&self, rule: Rule, said: Said) -> Error {
        let none = Secrets::default();
        let secrets = self.secrets.unwrap_or(&none);
        let mut detail = Detail::new();
        detail.status = Some(self.status.as_u16());
        detail.code = said.code.map(|code| shortened(&secrets.redact(&code)));
        let request_id = said.request_id.or_else(|| said::request_id(self.headers).map(str::to_owned));
        detail.request_id = request_id.map(|id| shortened(&secrets.redact(&id)));
        detail.retry_after = retry_after(self.headers, self.now());
        detail.answered_at = answered_at(self.headers);
        detail.message = said.message.map(|message| secrets.redact(&message));
        let message = match detail.message.as_deref().or(said.meaning) {
            Some(message) => format!("{}: {}", self.operation, shortened(message)),
            None => format!("{} was answered with {}", self.operation, self.status),
        };
        if !self.body.is_empty() {
            // One more than the limit: `with_body` cuts.
            let shown = &self.body[..self.body.len().min(Detail::BODY_MAX)];
            detail = detail.with_body(secrets.redact(&String::from_utf8_lossy(shown)));
        }
        let error = Error::new(rule.kind, message).with_detail(detail).with_sent(Sent::Yes).with_unprocessed(rule.unprocessed);
        let error = rule.reason.into_iter().fold(error, Error::with_reason);
        rule.retryable.into_iter().fold(error, Error::with_retryable)
    }
}

/// The service's own time: what a cache answers tells its `Age`, and an old date.
fn answered_at(headers: &HeaderMap) -> Option<Timestamp> {
    if headers.contains_key(AGE) { None } else { headers::text(headers, "date").and_then(parse_date) }
}

fn shortened(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MESSAGE_MAX).collect()
}

/// Judges answers. Of a call that reads its answer into memory every answer is judged, so that a failure inside a 200 is
/// found; of one that streams, every failed one, and every other by status and headers alone.
pub trait Classify: Send + Sync + 'static {
    /// `None` for a success. There was an answer, so an error that says it is unsent is given out as sent.
    fn classify(&self, answer: &Answer<'_>) -> Option<Error>;
}

impl<F: Fn(&Answer<'_>) -> Option<Error> + Send + Sync + 'static> Classify for F {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        self(answer)
    }
}

/// What a status or code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The kind of error.
    pub kind: ErrorKind,
    /// The fine code.
    pub reason: Option<Reason>,
    /// Whether the same call may succeed later; `None` is what the kind says.
    pub retryable: Option<bool>,
    /// Whether the service did nothing with the request, so that even what is not idempotent is repeated.
    pub unprocessed: bool,
}

impl Rule {
    /// Errors of this kind.
    #[must_use]
    pub const fn new(kind: ErrorKind) -> Self {
        Self { kind, reason: None, retryable: None, unprocessed: false }
    }

    /// With this fine code.
    #[must_use]
    pub const fn reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// That may or may not pass, whatever the kind says.
    #[must_use]
    pub const fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = Some(retryable);
        self
    }

    /// Of a request that the service did nothing with. Say so only where the service does: what is not idempotent is repeated
    /// then, as if it had never been sent.
    #[must_use]
    pub const fn unprocessed(mut self) -> Self {
        self.unprocessed = true;
        self
    }

    /// What a status means where a service says nothing else (RFC 9110 and those registered since).
    #[must_use]
    pub const fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            304 => Self::new(ErrorKind::Conflict).reason(Reason::NotModified),
            // Redirects are not followed: the address that the caller or the configuration gave is another one's.
            300..=399 => Self::new(ErrorKind::ConfigInvalid),
            401 => Self::new(ErrorKind::Unauthenticated),
            402 => Self::new(ErrorKind::QuotaExceeded),
            403 | 451 => Self::new(ErrorKind::PermissionDenied),
            404 | 410 => Self::new(ErrorKind::NotFound),
            405 => Self::new(ErrorKind::Unsupported),
            407 => Self::new(ErrorKind::ConfigInvalid),
            408 => Self::new(ErrorKind::Timeout),
            409 | 423 | 424 => Self::new(ErrorKind::Conflict),
            412 => Self::new(ErrorKind::Conflict).reason(Reason::VersionMismatch),
            413 => Self::new(ErrorKind::InvalidInput).reason(Reason::OutsideLimit),
            416 => Self::new(ErrorKind::InvalidInput).reason(Reason::RangeNotSatisfiable),
            421 | 425 => Self::new(ErrorKind::Unavailable),
            429 => Self::new(ErrorKind::RateLimited),
            400..=499 => Self::new(ErrorKind::InvalidInput),
            500 => Self::new(ErrorKind::Internal).retryable(true),
            501 | 505 => Self::new(ErrorKind::Unsupported),
            504 | 522 | 524 => Self::new(ErrorKind::Timeout),
            507 => Self::new(ErrorKind::QuotaExceeded),
            // A certificate that the proxy in front refuses is not repaired by asking again.
            506 | 508 | 510 | 511 | 525 | 526 => Self::new(ErrorKind::Unavailable).retryable(false),
            502 | 503 | 520..=599 => Self::new(ErrorKind::Unavailable),
            _ => Self::new(ErrorKind::Decode),
        }
    }
}
