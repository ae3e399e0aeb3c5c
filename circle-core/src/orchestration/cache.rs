//! Answers that were given before to the same request.

mod cacheable;
mod chat;
mod embed;
mod fresh;
pub(super) mod key;
mod key_value_store;
mod lru;
mod object_store;
mod store;
#[cfg(test)]
mod tests;
mod vector_store;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::{ChatResponse, Usage};
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::{ByteSize, CallContext, Environment, Extension, Provider};

pub use self::cacheable::Cacheable;
pub(super) use self::store::Answers;
use super::caller::Identity;
use super::forward::provided_by;
use super::frame::Frame;

/// Gives the answer that was given before to exactly the same request.
///
/// ```
/// # use circle_core::{ChatModel, KeyValueStore, ObjectStore, orchestration::Cached};
/// # use std::time::Duration;
/// # fn example(model: ChatModel, store: KeyValueStore, files: ObjectStore) -> (ChatModel, ObjectStore) {
/// let model = ChatModel::new(Cached::new(model).ttl(Duration::from_secs(3600)).store(store));
/// (model, ObjectStore::new(Cached::new(files).ttl(Duration::from_secs(30))))
/// # }
/// ```
///
/// Of models, for a day by default:
///
/// - *The same request* is one with the same SHA-256 of all that the model is told: conversation, tools, schema, settings; of
///   the same provider, model and tenant. A request with a provider's own option is never looked up.
/// - *Kept* are whole answers that ended by themselves or with tool calls; never errors, nor what was cut, filtered or refused. A request with a
///   temperature above 0 wants variety, and is neither looked up nor kept, unless [`any_temperature`](Self::any_temperature).
/// - *A stream* is played from a kept answer, in one piece per part, and kept once it has ended by itself.
/// - *Embeddings* are kept one by one: only the inputs that are new are asked for.
/// - *Usage* of a kept answer is zero, and [`CacheHit`] in its extensions says how old it is and what it cost once; the report
///   of the call counts it in `cached`.
/// - *In this process* by default, at most 10,000 answers and 64 MiB of them, those that are asked for most recently; or in any
///   [`KeyValueStore`](Self::store), whose failures are misses. What cannot be read or is too old is a miss, too.
///
/// Of stores, in this process, for a minute (objects) or ten seconds (entries, matches) by default:
///
/// - *How old* an answer can be: at most the ttl, counted from when it was asked for. What is written through this very
///   provider, or a clone of a handle over it, is seen by every read that begins after the write has ended; so is a write that
///   failed or was dropped, as far as it was done by then. Writes from elsewhere are seen after the ttl.
/// - *Objects*: metadata, and whole contents up to [`object_max`](Self::object_max); ranges are cut out of them. When one is too
///   old, the store is asked whether it has changed, where it can tell. That there is none is believed for
///   [`missing_ttl`](Self::missing_ttl). Conditional reads, older versions and reads with a provider's own option always go to
///   the store, as do lists.
/// - *Entries*: what expires is gone at its time. Strong reads, lists and watches go to the store.
/// - *Matches* of queries, until something is written into the collection through here.
/// - *Each tenant and principal* has answers of its own, unless [`across_tenants`](Self::across_tenants).
///
/// Equal requests that run at the same time are all sent: that is what [`Coalesced`](super::Coalesced) behind it is for.
pub struct Cached<H: Cacheable> {
    frame: Frame<H>,
    settings: Settings,
    store: Arc<H::Kept>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    ttl: Duration,
    missing_ttl: Duration,
    object_max: ByteSize,
    any_temperature: bool,
    across_tenants: bool,
}

/// In the extensions of an answer that was kept: it cost nothing this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheHit {
    /// How old it is.
    pub age: Duration,
    /// What it cost when it was given first.
    pub usage: Usage,
}

impl Extension<ChatResponse> for CacheHit {
    const PROVIDER: &'static str = "cache";
}

impl<H: Cacheable> Cached<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "cache";

    /// Answers of this service.
    #[must_use]
    pub fn new(handle: H) -> Self {
        let settings = Settings {
            ttl: H::TTL,
            missing_ttl: Duration::from_secs(1),
            object_max: ByteSize::mib(1),
            any_temperature: false,
            across_tenants: false,
        };
        Self { frame: Frame::new(Self::NAME, handle), settings, store: Arc::new(H::within(10_000, ByteSize::mib(64))) }
    }

    /// Sets how long an answer is kept.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// Keeps answers in this process, at most so many, and so large together.
    #[must_use]
    pub fn within(mut self, entries: usize, bytes: ByteSize) -> Self {
        self.store = Arc::new(H::within(entries, bytes));
        self
    }

    /// Gives one tenant what was answered to another, and of stores one principal, too. By default it is not even told by how
    /// fast an answer comes that somebody else has asked the same.
    #[must_use]
    pub fn across_tenants(mut self) -> Self {
        self.settings.across_tenants = true;
        self
    }

    /// Sets the environment; that of the service by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.frame = self.frame.environment(environment);
        self
    }

    /// The tenant that a kept answer of a model is for.
    fn tenant<'c>(&self, cx: &'c CallContext) -> Option<&'c str> {
        cx.tenant().map(|tenant| &**tenant).filter(|_| !self.settings.across_tenants)
    }

    /// Whom a kept answer of a store is for.
    fn identity(&self, cx: &CallContext, method: &'static str) -> Identity {
        if self.settings.across_tenants { Identity::of_anybody(method) } else { Identity::of(cx, method) }
    }
}

impl<H: Cacheable<Kept = Answers>> Cached<H> {
    /// Keeps answers in this store. It may be asked for half a second each time; then the model is.
    #[must_use]
    pub fn store(mut self, store: KeyValueStore) -> Self {
        self.store = Arc::new(Answers::remote(store));
        self
    }

    /// Keeps answers to requests with a temperature above 0, too: the same question gets the same answer.
    #[must_use]
    pub fn any_temperature(mut self) -> Self {
        self.settings.any_temperature = true;
        self
    }
}

provided_by!(Cached<H: Cacheable>, frame);

impl<H: Cacheable> fmt::Debug for Cached<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cached({})", self.frame.info().target)
    }
}
