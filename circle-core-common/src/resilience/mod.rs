//! What is done when a call fails, hangs or is one too many: one policy machine for every provider.
//!
//! The order is a contract: total deadline → retry (budget) → hedge → breaker (per endpoint) → rate limit (local and
//! server-driven) → bulkhead → attempt timeout → one attempt. Users choose values ([`Resilience`]), never the order.

mod attempts;
pub mod backoff;
#[cfg(feature = "testkit")]
pub mod conformance;
mod endpoint;
mod endpoints;
mod event;
mod machine;
mod permit;
mod policy;
mod rate_limit;
mod rate_limit_store;
mod remote;
mod settings;
mod telemetry;

pub use attempts::{Attempt, Attempts, Lasting};
#[cfg(feature = "http")]
pub(crate) use endpoint::Counted;
pub use endpoint::{BreakerState, Endpoint, EndpointState, RetryBudget};
pub(crate) use endpoint::{Lent, shard};
pub use event::{Observer, PolicyEvent, RejectedBy, Stage, Step};
pub use permit::{OwnedPermit, Permit};
pub use policy::{Done, Policy};
pub use rate_limit::{LimitScope, LimitUnit, RateLimit, Refill};
pub use rate_limit_store::{KeyValueRates, LocalRates, RateLimitStore, SharedRate, TakeRequest, Taken};
pub use remote::{Idempotency, RemoteOperation};
#[cfg(feature = "http")]
pub(crate) use settings::CACHE_SIZE;
pub use settings::{
    BackoffSettings, BreakerSettings, BudgetSettings, BulkheadSettings, CacheSettings, HedgeSettings, LimitBy, OperationSettings,
    Operations, Profile, RateLimitSettings, Resilience, Resolved, Retry, Stall, StallSettings, StoreFailure, Writes,
};
pub use telemetry::{BREAKER_STATE, REJECTED, RETRIES};

#[cfg(test)]
mod tests;
