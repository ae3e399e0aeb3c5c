//! Secrets that live on with what uses them: the newest version without a call.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{GET, GetOptions, Secret, SecretChange, SecretName, SecretStore};
use crate::clock::Sleep;
use crate::error::{Error, ErrorKind, Result};
use crate::units::Timestamp;
use crate::watch::Watch;

/// How often a secret is read anew where its store does not tell of changes.
const EVERY: Duration = Duration::from_secs(60);
/// The shortest and the longest wait after a refresh that failed.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A lease is renewed, and a secret that ends is read anew, with this share of its life left.
const LEFT: u32 = 3;

/// How to follow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FollowOptions {
    /// How often the secret is read anew. Where the store tells of changes it is read at once when it changes, and so often all
    /// the same, as a watch may break unseen.
    pub every: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self { every: EVERY }
    }
}

impl FollowOptions {
    /// Every minute.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often the secret is read anew.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }
}

/// A secret that is followed: its newest version, or the last good one for as long as the store cannot be read.
///
/// Clones follow together; with the last of them it ends.
#[derive(Clone)]
pub struct LiveSecret {
    shared: Arc<Shared>,
    states: watch::Receiver<State>,
}

struct Shared {
    name: SecretName,
    task: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct State {
    secret: Arc<Secret>,
    /// Why it may be old, and since when.
    failure: Option<(Error, Timestamp)>,
}

impl LiveSecret {
    /// The newest version that could be read. Never waits, never fails.
    #[must_use]
    pub fn current(&self) -> Arc<Secret> {
        Arc::clone(&self.states.borrow().secret)
    }

    /// Whether the last attempt to read it anew has failed, so that there may be a newer version; also of a secret that was
    /// deleted.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.states.borrow().failure.is_some()
    }

    /// Why it may be old, and since when.
    #[must_use]
    pub fn failure(&self) -> Option<(Error, Timestamp)> {
        self.states.borrow().failure.clone()
    }

    /// Waits for a version that this clone has not waited for yet; every one but those that others have followed at once.
    ///
    /// # Errors
    /// `Closed` when the client of the store was closed: no other version will come.
    pub async fn changed(&mut self) -> Result<Arc<Secret>> {
        let seen = self.states.borrow_and_update().secret.version.clone();
        loop {
            if self.states.changed().await.is_err() {
                let text = format!("the secret `{}` is followed no more: its store was closed", self.shared.name);
                return Err(Error::new(ErrorKind::Closed, text).with_resource(self.shared.name.shared()));
            }
            let state = self.states.borrow_and_update();
            if state.secret.version != seen {
                return Ok(Arc::clone(&state.secret));
            }
        }
    }
}

/// As that of the secret, with `stale` behind it.
impl fmt::Debug for LiveSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live{:?}{}", self.current(), if self.is_stale() { " stale" } else { "" })
    }
}

impl SecretStore {
    /// Follows a secret: reads it now, and anew whenever it changes. A refresh that fails keeps the last good version and says
    /// that it is stale. Needs a tokio runtime, in which it runs until the last clone is dropped or the store is closed.
    ///
    /// ```
    /// # use circle_core_common::{Result, interfaces::secret_store::SecretStore, secret::ExposeSecret as _};
    /// # async fn example(secrets: SecretStore, connect: fn(&str)) -> Result<()> {
    /// let live = secrets.follow("payments/db").await?;
    /// connect(live.current().field("password")?.expose_secret()); // never waits
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`get`](Self::get): there is no last good version yet.
    pub async fn follow(&self, name: impl Into<SecretName>) -> Result<LiveSecret> {
        self.follow_with(name, FollowOptions::new()).await
    }

    /// Follows a secret, read anew as often as chosen.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub async fn follow_with(&self, name: impl Into<SecretName>, options: FollowOptions) -> Result<LiveSecret> {
        let name = name.into();
        // Before it is read, so that no change falls between the two.
        let changes = match self.capabilities().watch {
            true => self.watch(name.as_str()).await.ok(),
            false => None,
        };
        let first = Arc::new(self.get(&name).await?);
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
            let failed = Error::new(ErrorKind::Internal, "following a secret needs a tokio runtime").with_source(error);
            self.core.place(failed, &GET).with_resource(name.shared())
        })?;
        let (told, states) = watch::channel(State { secret: first, failure: None });
        let follower = Follower { store: self.clone(), name: name.clone(), options, changes, told, failures: 0 };
        let task = runtime.spawn(follower.run()).abort_handle();
        Ok(LiveSecret { shared: Arc::new(Shared { name, task }), states })
    }
}

struct Follower {
    store: SecretStore,
    name: SecretName,
    options: FollowOptions,
    changes: Option<Watch<SecretChange>>,
    told: watch::Sender<State>,
    failures: u32,
}

impl Follower {
    async fn run(mut self) {
        loop {
            self.wait().await;
            match self.refresh().await {
                Ok(()) => self.failures = 0,
                Err(error) if error.is(ErrorKind::Closed) => return,
                Err(error) => self.fail(error),
            }
        }
    }

    /// Until the secret has changed, or it is time to look.
    async fn wait(&mut self) {
        let clock = self.store.core.environment().clock().clone();
        let now = clock.timestamp();
        let state = self.told.borrow().clone();
        let mut wait = self.options.every;
        let ends = state.secret.lease.as_ref().map(|lease| lease.expires_at).or(state.secret.expires_at);
        if let Some(ends) = ends {
            let left = ends.since(now);
            wait = wait.min(left.saturating_sub(left / LEFT));
        }
        if self.failures > 0 {
            let (least, most) = BACKOFF;
            let longest = least.saturating_mul(1 << self.failures.min(6)).min(most);
            // Who follow the same secret do not all come back at once.
            let share = self.store.core.environment().random().unit().unwrap_or(1.0);
            wait = wait.min(longest.mul_f64(share).max(least));
        }
        let sleep = clock.sleep(wait.max(Duration::from_millis(100)));
        let Some(changes) = &mut self.changes else { return sleep.await };
        if !until(changes, &self.name, sleep).await {
            // What is left is to look every now and then; a watch that can be had again is had with the next refresh.
            self.changes = None;
        }
    }

    async fn refresh(&mut self) -> Result<()> {
        if self.changes.is_none() && self.store.capabilities().watch {
            self.changes = self.store.watch(self.name.as_str()).await.ok();
        }
        let state = self.told.borrow().clone();
        if let Some(lease) = state.secret.lease.as_ref().filter(|lease| lease.renewable)
            && let Ok(renewed) = self.store.renew_lease(&state.secret, None).await
        {
            let clock = self.store.core.environment().clock();
            // One that is renewed for nothing has come to the end of its life: only another secret helps.
            if renewed.expires_at > lease.expires_at && renewed.expires_at > clock.timestamp() {
                let mut secret = (*state.secret).clone();
                secret.lease = Some(renewed);
                self.tell(secret);
                return Ok(());
            }
        }
        let secret = self.store.get_inner(&GET, self.name.clone(), GetOptions::new()).await?;
        self.tell(secret);
        Ok(())
    }

    fn tell(&self, secret: Secret) {
        self.told.send_if_modified(|state| {
            let same = state.secret.version == secret.version && state.secret.lease == secret.lease;
            let modified = !same || state.failure.is_some();
            if !same {
                state.secret = Arc::new(secret);
            }
            state.failure = None;
            modified
        });
    }

    fn fail(&mut self, error: Error) {
        self.failures = self.failures.saturating_add(1);
        let now = self.store.core.environment().clock().timestamp();
        tracing::warn!(secret = %self.name, error = %error, "a secret that is followed could not be read anew");
        self.told.send_modify(|state| {
            let since = state.failure.as_ref().map_or(now, |(_, since)| *since);
            state.failure = Some((error, since));
        });
    }
}

/// Until the secret has changed or the wait is over; `false` when the watch has ended.
async fn until(changes: &mut Watch<SecretChange>, name: &SecretName, sleep: Sleep) -> bool {
    let changed = async {
        loop {
            match changes.try_next().await {
                Ok(Some(SecretChange::Put(changed, _) | SecretChange::Deleted(changed))) if changed != *name => {}
                Ok(Some(_)) => return true,
                Ok(None) | Err(_) => return false,
            }
        }
    };
    let (mut sleep, mut changed) = (pin!(sleep), pin!(changed));
    // Whichever comes first.
    poll_fn(|cx| match changed.as_mut().poll(cx) {
        Poll::Ready(goes_on) => Poll::Ready(goes_on),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| true),
    })
    .await
}

#[cfg(all(test, feature = "mock"))]
mod tests;
