//! A mock for applications' tests.

use async_trait::async_trait;

use super::{
    CopyRequest, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadRequest, ListRequest, Object, ObjectMeta,
    ObjectStoreCapabilities, ObjectStoreProvider, PartTag, PresignRequest, PresignedRequest, PutRequest, StartUploadRequest,
    UploadId, UploadPartRequest,
};
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};

mockall::mock! {
    /// A mock of an object store; [`MockObjectStoreProvider::ready`] has everything set that a handle asks for.
    pub ObjectStoreProvider {}

    #[async_trait]
    impl Provider for ObjectStoreProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl ObjectStoreProvider for ObjectStoreProvider {
        fn capabilities(&self) -> &ObjectStoreCapabilities;
        async fn head(&self, cx: &CallContext, request: HeadRequest) -> Result<ObjectMeta>;
        async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Object>;
        async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<ObjectMeta>;
        async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>>;
        async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Bulk<Deleted>>;
        async fn copy(&self, cx: &CallContext, request: CopyRequest) -> Result<ObjectMeta>;
        async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest>;
        async fn start_upload(&self, cx: &CallContext, request: StartUploadRequest) -> Result<UploadId>;
        async fn upload_part(&self, cx: &CallContext, request: UploadPartRequest) -> Result<PartTag>;
        async fn end_upload(&self, cx: &CallContext, request: EndUploadRequest) -> Result<Option<ObjectMeta>>;
    }
}

impl MockObjectStoreProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(ObjectStoreCapabilities::all());
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
