//! Work on the disk, off the threads that run tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use circle_core_common::{Error, ErrorKind, Result};

/// Whether somebody still waits for the work. A thread cannot be stopped; it asks before it makes anything visible.
#[derive(Clone)]
pub(crate) struct Alive(Arc<AtomicBool>);

impl Alive {
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Cancelled, "the call was dropped"))
    }
}

struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Runs work that may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce(&Alive) -> Result<T> + Send + 'static) -> Result<T> {
    let waiting = Waiting(Arc::new(AtomicBool::new(true)));
    let alive = Alive(Arc::clone(&waiting.0));
    let done = tokio::task::spawn_blocking(move || work(&alive)).await;
    drop(waiting);
    done.unwrap_or_else(|error| Err(Error::new(ErrorKind::Internal, "work on the disk has panicked").with_source(error)))
}
