//! The service `s3-compatible`: object storage in one bucket.

use std::fmt;
use std::sync::Arc;

use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreProvider};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{BuildContext, Integration, Result, Service};
use circle_core_protocol_s3::{OPERATIONS, S3Client, S3Store};

use crate::config::S3CompatibleConfig;

/// A bucket of a service that speaks S3. Clones share its client.
#[derive(Clone)]
pub struct S3Compatible {
    store: S3Store,
}

impl S3Compatible {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: what the address of the preset is made of is missing, an endpoint that is none, a name that no bucket can have.
    pub fn new(config: S3CompatibleConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let profile = config.preset.profile();
        let store = S3Store::new(Self::NAME, env!("CARGO_PKG_VERSION"), &config.settings(profile), cx)?;
        Ok(Self { store })
    }

    /// The native client: one method per request of the S3 API, those about the bucket included.
    #[must_use]
    pub fn client(&self) -> &S3Client {
        self.store.client()
    }
}

circle_core_protocol_s3::s3_provider!(S3Compatible);

impl Integration for S3Compatible {
    type Config = S3CompatibleConfig;

    const NAME: &'static str = "s3-compatible";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = OPERATIONS;

    async fn build(config: S3CompatibleConfig, cx: BuildContext) -> Result<Service> {
        let service = Arc::new(Self::new(config, cx)?);
        let store: Arc<dyn ObjectStoreProvider> = service.clone();
        Ok(Service::new(service).offer::<ObjectStore>(store))
    }
}

impl fmt::Debug for S3Compatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Compatible({:?})", self.store)
    }
}
