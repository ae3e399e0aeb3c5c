//! One load that many callers wait for.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Mutex;

use super::Lease;
use crate::error::{Error, ErrorKind, Result};

pub(super) type Loaded<C> = Result<Arc<Lease<C>>>;
type Load<C> = Pin<Box<dyn Future<Output = Loaded<C>> + Send>>;

/// A load that belongs to nobody: whoever waits drives it, and when its driver is cancelled the next in line goes on
/// where it stopped. It ends early only when nobody waits any more.
pub(super) struct Flight<C> {
    /// The lock is the queue of those who wait; its holder drives.
    load: Mutex<Progress<C>>,
}

enum Progress<C> {
    Running(Load<C>),
    Landed(Loaded<C>),
}

impl<C> Flight<C> {
    pub(super) fn new(load: impl Future<Output = Loaded<C>> + Send + 'static) -> Self {
        Self { load: Mutex::new(Progress::Running(Box::pin(load))) }
    }

    pub(super) async fn join(&self) -> Loaded<C> {
        let mut progress = self.load.lock().await;
        let load = match &mut *progress {
            Progress::Landed(loaded) => return loaded.clone(),
            Progress::Running(load) => load,
        };
        let loaded = std::future::poll_fn(|cx| {
            // A future that has panicked cannot be polled again: those behind must find an error, not another panic.
            catch_unwind(AssertUnwindSafe(|| load.as_mut().poll(cx)))
                .unwrap_or_else(|_| Poll::Ready(Err(Error::new(ErrorKind::Internal, "the credential source panicked"))))
        })
        .await;
        *progress = Progress::Landed(loaded.clone());
        loaded
    }
}
