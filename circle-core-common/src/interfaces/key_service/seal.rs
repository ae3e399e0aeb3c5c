//! Envelopes: data of any size, encrypted with data keys that are used again for a while.

use std::sync::{Arc, Weak};

use super::{Caps, Context, KeyName, KeyService, KeyServiceProvider, OPEN, REWRAP, SEAL};
use crate::encryption::{DataKeyLimits, DataKeys, Header, Sealed};
use crate::error::Result;
use crate::operation::Operation;
use crate::scope::Resources;
use crate::secret::SecretBytes;

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
        let kept = self.kept()?;
        let result = call.guard(kept.keys.seal(call.cx(), provider, key, &context, plaintext)).await;
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
        let header = self.read(&OPEN, &sealed)?;
        let mut call = self.begin(&OPEN);
        let provider = self.start(&mut call, Resources::One(header.key.shared())).await?;
        let kept = self.kept()?;
        let result = call.guard(kept.keys.open(call.cx(), provider, &sealed, &context)).await;
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
        let header = self.read(&REWRAP, &sealed)?;
        let mut call = self.begin(&REWRAP);
        let names = [Arc::clone(header.key.shared()), Arc::clone(key.shared())];
        let provider = self.start(&mut call, Resources::Many(&names)).await?;
        let kept = self.kept()?;
        let result = call
            .guard(async {
                let (header, at) = sealed.header()?;
                let start = sealed.as_bytes().get(at..).unwrap_or_default();
                let header = kept.keys.rewrap(call.cx(), provider, &header, start, key, &context).await?;
                sealed.with_header(&header)
            })
            .await;
        call.finish(result).await
    }

    fn read(&self, operation: &'static Operation, sealed: &Sealed) -> Result<Header> {
        sealed.header().map(|(header, _)| header).map_err(|error| self.core.place(error, operation))
    }

    fn kept(&self) -> Result<Arc<Shared>> {
        let provider = self.provider()?;
        let place = format!("{:p}", Arc::as_ptr(provider).cast::<()>());
        let make = || Shared { keys: DataKeys::new(DataKeyLimits::default()), _place: Arc::downgrade(provider) };
        Ok(self.core.environment().shared(&place, make))
    }
}
