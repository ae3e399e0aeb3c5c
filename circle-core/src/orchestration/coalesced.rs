//! Equal reads that run at the same time, made once.

mod embed;
mod key_value_store;
mod object_store;
mod secret_store;
#[cfg(test)]
mod tests;
mod vector_store;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::coalesce::Coalesce;
use circle_core_common::interfaces::embedding_model::{Embedded, EmbeddingModel};
use circle_core_common::interfaces::key_value_store::{Entry, KeyValueStore};
use circle_core_common::interfaces::object_store::{ObjectMeta, ObjectStore};
use circle_core_common::interfaces::secret_store::{Secret, SecretStore};
use circle_core_common::interfaces::vector_store::{Match, VectorStore};
use circle_core_common::{Bulk, ByteSize, CallContext, Environment, Error, ErrorKind, Handle, Provider, Reason, Result};

use super::forward::provided_by;
use super::frame::Frame;
use super::stamps::Stamps;

/// Makes equal reads that run at the same time once, and gives all of them the answer.
///
/// ```
/// # use circle_core::{ObjectStore, orchestration::{Cached, Coalesced}};
/// # fn example(files: ObjectStore) -> ObjectStore {
/// // A thousand callers who miss at once cause one call.
/// ObjectStore::new(Cached::new(ObjectStore::new(Coalesced::new(files))))
/// # }
/// ```
///
/// - *Shared* are metadata and contents up to [`object_max`](Self::object_max) of an object store, entries of a key-value store,
///   secrets of a store that lends none, embeddings, and matches of a vector store. Contents that stream, lists and watches are not, nor strong reads, nor calls
///   with a provider's own option, an attempt timeout, or rules of their own on repeating and hedging.
/// - *Equal* are calls for the same thing, by the same tenant and principal.
/// - *Each caller* keeps its own deadline, cancellation, span and audit record. The first one makes the call; where it is dropped
///   or runs out of time, one of those who wait makes it anew. An error is told to those who waited for it, and to nobody later.
/// - *How old* an answer can be: the call that it comes from may have begun before the one that it is given to. A write through
///   this very provider that has ended before a read began is seen by it; one from elsewhere that ended while the shared call
///   ran may not be.
/// - *Counted* in the report of a call that waited: `coalesced`. Tokens are told to the caller alone who made the call.
pub struct Coalesced<H: Coalescible> {
    frame: Frame<H>,
    running: Coalesce<String, Result<H::Shared>>,
    stamps: Stamps,
    object_max: ByteSize,
}

/// An interface whose reads can be shared. Implemented here, for the interfaces that are.
pub trait Coalescible: Handle {
    /// What is shared.
    #[doc(hidden)]
    type Shared: Clone + Send + Sync;
}

impl Coalescible for EmbeddingModel {
    type Shared = Embedded;
}

impl Coalescible for KeyValueStore {
    type Shared = Bulk<Option<Entry>>;
}

impl Coalescible for ObjectStore {
    type Shared = Read;
}

impl Coalescible for SecretStore {
    type Shared = Secret;
}

impl Coalescible for VectorStore {
    type Shared = Arc<[Match]>;
}

/// What a read of an object gives to all who wait for it.
#[derive(Clone)]
pub enum Read {
    /// Its metadata.
    Meta(Arc<ObjectMeta>),
    /// Its content, or a part of it.
    Content(Arc<ObjectMeta>, std::ops::Range<u64>, Bytes),
    /// It is too large to be shared: each reads it.
    Large,
}

impl<H: Coalescible> Coalesced<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "coalesce";

    /// Reads of this service.
    #[must_use]
    pub fn new(handle: H) -> Self {
        Self {
            frame: Frame::new(Self::NAME, handle),
            running: Coalesce::new(),
            stamps: Stamps::new(),
            object_max: ByteSize::mib(1),
        }
    }

    /// Sets the environment; that of the service by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.frame = self.frame.environment(environment);
        self
    }

    /// How many different calls are shared right now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.running()
    }

    /// The answer of an equal call that runs already, or of this one; and whether it was another's.
    async fn share<F: Future<Output = Result<H::Shared>>>(
        &self,
        cx: &CallContext,
        key: String,
        call: impl FnOnce() -> F,
    ) -> (Result<H::Shared>, bool) {
        let done = self.running.run(key, call, |result| !result.as_ref().is_err_and(|error| is_own(cx, error))).await;
        if done.joined {
            cx.report(|report| report.coalesced += 1);
        }
        (done.output, done.joined)
    }
}

impl Coalesced<ObjectStore> {
    /// Sets how large a content may be that is shared; by default 1 MiB. It is held in memory as a whole.
    #[must_use]
    pub fn object_max(mut self, size: ByteSize) -> Self {
        self.object_max = size;
        self
    }
}

/// Whether a caller has chosen how its call is made: an equal call of another may be made otherwise.
fn is_particular(cx: &CallContext) -> bool {
    cx.options().is_some_and(|options| {
        let repeats = options.retry.is_some() || options.retry_on.is_some() || options.hedge.is_some();
        let waits = options.attempt_timeout.is_some() || options.stall.is_some() || options.ignore_breaker.is_some();
        repeats || waits || options.cache.is_some() || options.body_limit.is_some()
    })
}

/// Whether an error speaks of the caller who made the call, and not of the service.
fn is_own(cx: &CallContext, error: &Error) -> bool {
    let late = error.is(ErrorKind::Timeout) && cx.remaining().is_some_and(|left| left.is_zero());
    // Its deadline left no time for its turn, or its limit none for the answer.
    let chosen = matches!(error.reason(), Some(Reason::LocalRateLimit | Reason::BulkheadFull)) || error.limit().is_some();
    error.is(ErrorKind::Cancelled) || late || chosen
}

provided_by!(Coalesced<H: Coalescible>, frame);

impl<H: Coalescible> fmt::Debug for Coalesced<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coalesced({})", self.frame.info().target)
    }
}
