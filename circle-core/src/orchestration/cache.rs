//! Answers that were given before to the same request.

mod chat;
mod embed;
mod key;
mod lru;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::{ChatResponse, Usage};
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::{ByteSize, CallContext, Environment, Extension, Handle, Provider};

use self::store::Store;
use super::forward::provided_by;
use super::frame::Frame;

/// Gives the answer that was given before to exactly the same request.
///
/// ```
/// # use circle_core::{ChatModel, KeyValueStore, orchestration::Cached};
/// # use std::time::Duration;
/// # fn example(model: ChatModel, store: KeyValueStore) -> ChatModel {
/// ChatModel::new(Cached::new(model).ttl(Duration::from_secs(3600)).store(store))
/// # }
/// ```
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
/// Equal requests that run at the same time are all sent: each caller has its own deadline, and may stop.
pub struct Cached<H> {
    frame: Frame<H>,
    settings: Settings,
    store: Arc<Store>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    ttl: Duration,
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

impl<H: Handle> Cached<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "cache";

    /// Answers of this service, kept for a day.
    #[must_use]
    pub fn new(handle: H) -> Self {
        let settings = Settings { ttl: Duration::from_secs(86_400), any_temperature: false, across_tenants: false };
        Self { frame: Frame::new(Self::NAME, handle), settings, store: Arc::new(Store::memory(10_000, ByteSize::mib(64))) }
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
        self.store = Arc::new(Store::memory(entries, bytes));
        self
    }

    /// Keeps answers in this store. It may be asked for half a second each time; then the model is.
    #[must_use]
    pub fn store(mut self, store: KeyValueStore) -> Self {
        self.store = Arc::new(Store::remote(store));
        self
    }

    /// Keeps answers to requests with a temperature above 0, too: the same question gets the same answer.
    #[must_use]
    pub fn any_temperature(mut self) -> Self {
        self.settings.any_temperature = true;
        self
    }

    /// Gives one tenant what was answered to another. By default it is not even told by how fast an answer comes that somebody
    /// else has asked the same.
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

    /// The tenant that a kept answer is for.
    fn tenant<'c>(&self, cx: &'c CallContext) -> Option<&'c str> {
        cx.tenant().map(|tenant| &**tenant).filter(|_| !self.settings.across_tenants)
    }
}

provided_by!(Cached<H: Handle>, frame);

impl<H: Handle> fmt::Debug for Cached<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cached({})", self.frame.info().target)
    }
}
