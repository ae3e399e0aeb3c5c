//! Google Cloud credentials, for every provider of a service of Google's.
//!
//! A provider's config has a field [`GoogleCredentialsConfig`]; its client sends the access tokens that it leads to:
//!
//! ```
//! use circle_core_common::{BuildContext, Environment};
//! use circle_core_protocol_google_auth::GoogleCredentialsConfig;
//!
//! let cx = BuildContext::new(Environment::default(), "documents");
//! let auth = GoogleCredentialsConfig::DefaultChain.auth(&cx, ["https://www.googleapis.com/auth/devstorage.read_write"]);
//! let client = cx.http(cx.origin("https://storage.googleapis.com")?).auth(auth).build();
//! # Ok::<(), circle_core_common::Error>(())
//! ```

mod authorized_user;
mod config;
mod external_account;
mod fields;
mod file;
mod impersonation;
mod place;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
mod service_account;
mod sources;
mod subject_token;
mod wanted;

use circle_core_common::resilience::RemoteOperation;

pub use config::GoogleCredentialsConfig;

/// Every request that is made here besides those of OAuth, for
/// [`Integration::OPERATIONS`](circle_core_common::Integration::OPERATIONS).
pub const OPERATIONS: &[&RemoteOperation] = &[&impersonation::GENERATE, &sources::METADATA, &subject_token::FETCH];
