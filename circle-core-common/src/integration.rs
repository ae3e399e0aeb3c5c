//! How a provider enters a registry.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::resilience::RemoteOperation;
use crate::service::{BuildContext, Service};

/// One per service id (`s3`, `sqs`, `postgres`); ours and private ones alike.
pub trait Integration: 'static {
    /// The typed config: the only truth for the parser, the schema, the documentation and redaction.
    type Config: DeserializeOwned + JsonSchema + Send + 'static;

    /// The service id: what `provider = "…"` names.
    const NAME: &'static str;

    /// The interfaces that [`build`](Self::build) offers, by [`Handle::NAME`](crate::Handle::NAME).
    const INTERFACES: &'static [&'static str];

    /// Whether it decorates the services that its config refers to by [`AnyServiceRef`](crate::AnyServiceRef). Then it offers,
    /// of its interfaces, those that all of them offer.
    const DECORATES: bool = false;

    /// Whether calls leave the process. Then the config key `resilience` acts on them, through
    /// [`BuildContext::policy`]; for any other provider that key is a config error.
    const REMOTE: bool = false;

    /// The requests that [`build`](Self::build)'s provider and its native client make, which `resilience.operations` of a config
    /// names: any other name there is a config error. Where there are none here, every name is taken.
    const OPERATIONS: &'static [&'static RemoteOperation] = &[];

    /// Builds the provider. Touches no network: what cannot be had yet is had at first use.
    ///
    /// # Errors
    /// `ConfigInvalid` stops the start; `Unavailable`, `Connection` and `Timeout` degrade the service, and the hub
    /// tries again.
    fn build(config: Self::Config, cx: BuildContext) -> impl Future<Output = Result<Service>> + Send;
}
