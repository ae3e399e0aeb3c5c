//! The provider: what every service of the dialect is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::ObjectStoreCapabilities;
use circle_core_common::{BuildContext, CallContext, Environment, Health, Provider, ProviderInfo, Result};

use crate::client::S3Client;
use crate::settings::S3Settings;

/// Object storage over one bucket of a service that speaks S3. Clones share the client.
#[derive(Clone)]
pub struct S3Store {
    pub(crate) client: S3Client,
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    capabilities: ObjectStoreCapabilities,
}

impl S3Store {
    /// The store of the service `name`, whose crate has this version. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid` for settings that fit neither each other nor the service.
    pub fn new(name: &'static str, version: &'static str, settings: &S3Settings, cx: impl Into<BuildContext>) -> Result<Self> {
        let capabilities = settings.capabilities()?;
        let client = S3Client::new(settings, cx)?;
        let info = ProviderInfo::new(name, version, client.target());
        Ok(Self { client, shared: Arc::new(Shared { info, capabilities }) })
    }

    /// The native client.
    #[must_use]
    pub fn client(&self) -> &S3Client {
        &self.client
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> &ObjectStoreCapabilities {
        &self.shared.capabilities
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.shared.info)
    }
}

#[async_trait]
impl Provider for S3Store {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        self.client.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.client.head_bucket(cx).await.map(|()| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.client.close();
        Ok(())
    }
}

/// Makes a type with the field `store: S3Store` a provider of object storage: it is the store, under its own name.
///
/// The futures are passed on as they are, so that the type costs no allocation of its own.
#[macro_export]
macro_rules! s3_provider {
    ($provider:ty) => {
        $crate::s3_provider!(@provider $provider {
            async fn health() -> $crate::private::Health;
            async fn close() -> ();
        });
        $crate::s3_provider!(@object_store $provider {
            head(HeadRequest) -> ObjectMeta;
            get(GetRequest) -> Object;
            put(PutRequest) -> ObjectMeta;
            list(ListRequest) -> $crate::private::Page<$crate::private::Entry>;
            delete(DeleteRequest) -> $crate::private::Bulk<$crate::private::Deleted>;
            copy(CopyRequest) -> ObjectMeta;
            presign(PresignRequest) -> PresignedRequest;
            start_upload(StartUploadRequest) -> UploadId;
            upload_part(UploadPartRequest) -> PartTag;
            end_upload(EndUploadRequest) -> Option<$crate::private::ObjectMeta>;
        });
    };
    (@provider $provider:ty { $(async fn $method:ident() -> $output:ty;)+ }) => {
        impl $crate::private::Provider for $provider {
            fn info(&self) -> &$crate::private::ProviderInfo {
                $crate::private::Provider::info(&self.store)
            }

            fn environment(&self) -> &$crate::private::Environment {
                $crate::private::Provider::environment(&self.store)
            }

            fn inner(&self) -> Option<&dyn $crate::private::Provider> {
                Some(&self.store)
            }

            $(fn $method<'a, 'b, 'c>(
                &'a self,
                cx: &'b $crate::private::CallContext,
            ) -> $crate::private::Boxed<'c, $output>
            where
                'a: 'c,
                'b: 'c,
            {
                $crate::private::Provider::$method(&self.store, cx)
            })+
        }
    };
    (@object_store $provider:ty { $($method:ident($request:ident) -> $output:ty;)+ }) => {
        const _: () = {
            use $crate::private::*;

            impl ObjectStoreProvider for $provider {
                fn capabilities(&self) -> &ObjectStoreCapabilities {
                    self.store.capabilities()
                }

                $(fn $method<'a, 'b, 'c>(&'a self, cx: &'b CallContext, request: $request) -> Boxed<'c, $output>
                where
                    'a: 'c,
                    'b: 'c,
                {
                    ObjectStoreProvider::$method(&self.store, cx, request)
                })+
            }
        };
    };
}

/// What [`s3_provider!`](crate::s3_provider) and [`s3_config!`](crate::s3_config) name.
#[doc(hidden)]
pub mod private {
    use std::pin::Pin;

    pub use circle_core_common::interfaces::object_store::{
        CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
        ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest, StartUploadRequest,
        UploadId, UploadPartRequest,
    };
    pub use circle_core_common::{Bulk, CallContext, Environment, Health, Page, Provider, ProviderInfo, Result};
    pub use circle_core_protocol_aws_auth::AwsCredentialsConfig;

    /// The future of a provider's method.
    pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;
}
