//! The service `s3`: object storage in one bucket.

use std::fmt;
use std::sync::Arc;

use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreProvider};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{BuildContext, Integration, Result, Service};
use circle_core_protocol_s3::{OPERATIONS, S3Client, S3Profile, S3Store};

use crate::config::S3Config;

/// A bucket of Amazon S3. Clones share its client.
#[derive(Clone)]
pub struct S3 {
    store: S3Store,
}

impl S3 {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no region, an endpoint that is none, a name that no bucket can have.
    pub fn new(config: S3Config, cx: impl Into<BuildContext>) -> Result<Self> {
        let store = S3Store::new(Self::NAME, env!("CARGO_PKG_VERSION"), &config.settings(S3Profile::AWS), cx)?;
        Ok(Self { store })
    }

    /// The native client: one method per request of the S3 API, those about the bucket included.
    #[must_use]
    pub fn client(&self) -> &S3Client {
        self.store.client()
    }
}

circle_core_protocol_s3::s3_provider!(S3);

impl Integration for S3 {
    type Config = S3Config;

    const NAME: &'static str = "s3";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = OPERATIONS;

    async fn build(config: S3Config, cx: BuildContext) -> Result<Service> {
        let s3 = Arc::new(Self::new(config, cx)?);
        let store: Arc<dyn ObjectStoreProvider> = s3.clone();
        Ok(Service::new(s3).offer::<ObjectStore>(store))
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({:?})", self.store)
    }
}
