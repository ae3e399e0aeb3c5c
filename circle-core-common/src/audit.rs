//! Audit: every external call leaves a record of what was intended and how it ended.
//!
//! The records hold no bodies and no secrets. `AuditLog` appends them to a file in which no one can change or cut anything
//! unnoticed, and `Verifier` checks that; [`AuditQueue`] is a bounded queue in front of any sink, for calls that must not wait.

#[cfg(feature = "audit")]
mod anchor;
#[cfg(feature = "audit")]
mod checkpoint;
#[cfg(feature = "audit")]
mod files;
#[cfg(feature = "audit")]
mod log;
mod losses;
#[cfg(feature = "audit")]
pub mod merkle;
#[cfg(feature = "audit")]
pub mod note;
mod queue;
#[cfg(feature = "audit")]
mod record;
#[cfg(feature = "audit")]
mod subjects;
#[cfg(feature = "audit")]
mod verify;
#[cfg(feature = "audit")]
mod writer;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

#[cfg(feature = "audit")]
pub use anchor::{AnchorSink, Anchoring, FileAnchor, ObjectStoreAnchor};
#[cfg(feature = "audit")]
pub use checkpoint::{Checkpoint, SignedCheckpoint};
#[cfg(feature = "audit")]
pub use log::{AuditLog, AuditLogBuilder};
pub(crate) use losses::Losses;
pub use queue::AuditQueue;
#[cfg(feature = "audit")]
pub use subjects::SubjectKeys;
#[cfg(feature = "audit")]
pub use verify::{Integrity, Leaves, Verification, Verifier};

use crate::error::{ErrorKind, Result};
use crate::identifier::OperationId;
use crate::operation::Class;
use crate::units::Timestamp;

/// What happens to a call whose record cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "config", derive(schemars::JsonSchema))]
pub enum AuditMode {
    /// It goes on; the loss is logged, and the sinks of this crate count theirs.
    #[default]
    BestEffort,
    /// It does not happen: the intent is written before anything is sent, and the outcome before the call returns.
    Required,
}

/// One record: the intent of a call, or its outcome.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// The call; intent and outcome of one call share it.
    pub call: u64,
    /// Who called whom.
    #[serde(flatten)]
    pub parties: Arc<AuditParties>,
    /// The operation: `object_store.put`.
    pub operation: &'static str,
    /// What it does to the other side.
    pub class: Class,
    /// The policy that the access control decided by, where it said one; of several things, the first's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Arc<str>>,
    /// What was only read on the way: the source of a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<str>>,
    /// The thing, or the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Arc<str>>,
    /// How many things.
    pub resources: usize,
    /// Intent or outcome.
    #[serde(flatten)]
    pub event: AuditEvent,
}

/// Who called whom: the same for all calls of a handle, so that their records share it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditParties {
    /// Who, where the caller said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
    /// On whose behalf, where the caller said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Arc<str>>,
    /// The configured service.
    pub service: Arc<str>,
    /// The provider's id.
    pub provider: &'static str,
}

/// What a record says.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditEvent {
    /// The call is about to happen.
    Intent,
    /// The call was refused by the access control.
    Refused,
    /// The call ended.
    Outcome {
        /// `ok`, `cancelled`, or the error's kind.
        outcome: &'static str,
        /// How long it took, in microseconds.
        #[serde(rename = "micros", serialize_with = "micros")]
        took: Duration,
        /// Attempts made.
        attempts: u32,
        /// The id of the write, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation_id: Option<OperationId>,
    },
}

fn micros<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

impl AuditEvent {
    /// The outcome of a call that its caller dropped: its effect is unknown.
    pub(crate) const CANCELLED: &'static str = "cancelled";

    pub(crate) const fn outcome_of(error: Option<ErrorKind>) -> &'static str {
        match error {
            None => "ok",
            Some(kind) => kind.code(),
        }
    }
}

/// What a sink says to a record.
#[must_use]
pub enum Recording<'a> {
    /// It is recorded, or refused for good.
    Done(Result<()>),
    /// It is being made durable.
    Pending(Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>),
}

impl std::fmt::Debug for Recording<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done(result) => write!(f, "Done({result:?})"),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// Takes audit records.
///
/// The record is accepted when `record` returns, unless it answers an error at once: a caller that drops a
/// [`Recording::Pending`] only stops waiting. What a sink loses after it has accepted it, it counts and logs itself.
pub trait AuditSink: Send + Sync + 'static {
    /// Takes one record without blocking; what must wait is in the answer.
    fn record(&self, record: AuditRecord) -> Recording<'_>;

    /// Waits until everything taken is durable.
    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>>;
}
