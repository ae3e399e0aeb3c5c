//! Errors as RFC 9457 problem documents.

use serde::Serialize;

use super::{Error, Limit, Sent};
use crate::identifier::OperationId;

/// An RFC 9457 problem document (`application/problem+json`).
///
/// ```
/// use circle_core_common::{Error, ErrorKind};
/// let problem = Error::new(ErrorKind::NotFound, "object `a` does not exist").to_problem();
/// assert_eq!(problem.status, 404);
/// assert_eq!(problem.r#type, "urn:circle-core:error:not_found");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// A URN of the kind; stable.
    pub r#type: String,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status that says the same.
    pub status: u16,
    /// The message.
    pub detail: String,
    /// The kind's stable number.
    pub code: u16,
    /// The fine code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The operation that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// The configured service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The provider's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The thing that the call named, or the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The id under which the outcome of a write can be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The missing capability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<&'static str>,
    /// The limit that was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// The service's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
    /// The service's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Seconds to wait before another call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<f64>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Whether the request can have reached the service.
    pub sent: Sent,
    /// Attempts made.
    pub attempts: u32,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let detail = error.detail();
        Self {
            r#type: format!("urn:circle-core:error:{}", error.kind()),
            title: error.kind().title(),
            status: error.kind().http_status(),
            detail: error.message().to_owned(),
            code: error.kind().number(),
            reason: error.reason().map(super::Reason::code),
            operation: error.operation().map(crate::Operation::name),
            service: error.service().filter(|name| !name.is_empty()).map(str::to_owned),
            provider: error.provider().map(str::to_owned),
            resource: error.resource().map(str::to_owned),
            operation_id: error.operation_id().cloned(),
            capability: error.capability(),
            limit: error.limit(),
            provider_code: detail.and_then(|detail| detail.code.clone()),
            request_id: detail.and_then(|detail| detail.request_id.clone()),
            retry_after_seconds: error.retry_after().map(|wait| wait.as_secs_f64()),
            retryable: error.is_retryable(),
            sent: error.sent(),
            attempts: error.attempts(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_problem_names_the_thing_the_write_and_the_limit() {
        let unknown =
            Error::new(ErrorKind::OutcomeUnknown, "lost").with_operation_id("id-7".into()).with_resource(&"cart:7".into());
        let problem = serde_json::to_value(unknown.to_problem()).unwrap();
        assert_eq!((&problem["operation_id"], &problem["resource"]), (&"id-7".into(), &"cart:7".into()));
        assert!(problem.get("capability").is_none() && problem.get("limit").is_none());
        let limited = serde_json::to_value(Error::outside_limit(Limit::at_most("key_max", 9, "bytes"), 12).to_problem()).unwrap();
        assert_eq!((&limited["limit"]["name"], &limited["limit"]["max"]), (&"key_max".into(), &9.into()));
        assert_eq!(serde_json::to_value(Error::unsupported("cas").to_problem()).unwrap()["capability"], "cas");
    }
}
