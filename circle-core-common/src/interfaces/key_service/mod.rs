//! Key services: encryption and signatures by keys that never leave the service.
//!
//! ```
//! # use circle_core_common::Result;
//! use circle_core_common::interfaces::key_service::{Algorithm, KeyService};
//!
//! # async fn example(keys: KeyService, token: &[u8], release: &[u8]) -> Result<()> {
//! let encrypted = keys.encrypt("orders", token, [("tenant", "acme")]).await?; // a little: a key, a token
//! let token = keys.decrypt("orders", encrypted.ciphertext, [("tenant", "acme")]).await?;
//! let signature = keys.sign("release", Algorithm::Ed25519, release).await?;
//! keys.verify("release", Algorithm::Ed25519, release, signature).await?; // `Corrupt` when it is not right
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `encryption`, `seal` and `open` encrypt data of any size: with data keys that are used again for a while, in
//! envelopes that can be kept anywhere.
//!
//! *A context* is bound to what is encrypted: under another one, nothing is decrypted. *Corrupt* is what was tampered with, was
//! encrypted by another key, or has another context; a service that says less is not asked to say more. *Rotation* gives a key
//! new material: what the old one has encrypted is still decrypted, and what it has signed is still right.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "mock")]
mod mock;
mod provider;
#[cfg(feature = "encryption")]
mod seal;
mod types;

use std::sync::Arc;

use bytes::Bytes;
pub use capabilities::KeyServiceCapabilities;
#[cfg(feature = "mock")]
pub use mock::MockKeyServiceProvider;
pub use provider::KeyServiceProvider;
pub use types::*;

use crate::error::{Error, ErrorKind, Limit, Reason, Result};
use crate::listing::Listing;
use crate::operation::Operation;
use crate::scope::Resources;
use crate::secret::SecretBytes;
use crate::units::ByteSize;

crate::operations! {
    "KeyService" => {
        /// Encrypts.
        ENCRYPT = "key_service.encrypt", Write;
        /// Decrypts.
        DECRYPT = "key_service.decrypt", Read;
        /// Makes a data key.
        GENERATE_DATA_KEY = "key_service.generate_data_key", Write;
        /// Signs.
        SIGN = "key_service.sign", Write;
        /// Verifies.
        VERIFY = "key_service.verify", Read;
        /// Gives a public key.
        PUBLIC_KEY = "key_service.public_key", Read;
        /// Gives a key new material.
        ROTATE = "key_service.rotate", Admin;
        /// A page of keys.
        LIST = "key_service.list", Read;
        /// Encrypts data of any size.
        SEAL = "key_service.seal", Write;
        /// Decrypts what was sealed.
        OPEN = "key_service.open", Read;
        /// Encrypts a data key anew.
        REWRAP = "key_service.rewrap", Write;
    }
}

crate::handle! {
    /// A service that keeps keys and uses them: what applications hold.
    KeyService over KeyServiceProvider with KeyServiceCapabilities as "KeyService", calls begin with begin
}

type Caps = KeyServiceCapabilities;

impl KeyService {
    /// Encrypts a little with a key: another key, a token. Twice the same is never the same ciphertext.
    ///
    /// # Errors
    /// `NotFound` for a key that is not there; `InvalidInput` beyond `plaintext_max`; `Unsupported` without `context` where one
    /// is given.
    pub async fn encrypt(
        &self,
        key: impl Into<KeyName>,
        plaintext: impl Into<SecretBytes>,
        context: impl Into<Context>,
    ) -> Result<Encrypted> {
        let (key, plaintext, context) = (key.into(), plaintext.into(), context.into());
        let checked = Caps::ENCRYPT.check(self.capabilities()).and_then(|()| {
            self.check(&key, &context)?;
            check_size("plaintext_max", self.capabilities().plaintext_max, plaintext.len())
        });
        self.at(&ENCRYPT, &key, checked)?;
        let mut call = self.begin(&ENCRYPT);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.encrypt(call.cx(), EncryptRequest::new(key, plaintext, context))).await;
        call.finish(result).await
    }

    /// Decrypts what [`encrypt`](Self::encrypt) gave, or the encrypted form of a data key.
    ///
    /// # Errors
    /// `Corrupt` for what was tampered with, was encrypted by another key or under another context; `NotFound` for a key that is
    /// not there.
    pub async fn decrypt(
        &self,
        key: impl Into<KeyName>,
        ciphertext: impl Into<Bytes>,
        context: impl Into<Context>,
    ) -> Result<SecretBytes> {
        let (key, ciphertext, context) = (key.into(), ciphertext.into(), context.into());
        let capabilities = self.capabilities();
        // Data keys are decrypted where nothing else is.
        let can = if capabilities.data_key { Ok(()) } else { Caps::ENCRYPT.check(capabilities) };
        self.at(&DECRYPT, &key, can.and_then(|()| self.check(&key, &context)))?;
        let mut call = self.begin(&DECRYPT);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.decrypt(call.cx(), DecryptRequest::new(key, ciphertext, context))).await;
        call.finish(result).await
    }

    /// A fresh key of 32 bytes to encrypt data with, and the same key encrypted, to be kept beside the data.
    ///
    /// # Errors
    /// `NotFound` for a key that is not there; `Unsupported` without `data_key`.
    pub async fn generate_data_key(&self, key: impl Into<KeyName>, context: impl Into<Context>) -> Result<DataKey> {
        let (key, context) = (key.into(), context.into());
        let checked = Caps::DATA_KEY.check(self.capabilities()).and_then(|()| self.check(&key, &context));
        self.at(&GENERATE_DATA_KEY, &key, checked)?;
        let mut call = self.begin(&GENERATE_DATA_KEY);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.generate_data_key(call.cx(), DataKeyRequest::new(key, context))).await;
        let result = result.and_then(|made| match made.key.len() {
            DataKey::LEN => Ok(made),
            _ => Err(Error::new(ErrorKind::Decode, "the service gave a data key of another length than was asked for")),
        });
        call.finish(result).await
    }

    /// The signature of a message, which the algorithm hashes itself.
    ///
    /// # Errors
    /// `InvalidInput` when the key does not sign by the algorithm, or beyond `message_max`; `Unsupported` when no key of the
    /// service does.
    pub async fn sign(&self, key: impl Into<KeyName>, algorithm: Algorithm, message: impl AsRef<[u8]>) -> Result<Bytes> {
        let (key, message) = (key.into(), Bytes::copy_from_slice(message.as_ref()));
        self.at(&SIGN, &key, self.check_signature(&key, &algorithm, &message))?;
        let mut call = self.begin(&SIGN);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.sign(call.cx(), SignRequest::new(key, algorithm, message))).await;
        call.finish(result).await
    }

    /// Checks a signature: `Ok` says that it is right.
    ///
    /// # Errors
    /// `Corrupt`, reason `SignatureInvalid`, when it is not; else as [`sign`](Self::sign).
    pub async fn verify(
        &self,
        key: impl Into<KeyName>,
        algorithm: Algorithm,
        message: impl AsRef<[u8]>,
        signature: impl Into<Bytes>,
    ) -> Result<()> {
        let (key, message) = (key.into(), Bytes::copy_from_slice(message.as_ref()));
        self.at(&VERIFY, &key, self.check_signature(&key, &algorithm, &message))?;
        let mut call = self.begin(&VERIFY);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let request = VerifyRequest::new(key, algorithm, message, signature.into());
        let result = call.guard(provider.verify(call.cx(), request)).await;
        call.finish(result).await
    }

    /// The public key of a key that signs, so that others can verify.
    ///
    /// # Errors
    /// `InvalidInput` for a key that does not sign; `Unsupported` without `sign`.
    pub async fn public_key(&self, key: impl Into<KeyName>) -> Result<PublicKey> {
        let key = key.into();
        let checked = Caps::SIGN.check(self.capabilities()).and_then(|()| self.check(&key, &Context::new()));
        self.at(&PUBLIC_KEY, &key, checked)?;
        let mut call = self.begin(&PUBLIC_KEY);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.public_key(call.cx(), PublicKeyRequest::new(key))).await;
        call.finish(result).await
    }

    /// Gives a key new material, with which it encrypts and signs from then on. Not idempotent: repeated, it rotates again,
    /// which harms nothing.
    ///
    /// # Errors
    /// `NotFound` for a key that is not there; `Unsupported` without `rotate`.
    pub async fn rotate(&self, key: impl Into<KeyName>) -> Result<KeyInfo> {
        let key = key.into();
        let checked = Caps::ROTATE.check(self.capabilities()).and_then(|()| self.check(&key, &Context::new()));
        self.at(&ROTATE, &key, checked)?;
        let mut call = self.begin(&ROTATE);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.rotate(call.cx(), RotateRequest::new(key))).await;
        call.finish(result).await
    }

    /// The keys whose names begin with `prefix`, byte for byte. In any order.
    pub fn list(&self, prefix: impl Into<String>) -> Listing<KeyInfo> {
        let keys = self.clone();
        let prefix: Arc<str> = prefix.into().into();
        Listing::new(&prefix.clone(), move |page| {
            let (keys, prefix) = (keys.clone(), Arc::clone(&prefix));
            async move {
                Caps::LIST.check(keys.capabilities()).map_err(|error| keys.core.place(error, &LIST).with_resource(&prefix))?;
                let mut call = keys.begin(&LIST);
                let provider = keys.start(&mut call, Resources::One(&prefix)).await?;
                let result = call.guard(provider.list(call.cx(), ListRequest::new(Arc::clone(&prefix), page))).await;
                call.finish(result).await
            }
        })
    }

    fn check(&self, key: &KeyName, context: &Context) -> Result<()> {
        if !context.is_empty() {
            Caps::CONTEXT.check(self.capabilities())?;
        }
        match key.as_str().len() {
            0 => Err(Error::new(ErrorKind::InvalidInput, "the name of the key is empty").with_reason(Reason::NameInvalid)),
            length => check_size("name_max", self.capabilities().name_max, length),
        }
    }

    fn check_signature(&self, key: &KeyName, algorithm: &Algorithm, message: &Bytes) -> Result<()> {
        let capabilities = self.capabilities();
        Caps::SIGN.check(capabilities)?;
        self.check(key, &Context::new())?;
        if !capabilities.algorithms.contains(algorithm) {
            let text = format!("no key of the service signs by {algorithm:?}, but by {:?}", capabilities.algorithms);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        check_size("message_max", capabilities.message_max, message.len())
    }

    fn at<T>(&self, operation: &'static Operation, key: &KeyName, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.core.place(error, operation).with_resource(key.shared()))
    }
}

fn check_size(name: &'static str, max: ByteSize, size: usize) -> Result<()> {
    let max = max.as_u64();
    if size as u64 <= max { Ok(()) } else { Err(Error::outside_limit(Limit::at_most(name, max, "bytes"), size)) }
}
