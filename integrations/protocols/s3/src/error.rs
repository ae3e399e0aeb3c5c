//! What S3 services answer when they refuse, and what that means: one table.

use std::borrow::Cow;

use circle_core_common::http::{Answer, Rule, Said};
use circle_core_common::interfaces::object_store::{ObjectKey, Precondition};
use circle_core_common::{Detail, Error, ErrorKind, Reason, Sent};
use http::{HeaderMap, StatusCode};

use crate::xml::Xml;

/// The longest message of a service that is kept, in bytes.
const MESSAGE_MAX: usize = 1024;

/// What an S3 service said; [`Error::provider_error`] finds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
#[non_exhaustive]
pub struct S3Error {
    /// The status of the answer; 200 where the error came inside a success.
    pub status: u16,
    /// The service's code, such as `NoSuchKey`; made from the status where an answer had no body.
    pub code: Cow<'static, str>,
    /// The service's message.
    pub message: Option<String>,
    /// The id of the request, for the service's support.
    pub request_id: Option<String>,
    /// The second id of the request, which Amazon's support asks for.
    pub host_id: Option<String>,
    /// The region of the bucket, where the answer tells it.
    pub region: Option<String>,
    /// Whether the answer says that it is about a delete marker.
    pub delete_marker: bool,
    /// Whether the answer had no body to read, so that the code stands for its status.
    pub bodiless: bool,
}

/// Kind, reason, and whether the same request may succeed later, where the kind does not say it rightly.
type Meaning = (ErrorKind, Option<Reason>, Option<bool>);

const fn plain(kind: ErrorKind) -> Meaning {
    (kind, None, None)
}

const fn because(kind: ErrorKind, reason: Reason) -> Meaning {
    (kind, Some(reason), None)
}

/// The codes that mean something of their own, of Amazon's list
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>) and of the services that have more; every other
/// code means what its status does.
const CODES: &[(&str, Meaning)] = &[
    ("AccessDenied", plain(ErrorKind::PermissionDenied)),
    ("AccountProblem", plain(ErrorKind::PermissionDenied)),
    ("AllAccessDisabled", plain(ErrorKind::PermissionDenied)),
    ("InvalidPayer", plain(ErrorKind::PermissionDenied)),
    ("NotSignedUp", plain(ErrorKind::PermissionDenied)),
    ("UserSuspended", plain(ErrorKind::PermissionDenied)),
    ("AuthorizationHeaderMalformed", plain(ErrorKind::Unauthenticated)),
    ("AuthorizationQueryParametersError", plain(ErrorKind::Unauthenticated)),
    ("CredentialsNotSupported", plain(ErrorKind::Unauthenticated)),
    ("ExpiredToken", plain(ErrorKind::Unauthenticated)),
    ("InvalidAccessKeyId", plain(ErrorKind::Unauthenticated)),
    ("InvalidSecurity", plain(ErrorKind::Unauthenticated)),
    ("InvalidToken", plain(ErrorKind::Unauthenticated)),
    ("MissingSecurityHeader", plain(ErrorKind::Unauthenticated)),
    ("RequestExpired", plain(ErrorKind::Unauthenticated)),
    ("RequestTimeTooSkewed", plain(ErrorKind::Unauthenticated)),
    ("SignatureDoesNotMatch", plain(ErrorKind::Unauthenticated)),
    ("TokenRefreshRequired", plain(ErrorKind::Unauthenticated)),
    ("UnauthorizedAccess", plain(ErrorKind::Unauthenticated)),
    ("NoSuchBucket", plain(ErrorKind::NotFound)),
    ("NoSuchKey", plain(ErrorKind::NotFound)),
    ("NoSuchLifecycleConfiguration", plain(ErrorKind::NotFound)),
    ("NoSuchTagSet", plain(ErrorKind::NotFound)),
    ("NoSuchTagSetError", plain(ErrorKind::NotFound)),
    ("NoSuchVersion", plain(ErrorKind::NotFound)),
    ("NoSuchUpload", because(ErrorKind::NotFound, Reason::UploadEnded)),
    ("BucketAlreadyExists", plain(ErrorKind::AlreadyExists)),
    ("BucketAlreadyOwnedByYou", plain(ErrorKind::AlreadyExists)),
    ("FileAlreadyExists", plain(ErrorKind::AlreadyExists)),
    ("BucketNotEmpty", plain(ErrorKind::Conflict)),
    ("InvalidBucketState", plain(ErrorKind::Conflict)),
    ("InvalidObjectState", plain(ErrorKind::Conflict)),
    ("ObjectNotInActiveTierError", plain(ErrorKind::Conflict)),
    ("RestoreAlreadyInProgress", plain(ErrorKind::Conflict)),
    ("ConditionalRequestConflict", because(ErrorKind::Conflict, Reason::ConflictingRequest)),
    ("OperationAborted", because(ErrorKind::Conflict, Reason::ConflictingRequest)),
    ("PreconditionFailed", because(ErrorKind::Conflict, Reason::VersionMismatch)),
    ("NotModified", because(ErrorKind::Conflict, Reason::NotModified)),
    ("InvalidRange", because(ErrorKind::InvalidInput, Reason::RangeNotSatisfiable)),
    ("EntityTooLarge", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    ("EntityTooSmall", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    ("KeyTooLongError", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    ("KeyTooLong", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    ("MaxMessageLengthExceeded", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    ("MetadataTooLarge", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    ("InvalidBucketName", because(ErrorKind::InvalidInput, Reason::NameInvalid)),
    ("InvalidObjectName", because(ErrorKind::InvalidInput, Reason::NameInvalid)),
    ("InvalidURI", because(ErrorKind::InvalidInput, Reason::NameInvalid)),
    // These stand in answers of status 200 too, beside one of many keys.
    ("InvalidArgument", plain(ErrorKind::InvalidInput)),
    ("InvalidRequest", plain(ErrorKind::InvalidInput)),
    ("MalformedXML", plain(ErrorKind::InvalidInput)),
    ("MethodNotAllowed", plain(ErrorKind::InvalidInput)),
    ("InvalidPart", plain(ErrorKind::InvalidInput)),
    ("InvalidPartOrder", plain(ErrorKind::InvalidInput)),
    ("InvalidEncryptionAlgorithmError", plain(ErrorKind::InvalidInput)),
    ("BadDigest", because(ErrorKind::Corrupt, Reason::ChecksumMismatch)),
    ("XAmzContentChecksumMismatch", because(ErrorKind::Corrupt, Reason::ChecksumMismatch)),
    ("XAmzContentSHA256Mismatch", because(ErrorKind::Corrupt, Reason::ChecksumMismatch)),
    ("IncompleteBody", because(ErrorKind::Corrupt, Reason::Truncated)),
    ("QuotaExceeded", plain(ErrorKind::QuotaExceeded)),
    ("TooManyBuckets", plain(ErrorKind::QuotaExceeded)),
    ("XMinioAdminBucketQuotaExceeded", plain(ErrorKind::QuotaExceeded)),
    ("XMinioStorageFull", because(ErrorKind::QuotaExceeded, Reason::DiskFull)),
    ("BandwidthLimitExceeded", plain(ErrorKind::RateLimited)),
    ("RequestLimitExceeded", plain(ErrorKind::RateLimited)),
    ("SlowDown", plain(ErrorKind::RateLimited)),
    ("SlowDownRead", plain(ErrorKind::RateLimited)),
    ("SlowDownWrite", plain(ErrorKind::RateLimited)),
    ("Throttling", plain(ErrorKind::RateLimited)),
    ("ThrottlingException", plain(ErrorKind::RateLimited)),
    ("TooManyRequests", plain(ErrorKind::RateLimited)),
    // The service gave up reading the request; it has done nothing.
    ("RequestTimeout", plain(ErrorKind::Timeout)),
    ("Busy", plain(ErrorKind::Unavailable)),
    ("InternalError", (ErrorKind::Internal, None, Some(true))),
    ("ServiceUnavailable", plain(ErrorKind::Unavailable)),
    ("NotImplemented", plain(ErrorKind::Unsupported)),
    ("PermanentRedirect", plain(ErrorKind::ConfigInvalid)),
    ("Redirect", plain(ErrorKind::ConfigInvalid)),
    ("TemporaryRedirect", plain(ErrorKind::ConfigInvalid)),
    ("IllegalLocationConstraintException", plain(ErrorKind::ConfigInvalid)),
    ("IncorrectEndpoint", plain(ErrorKind::ConfigInvalid)),
];

/// What a status means by itself: of an unknown code, and of an answer to HEAD, which has no body. Its code stands in.
const STATUSES: &[(u16, &str, Meaning)] = &[
    (301, "PermanentRedirect", plain(ErrorKind::ConfigInvalid)),
    (302, "Redirect", plain(ErrorKind::ConfigInvalid)),
    (304, "NotModified", because(ErrorKind::Conflict, Reason::NotModified)),
    (307, "TemporaryRedirect", plain(ErrorKind::ConfigInvalid)),
    (400, "BadRequest", plain(ErrorKind::InvalidInput)),
    (401, "Unauthorized", plain(ErrorKind::Unauthenticated)),
    (403, "Forbidden", plain(ErrorKind::PermissionDenied)),
    (404, "NotFound", plain(ErrorKind::NotFound)),
    (405, "MethodNotAllowed", plain(ErrorKind::InvalidInput)),
    (408, "RequestTimeout", plain(ErrorKind::Timeout)),
    (409, "Conflict", plain(ErrorKind::Conflict)),
    (411, "MissingContentLength", plain(ErrorKind::InvalidInput)),
    (412, "PreconditionFailed", because(ErrorKind::Conflict, Reason::VersionMismatch)),
    (413, "EntityTooLarge", because(ErrorKind::InvalidInput, Reason::OutsideLimit)),
    (416, "InvalidRange", because(ErrorKind::InvalidInput, Reason::RangeNotSatisfiable)),
    (429, "TooManyRequests", plain(ErrorKind::RateLimited)),
    (500, "InternalError", (ErrorKind::Internal, None, Some(true))),
    (501, "NotImplemented", plain(ErrorKind::Unsupported)),
    (502, "BadGateway", plain(ErrorKind::Unavailable)),
    (503, "ServiceUnavailable", plain(ErrorKind::Unavailable)),
    (504, "GatewayTimeout", plain(ErrorKind::Unavailable)),
    (507, "InsufficientStorage", plain(ErrorKind::QuotaExceeded)),
];

/// What a person can do about a refusal, where its message does not say.
const REMEDIES: &[(&str, &str)] = &[
    ("AccessDenied", "grant the credential this action on the bucket"),
    ("Forbidden", "grant the credential this action on the bucket; without the right to list, an absent object is refused too"),
    ("AuthorizationHeaderMalformed", "set `region` to that of the bucket"),
    ("InvalidAccessKeyId", "check the access key id, and that it belongs to this service"),
    ("InvalidObjectState", "the object is archived: restore it first"),
    ("NoSuchBucket", "create the bucket, or check `bucket` and `endpoint`"),
    ("PermanentRedirect", "set `region` or `endpoint` to that of the bucket"),
    ("RequestTimeTooSkewed", "set this machine's clock"),
    ("SignatureDoesNotMatch", "check the secret access key, `region` and `addressing`"),
];

impl S3Error {
    /// Reads an answer that is an error; `None` when `status` says success and the body is no error.
    #[must_use]
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let inside = read_body(body);
        if status.is_success() && inside.is_none() {
            return None;
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut error = inside.unwrap_or_else(|| Self::of_status(status.as_u16()));
        error.status = status.as_u16();
        error.request_id = header("x-amz-request-id").or(error.request_id);
        error.host_id = header("x-amz-id-2").or(error.host_id);
        error.region = header("x-amz-bucket-region").or(error.region);
        error.delete_marker = header("x-amz-delete-marker").is_some_and(|value| value == "true");
        Some(error)
    }

    fn of_status(status: u16) -> Self {
        let code = STATUSES.iter().find(|(known, ..)| *known == status).map_or("Unknown", |(_, code, _)| *code);
        Self { bodiless: true, ..Self::of_code(code) }
    }

    fn of_code(code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: 200,
            code: code.into(),
            message: None,
            request_id: None,
            host_id: None,
            region: None,
            delete_marker: false,
            bodiless: false,
        }
    }

    /// One entry of an answer to a delete of many.
    pub(crate) fn of_entry(code: String, message: Option<String>) -> Self {
        Self { message: message.map(capped), ..Self::of_code(code) }
    }

    fn meaning(&self) -> Meaning {
        if self.delete_marker && self.status == 405 {
            // A version that is a delete marker has no content to give.
            return plain(ErrorKind::NotFound);
        }
        let by_code = CODES.iter().find(|(code, _)| *code == self.code).map(|(_, meaning)| *meaning);
        let by_status = || STATUSES.iter().find(|(status, ..)| *status == self.status).map(|(_, _, meaning)| *meaning);
        by_code.or_else(by_status).unwrap_or(match self.status {
            400..=499 => plain(ErrorKind::InvalidInput),
            500..=599 => plain(ErrorKind::Unavailable),
            // An error inside a success whose code nobody knows: whatever it was, it was not done.
            _ => plain(ErrorKind::Internal),
        })
    }

    /// Whether the request may have been done all the same.
    fn sent(&self) -> Sent {
        match &*self.code {
            // Refused before anything was done.
            "SlowDown" | "ServiceUnavailable" | "RequestTimeout" | "NotImplemented" => Sent::Yes,
            _ if matches!(self.meaning().0, ErrorKind::Unavailable | ErrorKind::Internal) => Sent::Maybe,
            _ => Sent::Yes,
        }
    }

    /// The SDK's error of an answer.
    pub(crate) fn of_answer(mut self, answer: &Answer<'_>) -> Error {
        let mut said = Said::new();
        // What was made from a status is nothing that the service said.
        said.code = (!self.bodiless).then(|| self.code.clone().into_owned());
        said.message = self.message.clone();
        said.request_id = self.request_id.clone();
        let told = answer.error(Rule::new(self.meaning().0), said);
        let mut detail = told.detail().cloned().unwrap_or_default();
        // Without what the request carried and the service repeats: a customer key.
        self.message = detail.message.clone();
        if self.meaning().0 == ErrorKind::Unauthenticated {
            // It repeats what was signed, session tokens included.
            detail.body = None;
        }
        self.with_detail(detail)
    }

    /// The SDK's error of one entry of an answer.
    pub(crate) fn into_entry_error(self) -> Error {
        let mut detail = Detail::new();
        detail.code = Some(self.code.clone().into_owned());
        detail.message = self.message.clone();
        self.with_detail(detail)
    }

    fn with_detail(self, detail: Detail) -> Error {
        let (kind, reason, retryable) = self.meaning();
        let mut text = match &detail.message {
            Some(message) => message.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect(),
            None => format!("the service answered {}", self.code),
        };
        if let Some((_, remedy)) = REMEDIES.iter().find(|(code, _)| *code == self.code) {
            text = format!("{}; {remedy}", text.trim_end_matches('.'));
        }
        if let (ErrorKind::ConfigInvalid | ErrorKind::Unauthenticated, Some(region)) = (kind, &self.region) {
            text.push_str(&format!(" (the bucket is in `{}`)", region.escape_debug()));
        }
        let mut error = Error::new(kind, text).with_detail(detail).with_sent(self.sent());
        if let Some(reason) = reason {
            error = error.with_reason(reason);
        }
        if let Some(retryable) = retryable {
            error = error.with_retryable(retryable);
        }
        error.with_source(self)
    }
}

/// What a refusal means for what was asked: the status is the same for every condition that does not hold.
pub(crate) fn refused(error: Error, precondition: &Precondition, key: &ObjectKey) -> Error {
    let mismatch = error.reason() == Some(Reason::VersionMismatch);
    let (kind, reason, text) = match precondition {
        Precondition::IfAbsent if mismatch => (ErrorKind::AlreadyExists, None, "exists already"),
        // Where there is no object, there is none of that version.
        Precondition::IfMatch(_) if mismatch || is_absent(&error) => {
            (ErrorKind::Conflict, Some(Reason::VersionMismatch), "has another version than the one given, or is absent")
        }
        _ => return error,
    };
    let mut refused = Error::new(kind, format!("object `{key}` {text}")).with_sent(error.sent()).with_attempts(error.attempts());
    if let Some(detail) = error.detail() {
        refused = refused.with_detail(detail.clone());
    }
    if let Some(reason) = reason {
        refused = refused.with_reason(reason);
    }
    refused.with_source(error)
}

/// Whether an object, and not its bucket, is absent.
pub(crate) fn is_absent(error: &Error) -> bool {
    let code = error.provider_error::<S3Error>().map(|error| &*error.code);
    error.is(ErrorKind::NotFound) && matches!(code, Some("NoSuchKey" | "NoSuchVersion" | "NotFound"))
}

/// The error that a body is, if it is one.
fn read_body(body: &[u8]) -> Option<S3Error> {
    let (mut xml, root) = Xml::open(body).ok()?;
    if &*root != "Error" {
        return None;
    }
    let mut error = S3Error::of_code("Unknown");
    // What can be read of a body that breaks off is still the best there is.
    while let Ok(Some(name)) = xml.child() {
        let Ok(text) = xml.text() else { break };
        match &*name {
            "Code" => error.code = text.into(),
            "Message" => error.message = Some(capped(text)),
            "RequestId" => error.request_id = Some(text),
            "HostId" => error.host_id = Some(text),
            "Region" => error.region = Some(text),
            _ => {}
        }
    }
    Some(error)
}

fn capped(mut text: String) -> String {
    if text.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests;
