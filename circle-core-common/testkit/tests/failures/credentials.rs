//! 45, 46, 57 and 58: credentials that expire, cannot be refreshed or hang; garbage in headers and events; planted secrets.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core_common::credentials::{CredentialSource, Lease};
use circle_core_common::http::{Auth, Origin, SseStream};
use circle_core_common::resilience::{BulkheadSettings, Resilience, Retry};
use circle_core_common::{CallContext, CallOptions, Clock, ClockSource, Error, ErrorKind, Result, SecretRef, Tick, Timestamp};
use circle_core_testkit::{Break, Canary, Capture, Place, Reply};
use secrecy::SecretString;

use crate::trial::*;

/// tokio's clock, which tests pause, with a wall that follows it.
struct Following;

impl ClockSource for Following {
    fn now(&self) -> Tick {
        Clock::System.now()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(1_700_000_000, 0) + self.now().since_start()
    }

    fn sleep_until(&self, deadline: Tick) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { Clock::System.sleep_until(deadline).await })
    }
}

const LIFE: Duration = Duration::from_secs(600);

const WORKS: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;

/// An issuer of tokens that live ten minutes and take a second.
#[derive(Clone)]
struct Issuer {
    token: String,
    loads: Arc<AtomicU32>,
    does: Arc<AtomicU8>,
}

impl Issuer {
    fn of(secret: &Canary) -> Self {
        Self { token: secret.secret().to_owned(), loads: Arc::default(), does: Arc::default() }
    }

    fn loads(&self) -> u32 {
        self.loads.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl CredentialSource for Issuer {
    type Credential = SecretString;

    async fn load(&self, cx: &CallContext) -> Result<Lease<SecretString>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        cx.clock().sleep(SECOND).await;
        match self.does.load(Ordering::SeqCst) {
            WORKS => Ok(Lease::living(self.token.clone().into(), LIFE, cx.clock().timestamp())),
            FAILS => Err(Error::new(ErrorKind::Unavailable, "the issuer is away")),
            _ => std::future::pending().await,
        }
    }
}

/// A client whose tokens come from an issuer.
fn issued(setting: Setting) -> (Trial, Issuer) {
    let secret = Canary::new();
    let issuer = Issuer::of(&secret);
    let auth = Auth::token(issuer.clone());
    let setting = setting.environment(|environment| environment.clock(Clock::from_source(Following)));
    (setting.client(|client| client.auth(auth)).canned(), issuer)
}

#[tokio::test(start_paused = true)]
async fn t45_a_thousand_callers_of_an_expired_credential_are_one_refresh() {
    let (trial, issuer) = issued(with(Resilience::new().bulkhead(BulkheadSettings::new().max_in_flight(2000))));
    trial.always(Reply::ok(""));
    trial.get().await.succeeded().cost(1, 0);
    tokio::time::sleep(LIFE).await;
    assert_eq!(issuer.loads(), 1);
    let calls: Vec<_> = (0..1000)
        .map(|_| {
            let (http, cx, request) = (trial.http.clone(), trial.cx(&GET, CallOptions::new()), trial.to("/a"));
            tokio::spawn(async move { http.send(&cx, &GET, request).await.map(drop) })
        })
        .collect();
    for call in calls {
        call.await.expect("a task").expect("an answer");
    }
    assert_eq!((issuer.loads(), trial.hits()), (2, 1001));
    // Each tenant's expires for itself.
    for tenant in ["acme", "globex", "acme"] {
        let options = CallOptions::new().tenant(tenant);
        trial.call(&GET, options, trial.to("/a")).await.succeeded();
    }
    assert_eq!(issuer.loads(), 4);
}

#[tokio::test(start_paused = true)]
async fn t46_a_refresh_that_fails_or_hangs_is_seen_by_nobody_while_the_token_lasts_and_bounded_behind() {
    for does in [FAILS, HANGS] {
        let retry = Retry::new().max_attempts(2);
        let (trial, issuer) = issued(with(Resilience::new().retry(retry).attempt_timeout(3 * SECOND)));
        trial.always(Reply::ok(""));
        trial.get().await.succeeded();
        issuer.does.store(does, Ordering::SeqCst);
        // Half a minute before its end it counts as expired.
        for _ in 0..56 {
            tokio::time::sleep(10 * SECOND).await;
            trial.get().await.succeeded().took(Duration::ZERO).cost(1, 0);
        }
        assert!((2..20).contains(&issuer.loads()), "{} loads", issuer.loads());
        tokio::time::sleep(20 * SECOND).await;
        // Now there is none: each attempt waits as long as an attempt may, and nothing is sent.
        let came = trial.get().await.within(10 * SECOND);
        let error = came.result.expect_err("a credential that nobody has");
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error:?}");
        assert_eq!(came.hits, 0);
        issuer.does.store(WORKS, Ordering::SeqCst);
        tokio::time::sleep(30 * SECOND).await;
        assert_eq!(trial.get().await.succeeded().hits, 1);
    }
}

/// Bytes that look like something, from a seed that is the same each time.
struct Garbage(u64);

impl Garbage {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    fn of(&mut self, pieces: &[&str]) -> String {
        let count = self.next() % 6;
        (0..count).map(|_| pieces[self.next() % pieces.len()]).collect()
    }
}

/// The parsers on their own are fuzzed; here a whole call meets what they make of it.
#[tokio::test(start_paused = true)]
async fn t57_garbage_in_headers_and_events_is_passed_over_or_an_error() {
    const PIECES: [&str; 24] = [
        "1",
        "-1",
        "0",
        "99999999999999999999",
        "1e20",
        "6m0s",
        "ms",
        ";",
        ",",
        "=",
        "\"",
        "r=50;t=30",
        "remaining=0",
        "\"default\"",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Nov",
        "GMT",
        " ",
        ":",
        "<https://evil.example>; rel=next",
        "inf",
        "NaN",
        "\u{7f}",
        "ü",
    ];
    const NAMES: [&str; 9] = [
        "retry-after",
        "retry-after-ms",
        "date",
        "age",
        "ratelimit",
        "ratelimit-policy",
        "x-ratelimit-reset",
        "x-ratelimit-remaining",
        "content-type",
    ];
    const EVENTS: [&str; 12] =
        ["data:", "event:", "id:", "retry:", "\n", "\r", "\r\n", "\u{feff}", "{\"a\":1}", "\u{0}", "99999999999999999999", ":"];
    let mut garbage = Garbage(57);
    for round in 0..400 {
        let trial = impatient(SECOND).canned();
        let status = [200, 204, 301, 304, 400, 401, 403, 408, 429, 500, 503][garbage.next() % 11];
        let mut reply = Reply::status(status).body(garbage.of(&EVENTS));
        for _ in 0..3 {
            let value: String = garbage.of(&PIECES).chars().filter(|c| !c.is_control() && c.is_ascii()).collect();
            reply = reply.header(NAMES[garbage.next() % NAMES.len()], value);
        }
        trial.always(reply);
        // No wait is longer than what a server may ask for, twice.
        let came = trial.get().await.within(Duration::from_secs(300));
        assert!((1..=3).contains(&came.hits), "{} hits in round {round}", came.hits);
        if let Ok(opened) = trial.http.open(&trial.cx(&GET, CallOptions::new()), &GET, trial.to("/events")).await {
            let mut events = SseStream::new(opened.body);
            while let Ok(Some(_)) = events.try_next().await {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t58_a_planted_secret_is_shown_by_nothing_whatever_comes_back() {
    let schemes: [fn(&str) -> Auth; 5] = [
        |secret| Auth::Bearer(SecretRef::literal(secret.to_owned())),
        |secret| Auth::Header { name: http::HeaderName::from_static("x-api-key"), secret: SecretRef::literal(secret.to_owned()) },
        |secret| Auth::Query { name: "key".to_owned(), secret: SecretRef::literal(secret.to_owned()) },
        |secret| Auth::Basic { user: "ann".to_owned(), password: SecretRef::literal(secret.to_owned()) },
        |secret| Auth::token(circle_core_common::credentials::Fixed::new(SecretString::from(secret.to_owned()))),
    ];
    for scheme in schemes {
        // What a service may answer that has got the secret.
        let replies = |secret: &str| {
            let says = format!("{{\"error\":{{\"message\":\"{secret} is refused\",\"code\":\"{secret}\"}}}}");
            let mut replies: Vec<Reply> =
                [200, 400, 401, 403, 404, 409, 429, 500].iter().map(|status| Reply::status(*status).body(says.clone())).collect();
            replies.extend([
                Reply::json(format!("{{\"unended\": \"{secret}")),
                Reply::redirect(302, format!("https://ann:{secret}@evil.example/?key={secret}")),
                Reply::status(503)
                    .header("x-request-id", secret)
                    .header("www-authenticate", format!("Bearer error=\"{secret}\"")),
                Reply::ok(says.clone()).breaking(Place::Body(3), Break::Close),
                Reply::silent(),
            ]);
            replies
        };
        let trial = impatient(SECOND).canned();
        let count = replies(trial.secret.secret()).len();
        for at in 0..count {
            // The credential is the planted secret itself; `watch` searches everything that is let out.
            let secret = trial.secret.secret().to_owned();
            let client = trial.build.http(trial.build.origin("https://service.test").expect("an origin"));
            let client = client.auth(scheme(&secret)).build();
            trial.reset();
            trial.always(replies(&secret).swap_remove(at));
            let cx = trial.cx(&POST, CallOptions::new());
            let came = trial.watch(client.send(&cx, &POST, trial.write())).await;
            drop(came);
        }
    }
}

/// What user-info holds gets into no message; and a search that finds nothing would find something.
#[test]
fn t58_user_info_is_not_repeated_and_the_search_finds_what_is_shown() {
    let secret = Canary::new();
    let capture = Capture::of([&secret]);
    for text in [
        format!("https://ann:{}@service.test", secret.secret()),
        format!("https://{}@service.test/", secret.secret()),
        format!("ftp://ann:{}@service.test", secret.secret()),
        format!("https://service.test/?key={}", secret.secret()),
    ] {
        let error = Origin::parse(&text).expect_err("an address with more than an origin");
        capture.error(&error);
    }
    capture.assert_absent();
    let shown = Mutex::new(String::new());
    shown.lock().expect("a lock").push_str(secret.secret());
    capture.debug("what shows it", &shown);
    assert_eq!(capture.leaks().len(), 1);
}
