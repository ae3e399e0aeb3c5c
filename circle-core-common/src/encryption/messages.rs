//! Messages under the keys of a service: what a handle and a decorator do alike.

use std::sync::Arc;

use bytes::Bytes;

use super::{ChunkKey, DataKeySlot, DataKeys, Envelope, Header, Sealed};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::interfaces::key_service::{
    Context, DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, KeyName, KeyServiceProvider,
};
use crate::secret::SecretBytes;

/// A message that is encrypted chunk by chunk.
#[derive(Debug)]
#[non_exhaustive]
pub struct SealedChunks {
    /// Which key encrypted the data key, and the encrypted data key.
    pub header: Header,
    /// What stands between the header and the first chunk: salt and commitment.
    pub start: Bytes,
    /// The key of the chunks.
    pub chunks: ChunkKey,
}

fn slot(cx: &CallContext, key: &KeyName, context: &Context) -> DataKeySlot {
    DataKeySlot { tenant: cx.tenant().cloned(), key: key.clone(), context: context.clone() }
}

/// What the service is told of a context; the message itself is always bound to all of it.
fn told(provider: &dyn KeyServiceProvider, context: &Context) -> Context {
    if provider.capabilities().context { context.clone() } else { Context::new() }
}

impl DataKeys {
    /// Encrypts a message with a data key that is in use, or a fresh one.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn seal(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        key: KeyName,
        context: &Context,
        plaintext: &[u8],
    ) -> Result<Sealed> {
        let made = self.data_key(cx, provider, &key, context, plaintext.len() as u64).await?;
        let header = Header::new(key, made.encrypted.ciphertext.clone())?;
        Envelope::seal(&header, &made.key, context, plaintext)
    }

    /// Decrypts an envelope.
    ///
    /// # Errors
    /// `Corrupt` for what was tampered with or sealed under another context; what the provider says.
    pub async fn open(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        sealed: &Sealed,
        context: &Context,
    ) -> Result<SecretBytes> {
        let (header, at) = sealed.header()?;
        let data_key = self.decrypt(cx, provider, &header, context).await?;
        Envelope::open(sealed, at, &data_key, context)
    }

    /// Begins a message of about so many bytes that is encrypted chunk by chunk.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn seal_chunks(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        key: KeyName,
        context: &Context,
        bytes: u64,
    ) -> Result<SealedChunks> {
        let made = self.data_key(cx, provider, &key, context, bytes).await?;
        let header = Header::new(key, made.encrypted.ciphertext.clone())?;
        let (chunks, start) = ChunkKey::generate(&made.key, &Envelope::binding(context))?;
        Ok(SealedChunks { header, start: Bytes::copy_from_slice(&start), chunks })
    }

    /// The key of the chunks of a message that has this header and begins with these bytes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_chunks(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        header: &Header,
        start: &[u8],
        context: &Context,
    ) -> Result<ChunkKey> {
        let data_key = self.decrypt(cx, provider, header, context).await?;
        ChunkKey::of_message(&data_key, &Envelope::binding(context), start)
    }

    /// A header with the same data key, encrypted anew by the newest version of a key, for the message that begins with these
    /// bytes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn rewrap(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        header: &Header,
        start: &[u8],
        key: KeyName,
        context: &Context,
    ) -> Result<Header> {
        let data_key = self.decrypt(cx, provider, header, context).await?;
        // A header that is of another message must not be written anew as if it were of this one.
        ChunkKey::of_message(&data_key, &Envelope::binding(context), start)?;
        let request = EncryptRequest::new(key.clone(), data_key, told(provider, context));
        Header::new(key, provider.encrypt(cx, request).await?.ciphertext)
    }

    async fn data_key(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        key: &KeyName,
        context: &Context,
        bytes: u64,
    ) -> Result<Arc<DataKey>> {
        let (slot, now) = (slot(cx, key, context), cx.clock().now());
        if let Some(made) = self.take(&slot, bytes, now) {
            return Ok(made);
        }
        let request = DataKeyRequest::new(key.clone(), told(provider, context));
        let made = provider.generate_data_key(cx, request).await?;
        if made.key.len() != DataKey::LEN {
            return Err(Error::new(ErrorKind::Decode, "the service gave a data key of another length than was asked for"));
        }
        Ok(self.keep(slot, made, bytes, now))
    }

    async fn decrypt(
        &self,
        cx: &CallContext,
        provider: &dyn KeyServiceProvider,
        header: &Header,
        context: &Context,
    ) -> Result<SecretBytes> {
        let (slot, now) = (slot(cx, &header.key, context), cx.clock().now());
        if let Some(key) = self.decrypted(&slot, &header.data_key, now) {
            return Ok(key);
        }
        let request = DecryptRequest::new(header.key.clone(), header.data_key.clone(), told(provider, context));
        let key = provider.decrypt(cx, request).await?;
        self.keep_decrypted(slot, header.data_key.clone(), key.clone(), now);
        Ok(key)
    }
}
