//! What every provider must make of the ways in which a service fails.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use circle_core_common::suite::{Canary, Failed, Outcome};
use circle_core_common::{ErrorKind, Reason, Result};

use crate::{Break, Capture, FaultServer, Place, Reply};

/// A way in which a service fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Failure {
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 404.
    Missing,
    /// 409.
    Conflict,
    /// 429, with no word about when to come again.
    Throttled,
    /// 500.
    ServerError,
    /// 502 with a page of HTML, as by a proxy in between.
    BadGateway,
    /// The request is taken, and no answer comes.
    Silent,
    /// The connection is reset before an answer.
    Reset,
    /// The answer breaks off in the middle of its body.
    Truncated,
    /// A success whose body is garbage.
    Garbage,
    /// 400 with all that was sent in its body.
    Echo,
}

impl Failure {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Missing,
        Self::Conflict,
        Self::Throttled,
        Self::ServerError,
        Self::BadGateway,
        Self::Silent,
        Self::Reset,
        Self::Truncated,
        Self::Garbage,
        Self::Echo,
    ];

    const fn status(self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::Missing => 404,
            Self::Conflict => 409,
            Self::Throttled => 429,
            Self::ServerError => 500,
            Self::BadGateway => 502,
            Self::Echo => 400,
            Self::Silent | Self::Reset | Self::Truncated | Self::Garbage => 200,
        }
    }
}

/// What a call must make of a failure.
#[derive(Clone, Debug)]
#[must_use]
pub struct Expected {
    kind: ErrorKind,
    reason: Option<Reason>,
    hits: RangeInclusive<usize>,
}

impl Expected {
    /// An error of this kind, with any reason or none, after one request.
    pub const fn kind(kind: ErrorKind) -> Self {
        Self { kind, reason: None, hits: 1..=1 }
    }

    /// With this reason.
    pub const fn reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// After so many requests.
    pub const fn hits(self, hits: usize) -> Self {
        self.hits_between(hits, hits)
    }

    /// After at least and at most so many requests.
    pub const fn hits_between(mut self, least: usize, most: usize) -> Self {
        self.hits = least..=most;
        self
    }
}

/// Runs one call against every [`Failure`], each at a server of its own, and compares kind and reason of the error and the
/// number of requests that arrived; no secret may be in spans, events, metrics or the error.
///
/// ```no_run
/// # use std::time::Duration;
/// # use circle_core_common::{ErrorKind, Result};
/// # use circle_core_testkit::{Canary, Expected, Failed, Failure, FailureMatrix, FaultServer, Reply};
/// # struct Client;
/// # impl Client { async fn get(&self, _: &str) -> Result<()> { Ok(()) } }
/// # fn client(origin: &str, key: &str, timeout: Duration) -> Result<Client> { Ok(Client) }
/// # async fn f() -> Result<(), Failed> {
/// FailureMatrix::new(Reply::json("{\"value\":1}"), 3)
///     .said(Failure::Forbidden, Reply::json("{\"error\":{\"code\":\"denied\"}}").with_status(403))
///     .expect(Failure::Conflict, Expected::kind(ErrorKind::Conflict))
///     .run(
///         |server, secret| client(&server.origin(), secret.secret(), Duration::from_millis(200)),
///         |client: Client| async move { client.get("a").await },
///     )
///     .await
/// # }
/// ```
///
/// The client should have short timeouts and waits: that of [`Failure::Silent`] is waited for.
#[must_use]
pub struct FailureMatrix {
    success: Reply,
    said: BTreeMap<Failure, Reply>,
    expected: BTreeMap<Failure, Expected>,
    limit: Duration,
}

impl FailureMatrix {
    /// Expects what is usual of a call that may be repeated, by a client that makes so many attempts: one request where
    /// repeating is of no use, and all attempts where it is. `success` is the service's answer when it does not fail;
    /// [`Failure::Truncated`] and [`Failure::Garbage`] are made of it.
    pub fn new(success: Reply, attempts: usize) -> Self {
        let repeated = |kind| Expected::kind(kind).hits(attempts);
        let expected = BTreeMap::from([
            // A signer may renew its credential, and try that once.
            (Failure::Unauthenticated, Expected::kind(ErrorKind::Unauthenticated).hits_between(1, 2)),
            (Failure::Forbidden, Expected::kind(ErrorKind::PermissionDenied)),
            (Failure::Missing, Expected::kind(ErrorKind::NotFound)),
            (Failure::Conflict, Expected::kind(ErrorKind::Conflict)),
            (Failure::Throttled, repeated(ErrorKind::RateLimited)),
            (Failure::ServerError, repeated(ErrorKind::Internal)),
            (Failure::BadGateway, repeated(ErrorKind::Unavailable)),
            (Failure::Silent, Expected::kind(ErrorKind::Timeout).hits_between(1, attempts)),
            (Failure::Reset, repeated(ErrorKind::Connection)),
            (Failure::Truncated, repeated(ErrorKind::Connection).reason(Reason::Truncated)),
            (Failure::Garbage, Expected::kind(ErrorKind::Decode)),
            (Failure::Echo, Expected::kind(ErrorKind::InvalidInput)),
        ]);
        Self { success, said: BTreeMap::new(), expected, limit: Duration::from_secs(10) }
    }

    /// What the service says when it fails so, in its own documented shape. By default there is the status alone.
    pub fn said(mut self, failure: Failure, reply: Reply) -> Self {
        self.said.insert(failure, reply);
        self
    }

    /// What the call must make of a failure, where it is not the usual.
    pub fn expect(mut self, failure: Failure, expected: Expected) -> Self {
        self.expected.insert(failure, expected);
        self
    }

    /// How long one call may take; 10 s by default.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the call against every failure. `client` makes a client of the server's, with the secret as its credential.
    ///
    /// # Errors
    /// `Wrong`, with every failure that was not met as expected.
    pub async fn run<C, T, Fut>(&self, client: impl Fn(&FaultServer, &Canary) -> Result<C>, call: impl Fn(C) -> Fut) -> Outcome
    where
        T: fmt::Debug,
        Fut: Future<Output = Result<T>>,
    {
        let mut wrong = Vec::new();
        for failure in Failure::ALL {
            let found = self.meet(*failure, &client, &call).await?;
            wrong.extend(found.into_iter().map(|what| format!("{failure:?}: {what}")));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Failed::Wrong(wrong.join("\n"))) }
    }

    fn script(&self, failure: Failure, server: &FaultServer) {
        if let Some(reply) = self.said.get(&failure) {
            return server.always(reply.clone());
        }
        let success = || self.success.clone();
        let middle = (self.success.content().len() / 2).max(1) as u64;
        server.always(match failure {
            Failure::Silent => Reply::silent(),
            Failure::Reset => Reply::reset(),
            Failure::Truncated => success().breaking(Place::Body(middle), Break::Close),
            Failure::Garbage => success().body("\u{1}<[garbage}>"),
            Failure::BadGateway => {
                let page = "<html><head><title>502 Bad Gateway</title></head><body></body></html>";
                Reply::status(502).header("content-type", "text/html").body(page)
            }
            Failure::Echo => {
                server.when(|_| true).always_with(|request| Reply::status(400).body(request.raw.clone()));
                return;
            }
            _ => Reply::status(failure.status()),
        });
    }

    /// What is not as expected.
    async fn meet<C, T, Fut>(
        &self,
        failure: Failure,
        client: &impl Fn(&FaultServer, &Canary) -> Result<C>,
        call: &impl Fn(C) -> Fut,
    ) -> Result<Vec<String>, Failed>
    where
        T: fmt::Debug,
        Fut: Future<Output = Result<T>>,
    {
        let server = FaultServer::start().await.map_err(|error| Failed::Wrong(format!("no server: {error}")))?;
        self.script(failure, &server);
        let secret = Canary::new();
        let capture = Capture::of([&secret]);
        let began = Instant::now();
        let calling = capture.run(async { call(client(&server, &secret)?).await });
        let ended = tokio::time::timeout(self.limit, calling).await;
        let took = began.elapsed();
        let mut wrong = Vec::new();
        let Some(expected) = self.expected.get(&failure) else { return Ok(vec!["nothing is expected of it".to_owned()]) };
        match ended {
            Err(_) => wrong.push(format!("the call did not end within {:?}", self.limit)),
            Ok(Ok(value)) => {
                capture.debug("the result", &value);
                wrong.push(format!("expected {}, but the call succeeded", expected.kind));
            }
            Ok(Err(error)) => {
                capture.error(&error);
                if error.kind() != expected.kind {
                    let kind = error.kind();
                    // A message that leaks must not be repeated here.
                    let said =
                        if secret.is_in(&error.to_string()) { "(which shows a secret)".to_owned() } else { error.to_string() };
                    wrong.push(format!("expected {}, got {kind} after {took:?}: {said}", expected.kind));
                } else if expected.reason.is_some() && error.reason() != expected.reason {
                    wrong.push(format!("expected the reason {:?}, got {:?}", expected.reason, error.reason()));
                }
            }
        }
        if !expected.hits.contains(&server.hits()) {
            wrong.push(format!("expected {:?} requests, got {}", expected.hits, server.hits()));
        }
        wrong.extend(capture.check().err().map(|failed| failed.to_string()));
        Ok(wrong)
    }
}

impl fmt::Debug for FailureMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.expected).finish()
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use std::collections::BTreeMap;

    use circle_core_common::http::{Auth, Request};
    use circle_core_common::interfaces::object_store::HEAD;
    use circle_core_common::resilience::{BackoffSettings, Idempotency, RemoteOperation, Resilience, Retry};
    use circle_core_common::{BuildContext, CallContext, Environment, Error, SecretRef};

    use super::*;

    type Listed = Result<BTreeMap<String, u32>>;

    static LIST: RemoteOperation = RemoteOperation::new("acme.List", Idempotency::Safe, "/list");

    struct Client {
        http: circle_core_common::http::HttpClient,
        cx: CallContext,
        key: String,
    }

    fn client(server: &FaultServer, secret: &Canary) -> Result<Client> {
        let environment = Environment::builder().build();
        let soon = Duration::from_millis(1);
        let backoff = BackoffSettings::new().initial_interval(soon).max_interval(soon);
        let retry = Retry::new().max_attempts(3).backoff(backoff.clone()).throttle_backoff(backoff);
        let resilience = Resilience::new().attempt_timeout(Duration::from_millis(100)).retry(retry);
        let build = BuildContext::new(environment.clone(), "acme").allow_loopback(true).resilience(resilience);
        let origin = build.origin(&server.origin())?;
        let http = build.http(origin).auth(Auth::Bearer(SecretRef::literal(secret.secret().to_owned()))).build();
        Ok(Client { http, cx: CallContext::new(&environment, &HEAD, None), key: secret.secret().to_owned() })
    }

    async fn list(client: Client) -> Listed {
        let request = Request::get(client.http.target("/list"));
        client.http.send(&client.cx, &LIST, request).await?.json()
    }

    fn matrix() -> FailureMatrix {
        FailureMatrix::new(Reply::json("{\"a\":1,\"b\":2}"), 3)
    }

    #[tokio::test]
    async fn the_pipeline_meets_every_failure() {
        assert_eq!(matrix().run(client, list).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_not_as_expected_is_found() {
        let wrong = async |matrix: FailureMatrix, call: fn(Listed, String) -> Listed| {
            let outcome = matrix.run(client, |client| async move {
                let key = client.key.clone();
                call(list(client).await, key)
            });
            match outcome.await {
                Err(Failed::Wrong(text)) => text,
                other => panic!("{other:?}"),
            }
        };
        let text = wrong(matrix().expect(Failure::Missing, Expected::kind(ErrorKind::Conflict)), |result, _| result).await;
        assert!(text.starts_with("Missing: expected conflict, got not_found") && text.lines().count() == 1, "{text}");
        let text = wrong(matrix().expect(Failure::Throttled, Expected::kind(ErrorKind::RateLimited)), |result, _| result).await;
        assert_eq!(text, "Throttled: expected 1..=1 requests, got 3");
        let other = Expected::kind(ErrorKind::Connection).hits(3).reason(Reason::BreakerOpen);
        let text = wrong(matrix().expect(Failure::Truncated, other), |result, _| result).await;
        assert!(text.contains("Truncated: expected the reason Some(BreakerOpen), got Some(Truncated)"), "{text}");
        let text = wrong(matrix().said(Failure::Conflict, Reply::json("{}")), |result, _| result).await;
        assert_eq!(text, "Conflict: expected conflict, but the call succeeded");
        let text = wrong(matrix(), |result, key| result.map_err(|error| Error::new(error.kind(), format!("with {key}")))).await;
        assert_eq!(text.matches("a secret is shown by").count(), Failure::ALL.len(), "{text}");
    }
}
