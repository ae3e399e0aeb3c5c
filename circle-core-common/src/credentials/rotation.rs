//! Access tokens from a refresh token that is good for one use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::token_store::{StoredAccess, TokenRecord, TokenStore};
use super::{CredentialSource, LOAD, Lease};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::identifier::Version;
use crate::secret::equal;
use crate::units::Timestamp;

/// How long a refresh token is somebody's who has begun to redeem it: longer than a load and the writing behind it may take.
const CLAIM: Duration = Duration::from_secs(45);
/// How far the clocks of those who share a store may differ: a claim that seems to last longer than one does is of such a clock.
const CLOCKS: Duration = Duration::from_secs(300);
/// How often somebody else's claim is looked at.
const POLL: Duration = Duration::from_millis(250);
/// How long what was redeemed may take to be written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// An access token of somebody else's is taken with so much life left.
const LIFE_MIN: Duration = Duration::from_secs(60);
/// Of how many tenants it is remembered which token they were given; forgetting one costs a request.
const REMEMBERED: usize = 1024;

/// What a refresh token was redeemed for.
pub struct Refreshed {
    /// The access token.
    pub access_token: SecretString,
    /// When it ends; see [`ExpiresIn`](super::ExpiresIn).
    pub expires_at: Timestamp,
    /// The next refresh token; `None` from an issuer that leaves the old one valid.
    pub refresh_token: Option<SecretString>,
}

/// Redeems refresh tokens: one request to a token endpoint.
#[async_trait]
pub trait RefreshGrant: Send + Sync + 'static {
    /// Redeems a refresh token. One attempt that is not repeated: the token may be spent.
    ///
    /// # Errors
    /// `Unauthenticated` when the issuer refuses the refresh token (`invalid_grant`); why it cannot be asked. No message shows
    /// a token.
    async fn refresh(&self, cx: &CallContext, refresh_token: &SecretString) -> Result<Refreshed>;
}

/// Access tokens of a grant whose refresh token changes with every use, kept in a [`TokenStore`].
///
/// Of all who share the store one redeems each refresh token: it claims the token first, and the others wait for what comes of
/// it. The next refresh token is written before the access token is given out, and although the caller may be gone by
/// then. When the issuer refuses a token, the store is read once more: somebody may have signed in anew.
///
/// Each tenant has a grant of its own. [`sign_in`](Self::sign_in) brings the first refresh token.
pub struct RefreshTokens {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    of_all_tenants: bool,
    grant: Arc<dyn RefreshGrant>,
    store: Arc<dyn TokenStore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A hash of the access token that was given out last, by key: to be asked again means that another is wanted.
    given: HashMap<String, [u8; 32]>,
    /// What was redeemed and could not be written yet, with the record that it replaces.
    unwritten: HashMap<String, (TokenRecord, TokenRecord)>,
}

impl RefreshTokens {
    /// The grant of this name, whose records are in this store.
    #[must_use]
    pub fn new(name: impl Into<String>, grant: impl RefreshGrant, store: impl TokenStore) -> Self {
        Self::from_arcs(name, Arc::new(grant), Arc::new(store))
    }

    /// As [`new`](Self::new), for parts that are shared already.
    #[must_use]
    pub fn from_arcs(name: impl Into<String>, grant: Arc<dyn RefreshGrant>, store: Arc<dyn TokenStore>) -> Self {
        Self::of(name.into(), false, grant, store)
    }

    /// As [`from_arcs`](Self::from_arcs), for one grant that is all tenants': an application's own, say.
    #[must_use]
    pub fn of_all_tenants(name: impl Into<String>, grant: Arc<dyn RefreshGrant>, store: Arc<dyn TokenStore>) -> Self {
        Self::of(name.into(), true, grant, store)
    }

    fn of(name: String, of_all_tenants: bool, grant: Arc<dyn RefreshGrant>, store: Arc<dyn TokenStore>) -> Self {
        Self { inner: Arc::new(Inner { name, of_all_tenants, grant, store, state: Mutex::default() }) }
    }

    /// Keeps what a sign-in gave where nothing is kept yet: what others who share the store have made of it stays.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub async fn begin(&self, cx: &CallContext, record: TokenRecord) -> Result<()> {
        self.inner.store.compare_and_swap(cx, &self.inner.key(cx), None, &record).await.map(drop)
    }

    /// Keeps what a sign-in of the context's tenant gave, in place of what there was.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub async fn sign_in(&self, cx: &CallContext, record: TokenRecord) -> Result<()> {
        let key = self.inner.key(cx);
        self.inner.state().unwritten.remove(&key);
        loop {
            let found = self.inner.store.read(cx, &key).await?;
            let version = found.as_ref().map(|(_, version)| version);
            if self.inner.store.compare_and_swap(cx, &key, version, &record).await?.is_some() {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl CredentialSource for RefreshTokens {
    type Credential = SecretString;

    /// # Errors
    /// `Unauthenticated` when nobody has signed in, or the issuer refuses the refresh token; why the store or the issuer
    /// cannot be asked.
    async fn load(&self, cx: &CallContext) -> Result<Lease<SecretString>> {
        let inner = &self.inner;
        let key = inner.key(cx);
        inner.write_late(cx, &key).await?;
        let mut refused = None;
        loop {
            let Some((record, version)) = inner.store.read(cx, &key).await? else {
                let text = format!("nobody has signed in to `{}`", inner.name);
                return Err(refused.unwrap_or_else(|| Error::new(ErrorKind::Unauthenticated, text)));
            };
            let now = cx.clock().timestamp();
            if let Some(access) = record.access.as_ref().filter(|access| inner.is_news(&key, access, now)) {
                return Ok(inner.give(&key, access));
            }
            if record.claimed_until.is_some_and(|until| now < until && until <= now + CLAIM + CLOCKS) {
                cx.clock().sleep(POLL).await;
                continue;
            }
            let claimed = TokenRecord { claimed_until: Some(now + CLAIM), ..record.clone() };
            let Some(version) = inner.store.compare_and_swap(cx, &key, Some(&version), &claimed).await? else { continue };
            match redeem(inner, cx, &key, record.clone(), version.clone()).await {
                Err(error) if error.is(ErrorKind::Unauthenticated) && refused.is_none() => {
                    // Once: somebody may have signed in meanwhile, and a token that was refused stays so.
                    match inner.store.read(cx, &key).await? {
                        Some((there, _)) if !equal(&there.refresh_token, &record.refresh_token) => refused = Some(error),
                        _ => return Err(error),
                    }
                }
                // Only now: of what its caller did not live to see, nothing was given out.
                redeemed => return redeemed.map(|access| inner.give(&key, &access)),
            }
        }
    }

    fn by_tenant(&self) -> bool {
        !self.inner.of_all_tenants
    }
}

/// Redeems a token that was claimed, and writes what came of it, to the end: a caller that goes must not take the next
/// refresh token along.
async fn redeem(inner: &Arc<Inner>, cx: &CallContext, key: &str, spent: TokenRecord, version: Version) -> Result<StoredAccess> {
    let (inner, cx, key) = (Arc::clone(inner), cx.clone(), key.to_owned());
    let work = async move { inner.redeem(&cx, &key, spent, version).await };
    match tokio::runtime::Handle::try_current() {
        // The task ends with the load's own deadline and that of the writing behind it.
        Ok(runtime) => runtime
            .spawn(work)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "what redeems the refresh token panicked"))),
        Err(_) => work.await,
    }
}

impl Inner {
    /// The key of the tenant's grant. A length in front keeps the two parts apart.
    fn key(&self, cx: &CallContext) -> String {
        match cx.tenant().filter(|_| !self.of_all_tenants) {
            None => format!("{}:{}", self.name.len(), self.name),
            Some(tenant) => format!("{}:{}:{tenant}", self.name.len(), self.name),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an access token of the store is one that was not given out here and will do for a while.
    fn is_news(&self, key: &str, access: &StoredAccess, now: Timestamp) -> bool {
        access.expires_at.since(now) >= LIFE_MIN && self.state().given.get(key) != Some(&digest(&access.token))
    }

    fn give(&self, key: &str, access: &StoredAccess) -> Lease<SecretString> {
        let mut state = self.state();
        if state.given.len() >= REMEMBERED && !state.given.contains_key(key) {
            state.given.clear();
        }
        state.given.insert(key.to_owned(), digest(&access.token));
        Lease::new(access.token.clone()).until(access.expires_at)
    }

    async fn redeem(&self, cx: &CallContext, key: &str, spent: TokenRecord, version: Version) -> Result<StoredAccess> {
        match cx.guard(self.grant.refresh(cx, &spent.refresh_token)).await {
            Ok(refreshed) => {
                let access = StoredAccess { token: refreshed.access_token, expires_at: refreshed.expires_at };
                let next = TokenRecord {
                    refresh_token: refreshed.refresh_token.unwrap_or_else(|| spent.refresh_token.clone()),
                    access: Some(access.clone()),
                    claimed_until: None,
                };
                self.write(cx, key, spent, next, Some(version)).await?;
                Ok(access)
            }
            Err(error) => {
                // If that fails the claim ends by itself.
                let cx = cx.detached(&LOAD, WRITE_TIMEOUT);
                let _ = cx.guard(self.store.compare_and_swap(&cx, key, Some(&version), &spent)).await;
                Err(error)
            }
        }
    }

    /// Writes what could not be written when it was redeemed.
    async fn write_late(&self, cx: &CallContext, key: &str) -> Result<()> {
        let unwritten = self.state().unwritten.remove(key);
        match unwritten {
            Some((spent, next)) => self.write(cx, key, spent, next, None).await,
            None => Ok(()),
        }
    }

    /// Writes what a refresh token was redeemed for, and keeps it in mind if that fails.
    async fn write(
        &self,
        cx: &CallContext,
        key: &str,
        spent: TokenRecord,
        next: TokenRecord,
        version: Option<Version>,
    ) -> Result<()> {
        // Kept from the start: whoever drives this may be dropped.
        self.state().unwritten.insert(key.to_owned(), (spent.clone(), next.clone()));
        let cx = cx.detached(&LOAD, WRITE_TIMEOUT);
        cx.guard(self.replace(&cx, key, &spent, &next, version)).await?;
        self.state().unwritten.remove(key);
        Ok(())
    }

    /// Replaces the record of a spent token, whoever has claimed it meanwhile. One with another token is newer, and stays.
    async fn replace(
        &self,
        cx: &CallContext,
        key: &str,
        spent: &TokenRecord,
        next: &TokenRecord,
        mut version: Option<Version>,
    ) -> Result<()> {
        loop {
            if let Some(version) = &version
                && self.store.compare_and_swap(cx, key, Some(version), next).await?.is_some()
            {
                return Ok(());
            }
            match self.store.read(cx, key).await? {
                Some((there, now)) if equal(&there.refresh_token, &spent.refresh_token) => version = Some(now),
                _ => return Ok(()),
            }
        }
    }
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshTokens({})", self.inner.name)
    }
}

impl fmt::Debug for Refreshed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshed").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
