//! HTTP's rules of what may be kept and given again (RFC 9111), as a cache that belongs to one caller.
//!
//! The decisions are those of `http-cache-semantics`. What it does not do is here: an answer in place of a failure (RFC 5861),
//! headers that occur more than once, and what a hostile answer could make of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, VARY, WARNING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};

use super::key::Asked;
use crate::http::response::Response;

/// Older than anything that is kept: who claims more, claims nonsense.
const AGE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// What an answer costs besides its bytes: tables and their entries.
const OVERHEAD: u64 = 1024;

/// What a confirmation does not change: the content is the one that was kept.
const OF_THE_CONTENT: [&str; 5] = ["content-length", "content-encoding", "content-range", "content-type", "transfer-encoding"];

const OPTIONS: CacheOptions = CacheOptions {
    shared: false,
    cache_heuristic: 0.1,
    immutable_min_time_to_live: Duration::from_secs(24 * 3600),
    ignore_cargo_cult: false,
};

/// An answer that is kept. Cheap to clone.
#[derive(Clone)]
pub(super) struct Kept(Arc<Answer>);

struct Answer {
    policy: CachePolicy,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// The headers of the request that the service says the answer depends on, as they were sent.
    varies: Vec<(HeaderName, Option<HeaderValue>)>,
    /// How long it counts as fresh, from its making on.
    lifetime: Duration,
    /// For how long after that it may stand in for a failure.
    in_need: Duration,
    size: u64,
}

/// What is there for a request.
pub(super) enum Found {
    /// An answer that needs no request.
    Fresh(Response),
    /// One that the service may confirm.
    Stale(Kept),
    Nothing,
}

/// What a confirmation confirms.
pub(super) enum Confirmed {
    /// What was kept, which is fresh again.
    Same(Box<Kept>),
    /// Something else.
    Another,
}

impl Kept {
    /// What is kept of an answer; `None` of one that must not be, or that depends on what was `added` to the request's own
    /// headers.
    pub(super) fn new(asked: &Asked, response: &Response, added: &[HeaderName], now: SystemTime) -> Option<Self> {
        let mut varies = Vec::new();
        for name in words(&response.headers, &VARY) {
            // `*` depends on what no request shows.
            let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|_| name != "*")?;
            if added.contains(&name) {
                return None;
            }
            varies.push((name.clone(), asked.head.headers().get(&name).cloned()));
        }
        Self::of(asked, response.status, response.headers.clone(), response.body.clone(), varies, now)
    }

    fn of(
        asked: &Asked,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        varies: Vec<(HeaderName, Option<HeaderValue>)>,
        now: SystemTime,
    ) -> Option<Self> {
        let directives = directives(&headers);
        let policy = caught(|| CachePolicy::new_options(&asked.head, &head(status, &headers), now, OPTIONS))?;
        let (storable, age, left) = caught(|| (policy.is_storable(), policy.age(now), policy.time_to_live(now)))?;
        let confirmable = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
        if !storable || age > AGE_MAX || left.is_zero() && !confirmable {
            return None;
        }
        let has = |name: &str| directives.iter().any(|(own, _)| own == name);
        let in_need = directives.iter().find(|(name, _)| name == "stale-if-error");
        let in_need = in_need.filter(|_| !has("must-revalidate") && !has("no-cache"));
        let in_need = in_need.and_then(|(_, value)| value.as_deref()?.parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
        let lines =
            |headers: &HeaderMap| headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum::<usize>();
        // The policy has the headers of both sides for itself.
        let size = body.len() + 2 * lines(&headers) + lines(asked.head.headers()) + 2 * asked.target.len();
        let lifetime = left.saturating_add(age);
        Some(Self(Arc::new(Answer { policy, status, headers, body, varies, lifetime, in_need, size: size as u64 + OVERHEAD })))
    }

    pub(super) fn size(&self) -> u64 {
        self.0.size
    }

    /// What this answer is for a request.
    pub(super) fn found(&self, asked: &Asked, now: SystemTime) -> Found {
        if !self.is_for(asked) {
            return Found::Nothing;
        }
        match caught(|| self.0.policy.before_request(&asked.head, now)) {
            Some(BeforeRequest::Fresh(_)) => Found::Fresh(self.aged(now)),
            Some(BeforeRequest::Stale { matches: true, .. }) => Found::Stale(self.clone()),
            Some(BeforeRequest::Stale { .. }) | None => Found::Nothing,
        }
    }

    fn is_for(&self, asked: &Asked) -> bool {
        self.0.varies.iter().all(|(name, value)| asked.head.headers().get(name) == value.as_ref())
    }

    /// Whether `newer` is the answer to the same request.
    pub(super) fn is_replaced_by(&self, newer: &Self) -> bool {
        self.0.varies == newer.0.varies || self.0.varies.is_empty() || newer.0.varies.is_empty()
    }

    /// The headers that ask whether it still holds.
    pub(super) fn validators(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)]
            .into_iter()
            .filter_map(|(said, asks)| self.0.headers.get(&said).cloned().map(|value| (asks, value)))
    }

    /// The kept answer, with the headers of the one that confirms it.
    pub(super) fn confirmed(&self, asked: &Asked, response: &Response, now: SystemTime) -> Confirmed {
        let answer = head(response.status, &response.headers);
        // It was asked by the validators of this answer alone: without a word of its own it speaks of them.
        let silent = !response.headers.contains_key(ETAG) && !response.headers.contains_key(LAST_MODIFIED);
        let same = caught(|| matches!(self.0.policy.after_response(&asked.head, &answer, now), AfterResponse::NotModified(..)));
        if !silent && same != Some(true) {
            return Confirmed::Another;
        }
        let mut headers = self.0.headers.clone();
        headers.remove(AGE);
        for name in response.headers.keys().filter(|name| !OF_THE_CONTENT.contains(&name.as_str())) {
            headers.remove(name);
            for value in response.headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let Answer { status, body, varies, .. } = &*self.0;
        let kept = Self::of(asked, *status, headers.clone(), body.clone(), varies.clone(), now);
        // Told meanwhile to keep nothing, it is given this once.
        Confirmed::Same(Box::new(kept.unwrap_or_else(|| self.passing(headers))))
    }

    /// As it is, with other headers, and too large for any store.
    fn passing(&self, headers: HeaderMap) -> Self {
        let Answer { policy, status, body, varies, .. } = &*self.0;
        let (lifetime, in_need) = (Duration::ZERO, Duration::ZERO);
        let (policy, body, varies) = (policy.clone(), body.clone(), varies.clone());
        Self(Arc::new(Answer { policy, status: *status, headers, body, varies, lifetime, in_need, size: u64::MAX / 2 }))
    }

    /// Whether it may stand in for a failure.
    pub(super) fn serves_in_need(&self, now: SystemTime) -> bool {
        let age = caught(|| self.0.policy.age(now));
        age.is_some_and(|age| !self.0.in_need.is_zero() && age.saturating_sub(self.0.lifetime) <= self.0.in_need)
    }

    /// The answer, as the service has just confirmed it.
    pub(super) fn response(&self) -> Response {
        Response::new(self.0.status, self.0.headers.clone(), self.0.body.clone())
    }

    /// The answer, which says how old it is.
    pub(super) fn aged(&self, now: SystemTime) -> Response {
        let mut response = self.response();
        let age = caught(|| self.0.policy.age(now)).unwrap_or_default();
        response.headers.remove(WARNING);
        response.headers.insert(AGE, HeaderValue::from(age.as_secs()));
        response
    }
}

/// What the rules are told of an answer. Directives count in any case; the rules know the small one only.
fn head(status: StatusCode, headers: &HeaderMap) -> http::Response<()> {
    let mut answer = http::Response::new(());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers.clone();
    let lower: Vec<_> = headers.get_all(CACHE_CONTROL).iter().map(|value| value.as_bytes().to_ascii_lowercase()).collect();
    answer.headers_mut().remove(CACHE_CONTROL);
    for value in lower.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
        answer.headers_mut().append(CACHE_CONTROL, value);
    }
    answer
}

/// The directives of an answer, in small letters.
fn directives(headers: &HeaderMap) -> Vec<(String, Option<String>)> {
    let parts = words(headers, &CACHE_CONTROL);
    let split = |part: String| match part.split_once('=') {
        Some((name, value)) => (name.trim().to_owned(), Some(value.trim().trim_matches('"').to_owned())),
        None => (part, None),
    };
    parts.into_iter().map(split).collect()
}

/// The parts of a list in a header, in small letters.
fn words(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let words = lines.flat_map(|line| line.split(',')).map(|word| word.trim().to_ascii_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}

/// What an answer makes of the rules is no reason to fail: they add times that a service chose, and panic at an overflow.
fn caught<T>(decide: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(decide)).ok()
}
