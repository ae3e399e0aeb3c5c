//! What a user may choose about the policies: values, all of them optional.

mod check;
mod operations;
mod profile;
mod resolved;
mod stall;

use std::time::Duration;

use crate::interfaces::key_value_store::KeyValueStore;
use crate::service::ServiceRef;
use crate::units::ByteSize;

pub use operations::Operations;
pub use profile::Profile;
#[cfg(feature = "http")]
pub(crate) use resolved::CACHE_SIZE;
pub use resolved::Resolved;
pub(super) use resolved::limit;
pub use stall::Stall;

/// A table of optional settings: its struct, a setter for each, and the merge of two.
macro_rules! settings {
    (
        $(#[$meta:meta])* $name:ident {
            durations { $($(#[$duration_doc:meta])* $duration:ident;)* }
            values { $($(#[$value_doc:meta])* $value:ident: $value_type:ty;)* }
            tables { $($(#[$table_doc:meta])* $table:ident: $table_type:ty;)* }
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
        #[cfg_attr(feature = "config", serde(default, deny_unknown_fields))]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[$duration_doc])*
                #[cfg_attr(feature = "config", serde(with = "crate::config::duration::option"))]
                #[cfg_attr(feature = "config", schemars(schema_with = "crate::config::duration::option::schema"))]
                pub $duration: Option<Duration>,
            )*
            $($(#[$value_doc])* pub $value: Option<$value_type>,)*
            $($(#[$table_doc])* pub $table: $table_type,)*
        }

        impl $name {
            /// Nothing chosen.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            $(
                $(#[$duration_doc])*
                #[must_use]
                pub fn $duration(mut self, $duration: Duration) -> Self {
                    self.$duration = Some($duration);
                    self
                }
            )*
            $(
                $(#[$value_doc])*
                #[must_use]
                pub fn $value(mut self, $value: $value_type) -> Self {
                    self.$value = Some($value);
                    self
                }
            )*
            $(
                $(#[$table_doc])*
                #[must_use]
                pub fn $table(mut self, $table: $table_type) -> Self {
                    self.$table = $table;
                    self
                }
            )*

            /// These settings over `base`: what is not chosen here is taken from there.
            #[must_use]
            pub fn over(self, base: &Self) -> Self {
                Self {
                    $($duration: self.$duration.or(base.$duration),)*
                    $($value: self.$value.or_else(|| base.$value.clone()),)*
                    $($table: self.$table.over(&base.$table),)*
                }
            }
        }
    };
}

settings! {
    /// The resilience of a service: what is not chosen has the value of the profile.
    ///
    /// In a config file it is the table `resilience` of a service:
    ///
    /// ```toml
    /// [services.documents.resilience]
    /// total_timeout = "20s"
    /// retry.max_attempts = 5
    /// ```
    Resilience {
        durations {
            /// How long all attempts of one request and the waits between them may take. `0s` is no limit.
            total_timeout;
            /// How long one attempt may take. `0s` is no limit.
            attempt_timeout;
        }
        values {
            /// Where the values come from that are not chosen here.
            profile: Profile;
        }
        tables {
            /// When and how often a request is repeated.
            retry: Retry;
            /// When an endpoint that fails is left alone.
            breaker: BreakerSettings;
            /// How many requests per second are sent at most.
            rate_limit: RateLimitSettings;
            /// How many requests run at the same time.
            bulkhead: BulkheadSettings;
            /// When a second attempt is started beside a slow one.
            hedge: HedgeSettings;
            /// When content that hardly flows is given up.
            stall: StallSettings;
            /// Whether answers of services that speak HTTP are kept for the next time.
            cache: CacheSettings;
            /// What is different for single remote operations.
            operations: Operations;
        }
    }
}

settings! {
    /// What is different for one remote operation of a service: over the service's values, and under those of a call.
    ///
    /// ```toml
    /// [services.documents.resilience.operations."s3.GetObject"]
    /// attempt_timeout = "2s"
    /// hedge.enabled = true
    /// ```
    OperationSettings {
        durations {
            /// How long all attempts of one request and the waits between them may take. `0s` is no limit.
            total_timeout;
            /// How long one attempt may take. `0s` is no limit.
            attempt_timeout;
        }
        values {}
        tables {
            /// When and how often a request is repeated. The budget is the endpoint's: only `enabled` can be chosen here.
            retry: Retry;
            /// When a second attempt is started beside a slow one. The `max_ratio` is the endpoint's.
            hedge: HedgeSettings;
            /// When content that hardly flows is given up.
            stall: StallSettings;
            /// Whether its answers are kept, and equal requests sent once. The `max_size` is the service's.
            cache: CacheSettings;
        }
    }
}

settings! {
    /// When and how often a request is repeated.
    Retry {
        durations {
            /// The longest wait that a service may ask for; a longer one ends the call with its error at once.
            retry_after_max;
        }
        values {
            /// How many attempts are made, the first included; 1 is no retry.
            max_attempts: u32;
            /// Which writes are repeated although they may have arrived.
            writes: Writes;
        }
        tables {
            /// How long to wait after a failure that may pass.
            backoff: BackoffSettings;
            /// How long to wait when the service says that there are too many requests.
            throttle_backoff: BackoffSettings;
            /// How many retries an endpoint is given in all.
            budget: BudgetSettings;
        }
    }
}

impl Retry {
    /// One attempt, no more.
    #[must_use]
    pub fn off() -> Self {
        Self::new().max_attempts(1)
    }
}

settings! {
    /// How long to wait before a repetition: [`Backoff`](super::backoff::Backoff), field by field.
    BackoffSettings {
        durations {
            /// The first interval.
            initial_interval;
            /// The longest interval.
            max_interval;
        }
        values {
            /// What each interval is multiplied by for the next.
            multiplier: f64;
            /// How far a wait strays from its interval, 0 to 1; 1 is anything from 0 to twice the interval.
            randomization_factor: f64;
        }
        tables {}
    }
}

settings! {
    /// The tokens that retries of one endpoint are paid with: they run out when most requests fail, so that retries do
    /// not multiply an outage.
    BudgetSettings {
        durations {}
        values {
            /// Whether retries need tokens.
            enabled: bool;
            /// The tokens of an endpoint at the start, and the most it can have.
            tokens: u32;
            /// What a retry costs.
            retry_cost: u32;
            /// What a retry costs when the service said that there are too many requests.
            throttle_cost: u32;
            /// The tokens that come back each second.
            refill_per_second: u32;
            /// In place of tokens: the retries as a share of the requests of the last 10 seconds, above 0 and at most 1.
            ratio: f64;
            /// With `ratio`: how many retries each second there may always be.
            min_per_second: u32;
        }
        tables {}
    }
}

settings! {
    /// When an endpoint that fails is left alone.
    BreakerSettings {
        durations {
            /// How far back attempts count.
            window;
            /// How long the breaker stays open the first time; it doubles while the endpoint goes on failing.
            open;
            /// The longest that it stays open.
            open_max;
            /// From how long on an answer is slow; without it, none is.
            slow_after;
        }
        values {
            /// Whether there is a breaker.
            enabled: bool;
            /// How many attempts the window must hold before it can open.
            min_calls: u32;
            /// The share of failures that opens it, above 0 and at most 1.
            failure_ratio: f64;
            /// The share of slow answers that opens it, above 0 and at most 1.
            slow_ratio: f64;
            /// How many probes in a row must succeed to close it, 1 to 15.
            close_after: u32;
        }
        tables {}
    }
}

impl BreakerSettings {
    /// No breaker.
    #[must_use]
    pub fn off() -> Self {
        Self::new().enabled(false)
    }
}

settings! {
    /// How many requests per second are sent to an endpoint. Without `per_second` there is no local limit; what the
    /// service itself asks for is heeded always.
    RateLimitSettings {
        durations {}
        values {
            /// How many requests are sent each second.
            per_second: f64;
            /// How many of them may go at once; one second's worth by default.
            burst: u32;
            /// Whose requests count together.
            by: LimitBy;
            /// The service where the rate is kept, so that several processes share it: a key-value store with
            /// compare-and-swap. Without one, every process has the whole rate.
            store: ServiceRef<KeyValueStore>;
            /// What happens while that service cannot be asked.
            on_store_failure: StoreFailure;
            /// The part of the rate that this process may use meanwhile, above 0 and at most 1.
            local_share: f64;
            /// The part of a quota that the service tells of, below which what is left is spread over the rest of its time,
            /// where that is not longer than a wait that a service may ask for; 0 is no spreading, 1 is always.
            pace: f64;
            /// Whether requests begin slowly at a service that had too many: as many as it took the last time, then one, two, four
            /// at a time.
            slow_start: bool;
        }
        tables {}
    }
}

settings! {
    /// How many requests run at an endpoint at the same time.
    BulkheadSettings {
        durations {}
        values {
            /// The most attempts at the same time. 0 is no limit.
            max_in_flight: u32;
            /// How many wait for their turn, at most until their deadline; the next is refused at once. When more than half of
            /// the queue is taken, the last come goes first.
            max_queued: u32;
            /// Whether the limit adapts: lower when the service is overloaded, and up to `max_in_flight` again as it recovers.
            adaptive: bool;
        }
        tables {}
    }
}

settings! {
    /// When a second attempt is started beside a slow one, and the first answer taken. Only requests whose repetition
    /// is harmless by itself are hedged: safe and keyed ones.
    HedgeSettings {
        durations {
            /// How long the first attempt has; by default as long as 95 of 100 take, and at least 50 ms.
            delay;
        }
        values {
            /// Whether slow attempts are hedged.
            enabled: bool;
            /// The share of an endpoint's calls that are hedged at most, above 0 and at most 1; it cannot be chosen for one call.
            max_ratio: f64;
        }
        tables {}
    }
}

settings! {
    /// When content that hardly flows is given up, in either direction. The time counts only while somebody waits for the
    /// network: a slow reader and a slow source are no stall.
    StallSettings {
        durations {
            /// For how long less than the least rate may flow.
            grace;
        }
        values {
            /// Whether anything is given up.
            enabled: bool;
            /// The least rate; 0 is any, so that only silence counts.
            min_bytes_per_second: u64;
        }
        tables {}
    }
}

settings! {
    /// Whether answers to safe requests are kept and given again as HTTP's own rules allow (RFC 9111), and equal requests at
    /// the same time sent once. Of the requests only those that their provider describes as cacheable.
    CacheSettings {
        durations {}
        values {
            /// Whether answers are kept.
            enabled: bool;
            /// How much is kept at most, by one credential.
            max_size: ByteSize;
            /// Whether equal requests at the same time are sent once.
            coalesce: bool;
        }
        tables {}
    }
}

impl BudgetSettings {
    /// Repetitions that cost nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::new().enabled(false)
    }
}

impl HedgeSettings {
    /// Hedging on.
    #[must_use]
    pub fn on() -> Self {
        Self::new().enabled(true)
    }

    /// Hedging off.
    #[must_use]
    pub fn off() -> Self {
        Self::new().enabled(false)
    }
}

/// Whose requests count together for a rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LimitBy {
    /// All at an endpoint.
    #[default]
    Endpoint,
    /// Those of one tenant; those without one count together.
    Tenant,
    /// Those of one principal; those without one count together.
    Principal,
}

/// What happens while the rate that several processes share cannot be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StoreFailure {
    /// This process goes on with its share of the rate.
    #[default]
    Share,
    /// Requests are refused.
    Refuse,
}

/// Which writes are repeated although they may have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Writes {
    /// Those whose repetition leaves the same, and those whose repetition the service recognises.
    #[default]
    Idempotent,
    /// Only those whose repetition the service recognises by their operation id.
    Keyed,
}

#[cfg(test)]
#[cfg(feature = "config")]
mod tests;
