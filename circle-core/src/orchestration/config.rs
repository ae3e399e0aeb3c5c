//! Decorators as services of a `circle.toml`.

mod services;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use circle_core_common::config::duration;
use circle_core_common::interfaces::chat_model::ChatModel;
#[cfg(feature = "encryption")]
use circle_core_common::interfaces::key_service::KeyService;
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::{AnyServiceRef, ByteSize, ServiceRef};
use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(feature = "encryption")]
pub use services::EncryptService;
pub use services::{BudgetService, CacheService, CoalesceService, FallbackService, RouterService};

use super::price::NanoUsd;

/// Which services, in which order, and what moves on from one to the next. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FallbackConfig {
    /// The services, in order. It offers the interfaces that all of them have.
    pub services: Vec<AnyServiceRef>,
    /// Error kinds and reasons that have the next one asked, too: `["content_filtered", "context_length"]`.
    #[serde(default)]
    pub also: Vec<String>,
    /// Error kinds that do not.
    #[serde(default)]
    pub except: Vec<String>,
    /// How long one service may take before the next is asked.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub leg_timeout: Option<Duration>,
    /// How long a service rests that keeps failing; `"0s"` is never.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub rest: Option<Duration>,
    /// Whether the embedding models are one model under several names, so that their embeddings compare.
    #[serde(default)]
    pub one_space: bool,
    /// Whether writes into stores fall over, too, which splits the data.
    #[serde(default)]
    pub split_writes: bool,
    /// The channels that single messengers send to, whatever a call names, by their services.
    #[serde(default)]
    pub channels: BTreeMap<String, String>,
}

/// Which services, and how one is chosen. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RouterConfig {
    /// The services.
    pub services: Vec<ServiceRef<ChatModel>>,
    /// How one is chosen of those that can take a request.
    #[serde(default)]
    pub by: RouteBy,
    /// A price table of one's own, whose prices go before those of this crate.
    pub prices: Option<PathBuf>,
    /// Error kinds and reasons that have the next one asked, too.
    #[serde(default)]
    pub also: Vec<String>,
    /// Error kinds that do not.
    #[serde(default)]
    pub except: Vec<String>,
    /// How long one service may take before the next is asked.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub leg_timeout: Option<Duration>,
    /// How long a service rests that keeps failing; `"0s"` is never.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub rest: Option<Duration>,
}

/// How a router of a config chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteBy {
    /// The first that can.
    #[default]
    Order,
    /// The cheapest.
    Cost,
    /// The fastest.
    Latency,
}

/// Which service, and how long its answers are kept where. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The service whose answers are kept: models, stores.
    pub service: AnyServiceRef,
    /// Where answers of models are kept; in this process by default, as are those of stores.
    pub store: Option<ServiceRef<KeyValueStore>>,
    /// How long. By default answers of models a day, objects a minute, entries and matches ten seconds.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub ttl: Option<Duration>,
    /// How long it is believed that there is no such object or entry; by default a second.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub missing_ttl: Option<Duration>,
    /// How large an object may be whose content is kept; by default 1 MiB.
    pub object_max: Option<ByteSize>,
    /// The most answers that are kept in this process.
    #[serde(default = "entries")]
    pub entries: usize,
    /// The most that they may take in this process.
    #[serde(default = "bytes")]
    pub bytes: ByteSize,
    /// Whether answers to requests with a temperature above 0 are kept, too.
    #[serde(default)]
    pub any_temperature: bool,
    /// Whether one tenant is given what was answered to another.
    #[serde(default)]
    pub across_tenants: bool,
}

/// Which service's equal reads are made once. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CoalesceConfig {
    /// The service: stores, an embedding model.
    pub service: AnyServiceRef,
    /// How large an object may be whose content is shared; by default 1 MiB.
    pub object_max: Option<ByteSize>,
}

/// Which store's contents are encrypted, and by which key. An unknown key is an error.
#[cfg(feature = "encryption")]
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EncryptConfig {
    /// The store: of objects, of keys and values, or both.
    pub service: AnyServiceRef,
    /// The key service.
    pub keys: ServiceRef<KeyService>,
    /// The key that encrypts data keys, as the key service calls it.
    pub key: String,
    /// What everything is bound to besides its place, such as `{ purpose = "documents" }`. The key service may log it.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// Whether everything is bound to the tenant of the call that wrote it.
    #[serde(default)]
    pub by_tenant: bool,
}

/// Which service, and how much may be used of it. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetsConfig {
    /// The service: a chat model, an embedding model, or both.
    pub service: AnyServiceRef,
    /// The budgets; every one must allow a call. Budgets of one name are one budget, over however many services.
    pub budgets: Vec<BudgetConfig>,
    /// A price table of one's own, whose prices go before those of this crate.
    pub prices: Option<PathBuf>,
    /// Which model it is in the price table's words, as `vendor/model`, where the service does not say.
    pub priced_as: Option<String>,
    /// What a call counts as whose price nobody knows, in dollars; it is refused by default.
    pub unknown_price: Option<NanoUsd>,
    /// The tokens that an answer is taken to have where the request does not say how long it may be.
    pub assumed_output_tokens: Option<u32>,
}

/// One budget. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// What it is called.
    pub name: String,
    /// Who has an account of their own.
    #[serde(default)]
    pub per: BudgetPer,
    /// How long a window is.
    #[serde(default = "day", with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub every: Duration,
    /// How many tokens an account has in each window.
    pub tokens: Option<u64>,
    /// How many dollars an account has in each window: `"25"`, `"0.5"`.
    pub usd: Option<NanoUsd>,
}

/// Who has an account of their own, in a config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetPer {
    /// Nobody: all calls draw on one account.
    #[default]
    Everyone,
    /// Every tenant.
    Tenant,
    /// Every principal.
    Principal,
    /// Every service.
    Service,
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}

fn entries() -> usize {
    10_000
}

fn bytes() -> ByteSize {
    ByteSize::mib(64)
}
