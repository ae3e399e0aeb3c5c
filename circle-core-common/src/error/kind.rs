//! The stable codes: kinds for `match`, reasons for everything finer.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal, $code:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, for logs, metrics and problem documents; never renamed.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The stable number; never reused.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }
    };
}

codes! {
    /// The coarse kind of an error, stable in name and number.
    ErrorKind {
        /// The named thing does not exist.
        NotFound = 1, "not_found";
        /// The thing to create exists already.
        AlreadyExists = 2, "already_exists";
        /// A precondition does not hold: somebody else changed the thing, or it is not in the needed state.
        Conflict = 3, "conflict";
        /// The caller's input is wrong; repeating it cannot help.
        InvalidInput = 4, "invalid_input";
        /// The configuration is wrong.
        ConfigInvalid = 5, "config_invalid";
        /// The service does not know who is calling.
        Unauthenticated = 6, "unauthenticated";
        /// The caller is known and may not do this.
        PermissionDenied = 7, "permission_denied";
        /// Too many calls; wait and repeat.
        RateLimited = 8, "rate_limited";
        /// A quota, disk or plan is used up; waiting a little does not help.
        QuotaExceeded = 9, "quota_exceeded";
        /// The provider cannot do this; nothing was sent.
        Unsupported = 10, "unsupported";
        /// The deadline passed.
        Timeout = 11, "timeout";
        /// The caller cancelled.
        Cancelled = 12, "cancelled";
        /// The service is there and cannot serve now.
        Unavailable = 13, "unavailable";
        /// The service could not be reached, or the connection broke.
        Connection = 14, "connection";
        /// The answer could not be read.
        Decode = 15, "decode";
        /// Data is damaged: a checksum, signature or length does not match.
        Corrupt = 16, "corrupt";
        /// A content policy refused.
        ContentFiltered = 17, "content_filtered";
        /// The call may or may not have had its effect.
        OutcomeUnknown = 18, "outcome_unknown";
        /// The handle, provider or hub is closed.
        Closed = 19, "closed";
        /// Something that should not happen, at the service or here.
        Internal = 20, "internal";
    }
}

impl ErrorKind {
    /// The kind in words: `not found`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Conflict => "conflict",
            Self::InvalidInput => "invalid input",
            Self::ConfigInvalid => "invalid configuration",
            Self::Unauthenticated => "not authenticated",
            Self::PermissionDenied => "permission denied",
            Self::RateLimited => "rate limited",
            Self::QuotaExceeded => "quota exceeded",
            Self::Unsupported => "unsupported",
            Self::Timeout => "timed out",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Connection => "connection failed",
            Self::Decode => "unreadable answer",
            Self::Corrupt => "corrupt data",
            Self::ContentFiltered => "content filtered",
            Self::OutcomeUnknown => "outcome unknown",
            Self::Closed => "closed",
            Self::Internal => "internal error",
        }
    }

    /// Whether errors of this kind usually pass when the call is repeated later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Timeout | Self::Unavailable | Self::Connection)
    }

    /// Whether errors of this kind speak of the service's state, not of the caller's request.
    #[must_use]
    pub const fn is_service_fault(self) -> bool {
        self.is_retryable()
            || matches!(self, Self::QuotaExceeded | Self::Decode | Self::Corrupt | Self::OutcomeUnknown | Self::Internal)
    }

    /// The HTTP status that says the same (RFC 9110; 499 has no standard name).
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::InvalidInput => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::RateLimited => 429,
            Self::QuotaExceeded => 507,
            Self::Unsupported => 501,
            Self::Timeout => 504,
            Self::Cancelled => 499,
            Self::Unavailable | Self::Closed => 503,
            Self::Connection | Self::Decode => 502,
            Self::ContentFiltered => 422,
            Self::ConfigInvalid | Self::Corrupt | Self::OutcomeUnknown | Self::Internal => 500,
        }
    }
}

codes! {
    /// The fine code of an error, stable in name and number.
    Reason {
        /// The version given is not the current one.
        VersionMismatch = 1, "version_mismatch";
        /// The thing still has the version that the caller has.
        NotModified = 2, "not_modified";
        /// The range starts behind the end.
        RangeNotSatisfiable = 3, "range_not_satisfiable";
        /// The service saw two conditional requests at once and did neither; repeat.
        ConflictingRequest = 4, "conflicting_request";
        /// A value is below a minimum or above a maximum; see [`Error::limit`](super::Error::limit).
        OutsideLimit = 5, "outside_limit";
        /// A name or key is not allowed.
        NameInvalid = 6, "name_invalid";
        /// A cursor belongs to another list.
        ForeignCursor = 7, "foreign_cursor";
        /// The list is longer than `all` may collect without a limit.
        TooMany = 8, "too_many";
        /// The content does not match its checksum or length.
        ChecksumMismatch = 9, "checksum_mismatch";
        /// The answer ended before its announced end.
        Truncated = 10, "truncated";
        /// Content hardly flowed for so long that the request was given up.
        Stalled = 40, "stalled";
        /// The model's context is too small for the request.
        ContextLength = 11, "context_length";
        /// The lease is somebody else's by now.
        LeaseLost = 12, "lease_lost";
        /// A newer holder of a lock has written.
        Fenced = 13, "fenced";
        /// A number would leave its range.
        Overflow = 14, "overflow";
        /// The retry budget is used up.
        RetryBudget = 15, "retry_budget";
        /// The circuit breaker is open.
        BreakerOpen = 16, "breaker_open";
        /// No space is left on the device.
        DiskFull = 17, "disk_full";
        /// The access rules refuse.
        AccessRules = 18, "access_rules";
        /// The audit record could not be written, and audit is required.
        AuditUnavailable = 19, "audit_unavailable";
        /// The service has not started yet; the hub keeps trying.
        Degraded = 20, "degraded";
        /// No service of this name is configured.
        UnknownService = 21, "unknown_service";
        /// The service does not offer this interface.
        WrongInterface = 22, "wrong_interface";
        /// The multipart upload does not exist or has ended.
        UploadEnded = 23, "upload_ended";
        /// The body can be sent only once and was.
        BodyConsumed = 24, "body_consumed";
        /// The rate limit of the service's policy, or what the service asked for, leaves no time before the deadline.
        LocalRateLimit = 25, "local_rate_limit";
        /// As many requests are running as the service's policy allows.
        BulkheadFull = 26, "bulkhead_full";
        /// A budget of tokens or money is used up until it refills.
        BudgetExhausted = 27, "budget_exhausted";
        /// A conflicting request has voided the multipart upload: start another one and send every part again.
        UploadConflict = 28, "upload_conflict";
        /// A request lacks what its signature needs.
        SignatureMissing = 29, "signature_missing";
        /// The signature of a request cannot be read, or is there twice.
        SignatureMalformed = 30, "signature_malformed";
        /// The request is not what was signed, or was signed with another secret.
        SignatureInvalid = 31, "signature_invalid";
        /// The request was signed too long ago.
        SignatureExpired = 32, "signature_expired";
        /// The request was signed at a moment that is too far in the future.
        SignatureInFuture = 33, "signature_in_future";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_numbers_are_unique() {
        let codes: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        let numbers: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.number()).collect();
        assert_eq!((codes.len(), numbers.len()), (ErrorKind::ALL.len(), ErrorKind::ALL.len()));
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        let numbers: HashSet<_> = Reason::ALL.iter().map(|reason| reason.number()).collect();
        assert_eq!((codes.len(), numbers.len()), (Reason::ALL.len(), Reason::ALL.len()));
    }

    /// Numbers are part of the interface: this table changes by addition only.
    #[test]
    fn numbers_are_pinned() {
        let pinned: Vec<(&str, u16)> = ErrorKind::ALL.iter().map(|kind| (kind.code(), kind.number())).collect();
        assert_eq!(pinned[0], ("not_found", 1));
        assert_eq!(pinned[17], ("outcome_unknown", 18));
        assert_eq!(pinned[19], ("internal", 20));
    }
}
