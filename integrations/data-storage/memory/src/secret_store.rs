//! Secrets in memory.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, Precondition, PutRequest, RenewRequest, RevokeRequest, Secret,
    SecretChange, SecretMeta, SecretName, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::{CallContext, Cursor, Error, ErrorKind, Page, Reason, Result, Timestamp, Version, Watch};
use futures_core::Stream;

use crate::provider::{Memory, Store};
use crate::watchers::{Queue, Told, Watchers};

/// The most names of a page.
const PAGE_MAX: u32 = 1000;
/// The most versions of a secret; of more, the oldest goes.
const VERSIONS_MAX: usize = 100;

pub(crate) fn capabilities() -> SecretStoreCapabilities {
    // Nothing in memory is lent.
    SecretStoreCapabilities::all().without(SecretStoreCapabilities::LEASES)
}

/// The secrets of a store.
#[derive(Default)]
pub(crate) struct Secrets {
    /// The versions of every secret, the newest last; never empty.
    versions: BTreeMap<SecretName, VecDeque<Kept>>,
    watchers: Watchers<SecretChange>,
}

struct Kept {
    secret: Secret,
    changed_at: Timestamp,
}

impl Kept {
    fn cost(&self) -> u64 {
        self.secret.name.as_str().len() as u64 + self.secret.fields.size()
    }
}

impl Secrets {
    fn newest(&self, name: &SecretName) -> Option<&Secret> {
        self.versions.get(name)?.back().map(|kept| &kept.secret)
    }

    /// Lets go of every secret, and wakes every watch, so that it sees that the store is closed.
    pub(crate) fn close(&mut self) {
        std::mem::take(self).watchers.close();
    }
}

impl Told for SecretChange {
    const LAGGED: Self = Self::Lagged;

    fn size(&self) -> usize {
        0
    }
}

fn missing(name: &SecretName) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no secret `{name}`")).with_resource(name.shared())
}

#[async_trait]
impl SecretStoreProvider for Memory {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        &self.secret_store
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Secret> {
        let secrets = self.store.secrets()?;
        let versions = secrets.versions.get(&request.name).ok_or_else(|| missing(&request.name))?;
        let found = match &request.options.version {
            None => versions.back(),
            Some(version) => versions.iter().find(|kept| kept.secret.version == *version),
        };
        let found = found.ok_or_else(|| {
            let text = format!("the secret `{}` has no such version", request.name);
            Error::new(ErrorKind::NotFound, text).with_resource(request.name.shared())
        });
        found.map(|kept| kept.secret.clone())
    }

    async fn put(&self, _: &CallContext, request: PutRequest) -> Result<Version> {
        let mut secrets = self.store.secrets_mut()?;
        let before = secrets.newest(&request.name);
        // Its own repetition, after a lost answer.
        if let Some(before) = before
            && before.operation.as_ref() == Some(&request.operation)
        {
            return Ok(before.version.clone());
        }
        match (&request.options.precondition, before) {
            (Precondition::IfAbsent, Some(_)) => {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("there is a secret `{}`", request.name)));
            }
            (Precondition::IfMatch(version), before) if before.map(|secret| &secret.version) != Some(version) => {
                let text = format!("the secret `{}` has another version", request.name);
                return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch));
            }
            _ => {}
        }
        let mut secret = Secret::new(request.name.clone(), self.store.next_version(), request.fields);
        secret.operation = Some(request.operation);
        let (version, kept) = (secret.version.clone(), Kept { secret, changed_at: self.store.timestamp() });
        let given_up = secrets.versions.get(&request.name).filter(|versions| versions.len() >= VERSIONS_MAX);
        let given_up = given_up.and_then(|versions| versions.front()).map_or(0, Kept::cost);
        self.store.quota.exchange(given_up, kept.cost())?;
        let versions = secrets.versions.entry(request.name.clone()).or_default();
        if versions.len() >= VERSIONS_MAX {
            versions.pop_front();
        }
        versions.push_back(kept);
        secrets.watchers.tell(request.name.as_str(), || SecretChange::Put(request.name.clone(), version.clone()));
        Ok(version)
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Result<Deleted> {
        let mut secrets = self.store.secrets_mut()?;
        let Some(versions) = secrets.versions.remove(&request.name) else { return Ok(Deleted::Absent) };
        self.store.quota.release(versions.iter().map(Kept::cost).sum());
        secrets.watchers.tell(request.name.as_str(), || SecretChange::Deleted(request.name.clone()));
        Ok(Deleted::Removed)
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>> {
        let secrets = self.store.secrets()?;
        let size = request.page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
        let start = match &request.page.cursor {
            Some(cursor) => Bound::Excluded(cursor.token()),
            None => Bound::Included(&*request.prefix),
        };
        let range = secrets.versions.range::<str, _>((start, Bound::Unbounded));
        let mut found = range.take_while(|(name, _)| name.as_str().starts_with(&*request.prefix));
        let meta = |(name, versions): (&SecretName, &VecDeque<Kept>)| {
            let mut meta = SecretMeta::new(name);
            if let Some(newest) = versions.back() {
                meta.version = Some(newest.secret.version.clone());
                meta.changed_at = Some(newest.changed_at);
            }
            meta
        };
        let items: Vec<SecretMeta> = found.by_ref().take(size).map(meta).collect();
        let next = items.last().filter(|_| found.next().is_some()).map(|last| Cursor::new(Arc::clone(last.name.shared())));
        Ok(Page::new(items, next))
    }

    async fn watch(&self, _: &CallContext, request: WatchRequest) -> Result<Watch<SecretChange>> {
        let queue = self.store.secrets_mut()?.watchers.add(request.prefix);
        Ok(Watch::new(Changes { store: Arc::clone(&self.store), queue, ended: false }))
    }

    async fn renew_lease(&self, _: &CallContext, _: RenewRequest) -> Result<Lease> {
        Err(Error::unsupported(SecretStoreCapabilities::LEASES.name()))
    }

    async fn revoke_lease(&self, _: &CallContext, _: RevokeRequest) -> Result<()> {
        Err(Error::unsupported(SecretStoreCapabilities::LEASES.name()))
    }
}

/// The changes of one watch.
struct Changes {
    store: Arc<Store>,
    queue: Arc<Queue<SecretChange>>,
    ended: bool,
}

impl Stream for Changes {
    type Item = Result<SecretChange>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(change) = self.queue.pop(cx) {
            return Poll::Ready(Some(Ok(change)));
        }
        // Only a closed store fails.
        match self.store.secrets().map(drop) {
            Ok(()) => Poll::Pending,
            Err(closed) => {
                self.ended = true;
                Poll::Ready(Some(Err(closed)))
            }
        }
    }
}
