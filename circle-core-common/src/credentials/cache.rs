//! The cache in front of every credential source.

mod slot;
mod slots;

use std::fmt;
use std::sync::Arc;

use self::slot::{Key, Look, Slot};
use self::slots::Slots;
use super::{CredentialRequest, CredentialSource, Lease};
use crate::context::CallContext;
use crate::error::Result;

/// How many keys a cache holds where nothing else is said.
const KEYS: usize = 1024;

/// A credential, loaded once for all who ask and refreshed while the old one still serves.
///
/// - Each tenant has its own, unless the source gives all tenants the same
///   ([`CredentialSource::by_tenant`]); so has each [`CredentialRequest`]. The cache holds 1,024 of them
///   ([`with_keys`](Self::with_keys)), and lets go of the one that was asked for the longest time ago. No key waits for
///   another.
/// - A thousand concurrent callers cause one load. It belongs to the cache: when the caller that started it is
///   cancelled, the next goes on with it.
/// - Before the end of its life (with a fifth of it left, at least a minute, earlier by up to a fifth at random) the
///   credential is refreshed in the background; callers keep getting the old one, and see no error of the refresh until
///   the old one has really expired. Failing refreshes wait 1 s to 60 s, with full jitter.
/// - A failure that will not pass by itself is answered from memory for 1 s, doubling to 30 s, and then tried again;
///   a failure that may pass is tried again by the next caller.
/// - [`invalidate`](Self::invalidate) drops the version that a service refused, and no newer one.
///
/// Clones are the same cache.
pub struct CredentialCache<C> {
    shared: Arc<Shared<C>>,
    request: CredentialRequest,
}

impl<C> Clone for CredentialCache<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), request: self.request.clone() }
    }
}

struct Shared<C> {
    source: Arc<dyn CredentialSource<Credential = C>>,
    by_tenant: bool,
    /// That of whoever has no tenant and asks for nothing in particular: most caches have no other.
    plain: Arc<Slot<C>>,
    slots: Slots<C>,
}

impl<C: Send + Sync + 'static> CredentialCache<C> {
    /// A cache in front of a source.
    #[must_use]
    pub fn new(source: impl CredentialSource<Credential = C>) -> Self {
        Self::from_arc(Arc::new(source))
    }

    /// As [`new`](Self::new), for a source that is shared already.
    #[must_use]
    pub fn from_arc(source: Arc<dyn CredentialSource<Credential = C>>) -> Self {
        Self::holding(source, KEYS)
    }

    fn holding(source: Arc<dyn CredentialSource<Credential = C>>, keys: usize) -> Self {
        let by_tenant = source.by_tenant();
        let plain = Arc::new(Slot::new(Arc::clone(&source), Key::default()));
        let shared = Shared { source, by_tenant, plain, slots: Slots::new(keys) };
        Self { shared: Arc::new(shared), request: CredentialRequest::new() }
    }

    /// An empty cache in front of the same source that holds so many tenants and requests, beside the credential of whoever
    /// has no tenant and asks for nothing in particular.
    #[must_use]
    pub fn with_keys(self, keys: usize) -> Self {
        let cache = Self::holding(Arc::clone(&self.shared.source), keys);
        Self { request: self.request, ..cache }
    }

    /// The same cache, for those who ask for something in particular.
    #[must_use]
    pub fn requesting(&self, request: CredentialRequest) -> Self {
        Self { shared: Arc::clone(&self.shared), request }
    }

    /// The credential.
    ///
    /// # Errors
    /// The source's, with [`Sent::No`](crate::Sent::No); `Timeout` and `Cancelled` of the caller's own context.
    ///
    /// # Cancellation
    /// Dropping the future leaves the load to the others that wait for it.
    pub async fn get(&self, cx: &CallContext) -> Result<Arc<Lease<C>>> {
        match self.look(cx) {
            Look::Fresh(lease) => Ok(lease),
            Look::Stale(lease) => {
                // Boxed, as loads are: both are rare, and inline they would grow every caller's future.
                Box::pin(self.slot(cx).refresh(cx)).await;
                Ok(lease)
            }
            Look::Nothing => Box::pin(self.slot(cx).load(cx)).await,
        }
    }

    /// Drops the credential that has this version, so that the next caller loads another; newer ones and those of others
    /// stay.
    pub fn invalidate(&self, version: u64) {
        let _ = self.shared.plain.invalidate(version) || self.shared.slots.any(|slot| slot.invalidate(version));
    }

    /// Replaces the version that a service refused, and answers whether there is another credential now: a reason to
    /// repeat the request. The same credential from the same source is none.
    pub async fn renew(&self, cx: &CallContext, refused: u64, differs: impl Fn(&C, &C) -> bool) -> bool {
        let slot = self.slot(cx);
        let old = slot.refused(refused, slot.serving(cx.clock().timestamp()));
        // Somebody else may have replaced it already: what they got is judged the same.
        slot.invalidate(refused);
        match (self.get(cx).await, old) {
            (Ok(new), Some(old)) => differs(&old, &new),
            (Ok(_), None) => true,
            (Err(_), _) => false,
        }
    }

    /// The credential that is held and has not expired, whatever its refresh does; nothing is loaded.
    #[must_use]
    pub fn peek(&self, cx: &CallContext) -> Option<Arc<Lease<C>>> {
        match self.look(cx) {
            Look::Fresh(lease) | Look::Stale(lease) => Some(lease),
            Look::Nothing => None,
        }
    }

    #[inline]
    fn look(&self, cx: &CallContext) -> Look<C> {
        if self.is_plain(cx) {
            return self.shared.plain.look(cx);
        }
        self.shared.slots.with(&self.key(cx), |slot| slot.look(cx)).unwrap_or(Look::Nothing)
    }

    fn slot(&self, cx: &CallContext) -> Arc<Slot<C>> {
        if self.is_plain(cx) {
            return Arc::clone(&self.shared.plain);
        }
        self.shared.slots.get(self.key(cx), |key| Slot::new(Arc::clone(&self.shared.source), key))
    }

    fn is_plain(&self, cx: &CallContext) -> bool {
        self.request.is_plain() && (!self.shared.by_tenant || cx.tenant().is_none())
    }

    fn key(&self, cx: &CallContext) -> Key {
        let tenant = if self.shared.by_tenant { cx.tenant().cloned() } else { None };
        Key { tenant, request: self.request.clone() }
    }
}

/// Shows no tenants: there may be many.
impl<C: Send + Sync + 'static> fmt::Debug for CredentialCache<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache")
            .field("lease", &self.shared.plain.lease())
            .field("keys", &self.shared.slots.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
