//! What can go wrong between a provider and its service.

use std::time::Duration;

/// One fault; it applies to one call of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service does what it was asked, and the answer is lost.
    LoseAnswer,
    /// The service refuses because of a conflicting request, does nothing, and says "again".
    RefuseConflicting,
    /// The connection breaks before the request is processed.
    CutBefore,
    /// The connection breaks after so many bytes of the body of the next answer that has one.
    CutBody {
        /// How many bytes, or events of a stream, arrive.
        after: u64,
    },
    /// The body of the next answer that has one ends after so many bytes, as if it were complete.
    TruncateBody {
        /// How many bytes, or events of a stream, arrive.
        after: u64,
    },
    /// The answer comes late.
    Delay {
        /// How late.
        by: Duration,
    },
    /// The service is busy.
    Throttle {
        /// How long it asks to wait.
        retry_after: Duration,
    },
    /// The service is there and cannot serve.
    Unavailable,
    /// The service accepts the request and never answers.
    Silent,
    /// What the whole store is kept in does not exist: a bucket, a folder, a database.
    NoContainer,
}

/// Breaks the calls of a subject's provider.
pub trait Faults: Send + Sync {
    /// Has `fault` happen to the next call that is made; several are taken in order, one per call.
    fn inject(&self, fault: Fault);

    /// Forgets the faults that have not happened, where a call need not reach the place where they happen.
    fn clear(&self);
}
