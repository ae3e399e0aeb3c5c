//! What one trial has to itself.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use circle_core_common::suite::Canary;
use circle_core_common::{Error, ErrorKind, Result};
use tempfile::TempDir;

/// What one trial has to itself; a provider's config is made from it.
#[derive(Default)]
pub struct Fixture {
    folder: OnceLock<TempDir>,
    canary: Canary,
    kept: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Fixture {
    /// Nothing made yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty folder, which goes with the trial.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be made.
    pub fn folder(&self) -> Result<&Path> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder.path());
        }
        let made = tempfile::tempdir().map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("no temporary folder can be made: {error}")).with_source(error)
        })?;
        Ok(self.folder.get_or_init(|| made).path())
    }

    /// Keeps something for the trial, made at most once: the server that a config points to.
    pub fn put<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(found)) = kept.get(&TypeId::of::<T>()).map(|found| Arc::clone(found).downcast::<T>()) {
            return found;
        }
        let made = Arc::new(make());
        kept.insert(TypeId::of::<T>(), Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        made
    }

    /// A secret to configure the provider with; no span, log or text may show it.
    #[must_use]
    pub fn canary(&self) -> &Canary {
        &self.canary
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fixture({:?})", self.folder.get().map(TempDir::path))
    }
}
