//! Holding a thing against others by compare-and-swap, without trusting anybody's clock.
//!
//! The holder replaces an object again and again. Who wants the thing watches the object: as long as it changes, its
//! holder lives. When it has not changed for long enough by the watcher's own clock, the watcher replaces it and the
//! thing is free; a holder that was only asleep finds that out at its next replacement, by a `Conflict`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use circle_core::object_store::{ObjectKey, ObjectStore};
use circle_core::{Error, ErrorKind, Reason, Result, ResultExt, Version};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// How often a holder shows that it lives.
pub const BEAT: Duration = Duration::from_secs(5);

/// How long a holder must be silent to count as dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);

/// A thing that is held.
#[derive(Debug)]
pub struct Lease {
    held: Arc<Held>,
    beating: JoinHandle<()>,
    lost: watch::Receiver<Option<Error>>,
}

struct Held {
    files: ObjectStore,
    key: ObjectKey,
    state: Mutex<(u64, Version)>,
    render: Box<dyn Fn(u64) -> Result<Bytes> + Send + Sync>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({})", self.key)
    }
}

impl Lease {
    /// Holds the object that has this version: replaces it every [`BEAT`] with what `render` makes of the number of the
    /// beat, until the lease ends or is dropped.
    #[must_use]
    pub fn hold(
        files: ObjectStore,
        key: ObjectKey,
        version: Version,
        render: impl Fn(u64) -> Result<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let held = Arc::new(Held { files, key, state: Mutex::new((0, version)), render: Box::new(render) });
        let (sender, lost) = watch::channel(None);
        let beating = tokio::spawn({
            let held = Arc::clone(&held);
            async move {
                loop {
                    tokio::time::sleep(BEAT).await;
                    match held.beat().await {
                        Err(error) if error.reason() == Some(Reason::LeaseLost) => {
                            let _ = sender.send(Some(error)); // nobody listens any more
                            return;
                        }
                        // A store that cannot be reached for a moment may be back at the next beat.
                        _ => {}
                    }
                }
            }
        });
        Self { held, beating, lost }
    }

    /// Learns whether the holder still is the holder: what it did before is seen by whoever takes over.
    ///
    /// # Errors
    /// As [`beat`](Self::beat).
    pub async fn check(&self) -> Result<()> {
        // Under the lock no beat changes the version meanwhile.
        let state = self.held.state.lock().await;
        let now = self.held.files.head(&self.held.key).await.optional()?.and_then(|meta| meta.version);
        if now.as_ref() == Some(&state.1) { Ok(()) } else { Err(self.held.taken_over()) }
    }

    /// Shows now that the holder lives, and learns whether it still is the holder.
    ///
    /// # Errors
    /// `Conflict`, reason `LeaseLost`; what the store says.
    pub async fn beat(&self) -> Result<()> {
        self.held.beat().await
    }

    /// Completes when the lease is lost.
    pub async fn lost(&self) -> Error {
        let mut lost = self.lost.clone();
        let error = lost.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        error.unwrap_or_else(|| self.held.taken_over())
    }

    /// Ends the lease by a last replacement; if it succeeds, the lease was held until then.
    ///
    /// # Errors
    /// `Conflict`, reason `LeaseLost`; what the store says.
    pub async fn end(self, last: Bytes) -> Result<()> {
        // Under the lock no beat is on its way, whose version nobody would learn.
        let mut state = self.held.state.lock().await;
        self.beating.abort();
        self.held.replace(&mut state, last).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

impl Held {
    async fn beat(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        let next = (self.render)(state.0 + 1)?;
        self.replace(&mut state, next).await?;
        state.0 += 1;
        Ok(())
    }

    async fn replace(&self, state: &mut (u64, Version), content: Bytes) -> Result<()> {
        match self.files.replace(&self.key, content, &state.1).await {
            Ok(meta) => {
                state.1 = meta.version()?.clone();
                Ok(())
            }
            Err(error) if error.is(ErrorKind::Conflict) => Err(self.taken_over().with_source(error)),
            Err(error) => Err(error),
        }
    }

    fn taken_over(&self) -> Error {
        let text = format!("`{}` was taken over by another, after a silence too long", self.key);
        Error::new(ErrorKind::Conflict, text).with_reason(Reason::LeaseLost)
    }
}

/// What watching a holder has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// It has shown that it lives.
    Alive,
    /// It was silent for the whole time.
    Silent,
}

/// Watches an object that had this version, for at most `patience`.
///
/// # Errors
/// What the store says.
pub async fn observe(files: &ObjectStore, key: &ObjectKey, version: &Version, patience: Duration) -> Result<Watched> {
    let until = Instant::now() + patience;
    loop {
        let now = files.head(key).await.optional()?.and_then(|meta| meta.version);
        if now.as_ref() != Some(version) {
            return Ok(Watched::Alive);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Watched::Silent);
        }
        tokio::time::sleep(left.min(Duration::from_millis(500))).await;
    }
}
