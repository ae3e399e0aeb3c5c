//! Answers that are kept for the next time, and equal requests that are sent once: before any policy, so that what is at
//! hand costs nothing.
//!
//! A private cache by RFC 9111: whether an answer may be kept and given again is [`rules`]' business, where it lies
//! [`store`]'s, and whose it is [`key`]'s.

mod key;
mod rules;
mod store;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use self::key::{Asked, Same, Whose};
use self::rules::{Confirmed, Found, Kept};
use self::store::Store;
use super::client::Inner;
use super::headers;
use super::request::Request;
use super::response::Response;
use super::target::Target;
use crate::coalesce::Coalesce;
use crate::context::{CacheUse, CallContext};
use crate::error::{Error, ErrorKind, Limit, Reason, Result, Sent};
use crate::resilience::{CACHE_SIZE, CacheSettings, Idempotency, RemoteOperation, Resilience, Resolved};

/// The counter of requests that the cache was asked for; labels: service, and `circle.cache`: `hit`, `miss`, `confirmed`,
/// `stale` (given because the service could not be reached), `coalesced`.
pub const HTTP_CACHE: &str = crate::telemetry::HTTP_CACHE;

/// What one client keeps.
pub(super) struct Cache {
    store: Option<Mutex<Store>>,
    running: Option<Running>,
    /// Counts the changes: an answer that was asked for before one is not kept, nor shared with who asks behind it.
    changes: AtomicU64,
}

/// The requests on their way that others wait for, by what was changed when they began.
type Running = Coalesce<(u64, Same), Result<Response>>;

/// A change on its way: however it ends, it may have arrived.
pub(super) struct Changing<'a> {
    cache: Option<&'a Cache>,
    target: &'a Target,
}

impl Changing<'_> {
    fn ended(mut self) {
        self.cache = None;
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if let Some(cache) = self.cache {
            cache.changed(self.target, None);
        }
    }
}

/// One request on its way through the cache.
#[derive(Clone, Copy)]
struct Call<'a> {
    /// Where answers to it are kept, if they are.
    store: Option<&'a Mutex<Store>>,
    changes: &'a AtomicU64,
    /// How many changes there were when it began.
    began: u64,
    inner: &'a Inner,
    cx: &'a CallContext,
    operation: &'static RemoteOperation,
    request: &'a Request,
    asked: &'a Asked,
}

impl Cache {
    /// The cache of a client whose service, or one of its operations, wants one.
    pub(super) fn new(chosen: &Resilience, settings: &Resolved) -> Option<Box<Self>> {
        let wanted = |wants: fn(&CacheSettings) -> bool| chosen.operations.iter().any(|(_, own)| wants(&own.cache));
        let keeps = settings.cache.is_some() || wanted(|own| own.enabled == Some(true));
        let coalesces = settings.coalesce || wanted(|own| own.coalesce.or(own.enabled) == Some(true));
        let size = chosen.cache.max_size.unwrap_or(CACHE_SIZE);
        let store = keeps.then(|| Mutex::new(Store::new(size.as_u64())));
        (keeps || coalesces).then(|| Box::new(Self { store, running: coalesces.then(Coalesce::new), changes: AtomicU64::new(0) }))
    }

    /// Answers a request from what is at hand, or sends it.
    pub(super) async fn send(
        &self,
        inner: &Inner,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: &Request,
    ) -> Result<Response> {
        let safe = operation.idempotency() == Idempotency::Safe;
        let chosen = cx.options().and_then(|options| options.cache).unwrap_or_default();
        let settings = inner.policy.resolved_for(operation.name());
        let wanted = settings.cache.is_some() || settings.coalesce;
        let asked = match wanted && safe && operation.is_cacheable() && chosen != CacheUse::NoStore {
            true => Asked::of(inner, cx, request, chosen).await,
            false => None,
        };
        if let Some(asked) = asked {
            let store = self.store.as_ref().filter(|_| settings.cache.is_some());
            let running = self.running.as_ref().filter(|_| settings.coalesce);
            let (changes, began) = (&self.changes, self.changes.load(Ordering::Acquire));
            return Self::answer(running, Call { store, changes, began, inner, cx, operation, request, asked: &asked }).await;
        }
        let changing = (!safe).then(|| self.changing(&request.target));
        let result = inner.execute(cx, operation, request, None).await;
        if let Some(changing) = changing {
            changing.ended();
        }
        let arrived = result.as_ref().err().is_none_or(|error| error.sent() == Sent::Maybe);
        if !safe && arrived {
            self.changed(&request.target, result.as_ref().ok().map(|response| &response.headers));
        }
        result
    }

    async fn answer(running: Option<&Running>, call: Call<'_>) -> Result<Response> {
        let Call { inner, cx, operation, request, .. } = call;
        let found = call.find();
        if let Found::Fresh(response) = found {
            cx.report(|report| report.from_cache += 1);
            call.count("hit");
            return call.within_limit(response);
        }
        let Some(running) = running else { return call.fetch(found).await };
        let same = (call.began, call.asked.same(call.operation, request));
        let shares = |result: &Result<Response>| result.as_ref().err().is_none_or(speaks_for_all);
        let run = async { Ok(running.run(same, || call.fetch(found), shares).await) };
        // Who waits for another's request has no policy of its own that would end the wait.
        let total = inner.policy.total_timeout(operation.name(), request.lasting);
        let waits = cx.part(cx.deadline().or_else(|| total.map(|total| cx.clock().now().after(total))));
        let done = waits.guard(run).await?;
        if !done.joined {
            return done.output;
        }
        cx.report(|report| report.coalesced += 1);
        call.count("coalesced");
        call.within_limit(done.output?)
    }

    /// Forgets what a change has made wrong when it ends, or is given up.
    pub(super) fn changing<'a>(&'a self, target: &'a Target) -> Changing<'a> {
        Changing { cache: Some(self), target }
    }

    /// Forgets what a change has made wrong: everybody's answers at its address, and at the one that its answer tells of.
    pub(super) fn changed(&self, target: &Target, headers: Option<&HeaderMap>) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let Some(store) = &self.store else { return };
        let mut store = locked(store);
        store.forget(&key::address(target));
        match headers.and_then(|headers| headers::text(headers, LOCATION.as_str())) {
            Some(path) if path.starts_with('/') && !path.starts_with("//") => store.forget(&format!("{}{path}", target.origin)),
            Some(address) => store.forget(address),
            None => {}
        }
    }
}

impl Call<'_> {
    fn find(&self) -> Found {
        let Some(store) = self.store else { return Found::Nothing };
        let (asked, now) = (self.asked, self.cx.clock().timestamp().into());
        locked(store).find(&asked.target, &asked.whose, |kept| kept.found(asked, now))
    }

    /// Asks the service, by what is kept where there is something.
    async fn fetch(self, found: Found) -> Result<Response> {
        let stale = match found {
            Found::Stale(kept) => Some(kept),
            Found::Fresh(_) | Found::Nothing => None,
        };
        let mut request = self.request.clone();
        if let Some(directive) = self.asked.directive.clone() {
            request.headers.set(CACHE_CONTROL, directive);
        }
        let mut conditional = false;
        for (name, value) in stale.iter().flat_map(Kept::validators) {
            request.headers.set(name, value);
            conditional = true;
        }
        if conditional {
            request.keep.push(StatusCode::NOT_MODIFIED);
        }
        match (self.send(&request).await, stale) {
            (Ok((response, _)), Some(kept)) if conditional && response.status == StatusCode::NOT_MODIFIED => {
                self.confirmed(response, &kept).await
            }
            (Ok((response, added)), _) => {
                self.count("miss");
                self.keep(&response, &added);
                Ok(response)
            }
            (Err(error), Some(kept)) => {
                // What the service has taken away must not stand in when it fails later.
                let status = error.detail().and_then(|detail| detail.status);
                if let (Some(store), Some(401 | 403 | 404 | 410)) = (self.store, status) {
                    locked(store).remove(&self.asked.target, &self.asked.whose);
                }
                self.instead_of(error, &kept)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Sends the request by every policy. What was added to its own headers is told, by name.
    async fn send(&self, request: &Request) -> Result<(Response, Vec<HeaderName>)> {
        let added = Mutex::new(Vec::new());
        let response = self.inner.execute(self.cx, self.operation, request, Some(&added)).await?;
        Ok((response, added.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What becomes of "not modified".
    async fn confirmed(&self, response: Response, kept: &Kept) -> Result<Response> {
        let now = self.cx.clock().timestamp().into();
        match kept.confirmed(self.asked, &response, now) {
            Confirmed::Same(kept) => {
                self.cx.report(|report| report.from_cache += 1);
                self.count("confirmed");
                let response = kept.response();
                self.put(*kept);
                self.within_limit(response)
            }
            // It speaks of something that was never given: asked without a condition it has to say what there is.
            Confirmed::Another => {
                if let Some(store) = self.store {
                    locked(store).remove(&self.asked.target, &self.asked.whose);
                }
                let (response, added) = self.send(self.request).await?;
                self.count("miss");
                self.keep(&response, &added);
                Ok(response)
            }
        }
    }

    /// A kept answer in place of a failure, where the service allowed it.
    fn instead_of(&self, error: Error, kept: &Kept) -> Result<Response> {
        let now = self.cx.clock().timestamp().into();
        let away = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Connection | ErrorKind::Timeout)
            || error.detail().and_then(|detail| detail.status).is_some_and(|status| status >= 500);
        if !away || self.asked.confirmed_only() || !kept.serves_in_need(now) {
            return Err(error);
        }
        tracing::debug!(target: "circle", operation = self.operation.name(), "a stale answer is given in place of a failure");
        self.cx.report(|report| report.from_cache += 1);
        self.count("stale");
        self.within_limit(kept.aged(now))
    }

    fn keep(&self, response: &Response, added: &[HeaderName]) {
        let now = self.cx.clock().timestamp().into();
        if let Some(kept) = Kept::new(self.asked, response, added, now) {
            self.put(kept);
        }
    }

    fn put(&self, kept: Kept) {
        let Some(store) = self.store else { return };
        // With a credential that was replaced meanwhile it is not certain whose answer this is.
        let whose = Whose::of(self.inner, self.cx, self.request);
        if whose == self.asked.whose {
            let mut store = locked(store);
            // An answer that was asked for before a change may be of the time before it.
            if self.changes.load(Ordering::Acquire) == self.began {
                store.put(&self.asked.target, whose, kept);
            }
        }
    }

    fn within_limit(&self, response: Response) -> Result<Response> {
        let limit = self.inner.body_limit(self.cx, self.request).as_u64();
        let length = response.body.len() as u64;
        match length > limit {
            true => Err(Error::outside_limit(Limit::at_most("body_limit", limit, "bytes"), length).with_sent(Sent::Yes)),
            false => Ok(response),
        }
    }

    fn count(&self, what: &'static str) {
        let service = self.inner.service.to_string();
        metrics::counter!(HTTP_CACHE, "circle.service" => service, "circle.cache" => what).increment(1);
    }
}

/// Whether an error is that of everybody who asks the same: not one that comes from what the caller alone chose.
fn speaks_for_all(error: &Error) -> bool {
    let own = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Timeout) || error.limit().is_some();
    !own && !error.is_of_preparing() && error.reason() != Some(Reason::LocalRateLimit)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a caller's choice is in a request, besides what its provider asks for.
fn directive(chosen: CacheUse, own: Option<&HeaderValue>) -> Option<HeaderValue> {
    let chosen = match chosen {
        CacheUse::Fresh | CacheUse::NoStore => return None,
        CacheUse::MaxAge(age) => format!("max-age={}", age.as_secs()),
        CacheUse::Confirmed => "no-cache".to_owned(),
    };
    let both = match own.and_then(|own| own.to_str().ok()) {
        Some(own) => format!("{own}, {chosen}"),
        None => chosen,
    };
    HeaderValue::from_str(&both).ok()
}
