//! Providers over providers: fallback and routing, caches, coalescing, budgets. What they decorate, and what they are, are the
//! handles of the same interface, so that an application does not see the difference.
//!
//! ```
//! use circle_core::prelude::*;
//! use circle_core::orchestration::{Budget, Budgeted, Cached, Coalesced, Fallback, Per};
//!
//! # fn example(gpt: ChatModel, claude: ChatModel, here: ObjectStore, copy: ObjectStore) -> (ChatModel, ObjectStore) {
//! let model = ChatModel::new(Fallback::new([gpt, claude]));
//! let model = ChatModel::new(Cached::new(model).ttl(Duration::from_secs(3600)));
//! let daily = Budget::new("daily").per(Per::Tenant).every(Duration::from_secs(86_400)).tokens(1_000_000);
//! let model = ChatModel::new(Budgeted::new(model).budget(daily));
//!
//! let files = ObjectStore::new(Fallback::new([here, copy]));
//! let files = ObjectStore::new(Cached::new(ObjectStore::new(Coalesced::new(files))));
//! # (model, files)
//! # }
//! ```
//!
//! The order is budget, cache, coalescing, router or fallback, and the services innermost: so an answer from the cache costs
//! nothing of the budget, and one cache serves all legs. The outermost handle opens the one scope of a call (its span, its audit
//! record, its deadline); each leg has the policies of its own service.

mod budget;
mod cache;
mod caller;
mod capabilities;
mod chat_legs;
mod coalesced;
mod config;
#[cfg(test)]
mod conformance;
mod cooldown;
#[cfg(feature = "encryption")]
mod encrypted;
mod estimate;
mod fallback;
mod forward;
mod frame;
mod leg;
mod legs;
mod move_on;
#[cfg(test)]
mod outage;
mod price;
mod router;
mod stamps;
mod tap;
mod tokens;
mod vector_space;

pub use budget::{Account, Budget, Budgeted, Per, UnknownPrice};
pub use cache::{CacheHit, Cacheable, Cached};
pub use coalesced::{Coalesced, Coalescible};
pub use config::{
    BudgetConfig, BudgetPer, BudgetService, BudgetsConfig, CacheConfig, CacheService, CoalesceConfig, CoalesceService,
    FallbackConfig, FallbackService, RouteBy, RouterConfig, RouterService,
};
#[cfg(feature = "encryption")]
pub use config::{EncryptConfig, EncryptService};
pub use cooldown::Cooldown;
#[cfg(feature = "encryption")]
pub use encrypted::{Encryptable, Encrypted};
pub use estimate::Assumed;
pub use fallback::{Decorable, Fallback, Store};
pub use leg::Leg;
pub use legs::LegErrors;
pub use move_on::MoveOn;
pub use price::{Billing, Cost, NanoUsd, Price, PriceTable, Rates};
pub use router::{Candidate, Route, Router, Rule};

/// Adds the decorators to a registry.
pub(crate) fn fill(registry: crate::Registry) -> crate::Registry {
    #[cfg(feature = "encryption")]
    let registry = registry.with::<EncryptService>();
    let registry = registry.with::<BudgetService>().with::<CacheService>().with::<CoalesceService>();
    registry.with::<FallbackService>().with::<RouterService>()
}
