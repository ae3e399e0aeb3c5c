//! The source that the model decides over.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialSource, Lease};
use circle_core_common::{CallContext, Error, ErrorKind, Result, Timestamp};

/// How long what is issued lives.
pub(super) const LIFE: Duration = Duration::from_secs(600);

/// What the model's source gives out: no secret, but whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Whose it is.
    pub tenant: String,
    /// A number that grows with every one that is issued.
    pub serial: u64,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Issues,
    /// With an error that may pass.
    Passes,
    /// With one that will not.
    Stays,
}

/// A source whose loads run until the model ends them. Clones are the same source.
#[derive(Clone, Default)]
pub struct ModelSource {
    desk: Arc<Mutex<Desk>>,
}

#[derive(Default)]
struct Desk {
    issued: u64,
    loads: BTreeMap<String, Loads>,
    /// From now on every load ends at once, and well.
    heals: bool,
    wakers: Vec<Waker>,
}

#[derive(Clone, Copy, Default)]
struct Loads {
    begun: u64,
    running: u32,
    most: u32,
    end: Option<End>,
}

impl ModelSource {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many loads of a tenant have begun.
    pub(super) fn begun(&self, tenant: &str) -> u64 {
        self.desk().loads.get(tenant).map_or(0, |loads| loads.begun)
    }

    /// The most loads of one tenant that ever ran at once.
    pub(super) fn most(&self) -> u32 {
        self.desk().loads.values().map(|loads| loads.most).max().unwrap_or(0)
    }

    /// Ends the load of a tenant that runs, if one does.
    pub(super) fn end(&self, tenant: &str, end: End) {
        let mut desk = self.desk();
        if let Some(loads) = desk.loads.get_mut(tenant).filter(|loads| loads.running > 0) {
            loads.end = Some(end);
        }
        desk.wake();
    }

    /// Ends all loads well, those that run and those to come.
    pub(super) fn heal(&self) {
        let mut desk = self.desk();
        desk.heals = true;
        desk.wake();
    }
}

impl Desk {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// A load that is dropped runs no more.
struct Running<'s>(&'s ModelSource, String);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(loads) = self.0.desk().loads.get_mut(&self.1) {
            loads.running = loads.running.saturating_sub(1);
            loads.end = None;
        }
    }
}

#[async_trait]
impl CredentialSource for ModelSource {
    type Credential = Issued;

    async fn load(&self, cx: &CallContext) -> Result<Lease<Issued>> {
        let tenant = cx.tenant().map_or_else(String::new, |tenant| (**tenant).to_owned());
        {
            let mut desk = self.desk();
            let loads = desk.loads.entry(tenant.clone()).or_default();
            loads.begun += 1;
            loads.running += 1;
            loads.most = loads.most.max(loads.running);
        }
        let running = Running(self, tenant.clone());
        let end = poll_fn(|cx| {
            let mut desk = self.desk();
            let end = if desk.heals { Some(End::Issues) } else { desk.loads.get_mut(&tenant).and_then(|loads| loads.end.take()) };
            match end {
                Some(end) => Poll::Ready(end),
                None => {
                    desk.wakers.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        drop(running);
        match end {
            End::Passes => Err(Error::new(ErrorKind::Unavailable, "the model says so")),
            End::Stays => Err(Error::new(ErrorKind::ConfigInvalid, "the model says so")),
            End::Issues => {
                let expires_at = cx.clock().timestamp() + LIFE;
                let mut desk = self.desk();
                desk.issued += 1;
                Ok(Lease::new(Issued { tenant, serial: desk.issued, expires_at }).until(expires_at))
            }
        }
    }
}
