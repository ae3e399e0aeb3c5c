//! What is told of one attempt: to its span, to metrics, to interceptors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, Method, StatusCode, Version};
use metrics::{IntoF64, Key, Label};
use tracing::{Level, Span};

use super::attempt::Exchange;
use super::interceptor::Outcome;
use super::{rate_limit, said};
use crate::error::{Error, ErrorKind};
use crate::resilience::{Attempt, Counted};
use crate::telemetry::{HTTP_DURATION, OTHER};

/// The methods that OpenTelemetry's conventions know; every other is told as one.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::HEAD,
    Method::PATCH,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

/// The versions of HTTP, by their place here and one.
const VERSIONS: [(Version, &str); 4] =
    [(Version::HTTP_11, "1.1"), (Version::HTTP_2, "2"), (Version::HTTP_10, "1.0"), (Version::HTTP_3, "3")];

/// One attempt that is being made. Dropped before its end, it was given up.
pub(super) struct Measure<'a> {
    exchange: &'a Exchange<'a>,
    attempt: Attempt,
    /// Status and version of the answer, as they stand in the number of a series; 0 while there is none.
    answer: AtomicU32,
    /// Status and headers for interceptors, where there are any.
    shown: Option<Mutex<Option<(StatusCode, HeaderMap)>>>,
    ended: bool,
}

/// The time that an attempt took, in seconds; read when a histogram takes it.
struct Took<'a>(&'a Measure<'a>);

impl IntoF64 for Took<'_> {
    fn into_f64(self) -> f64 {
        let measure = self.0;
        measure.exchange.cx.clock().now().since(measure.attempt.began).as_secs_f64()
    }
}

impl Exchange<'_> {
    pub(super) fn measure(&self, attempt: Attempt) -> Measure<'_> {
        let shown = (!self.inner.interceptors.is_empty()).then(Mutex::default);
        Measure { exchange: self, attempt, answer: AtomicU32::new(0), shown, ended: false }
    }
}

impl Measure<'_> {
    /// Notes that the request was sent, with so many bytes, and what the head of its answer tells.
    /// The answer is whether it refuses only requests of this kind.
    pub(super) fn received(
        &self,
        sent: Option<u64>,
        (status, version): (StatusCode, Option<Version>),
        headers: &HeaderMap,
    ) -> bool {
        let Exchange { inner, cx, endpoint, operation, request, .. } = self.exchange;
        let version = version.and_then(|version| VERSIONS.iter().position(|(one, _)| *one == version));
        if tracing::enabled!(target: "circle", Level::DEBUG) {
            // The machine has entered the span of the attempt.
            let span = Span::current();
            span.record("http.response.status_code", status.as_u16());
            if let Some(at) = version {
                span.record("network.protocol.version", VERSIONS[at].1);
            }
        }
        let version = version.map_or(0, |at| at as u32 + 1);
        self.answer.store(u32::from(status.as_u16()) << 3 | version, Ordering::Relaxed);
        if let Some(sent) = sent.filter(|&sent| sent > 0) {
            inner.stats.account(cx.tenant(), |account| account.bytes(sent, 0));
        }
        if let Some(shown) = &self.shown {
            *shown.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, headers.clone()));
        }
        cx.report(|report| report.request_ids.extend(said::request_id(headers).map(str::to_owned)));
        let counted = Counted { operation, part: request.part.as_deref() };
        rate_limit::heed(endpoint, self.attempt, counted, (status, headers), cx.clock())
    }

    /// Tells what came of the attempt.
    pub(super) fn end(mut self, error: Option<&Error>) {
        self.ended = true;
        self.record(error.map(Error::kind));
        let Some(shown) = &self.shown else { return };
        let Exchange { inner, cx, operation, request, .. } = self.exchange;
        let duration = cx.clock().now().since(self.attempt.began);
        let answer = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, headers) = answer.as_ref().map(|(status, headers)| (*status, headers)).unzip();
        let (attempt, origin) = (self.attempt, &*request.target.origin);
        let outcome = Outcome { operation, attempt, origin, status, headers, duration, error };
        for interceptor in &*inner.interceptors {
            // What an observer breaks is its own: the answer is there.
            if catch_unwind(AssertUnwindSafe(|| interceptor.after(&outcome))).is_err() {
                tracing::warn!(target: "circle", "an interceptor panicked");
            }
        }
    }

    fn record(&self, error: Option<ErrorKind>) {
        let endpoint = self.exchange.endpoint;
        let method = METHODS.iter().position(|method| *method == self.exchange.request.method).unwrap_or(METHODS.len());
        let kind = error.and_then(|kind| ErrorKind::ALL.iter().position(|one| *one == kind)).map_or(0, |at| at + 1);
        // 13 bits of the answer, 4 of the method, and the rest for the error.
        let number = self.answer.load(Ordering::Relaxed) | (method as u32) << 13 | (kind as u32) << 17;
        endpoint.series().get(number, |number| self.key(number)).record(Took(self));
    }

    /// The key of the series of a number.
    fn key(&self, number: Option<u32>) -> Key {
        let Exchange { inner, request, endpoint, .. } = self.exchange;
        let part = |shift: u32, bits: u32| number.map(|number| (number >> shift & ((1 << bits) - 1)) as usize);
        let method = part(13, 4).and_then(|at| METHODS.get(at)).map_or(OTHER, |method| method.as_str());
        let mut labels = vec![Label::new("http.request.method", method.to_owned())];
        match endpoint.is_labelled() {
            true => {
                let origin = &request.target.origin;
                labels.push(Label::new("server.address", origin.host().to_owned()));
                labels.push(Label::new("server.port", origin.port().to_string()));
            }
            false => labels.push(Label::from_static_parts("server.address", OTHER)),
        }
        if let Some(status) = part(3, 10).filter(|&status| status > 0) {
            labels.push(Label::new("http.response.status_code", status.to_string()));
        }
        if let Some((_, version)) = part(0, 3).and_then(|version| VERSIONS.get(version.checked_sub(1)?)) {
            labels.push(Label::from_static_parts("network.protocol.version", version));
        }
        if let Some(kind) = part(17, 15).and_then(|kind| ErrorKind::ALL.get(kind.checked_sub(1)?)) {
            labels.push(Label::from_static_parts("error.type", kind.code()));
        }
        labels.push(Label::new("circle.service", inner.service.to_string()));
        Key::from_parts(HTTP_DURATION, labels)
    }
}

impl Drop for Measure<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // The machine drops an attempt whose time is over, as a caller does who has lost interest.
            let over = self.attempt.deadline.is_some_and(|deadline| deadline <= self.exchange.cx.clock().now());
            self.record(Some(if over { ErrorKind::Timeout } else { ErrorKind::Cancelled }));
        }
    }
}
