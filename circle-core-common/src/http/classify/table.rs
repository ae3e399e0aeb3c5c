//! Judging by tables: the service's code first, then its status.

use http::StatusCode;

use super::{Answer, Classify, Rule};
use crate::error::{Error, ErrorKind};
use crate::http::rate_limit::RateLimit;
use crate::http::said::Said;

/// Judges answers by the service's code and the status. What is in no table means what RFC 9110 says.
///
/// ```
/// use circle_core_common::http::{Rule, StatusTable};
/// use circle_core_common::{ErrorKind, Reason};
/// static CODES: &[(&str, Rule)] = &[
///     ("context_length_exceeded", Rule::new(ErrorKind::InvalidInput).reason(Reason::ContextLength)),
///     ("insufficient_quota", Rule::new(ErrorKind::QuotaExceeded)),
/// ];
/// let table = StatusTable::new().codes(CODES);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StatusTable {
    statuses: &'static [(u16, Rule)],
    codes: &'static [(&'static str, Rule)],
    said: fn(&Answer<'_>) -> Said,
}

impl StatusTable {
    /// What RFC 9110 says, and words in the JSON shapes that most services use.
    #[must_use]
    pub const fn new() -> Self {
        Self { statuses: &[], codes: &[], said: |answer| Said::from_json(answer.body) }
    }

    /// Statuses that mean something else here.
    #[must_use]
    pub const fn statuses(mut self, statuses: &'static [(u16, Rule)]) -> Self {
        self.statuses = statuses;
        self
    }

    /// The service's own codes; they count before the status.
    #[must_use]
    pub const fn codes(mut self, codes: &'static [(&'static str, Rule)]) -> Self {
        self.codes = codes;
        self
    }

    /// How the words of this service are read: XML, a header, another JSON shape.
    #[must_use]
    pub const fn said(mut self, said: fn(&Answer<'_>) -> Said) -> Self {
        self.said = said;
        self
    }

    /// The error for a failed answer, whatever its status.
    #[must_use]
    pub fn error(&self, answer: &Answer<'_>) -> Error {
        let said = (self.said)(answer);
        let by_code = said.code.as_deref().and_then(|code| self.codes.iter().find(|(name, _)| *name == code));
        let by_status = || self.statuses.iter().find(|(status, _)| *status == answer.status.as_u16()).map(|(_, rule)| *rule);
        let rule = by_code.map(|(_, rule)| *rule).or_else(by_status).unwrap_or_else(|| by_rfc(answer));
        answer.error(rule, said)
    }
}

/// GitHub and others refuse with 403 what others refuse with 429, and say so in headers only.
fn by_rfc(answer: &Answer<'_>) -> Rule {
    let used_up = || RateLimit::from_headers(answer.headers, answer.now()).is_some_and(|limit| limit.remaining == Some(0));
    let limited = || answer.headers.contains_key("retry-after") || used_up();
    match answer.status {
        StatusCode::FORBIDDEN if limited() => Rule::new(ErrorKind::RateLimited),
        // A service that is over its limit for now, not a body that is too large for ever.
        StatusCode::PAYLOAD_TOO_LARGE if answer.headers.contains_key("retry-after") => Rule::new(ErrorKind::Unavailable),
        status => Rule::of_status(status),
    }
}

impl Default for StatusTable {
    fn default() -> Self {
        Self::new()
    }
}

impl Classify for StatusTable {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        (!answer.status.is_success()).then(|| self.error(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Detail, Reason, Sent};
    use crate::resilience::{Idempotency, RemoteOperation};
    use http::{HeaderMap, HeaderValue};
    use std::time::Duration;

    static GET: RemoteOperation = RemoteOperation::new("acme.Get", Idempotency::Safe, "/{id}");

    fn judge(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Option<Error> {
        static CODES: &[(&str, Rule)] =
            &[("SlowDown", Rule::new(ErrorKind::RateLimited)), ("Gone", Rule::new(ErrorKind::NotFound))];
        static STATUSES: &[(u16, Rule)] = &[(404, Rule::new(ErrorKind::Conflict))];
        let table = StatusTable::new().codes(CODES).statuses(STATUSES);
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        table.classify(&Answer::new(&GET, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()))
    }

    #[test]
    fn statuses_mean_what_the_standards_say() {
        use ErrorKind::*;
        for (status, kind, retryable) in [
            (301, ConfigInvalid, false),
            (400, InvalidInput, false),
            (401, Unauthenticated, false),
            (402, QuotaExceeded, false),
            (403, PermissionDenied, false),
            (405, Unsupported, false),
            (408, Timeout, true),
            (409, Conflict, false),
            (410, NotFound, false),
            (412, Conflict, false),
            (413, InvalidInput, false),
            (416, InvalidInput, false),
            (422, InvalidInput, false),
            (425, Unavailable, true),
            (429, RateLimited, true),
            (499, InvalidInput, false),
            (500, Internal, true),
            (501, Unsupported, false),
            (502, Unavailable, true),
            (503, Unavailable, true),
            (504, Timeout, true),
            (505, Unsupported, false),
            (507, QuotaExceeded, false),
            (529, Unavailable, true),
            (526, Unavailable, false),
            (600, Decode, false),
            (199, Decode, false),
        ] {
            let error = judge(status, &[], "").unwrap();
            assert_eq!((error.kind(), error.is_retryable(), error.sent()), (kind, retryable, Sent::Yes), "{status}");
        }
        assert!(judge(200, &[], r#"{"code":"SlowDown"}"#).is_none() && judge(204, &[], "").is_none());
        assert_eq!(judge(304, &[], "").unwrap().reason(), Some(Reason::NotModified));
    }

    #[test]
    fn the_services_code_counts_before_its_status() {
        assert!(judge(503, &[], r#"{"code":"SlowDown"}"#).unwrap().is(ErrorKind::RateLimited));
        assert!(judge(404, &[], r#"{"code":"Gone"}"#).unwrap().is(ErrorKind::NotFound));
        assert!(judge(404, &[], r#"{"code":"Other"}"#).unwrap().is(ErrorKind::Conflict));
    }

    #[test]
    fn a_403_can_be_a_rate_limit() {
        assert!(
            judge(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")], "").unwrap().is(ErrorKind::RateLimited)
        );
        assert!(judge(403, &[("retry-after", "60")], "").unwrap().is(ErrorKind::RateLimited));
        assert!(
            judge(403, &[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "60")], "")
                .unwrap()
                .is(ErrorKind::PermissionDenied)
        );
        assert!(judge(413, &[("retry-after", "6")], "").unwrap().is_retryable());
    }

    #[test]
    fn the_detail_keeps_what_was_said() {
        let error =
            judge(503, &[("retry-after", "3"), ("x-request-id", "r-1")], r#"{"code":"Busy","message":"Come\nback"}"#).unwrap();
        assert_eq!(error.to_string(), "unavailable: acme.Get: Come back (503 Busy, request r-1, retry after 3s)");
        let detail = error.detail().unwrap();
        assert_eq!(detail.message.as_deref(), Some("Come\nback"));
        assert_eq!(detail.body.as_deref(), Some(r#"{"code":"Busy","message":"Come\nback"}"#));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(judge(502, &[], "<html>").unwrap().message(), "acme.Get was answered with 502 Bad Gateway");
        let large = judge(500, &[], &"ä".repeat(Detail::BODY_MAX)).unwrap();
        assert!(large.detail().unwrap().body.as_deref().unwrap().len() <= Detail::BODY_MAX);
    }

    #[test]
    fn what_was_sent_does_not_come_back_in_an_error() {
        let mut sent = HeaderMap::new();
        sent.insert("x-key", crate::http::headers::secret(&http::HeaderName::from_static("x-key"), "hunter2-canary").unwrap());
        let (secrets, headers) = (crate::http::redact::Secrets::of(&sent), HeaderMap::new());
        let body = br#"{"code":"bad hunter2-canary","message":"your hunter2-canary is wrong"}"#;
        let answer = Answer::new(&GET, StatusCode::UNAUTHORIZED, &headers, body).without(&secrets);
        let error = StatusTable::new().error(&answer);
        assert!(!format!("{error} {error:?} {:?}", error.to_problem()).contains("hunter2"), "{error:?}");
    }

    /// Tokens are longer than what is shown of a code: cut first, they would not be recognised.
    #[test]
    fn a_long_secret_is_recognised_before_it_is_cut() {
        let token = format!("hunter2{}", "x".repeat(400));
        let mut sent = HeaderMap::new();
        sent.insert("x-key", crate::http::headers::secret(&http::HeaderName::from_static("x-key"), &token).unwrap());
        let secrets = crate::http::redact::Secrets::of(&sent);
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_str(&format!("r-{token}")).unwrap());
        let body = format!(r#"{{"code":"the key {token} is wrong"}}"#);
        let answer = Answer::new(&GET, StatusCode::UNAUTHORIZED, &headers, body.as_bytes()).without(&secrets);
        let error = StatusTable::new().error(&answer);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
