//! Which errors of one leg have the next one asked.

use std::fmt;
use std::sync::Arc;

use circle_core_common::{Class, Error, ErrorKind, Reason, Sent};

/// Which errors have the next leg asked.
///
/// By default those that speak of the service and not of the request: `Unavailable` (also an open breaker and a full bulkhead),
/// `Connection`, `Timeout`, `RateLimited`, `QuotaExceeded`, `Unauthenticated`, `Decode`, `Corrupt` and `Internal`. A key that is
/// not accepted counts among them because keys are revoked and expire while an application runs; it is logged, and the health
/// of the service tells it. Not among them: what every other service would say too (`InvalidInput`, `Unsupported`), what a
/// policy decided (`ContentFiltered`, `PermissionDenied`), and `NotFound`, which is a model that nobody has.
///
/// Whatever is chosen, `Cancelled`, `Closed` and `OutcomeUnknown` end the call, and so does every error of a write that may
/// have reached the service, but one with which the service has refused it: `RateLimited`, `QuotaExceeded`, `Unauthenticated`.
#[derive(Clone)]
pub struct MoveOn {
    kinds: Vec<ErrorKind>,
    reasons: Vec<Reason>,
    also: Option<Judge>,
}

type Judge = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

const DEFAULT: [ErrorKind; 9] = [
    ErrorKind::Unavailable,
    ErrorKind::Connection,
    ErrorKind::Timeout,
    ErrorKind::RateLimited,
    ErrorKind::QuotaExceeded,
    ErrorKind::Unauthenticated,
    ErrorKind::Decode,
    ErrorKind::Corrupt,
    ErrorKind::Internal,
];

impl MoveOn {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self { kinds: DEFAULT.to_vec(), reasons: Vec::new(), also: None }
    }

    /// Moves on at errors of this kind, too: a kind that a second service may judge otherwise, such as `ContentFiltered`.
    #[must_use]
    pub fn at(mut self, kind: ErrorKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Moves on at errors of this reason, too, such as `ContextLength` to a model with a larger context.
    #[must_use]
    pub fn at_reason(mut self, reason: Reason) -> Self {
        self.reasons.push(reason);
        self
    }

    /// Does not move on at errors of this kind.
    #[must_use]
    pub fn not_at(mut self, kind: ErrorKind) -> Self {
        self.kinds.retain(|known| *known != kind);
        self
    }

    /// Moves on at errors that this says `true` of, too.
    #[must_use]
    pub fn when(mut self, also: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.also = Some(Arc::new(also));
        self
    }

    pub(super) fn moves(&self, error: &Error, class: Class) -> bool {
        let ends = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed | ErrorKind::OutcomeUnknown);
        let refused = matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::QuotaExceeded | ErrorKind::Unauthenticated);
        let undone = error.sent() == Sent::No || error.sent() == Sent::Yes && refused;
        // Of what was to be written, that it does not match its checksum is said of the content.
        let corrupt = error.is(ErrorKind::Corrupt);
        let stays = class != Class::Read && (!undone || corrupt);
        if ends || stays {
            return false;
        }
        self.kinds.contains(&error.kind())
            || error.reason().is_some_and(|reason| self.reasons.contains(&reason))
            || self.also.as_ref().is_some_and(|also| also(error))
    }
}

impl Default for MoveOn {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MoveOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MoveOn")
            .field("kinds", &self.kinds)
            .field("reasons", &self.reasons)
            .field("also", &self.also.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_decided() {
        let moves = |rule: &MoveOn, kind| rule.moves(&Error::new(kind, ""), Class::Read);
        let default: Vec<ErrorKind> = ErrorKind::ALL.iter().copied().filter(|kind| moves(&MoveOn::new(), *kind)).collect();
        let expected: Vec<ErrorKind> = ErrorKind::ALL.iter().copied().filter(|kind| DEFAULT.contains(kind)).collect();
        assert_eq!(default, expected);
        let everything = ErrorKind::ALL.iter().fold(MoveOn::new(), |rule, kind| rule.at(*kind)).when(|_| true);
        for kind in [ErrorKind::Cancelled, ErrorKind::Closed, ErrorKind::OutcomeUnknown] {
            assert!(!moves(&everything, kind), "{kind}");
        }
        assert!(moves(&everything, ErrorKind::ContentFiltered));
        assert!(!moves(&MoveOn::new().not_at(ErrorKind::RateLimited), ErrorKind::RateLimited));
    }

    #[test]
    fn a_write_that_may_have_arrived_is_not_made_elsewhere() {
        let error = |sent| Error::new(ErrorKind::Connection, "").with_sent(sent);
        assert!(MoveOn::new().moves(&error(Sent::No), Class::Write));
        for sent in [Sent::Maybe, Sent::Yes] {
            assert!(!MoveOn::new().moves(&error(sent), Class::Write));
            assert!(MoveOn::new().moves(&error(sent), Class::Read));
        }
        for kind in [ErrorKind::RateLimited, ErrorKind::QuotaExceeded, ErrorKind::Unauthenticated] {
            let refused = |sent| MoveOn::new().moves(&Error::new(kind, "").with_sent(sent), Class::Write);
            assert!(refused(Sent::Yes) && !refused(Sent::Maybe), "{kind}: an earlier attempt may have been done");
        }
    }

    #[test]
    fn a_reason_can_be_chosen_alone() {
        let error = Error::new(ErrorKind::InvalidInput, "").with_reason(Reason::ContextLength);
        assert!(!MoveOn::new().moves(&error, Class::Read));
        assert!(MoveOn::new().at_reason(Reason::ContextLength).moves(&error, Class::Read));
    }
}
