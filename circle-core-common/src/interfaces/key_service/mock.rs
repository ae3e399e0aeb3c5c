//! A mock for applications' tests.

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, Encrypted, KeyInfo, KeyServiceCapabilities, KeyServiceProvider,
    ListRequest, PublicKey, PublicKeyRequest, RotateRequest, SignRequest, VerifyRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};
use crate::secret::SecretBytes;

mockall::mock! {
    /// A mock of a key service; [`MockKeyServiceProvider::ready`] has everything set that a handle asks for.
    pub KeyServiceProvider {}

    #[async_trait]
    impl Provider for KeyServiceProvider {
        fn info(&self) -> &ProviderInfo;
        fn environment(&self) -> &Environment;
        async fn health(&self, cx: &CallContext) -> Result<Health>;
        async fn close(&self, cx: &CallContext) -> Result<()>;
    }

    #[async_trait]
    impl KeyServiceProvider for KeyServiceProvider {
        fn capabilities(&self) -> &KeyServiceCapabilities;
        async fn encrypt(&self, cx: &CallContext, request: EncryptRequest) -> Result<Encrypted>;
        async fn decrypt(&self, cx: &CallContext, request: DecryptRequest) -> Result<SecretBytes>;
        async fn generate_data_key(&self, cx: &CallContext, request: DataKeyRequest) -> Result<DataKey>;
        async fn sign(&self, cx: &CallContext, request: SignRequest) -> Result<Bytes>;
        async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<()>;
        async fn public_key(&self, cx: &CallContext, request: PublicKeyRequest) -> Result<PublicKey>;
        async fn rotate(&self, cx: &CallContext, request: RotateRequest) -> Result<KeyInfo>;
        async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<KeyInfo>>;
    }
}

impl MockKeyServiceProvider {
    /// A mock with info, environment, every capability, health and close set; only the calls under test are left. It signs by
    /// Ed25519.
    #[must_use]
    pub fn ready() -> Self {
        let mut mock = Self::new();
        let mut capabilities = KeyServiceCapabilities::all();
        capabilities.algorithms = vec![super::Algorithm::Ed25519];
        mock.expect_info().return_const(ProviderInfo::new("mock", env!("CARGO_PKG_VERSION"), ""));
        mock.expect_environment().return_const(Environment::default());
        mock.expect_capabilities().return_const(capabilities);
        mock.expect_health().returning(|_| Ok(Health::healthy()));
        mock.expect_close().returning(|_| Ok(()));
        mock
    }
}
