//! What a provider of keys implements.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, Encrypted, KeyInfo, KeyServiceCapabilities, ListRequest, PublicKey,
    PublicKeyRequest, RotateRequest, SignRequest, VerifyRequest,
};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::listing::Page;
use crate::provider::{Health, Provider, ProviderInfo};
use crate::secret::SecretBytes;

/// A key service, as providers implement it: one attempt per remote call, owned requests, valid input.
///
/// The handle has validated names and sizes, and has checked every capability that a request needs. A key that is not there is
/// `NotFound`, one that the caller may not use `PermissionDenied`, where the service tells the two apart. What was tampered with,
/// was encrypted by another key or under another context is `Corrupt`.
#[async_trait]
pub trait KeyServiceProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &KeyServiceCapabilities;

    /// Encrypts with the newest version of a key.
    async fn encrypt(&self, cx: &CallContext, request: EncryptRequest) -> Result<Encrypted>;

    /// Decrypts what any version of the key has encrypted.
    async fn decrypt(&self, cx: &CallContext, request: DecryptRequest) -> Result<SecretBytes>;

    /// Makes a key of 32 random bytes, and encrypts it as `encrypt` does.
    async fn generate_data_key(&self, cx: &CallContext, request: DataKeyRequest) -> Result<DataKey>;

    /// Signs with the newest version of a key. `InvalidInput` when the key does not sign by the algorithm.
    async fn sign(&self, cx: &CallContext, request: SignRequest) -> Result<Bytes>;

    /// `Ok` when the signature is right; `Corrupt`, reason `SignatureInvalid`, when it is not.
    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<()>;

    /// The public key of the newest version of a key that signs. `InvalidInput` for a key that does not.
    async fn public_key(&self, cx: &CallContext, request: PublicKeyRequest) -> Result<PublicKey>;

    /// Gives a key new material, with which it encrypts and signs from then on.
    async fn rotate(&self, cx: &CallContext, request: RotateRequest) -> Result<KeyInfo>;

    /// One page of keys, in any order that is stable over the pages of one list.
    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<KeyInfo>>;
}

shared_provider!(KeyServiceProvider);

#[async_trait]
impl KeyServiceProvider for Arc<dyn KeyServiceProvider> {
    fn capabilities(&self) -> &KeyServiceCapabilities {
        (**self).capabilities()
    }

    async fn encrypt(&self, cx: &CallContext, request: EncryptRequest) -> Result<Encrypted> {
        (**self).encrypt(cx, request).await
    }

    async fn decrypt(&self, cx: &CallContext, request: DecryptRequest) -> Result<SecretBytes> {
        (**self).decrypt(cx, request).await
    }

    async fn generate_data_key(&self, cx: &CallContext, request: DataKeyRequest) -> Result<DataKey> {
        (**self).generate_data_key(cx, request).await
    }

    async fn sign(&self, cx: &CallContext, request: SignRequest) -> Result<Bytes> {
        (**self).sign(cx, request).await
    }

    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<()> {
        (**self).verify(cx, request).await
    }

    async fn public_key(&self, cx: &CallContext, request: PublicKeyRequest) -> Result<PublicKey> {
        (**self).public_key(cx, request).await
    }

    async fn rotate(&self, cx: &CallContext, request: RotateRequest) -> Result<KeyInfo> {
        (**self).rotate(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<KeyInfo>> {
        (**self).list(cx, request).await
    }
}
