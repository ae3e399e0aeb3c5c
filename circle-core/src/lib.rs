//! One interface per service type — object storage, key-value, SQL, queues, models, messengers … — with credentials,
//! retries, timeouts, telemetry, audit, config and errors done once and the same everywhere.
//!
//! An application picks providers by feature, describes its services in `circle.toml`, and gets handles from a [`Hub`]:
//!
//! ```
//! use circle_core::prelude::*;
//!
//! # tokio_test(async {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("circle.toml");
//! # std::fs::write(&path, "version = 1\n[services.documents]\nprovider = \"memory\"\n")?;
//! let hub = Hub::from_file(path).await?; // profile from CIRCLE_PROFILE, validated, no network yet
//! let files: ObjectStore = hub.get("documents")?; // the handle type says what, the name says which
//!
//! files.put("reports/q3.md", "# Q3").await?;
//! let report = files.get("reports/q3.md").await?.text().await?;
//! # assert_eq!(report, "# Q3");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # });
//! # fn tokio_test(f: impl Future<Output = Result<(), Box<dyn std::error::Error>>>) {
//! #     tokio::runtime::Runtime::new().unwrap().block_on(f).unwrap();
//! # }
//! ```
//!
//! The same providers compose without hub and config: `ObjectStore::new(Memory::new())`.

#[cfg(feature = "ai")]
pub mod ai;
#[cfg(test)]
mod documents;
#[cfg(doctest)]
mod guides;
pub mod hub;
#[cfg(feature = "orchestration")]
pub mod orchestration;
pub mod prelude;
pub mod registry;

#[cfg(feature = "encryption")]
#[doc(inline)]
pub use circle_core_common::encryption;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use circle_core_common::http::tower;
#[doc(inline)]
pub use circle_core_common::interfaces::{
    chat_model, embedding_model, identity_provider, key_service, key_value_store, messenger, notifier, object_store,
    secret_store, token_verifier, vector_store, webhook_verifier,
};
#[doc(inline)]
pub use circle_core_common::interfaces::{
    chat_model::ChatModel, embedding_model::EmbeddingModel, identity_provider::IdentityProvider, key_service::KeyService,
    key_value_store::KeyValueStore, messenger::Messenger, notifier::Notifier, object_store::ObjectStore,
    secret_store::SecretStore, token_verifier::TokenVerifier, vector_store::VectorStore, webhook_verifier::WebhookVerifier,
};
#[doc(inline)]
pub use circle_core_common::{
    AnyServiceRef, Body, BuildContext, Bulk, ByteSize, ByteStream, CacheUse, CallContext, CallOptions, CallReport, Cancel, Class,
    Clock, ClockSource, Cursor, Detail, Environment, Error, ErrorKind, Extension, Extensions, FailedAttempt, Fence, Filter, Flag,
    Handle, Health, HealthState, Integration, Items, Limit, Listing, OnUnsupported, Operation, OperationId, Page, Provider,
    ProviderInfo, Random, Reason, Report, Resolution, Result, ResultExt, RetryOn, SecretRef, Sent, Service, ServiceRef, Tick,
    Timestamp, Version, Watch, access, audit, config, credentials, filter, resilience, secret, telemetry,
};
pub use hub::Hub;
pub use registry::Registry;

// The providers that are switched on.
// xtask sync: providers begin
#[cfg(feature = "aws")]
#[doc(inline)]
pub use circle_core_aws as aws;
#[cfg(feature = "console")]
#[doc(inline)]
pub use circle_core_console as console;
#[cfg(feature = "embedded")]
#[doc(inline)]
pub use circle_core_embedded as embedded;
#[cfg(feature = "filesystem")]
#[doc(inline)]
pub use circle_core_filesystem as filesystem;
#[cfg(feature = "memory")]
#[doc(inline)]
pub use circle_core_memory as memory;
#[cfg(feature = "oidc")]
#[doc(inline)]
pub use circle_core_oidc as oidc;
#[cfg(feature = "openai")]
#[doc(inline)]
pub use circle_core_openai as openai;
#[cfg(feature = "s3-compatible")]
#[doc(inline)]
pub use circle_core_s3_compatible as s3_compatible;
#[cfg(feature = "slack")]
#[doc(inline)]
pub use circle_core_slack as slack;
#[cfg(feature = "webhooks")]
#[doc(inline)]
pub use circle_core_webhooks as webhooks;
// xtask sync: providers end
