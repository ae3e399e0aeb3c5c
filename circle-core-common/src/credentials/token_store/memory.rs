//! Token records in this process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{TokenRecord, TokenStore};
use crate::context::CallContext;
use crate::error::Result;
use crate::identifier::Version;

/// Token records in this process, which end with it. Clones are the same store.
#[derive(Clone, Default)]
pub struct MemoryTokens {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    written: u64,
    records: HashMap<String, (TokenRecord, Version)>,
}

impl MemoryTokens {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl TokenStore for MemoryTokens {
    async fn read(&self, _: &CallContext, key: &str) -> Result<Option<(TokenRecord, Version)>> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).records.get(key).cloned())
    }

    async fn compare_and_swap(
        &self,
        _: &CallContext,
        key: &str,
        version: Option<&Version>,
        record: &TokenRecord,
    ) -> Result<Option<Version>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.records.get(key).map(|(_, version)| version) != version {
            return Ok(None);
        }
        state.written += 1;
        let version = Version::generation(state.written.to_string());
        state.records.insert(key.to_owned(), (record.clone(), version.clone()));
        Ok(Some(version))
    }
}

impl fmt::Debug for MemoryTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTokens")
    }
}
