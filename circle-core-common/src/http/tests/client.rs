//! The client: retries, repairs, limits, what is told and what is not.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;

use super::server::{Server, Step, answer, ok, status};
use super::*;
use crate::context::CallReport;
use crate::error::{Error, ErrorKind, Limit, Reason, Result, Sent};
use crate::http::{Answer, Interceptor, Outcome, Outgoing, Request, Rule, Said, Sign, TransportRequest, headers};
use crate::resilience::{Idempotency, RemoteOperation};
use crate::units::ByteSize;

#[tokio::test]
async fn a_failure_that_may_pass_is_repeated_with_the_same_body() {
    let server = Server::start(vec![status(503, "x-request-id: r1\r\n"), ok("{\"a\":1}")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let report = CallReport::new();
    let cx = context_with(&environment, CallOptions::new().report(&report));
    let request = Request::put(target(&client, "/a")).json(&serde_json::json!({"b": 2})).unwrap();
    let response = client.send(&cx, &PUT, request).await.unwrap();
    assert_eq!(response.json::<serde_json::Value>().unwrap()["a"], 1);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
    assert!(requests[0].ends_with("{\"b\":2}") && requests[0].contains("content-type: application/json\r\n"));
    assert_eq!(report.get().request_ids, ["r1"]);
}

#[tokio::test]
async fn a_write_that_was_answered_is_not_repeated() {
    let server = Server::start(vec![status(503, "")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let error = client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((error.kind(), server.hits()), (ErrorKind::Unavailable, 1), "{error:?}");
}

#[tokio::test]
async fn a_write_that_the_service_did_nothing_with_is_repeated() {
    let refusing = |answer: &Answer<'_>| {
        let is_limit = answer.status == StatusCode::TOO_MANY_REQUESTS;
        is_limit.then(|| answer.error(Rule::of_status(answer.status).unprocessed(), Said::new()))
    };
    let limited = || status(429, "Retry-After: 0\r\n");
    let send = async |answers: Vec<Vec<Step>>| {
        let server = Server::start(answers).await;
        let environment = Environment::default();
        let client = builder(&environment, &server.origin()).classify(refusing).build();
        let sent = client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await;
        (sent.map(drop).map_err(|error| (error.kind(), error.sent(), error.attempts())), server.hits())
    };
    assert_eq!(send(vec![limited(), ok("")]).await, (Ok(()), 2));
    assert_eq!(send(vec![limited()]).await, (Err((ErrorKind::RateLimited, Sent::Yes, 3)), 3), "it was answered all the same");
}

#[tokio::test]
async fn redirects_are_not_followed_and_take_nothing_along() {
    let elsewhere = Server::start(vec![ok("")]).await;
    for code in [301, 302, 303, 307, 308] {
        let server = Server::start(vec![status(code, &format!("Location: {}/x\r\n", elsewhere.origin()))]).await;
        let environment = Environment::default();
        let client = client(&environment, &server.origin());
        let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
        assert_eq!((error.kind(), server.hits(), elsewhere.connections()), (ErrorKind::ConfigInvalid, 1, 0), "{code}");
    }
}

#[tokio::test]
async fn a_kept_status_is_a_success() {
    let server =
        Server::start(vec![answer("HTTP/1.1 304 X\r\nContent-Length: 99\r\nEtag: \"e\"\r\n\r\n"), status(404, "")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let get = || Request::get(target(&client, "/a")).keep_status(StatusCode::NOT_MODIFIED);
    let response = client.send(&context(&environment), &GET, get()).await.unwrap();
    assert_eq!((response.status, response.header("etag")), (StatusCode::NOT_MODIFIED, Some("\"e\"")));
    assert!(client.open(&context(&environment), &GET, get()).await.unwrap_err().is(ErrorKind::NotFound));
}

#[tokio::test]
async fn a_failure_inside_a_200_is_found() {
    let server = Server::start(vec![ok("<Error/>")]).await;
    let environment = Environment::default();
    let judge = |answer: &Answer<'_>| {
        answer.body.starts_with(b"<Error").then(|| Error::new(ErrorKind::Unavailable, "inside").with_sent(Sent::Yes))
    };
    let client = builder(&environment, &server.origin()).classify(judge).build();
    let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((error.message(), server.hits()), ("inside", 3));
    // A stream is not looked into.
    assert!(client.open(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.is_ok());
}

#[tokio::test]
async fn what_panics_is_an_error() {
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = builder(&environment, &server.origin()).classify(|_: &Answer<'_>| panic!("{CANARY}")).build();
    let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert!(error.is(ErrorKind::Internal) && !format!("{error:?}").contains(CANARY), "{error:?}");
}

#[tokio::test]
async fn bodies_are_limited_before_and_while_they_are_read() {
    let chunked = answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n");
    let server = Server::start(vec![ok("0123456789ab"), chunked]).await;
    let environment = Environment::default();
    let client = builder(&environment, &server.origin()).body_limit(ByteSize::bytes(10)).build();
    for _ in 0..2 {
        let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
        assert_eq!((error.reason(), error.sent(), error.attempts()), (Some(Reason::OutsideLimit), Sent::Yes, 1));
        assert_eq!(error.limit(), Some(Limit::at_most("body_limit", 10, "bytes")));
    }
    let request = || Request::get(target(&client, "/a"));
    assert!(client.send(&context(&environment), &GET, request().body_limit(ByteSize::bytes(12))).await.is_ok());
    let options = CallOptions::new().body_limit(ByteSize::bytes(3));
    let error =
        client.send(&context_with(&environment, options), &GET, request().body_limit(ByteSize::kib(1))).await.unwrap_err();
    assert!(error.limit().is_some_and(|limit| limit.max == Some(3)));
}

#[tokio::test]
async fn of_a_large_failure_the_beginning_is_kept() {
    let large = "ä".repeat(1 << 20);
    let server = Server::start(vec![answer(format!("HTTP/1.1 400 X\r\nContent-Length: {}\r\n\r\n{large}", large.len()))]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    let body = error.detail().unwrap().body.as_deref().unwrap();
    assert!(error.is(ErrorKind::InvalidInput) && body.len() <= 64 * 1024 && body.len() > 60 * 1024);
}

#[tokio::test]
async fn a_failure_whose_body_does_not_end_is_that_failure() {
    let head = Step::Send(b"HTTP/1.1 403 X\r\nContent-Length: 1000\r\n\r\n{\"message\":".to_vec());
    let server = Server::start(vec![vec![head, Step::Pause(Duration::from_secs(60))]]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), server.hits()), (ErrorKind::PermissionDenied, 1, 1), "{error:?}");
    assert!(error.detail().unwrap().body.as_deref().is_some_and(|body| body.starts_with("{\"message\":")));
}

#[tokio::test]
async fn what_a_server_repeats_of_a_credential_stays_out_of_the_error() {
    let body = format!("{{\"message\":\"bad token {CANARY}\",\"sent\":\"Bearer {CANARY}\"}}");
    let server = Server::start(vec![answer(format!("HTTP/1.1 401 X\r\nContent-Length: {}\r\n\r\n{body}", body.len()))]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated) && error.message().contains("bad token REDACTED"));
    assert!(!format!("{error} {error:#?} {:?} {client:?}", error.to_problem()).contains(CANARY));
}

#[tokio::test]
async fn an_open_body_holds_its_place_until_it_is_read_or_dropped() {
    let server = Server::start(vec![ok("0123456789")]).await;
    let environment = Environment::default();
    let context_of = BuildContext::new(environment.clone(), "test").allow_loopback(true);
    let client = context_of.http(context_of.origin(&server.origin()).unwrap()).build();
    let in_flight = || context_of.policy().endpoints()[0].in_flight;
    let open = async || client.open(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    let (first, mut second) = (open().await, open().await);
    assert_eq!(in_flight(), 2);
    drop(first);
    assert_eq!(in_flight(), 1);
    while second.body.try_next().await.unwrap().is_some() {}
    assert_eq!(in_flight(), 0, "read to its end, though still there");
    client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    assert_eq!(in_flight(), 0);
}

#[tokio::test]
async fn a_call_that_is_dropped_anywhere_leaves_nothing_held() {
    let slow = |text: &str| [Step::Pause(Duration::from_millis(2)), Step::Send(text.as_bytes().to_vec())];
    let script = [slow("HTTP/1.1 200 OK\r\n"), slow("Content-Length: 4\r\n\r\n"), slow("ab"), slow("cd")].concat();
    let server = Server::start(vec![status(503, ""), script]).await;
    let environment = Environment::default();
    let context_of = BuildContext::new(environment.clone(), "test").allow_loopback(true);
    let client = context_of.http(context_of.origin(&server.origin()).unwrap()).build();
    let (mut finished, mut dropped) = (0, 0);
    for polls in 0..24 {
        let call = async {
            let request = Request::put(target(&client, "/a")).body("content");
            let _ = client.send(&context(&environment), &PUT, request).await;
            let opened = client.open(&context(&environment), &GET, Request::get(target(&client, "/a"))).await?;
            opened.body.collect(None).await
        };
        let (mut call, mut left) = (Box::pin(call), polls);
        let end = std::future::poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            call.as_mut().poll(cx).map(Some)
        });
        match end.await {
            Some(result) => finished += u32::from(result.is_ok()),
            None => dropped += 1,
        }
        drop(call);
        assert_eq!(context_of.policy().endpoints()[0].in_flight, 0, "after {polls} polls");
    }
    assert!(finished > 0 && dropped > 3, "{finished} finished, {dropped} dropped");
}

#[test]
fn the_futures_of_calls_are_bounded() {
    let environment = Environment::default();
    let client = client(&environment, "http://127.0.0.1:1");
    let cx = context(&environment);
    let request = || Request::get(target(&client, "/a"));
    let sizes = (size_of_val(&client.send(&cx, &GET, request())), size_of_val(&client.open(&cx, &GET, request())));
    assert!(sizes.0 <= 4096 && sizes.1 <= 4096, "{sizes:?}");
}

#[tokio::test]
async fn a_used_up_quota_holds_everybody_back() {
    let server = Server::start(vec![status(200, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 9\r\n")]).await;
    let environment = Environment::default();
    let context_of = BuildContext::new(environment.clone(), "test").allow_loopback(true);
    let client = context_of.http(context_of.origin(&server.origin()).unwrap()).build();
    let response = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    assert_eq!(response.rate_limit(environment.clock().timestamp()).and_then(|limit| limit.remaining), Some(0));
    let held = context_of.policy().endpoints()[0].held;
    assert!(held > Duration::from_secs(8) && held <= Duration::from_secs(9), "{held:?}");
    let cx = context_with(&environment, CallOptions::new().timeout(Duration::from_secs(1)));
    let error = client.send(&cx, &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), server.hits()), (ErrorKind::RateLimited, Sent::No, 1), "{error:?}");
}

/// GitHub refuses a search with 403 when its quota is used up: other requests go on.
#[tokio::test]
async fn a_used_up_resource_holds_back_only_what_counts_in_it() {
    static SEARCH: RemoteOperation = RemoteOperation::new("acme.Search", Idempotency::Safe, "/search");
    let told = "X-RateLimit-Limit: 30\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 60\r\nX-RateLimit-Resource: search\r\nRetry-After: 60\r\n";
    let server = Server::start(vec![status(403, told), ok("a")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let cx = || context_with(&environment, CallOptions::new().timeout(Duration::from_secs(5)));
    let refused = client.send(&cx(), &SEARCH, Request::get(target(&client, "/search"))).await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(60))));
    client.send(&cx(), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    let error = client.send(&cx(), &SEARCH, Request::get(target(&client, "/search"))).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), server.hits()), (ErrorKind::RateLimited, Sent::No, 2), "{error:?}");
}

/// Models, channels, shops: a refusal of one part stops no other.
#[tokio::test]
async fn a_refused_part_stops_no_other() {
    let server = Server::start(vec![status(429, "Retry-After: 9\r\n"), ok("a")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let cx = || context_with(&environment, CallOptions::new().timeout(Duration::from_secs(1)));
    let request = |part: &str| Request::get(target(&client, "/a")).limited_as(part);
    client.send(&cx(), &GET, request("large")).await.unwrap_err();
    client.send(&cx(), &GET, request("small")).await.unwrap();
    let error = client.send(&cx(), &GET, request("large")).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), server.hits()), (ErrorKind::RateLimited, Sent::No, 2), "{error:?}");
}

#[tokio::test]
async fn an_operation_apart_is_limited_by_itself() {
    static APART: RemoteOperation = RemoteOperation::new("acme.Apart", Idempotency::Safe, "/{id}").apart();
    let server = Server::start(vec![status(429, "Retry-After: 9\r\n"), ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let cx = || context_with(&environment, CallOptions::new().timeout(Duration::from_secs(1)));
    let refused = client.send(&cx(), &APART, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((refused.kind(), server.hits()), (ErrorKind::RateLimited, 1), "{refused:?}");
    assert!(client.send(&cx(), &GET, Request::get(target(&client, "/a"))).await.is_ok());
    let held = client.send(&cx(), &APART, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((held.kind(), held.sent(), server.hits()), (ErrorKind::RateLimited, Sent::No, 2), "{held:?}");
}

struct Stale {
    repairs: AtomicU32,
}

#[async_trait::async_trait]
impl Sign for Stale {
    async fn sign(&self, _: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let token = format!("token-{}", self.repairs.load(Ordering::SeqCst));
        let name = http::header::AUTHORIZATION;
        request.headers.insert(name.clone(), headers::secret(&name, &token)?);
        Ok(())
    }

    async fn repair(&self, _: &CallContext, error: &Error) -> bool {
        let refused = error.is(ErrorKind::Unauthenticated);
        self.repairs.fetch_add(u32::from(refused), Ordering::SeqCst);
        refused
    }
}

#[tokio::test]
async fn a_refused_credential_is_replaced_once() {
    for (scripts, succeeds) in [(vec![status(401, ""), ok("")], true), (vec![status(401, "")], false)] {
        let server = Server::start(scripts).await;
        let environment = Environment::default();
        let auth = Auth::custom(Stale { repairs: AtomicU32::new(0) });
        let client = builder(&environment, &server.origin()).auth(auth).build();
        let result = client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await;
        assert_eq!((result.is_ok(), server.hits()), (succeeds, 2));
        assert!(server.requests()[0].contains("token-0") && server.requests()[1].contains("token-1"));
    }
}

#[tokio::test]
async fn a_credential_goes_to_its_own_origins_only() {
    let (own, other) = (Server::start(vec![ok("")]).await, Server::start(vec![ok("")]).await);
    let environment = Environment::default();
    let there = client(&environment, &other.origin()).target("/a");
    let bound = client(&environment, &own.origin());
    let error = bound.send(&context(&environment), &GET, Request::get(there.clone())).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.sent() == Sent::No && other.connections() == 0, "{error:?}");
    bound.send(&context(&environment), &GET, Request::get(there.clone()).anonymous()).await.unwrap();
    assert!(!other.requests()[0].contains(CANARY));
    let wider = builder(&environment, &own.origin()).auth(Auth::Bearer(SecretRef::literal(CANARY)));
    let wider = wider.also_at(Arc::clone(&there.origin)).build();
    wider.send(&context(&environment), &GET, Request::get(there)).await.unwrap();
    assert!(other.requests()[1].contains(CANARY));
}

#[derive(Clone, Default)]
struct Watch {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Interceptor for Watch {
    fn before(&self, outgoing: &mut Outgoing<'_>) -> Result<()> {
        assert!(outgoing.add_header("authorization", "mine").is_err());
        assert!(outgoing.add_header("x-own", "theirs").is_err());
        assert!(outgoing.add_header("content-length", "7").is_err());
        outgoing.add_header("x-trace", &format!("t{}", outgoing.attempt.number))?;
        self.seen.lock().unwrap().push(format!("before {outgoing:?}"));
        Ok(())
    }

    fn after(&self, outcome: &Outcome<'_>) {
        let status = outcome.status.map(|status| status.as_u16());
        self.seen.lock().unwrap().push(format!(
            "after {status:?} {} {}",
            outcome.error.is_some(),
            outcome.headers.is_some_and(|headers| headers.len() == 1)
        ));
        assert!(outcome.duration < Duration::from_secs(60));
        panic!("observers may be broken");
    }
}

#[tokio::test]
async fn interceptors_add_headers_and_never_see_the_credential() {
    let server = Server::start(vec![status(503, ""), ok("")]).await;
    let watch = Watch::default();
    let environment = Environment::builder().interceptor(watch.clone()).build();
    let client = client(&environment, &server.origin());
    let request = Request::get(target(&client, "/a")).header("x-own", "mine").unwrap();
    client.send(&context(&environment), &GET, request).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].contains("x-trace: t1\r\n") && requests[1].contains("x-trace: t2\r\n"));
    assert!(requests.iter().all(|request| request.contains(CANARY) && request.contains("x-own: mine\r\n")));
    let seen = watch.seen.lock().unwrap();
    assert_eq!((seen[1].as_str(), seen[3].as_str()), ("after Some(503) true true", "after Some(200) false true"));
    assert!(!seen.concat().contains(CANARY), "{seen:?}");
}

#[tokio::test]
async fn compressed_answers_are_asked_for_and_limited_after_decompression() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&vec![b'a'; 100_000]).unwrap();
    let packed = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    let server = Server::start(vec![answer([head.as_bytes(), &packed].concat())]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let get = || Request::get(target(&client, "/a"));
    let plain = client.send(&context(&environment), &GET, get()).await.unwrap();
    assert_eq!((plain.body.len(), plain.header("content-encoding")), (packed.len(), Some("gzip")));
    let unpacked = client.send(&context(&environment), &GET, get().accept_compressed()).await.unwrap();
    assert_eq!((unpacked.body.len(), unpacked.header("content-encoding")), (100_000, None));
    let limited = get().accept_compressed().body_limit(ByteSize::bytes(99_999));
    assert!(client.send(&context(&environment), &GET, limited).await.unwrap_err().limit().is_some());
    let opened = client.open(&context(&environment), &GET, get().accept_compressed()).await.unwrap();
    assert_eq!(opened.body.collect(None).await.unwrap().len(), 100_000);
    assert!(!server.requests()[0].contains("accept-encoding") && server.requests()[1].contains("accept-encoding: gzip\r\n"));
}

/// An error is unsent unless somebody says otherwise: one that is made of an answer is not.
#[tokio::test]
async fn an_answer_is_proof_that_the_request_was_sent() {
    let server = Server::start(vec![status(503, "")]).await;
    let environment = Environment::default();
    let judge = |answer: &Answer<'_>| (!answer.status.is_success()).then(|| Error::new(ErrorKind::Unavailable, "later"));
    let client = builder(&environment, &server.origin()).classify(judge).build();
    let error = client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((error.sent(), server.hits()), (Sent::Yes, 1), "{error:?}");
    let server = Server::start(vec![ok("[")]).await;
    let client = builder(&environment, &server.origin()).build();
    let response = client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await.unwrap();
    assert_eq!(response.json::<Vec<u8>>().unwrap_err().sent(), Sent::Yes);
}

/// What the source of a credential says is said of another service than the one that was asked for something.
#[tokio::test]
async fn a_credential_that_cannot_be_had_says_nothing_of_the_service() {
    struct Fails(ErrorKind);
    #[async_trait::async_trait]
    impl Sign for Fails {
        async fn sign(&self, _: &crate::CallContext, _: &mut TransportRequest) -> Result<()> {
            let mut detail = crate::Detail::new();
            detail.retry_after = Some(Duration::from_secs(60));
            Err(Error::new(self.0, "the token service is away").with_detail(detail).with_retryable(false))
        }
    }
    for kind in [ErrorKind::Unavailable, ErrorKind::Connection, ErrorKind::Timeout, ErrorKind::RateLimited] {
        let server = Server::start(vec![ok("")]).await;
        let environment = Environment::default();
        let context_of_build = BuildContext::new(environment.clone(), "test").allow_loopback(true);
        let origin = context_of_build.origin(&server.origin()).unwrap();
        let client = context_of_build.http(origin).auth(Auth::custom(Fails(kind))).build();
        for _ in 0..30 {
            let error = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
            assert_eq!((error.kind(), error.message(), error.sent()), (kind, "the token service is away", Sent::No));
        }
        let state = &context_of_build.policy().endpoints()[0];
        assert_eq!((state.breaker, state.held), (Some(crate::resilience::BreakerState::Closed), Duration::ZERO), "{kind}");
    }
}
