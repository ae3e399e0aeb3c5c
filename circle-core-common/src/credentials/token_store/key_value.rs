//! Token records in a key-value store, for many machines.

use std::fmt;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use super::{TokenRecord, TokenStore};
use crate::context::{CallContext, CallOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::identifier::Version;
use crate::interfaces::key_value_store::{GetOptions, KeyValueStore, KeyValueStoreCapabilities, PutOptions};

/// Token records in a key-value store, changed by compare-and-swap.
///
/// Whoever can read the store can act as those who signed in: give it a store of its own, encrypted.
#[derive(Clone)]
pub struct KeyValueTokens {
    store: KeyValueStore,
    prefix: String,
}

impl KeyValueTokens {
    /// Records in this store, under keys that begin with `circle/token/`.
    ///
    /// # Errors
    /// `Unsupported` for a store without compare-and-swap, or one whose reads may be old: an old record has a refresh token
    /// that is spent.
    pub fn new(store: KeyValueStore) -> Result<Self> {
        KeyValueStoreCapabilities::CAS.check(store.capabilities())?;
        KeyValueStoreCapabilities::STRONG_READ.check(store.capabilities())?;
        Ok(Self { store, prefix: "circle/token/".to_owned() })
    }

    /// Sets what the keys begin with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The store, for as long as the call has.
    fn within(&self, cx: &CallContext) -> KeyValueStore {
        let mut options = CallOptions::new();
        options.deadline = cx.deadline();
        options.tenant = cx.tenant().cloned();
        self.store.with(options)
    }
}

#[async_trait]
impl TokenStore for KeyValueTokens {
    async fn read(&self, cx: &CallContext, key: &str) -> Result<Option<(TokenRecord, Version)>> {
        let Some(entry) = self.within(cx).get_with(self.key(key), GetOptions::new().strong()).await? else { return Ok(None) };
        let text =
            std::str::from_utf8(&entry.value).map_err(|_| Error::new(ErrorKind::Corrupt, "what is kept is no token record"))?;
        Ok(Some((TokenRecord::from_text(text)?, entry.version)))
    }

    async fn compare_and_swap(
        &self,
        cx: &CallContext,
        key: &str,
        version: Option<&Version>,
        record: &TokenRecord,
    ) -> Result<Option<Version>> {
        let options = match version {
            None => PutOptions::new().if_absent(),
            Some(version) => PutOptions::new().if_match(version),
        };
        let text = record.to_text()?;
        match self.within(cx).put_with(self.key(key), text.expose_secret().to_owned(), options).await {
            Ok(written) => written
                .version
                .map(Some)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "the key-value store gave no version for the write")),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for KeyValueTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueTokens").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
