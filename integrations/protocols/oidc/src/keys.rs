//! The keys of a server, read over the network: seldom, once for all who ask, and not because somebody sends tokens of made-up keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, CredentialSource, Lease};
use circle_core_common::http::Request;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Clock, Error, Result, Tick, Timestamp};

use crate::jwk::KeySet;
use crate::server::{AuthorizationServer, DOCUMENT_MAX, Endpoint};

pub(crate) static KEYS: RemoteOperation = RemoteOperation::new("oidc.Keys", Idempotency::Safe, "");

/// After how long keys are read again.
const TTL: Duration = Duration::from_secs(3600);
/// How long keys serve at most when they cannot be read again.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// How often they are read at most, whatever tokens come and whatever the server answers.
const PAUSE: Duration = Duration::from_secs(30);

/// The keys of a server.
pub(crate) struct RemoteKeys {
    reader: Arc<Reader>,
    /// What reads them once for all who wait, whoever of them goes away meanwhile.
    flight: CredentialCache<Arc<KeySet>>,
}

struct Reader {
    server: AuthorizationServer,
    /// Read by every verification, written when keys are read.
    current: RwLock<Option<Current>>,
    state: Mutex<State>,
}

#[derive(Clone)]
struct Current {
    keys: Arc<KeySet>,
    read: Timestamp,
}

#[derive(Default)]
struct State {
    /// When the keys may be read next.
    next: Option<Tick>,
    failures: u32,
    /// Why there are no keys at all.
    last: Option<Error>,
}

impl RemoteKeys {
    pub(crate) fn new(server: AuthorizationServer) -> Self {
        let reader = Arc::new(Reader { server, current: RwLock::default(), state: Mutex::default() });
        Self { flight: CredentialCache::new(Reading(Arc::clone(&reader))), reader }
    }

    /// Keys, with the one of this name if the server has it.
    pub(crate) async fn get(&self, cx: &CallContext, kid: Option<&str>) -> Result<Arc<KeySet>> {
        let fits = |keys: &KeySet| kid.is_none_or(|kid| keys.knows(kid));
        // A token of a known key waits for nobody who has sent one of another.
        if let Some(keys) = self.reader.fresh(cx.clock().timestamp()).filter(|keys| fits(keys)) {
            return Ok(keys);
        }
        let lease = self.flight.get(cx).await?;
        if fits(&lease) || !self.reader.may_read(cx.clock()) {
            return Ok(Arc::clone(&lease));
        }
        // Whoever is first drops the lease, whoever comes next waits for what the first has begun.
        self.flight.invalidate(lease.version());
        Ok(Arc::clone(&*self.flight.get(cx).await?))
    }
}

impl Reader {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Option<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        self.current().filter(|current| now.since(current.read) < TTL).map(|current| current.keys)
    }

    fn may_read(&self, clock: &Clock) -> bool {
        self.state().next.is_none_or(|next| next <= clock.now())
    }

    /// The keys that are there, for as long as they may be used.
    fn lease(&self, clock: &Clock) -> Option<Lease<Arc<KeySet>>> {
        let now = clock.timestamp();
        let current = self.current().filter(|current| now.since(current.read) < LIFE)?;
        let refresh = (current.read + TTL).max(now + PAUSE);
        Some(Lease::new(current.keys).until(current.read + LIFE).refresh_from(refresh))
    }

    async fn read(&self, cx: &CallContext) -> Result<Arc<KeySet>> {
        let (target, _) = self.server.endpoint(cx, Endpoint::Jwks).await?;
        let request = Request::get(target).header("accept", "application/jwk-set+json, application/json")?;
        let response = self.server.http().send(cx, &KEYS, request.body_limit(DOCUMENT_MAX)).await?;
        KeySet::parse(&response.body).map(Arc::new)
    }
}

/// Reads the keys, unless they were read a moment ago.
struct Reading(Arc<Reader>);

#[async_trait]
impl CredentialSource for Reading {
    type Credential = Arc<KeySet>;

    async fn load(&self, cx: &CallContext) -> Result<Lease<Arc<KeySet>>> {
        let reader = &*self.0;
        let clock = cx.clock();
        if !reader.may_read(clock) {
            let last = reader.state().last.clone();
            match (reader.lease(clock), last) {
                (Some(lease), _) => return Ok(lease),
                (None, Some(error)) => return Err(error),
                (None, None) => {}
            }
        }
        if reader.current().is_some() {
            // Also of a reading that is given up: else whoever goes away in time could have it done again and again.
            reader.state().next = Some(clock.now().after(PAUSE));
        }
        match reader.read(cx).await {
            Ok(keys) => {
                let current = Current { keys, read: clock.timestamp() };
                *reader.current.write().unwrap_or_else(PoisonError::into_inner) = Some(current);
                *reader.state() = State { next: Some(clock.now().after(PAUSE)), ..State::default() };
                reader.lease(clock).ok_or_else(|| Error::new(circle_core_common::ErrorKind::Internal, "the clock went back"))
            }
            Err(error) => {
                let lease = reader.lease(clock);
                let mut state = reader.state();
                // While there are none at all, the wait grows from a second on: a start must not fail for half a minute.
                let pause = if lease.is_some() { PAUSE } else { Duration::from_secs(1 << state.failures.min(5)).min(PAUSE) };
                state.failures = state.failures.saturating_add(1);
                state.next = Some(clock.now().after(pause));
                state.last = Some(error.clone());
                drop(state);
                if lease.is_some() {
                    tracing::warn!(kind = error.kind().code(), "the keys of an issuer could not be read again");
                }
                lease.ok_or(error)
            }
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
