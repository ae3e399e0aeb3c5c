//! Broken key services.

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::key_service::{
    Context, DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, Encrypted, KeyInfo, KeyServiceCapabilities,
    KeyServiceProvider, ListRequest, PublicKey, PublicKeyRequest, RotateRequest, SignRequest, VerifyRequest,
};
use circle_core_common::secret::SecretBytes;
use circle_core_common::{CallContext, Error, ErrorKind, Page, Reason, Result};

use super::{Broken, Defect};

#[async_trait]
impl<P: KeyServiceProvider> KeyServiceProvider for Broken<P> {
    fn capabilities(&self) -> &KeyServiceCapabilities {
        self.provider.capabilities()
    }

    async fn encrypt(&self, cx: &CallContext, mut request: EncryptRequest) -> Result<Encrypted> {
        if self.is(Defect::IgnoresContexts) {
            request.context = Context::new();
        }
        if !self.is(Defect::EncryptsEqually) {
            return self.provider.encrypt(cx, request).await;
        }
        let place = format!("{} {:?}", request.key, request.plaintext.len());
        let made = self.provider.encrypt(cx, request).await?;
        Ok(self.first(place, made))
    }

    async fn decrypt(&self, cx: &CallContext, mut request: DecryptRequest) -> Result<SecretBytes> {
        if self.is(Defect::IgnoresContexts) {
            request.context = Context::new();
        }
        self.provider.decrypt(cx, request).await.map_err(|error| match error.kind() {
            ErrorKind::Corrupt if self.is(Defect::BlamesTheInput) => Error::new(ErrorKind::InvalidInput, "this does not decrypt"),
            _ => error,
        })
    }

    async fn generate_data_key(&self, cx: &CallContext, mut request: DataKeyRequest) -> Result<DataKey> {
        if self.is(Defect::IgnoresContexts) {
            request.context = Context::new();
        }
        let place = request.key.to_string();
        let made = self.provider.generate_data_key(cx, request).await?;
        Ok(if self.is(Defect::RepeatsDataKeys) { self.first(place, made) } else { made })
    }

    async fn sign(&self, cx: &CallContext, request: SignRequest) -> Result<Bytes> {
        self.provider.sign(cx, request).await
    }

    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<()> {
        match self.provider.verify(cx, request).await {
            Err(error) if error.reason() == Some(Reason::SignatureInvalid) && self.is(Defect::TrustsSignatures) => Ok(()),
            result => result,
        }
    }

    async fn public_key(&self, cx: &CallContext, request: PublicKeyRequest) -> Result<PublicKey> {
        self.provider.public_key(cx, request).await
    }

    async fn rotate(&self, cx: &CallContext, request: RotateRequest) -> Result<KeyInfo> {
        self.provider.rotate(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<KeyInfo>> {
        self.provider.list(cx, request).await
    }
}
