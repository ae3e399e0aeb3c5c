//! Microsoft Entra credentials, for every provider of a service that takes its tokens.
//!
//! A provider's config has a field [`EntraCredentialsConfig`]; its client sends the access tokens that it leads to:
//!
//! ```
//! use circle_core_common::{BuildContext, Environment};
//! use circle_core_protocol_entra_auth::EntraCredentialsConfig;
//!
//! let cx = BuildContext::new(Environment::default(), "documents");
//! let auth = EntraCredentialsConfig::DefaultChain.auth(&cx, "https://storage.azure.com");
//! let client = cx.http(cx.origin("https://account.blob.core.windows.net")?).auth(auth).build();
//! # Ok::<(), circle_core_common::Error>(())
//! ```

mod application;
mod authority;
mod certificate;
mod config;
mod error;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
mod sources;
mod wanted;

use circle_core_common::resilience::RemoteOperation;

pub use config::{ApplicationConfig, ApplicationProof, EntraCredentialsConfig, ManagedIdentity};
pub use error::EntraError;

/// Every request that is made here besides those of OAuth, for
/// [`Integration::OPERATIONS`](circle_core_common::Integration::OPERATIONS).
pub const OPERATIONS: &[&RemoteOperation] = &[&sources::MANAGED_IDENTITY];
