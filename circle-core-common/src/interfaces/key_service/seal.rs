//! Envelopes: data of any size, encrypted with data keys that are used again for a while.

use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::{
    Caps, Context, DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, KeyName, KeyService, KeyServiceProvider, OPEN,
    REWRAP, SEAL,
};
use crate::encryption::{ChunkKey, DataKeyLimits, DataKeySlot, DataKeys, Envelope, Header, Sealed};
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Operation;
use crate::scope::{Call, Resources};
use crate::secret::SecretBytes;

/// A message that is encrypted chunk by chunk.
#[derive(Debug)]
#[non_exhaustive]
pub struct SealedChunks {
    /// What stands before the first chunk: the header of the envelope, the salt and the commitment.
    pub start: Bytes,
    /// The key of the chunks.
    pub chunks: ChunkKey,
}

/// The data keys of one provider. They are the environment's, so that every handle of a hub shares them.
struct Shared {
    keys: DataKeys,
    /// The data keys are found by where the provider is; as long as this is here, no other one is there.
    _place: Weak<dyn KeyServiceProvider>,
}

impl KeyService {
    /// Encrypts data of any size into an envelope, which says which key opens it and can be kept anywhere.
    ///
    /// The data is encrypted here, with a data key that the service made; the same is used for other data of the same key and
    /// context, for an hour, 4 GiB or 1,048,576 messages. Every message has a key of its own all the same. What is sealed is bound
    /// to its context, also where the service knows none.
    ///
    /// ```
    /// # use circle_core_common::{Result, interfaces::key_service::KeyService};
    /// # use circle_core_common::secret::ExposeSecret as _;
    /// # async fn example(keys: KeyService) -> Result<()> {
    /// let sealed = keys.seal("orders", b"a large text", [("tenant", "acme")]).await?;
    /// let plain = keys.open(&sealed, [("tenant", "acme")]).await?;
    /// assert_eq!(plain.expose_secret(), b"a large text");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a key that is not there; `Unsupported` without `data_key`.
    pub async fn seal(
        &self,
        key: impl Into<KeyName>,
        plaintext: impl AsRef<[u8]>,
        context: impl Into<Context>,
    ) -> Result<Sealed> {
        let (key, context) = (key.into(), context.into());
        let plaintext = plaintext.as_ref();
        self.at(&SEAL, &key, Caps::DATA_KEY.check(self.capabilities()).and_then(|()| self.check(&key, &Context::new())))?;
        let mut call = self.begin(&SEAL);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = async {
            let bytes = plaintext.len() as u64;
            let made = self.data_key(&call, provider, &key, &context, bytes).await?;
            let header = Header::new(key, made.encrypted.ciphertext.clone())?;
            Envelope::seal(&header, &made.key, &context, plaintext)
        }
        .await;
        call.finish(result).await
    }

    /// Decrypts an envelope. A data key that was decrypted is kept for an hour, so that a right that the service takes away may be
    /// used for so long.
    ///
    /// # Errors
    /// `Corrupt` for what was tampered with or sealed under another context, and for what is no envelope; `NotFound` for a key that
    /// is not there any more.
    pub async fn open(&self, sealed: impl Into<Sealed>, context: impl Into<Context>) -> Result<SecretBytes> {
        let (sealed, context): (Sealed, Context) = (sealed.into(), context.into());
        let (header, at) = self.read(&OPEN, &sealed)?;
        let mut call = self.begin(&OPEN);
        let provider = self.start(&mut call, Resources::One(header.key.shared())).await?;
        let result = async {
            let data_key = self.decrypted(&call, provider, &header, &context).await?;
            Envelope::open(&sealed, at, &data_key, &context)
        }
        .await;
        call.finish(result).await
    }

    /// The same envelope with its data key encrypted anew, by the newest version of a key: its own, after it was rotated, or
    /// another. The data is not touched.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Unsupported` without `encrypt`.
    pub async fn rewrap(
        &self,
        sealed: impl Into<Sealed>,
        key: impl Into<KeyName>,
        context: impl Into<Context>,
    ) -> Result<Sealed> {
        let (sealed, key, context): (Sealed, KeyName, Context) = (sealed.into(), key.into(), context.into());
        self.at(&REWRAP, &key, Caps::ENCRYPT.check(self.capabilities()).and_then(|()| self.check(&key, &Context::new())))?;
        let (header, at) = self.read(&REWRAP, &sealed)?;
        let mut call = self.begin(&REWRAP);
        let names = [Arc::clone(header.key.shared()), Arc::clone(key.shared())];
        let provider = self.start(&mut call, Resources::Many(&names)).await?;
        let result = async {
            let data_key = self.decrypted(&call, provider, &header, &context).await?;
            // A header that is of another message must not be written anew as if it were of this one.
            Envelope::chunk_key(sealed.as_bytes().get(at..).unwrap_or_default(), &data_key, &context)?;
            sealed.with_header(&self.wrapped(&call, provider, key, data_key, &context).await?)
        }
        .await;
        call.finish(result).await
    }

    /// Begins a message that is encrypted chunk by chunk: for data that is not in memory, and for what is read in parts later.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub async fn seal_chunks(&self, key: impl Into<KeyName>, context: impl Into<Context>, bytes: u64) -> Result<SealedChunks> {
        let (key, context) = (key.into(), context.into());
        self.at(&SEAL, &key, Caps::DATA_KEY.check(self.capabilities()).and_then(|()| self.check(&key, &Context::new())))?;
        let mut call = self.begin(&SEAL);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = async {
            let made = self.data_key(&call, provider, &key, &context, bytes).await?;
            let header = Header::new(key, made.encrypted.ciphertext.clone())?;
            let (chunks, start) = ChunkKey::generate(&made.key, &Envelope::binding(&context))?;
            let mut bytes = header.to_bytes();
            bytes.extend_from_slice(&start);
            Ok(SealedChunks { start: bytes.into(), chunks })
        }
        .await;
        call.finish(result).await
    }

    /// The key of the chunks of a message, of which the header is read and these are the [first
    /// bytes](crate::encryption::HEADER_LEN).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_chunks(&self, header: &Header, start: &[u8], context: impl Into<Context>) -> Result<ChunkKey> {
        let context = context.into();
        let mut call = self.begin(&OPEN);
        let provider = self.start(&mut call, Resources::One(header.key.shared())).await?;
        let result = async {
            let data_key = self.decrypted(&call, provider, header, &context).await?;
            ChunkKey::of_message(&data_key, &Envelope::binding(&context), start)
        }
        .await;
        call.finish(result).await
    }

    fn read(&self, operation: &'static Operation, sealed: &Sealed) -> Result<(Header, usize)> {
        sealed.header().map_err(|error| self.core.place(error, operation))
    }

    async fn data_key(
        &self,
        call: &Call<'_>,
        provider: &dyn KeyServiceProvider,
        key: &KeyName,
        context: &Context,
        bytes: u64,
    ) -> Result<Arc<DataKey>> {
        let (kept, slot) = (self.kept()?, slot(call, key, context));
        let now = call.cx().clock().now();
        if let Some(made) = kept.keys.take(&slot, bytes, now) {
            return Ok(made);
        }
        let request = DataKeyRequest::new(key.clone(), self.told(context));
        let made = call.guard(provider.generate_data_key(call.cx(), request)).await?;
        if made.key.len() != DataKey::LEN {
            return Err(Error::new(ErrorKind::Decode, "the service gave a data key of another length than was asked for"));
        }
        Ok(kept.keys.keep(slot, made, bytes, now))
    }

    async fn decrypted(
        &self,
        call: &Call<'_>,
        provider: &dyn KeyServiceProvider,
        header: &Header,
        context: &Context,
    ) -> Result<SecretBytes> {
        let (kept, slot) = (self.kept()?, slot(call, &header.key, context));
        let now = call.cx().clock().now();
        if let Some(key) = kept.keys.decrypted(&slot, &header.data_key, now) {
            return Ok(key);
        }
        let request = DecryptRequest::new(header.key.clone(), header.data_key.clone(), self.told(context));
        let key = call.guard(provider.decrypt(call.cx(), request)).await?;
        kept.keys.keep_decrypted(slot, header.data_key.clone(), key.clone(), now);
        Ok(key)
    }

    async fn wrapped(
        &self,
        call: &Call<'_>,
        provider: &dyn KeyServiceProvider,
        key: KeyName,
        data_key: SecretBytes,
        context: &Context,
    ) -> Result<Header> {
        let request = EncryptRequest::new(key.clone(), data_key, self.told(context));
        let encrypted = call.guard(provider.encrypt(call.cx(), request)).await?;
        Header::new(key, encrypted.ciphertext)
    }

    /// What the service is told of a context; the message itself is always bound to all of it.
    fn told(&self, context: &Context) -> Context {
        if self.capabilities().context { context.clone() } else { Context::new() }
    }

    fn kept(&self) -> Result<Arc<Shared>> {
        let provider = self.provider()?;
        let place = format!("{:p}", Arc::as_ptr(provider).cast::<()>());
        let make = || Shared { keys: DataKeys::new(DataKeyLimits::default()), _place: Arc::downgrade(provider) };
        Ok(self.core.environment().shared(&place, make))
    }
}

fn slot(call: &Call<'_>, key: &KeyName, context: &Context) -> DataKeySlot {
    DataKeySlot { tenant: call.cx().tenant().cloned(), key: key.clone(), context: context.clone() }
}
