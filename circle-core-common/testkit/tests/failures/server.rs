//! 1 to 20: what a server, or the network before it, can do to a call. Real sockets, so no paused clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use circle_core_common::http::{
    Guard, HttpTransport, Origin, Request, ReqwestTransport, Resolve, Target, Transport, TransportBody, TransportRequest,
};
use circle_core_common::resilience::{Policy, Resilience, Retry, Stall};
use circle_core_common::{ByteSize, Error, ErrorKind, Reason, Sent};
use circle_core_testkit::{Break, Certificate, FaultServer, Http2Server, Place, Reply};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::heap;
use crate::trial::*;

#[tokio::test]
async fn t01_slow_headers_hit_the_attempt_timeout() {
    let trial = impatient(150 * MILLI).on_a_server().await;
    trial.always(Reply::ok("").slow_head(SECOND));
    let came = trial.get().await.failed(ErrorKind::Timeout, None).cost(3, 2 * RETRY).within(20 * SECOND);
    assert_eq!(came.error().sent(), Sent::Maybe);
}

#[tokio::test]
async fn t02_silence_behind_the_headers_is_a_stall() {
    let trial = plain().on_a_server().await;
    trial.always(Reply::ok("abc").breaking(Place::Body(0), Break::Stall));
    let request = || trial.to("/a").stall(Stall::new(100 * MILLI));
    let stalled = Some(Reason::Stalled);
    trial.open(&GET, request()).await.failed(ErrorKind::Timeout, stalled).cost(1, 0).within(20 * SECOND);
    // Read within the attempt, it is asked for again.
    trial.send(&GET, request()).await.failed(ErrorKind::Timeout, stalled).cost(3, 2 * RETRY).within(20 * SECOND);
}

#[tokio::test]
async fn t03_a_body_that_drips_is_not_killed() {
    let trial = plain().on_a_server().await;
    trial.always(Reply::ok("abcdefghijkl").drip(1, 100 * MILLI));
    let came = trial.open(&GET, trial.to("/a").stall(Stall::new(SECOND))).await.succeeded().cost(1, 0);
    // Longer than it may stall, because it never stalled.
    assert!(came.took > SECOND);
    assert_eq!(came.value(), "abcdefghijkl");
}

#[tokio::test]
async fn t04_a_slow_consumer_of_a_fast_server_is_not_killed() {
    let trial = plain().on_a_server().await;
    trial.always(Reply::ok("").filled(4 << 20));
    let cx = trial.cx(&GET, Default::default());
    let read = trial.watch(async {
        let mut body = trial.http.open(&cx, &GET, trial.to("/a").stall(Stall::new(50 * MILLI))).await?.body;
        let mut read = 0;
        while let Some(chunk) = body.try_next().await? {
            if read == 0 || read / (1 << 20) < (read + chunk.len()) / (1 << 20) {
                tokio::time::sleep(200 * MILLI).await;
            }
            read += chunk.len();
        }
        Ok(read)
    });
    assert_eq!(read.await.succeeded().cost(1, 0).value(), 4 << 20);
}

#[tokio::test]
async fn t05_a_reset_before_within_and_behind_the_headers() {
    for place in [Place::Start, Place::Head, Place::Body(4)] {
        let trial = plain().on_a_server().await;
        trial.always(Reply::ok("0123456789").breaking(place, Break::Reset));
        let came = trial.get().await.failed(ErrorKind::Connection, None).cost(3, 2 * RETRY);
        assert_eq!(came.error().sent(), Sent::Maybe, "{place:?}");
        // What must not be done twice may have been done.
        let came = trial.post().await.failed(ErrorKind::OutcomeUnknown, None).cost(1, 0);
        assert!(came.error().operation_id().is_some(), "{place:?}");
    }
}

#[tokio::test]
async fn t06_an_end_before_the_announced_length_is_truncated() {
    let cut = || Reply::ok("0123456789").breaking(Place::Body(4), Break::Close);
    let trial = plain().on_a_server().await;
    // Buffered and harmless: asked for again.
    trial.script([cut(), Reply::ok("0123456789")]);
    assert_eq!(trial.get().await.succeeded().cost(2, 0).value().body, "0123456789");
    trial.always(cut());
    trial.get().await.failed(ErrorKind::Connection, Reason::Truncated).cost(3, 2 * RETRY);
    // Streamed: the reader has the half already. The answer had begun, which is a success to the budget.
    trial.open(&GET, trial.to("/a")).await.failed(ErrorKind::Connection, Reason::Truncated).cost(1, -1);
    trial.post().await.failed(ErrorKind::OutcomeUnknown, None).cost(1, 0);
}

#[tokio::test]
async fn t07_chunks_that_are_none() {
    let trial = plain().on_a_server().await;
    trial.always(Reply::ok("0123456789").bad_chunks());
    trial.get().await.failed(ErrorKind::Connection, None).cost(3, 2 * RETRY);
    trial.open(&GET, trial.to("/a")).await.failed(ErrorKind::Connection, None).cost(1, -1);
}

#[tokio::test]
async fn t08_what_is_no_json_is_kept_in_part() {
    let page = "<html><body>Bad Gateway: no live upstreams</body></html>";
    for (reply, excerpt) in [
        (Reply::json(r#"{"name": "#), r#"{"name": "#),
        (Reply::ok(page).header("content-type", "text/html"), "no live upstreams"),
        (Reply::json(r#"[1, "two", 3]"#).announcing(5), "[1, "),
    ] {
        let trial = plain().on_a_server().await;
        trial.always(reply.closing());
        let response = trial.get().await.succeeded().cost(1, 0).value();
        let error = response.json::<Value>().expect_err("no JSON");
        let kept = error.detail().and_then(|detail| detail.body.clone()).unwrap_or_default();
        assert!(error.is(ErrorKind::Decode) && kept.contains(excerpt), "{error:?}");
    }
    let trial = plain().on_a_server().await;
    trial.always(Reply::status(502).header("content-type", "text/html").body(page));
    let error = trial.get().await.failed(ErrorKind::Unavailable, None).cost(3, 2 * RETRY).error();
    assert_eq!(error.detail().and_then(|detail| detail.body.as_deref()), Some(page));
}

#[tokio::test]
async fn t09_nothing_where_json_was_expected() {
    for reply in [Reply::status(204), Reply::ok(""), Reply::ok("").chunked()] {
        let trial = plain().on_a_server().await;
        trial.always(reply);
        let response = trial.get().await.succeeded().cost(1, 0).value();
        let error = response.json::<Value>().expect_err("no JSON");
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Decode, Sent::Yes));
    }
}

#[test]
fn t10_a_bomb_does_not_go_off() {
    let bomb = Reply::gzip_bomb(64 << 20);
    let held = heap::most_while(async || {
        let trial = plain().on_a_server().await;
        trial.always(bomb.clone());
        trial.send(&GET, trial.to("/a").accept_compressed()).await.failed(ErrorKind::Decode, None).cost(1, 0);
        // Streamed, it is not for the limit of what is held to find it.
        trial.open(&GET, trial.to("/a").accept_compressed()).await.failed(ErrorKind::Decode, None).cost(1, 0);
    });
    assert!(held < 32 << 20, "{held} bytes");
}

#[test]
fn t11_a_gigabyte_of_error_is_64_kib() {
    let held = heap::most_while(async || {
        let trial = plain().on_a_server().await;
        trial.always(Reply::status(500).filled(1 << 30));
        let error = trial.get().await.failed(ErrorKind::Internal, None).cost(3, 2 * RETRY).error();
        let kept = error.detail().and_then(|detail| detail.body.as_ref()).map_or(0, String::len);
        assert_eq!(kept, 64 * 1024);
        // So much success is too much as well, and is said to be.
        trial.always(Reply::ok("").filled(1 << 30));
        trial.get().await.failed(ErrorKind::InvalidInput, Reason::OutsideLimit).cost(1, 0);
        let limited = trial.to("/a").body_limit(ByteSize::kib(1));
        trial.send(&GET, limited).await.failed(ErrorKind::InvalidInput, Reason::OutsideLimit).cost(1, 0);
    });
    assert!(held < 32 << 20, "{held} bytes");
}

#[tokio::test]
async fn t12_headers_without_end() {
    let trial = plain().on_a_server().await;
    trial.always(Reply::huge_headers(8 << 20));
    trial.get().await.failed(ErrorKind::Decode, None).cost(1, 0);
    trial.post().await.failed(ErrorKind::OutcomeUnknown, None).cost(1, 0);
}

#[tokio::test]
async fn t13_a_tarpit_that_never_answers() {
    let trial = impatient(100 * MILLI).against(FaultServer::tarpit().await.expect("a tarpit"));
    trial.get().await.failed(ErrorKind::Timeout, None).cost(0, 2 * RETRY).within(20 * SECOND);
    assert_eq!(trial.server().connections(), 3, "an attempt that was given up takes its connection with it");
    // More than the buffers between take.
    let large = Request::put(trial.http.target("/a")).body(vec![b'x'; 32 << 20]);
    trial.send(&PUT, large).await.failed(ErrorKind::Timeout, None).cost(0, 2 * RETRY).within(20 * SECOND);
}

#[tokio::test]
async fn t14_a_kept_connection_that_closes_on_reuse() {
    let trial = plain().on_a_server().await;
    trial.always(Reply::ok("").closing_on_reuse());
    trial.get().await.succeeded().cost(1, 0);
    // The request that met the end of its connection is made again, because that is harmless.
    trial.get().await.succeeded().cost(1, 0);
    assert_eq!(trial.server().connections(), 2);
    let error = trial.post().await.failed(ErrorKind::OutcomeUnknown, None).cost(0, 0).error();
    assert!(error.operation_id().is_some());
}

#[tokio::test]
async fn t15_connections_of_http2_that_end() {
    // What the server says that it has not looked at is sent again, whatever it is.
    for reply in [Reply::refused_stream(), Reply::go_away()] {
        let trial = plain().on_http2().await;
        trial.script([Reply::ok(""), reply, Reply::ok("")]);
        trial.post().await.succeeded().cost(1, 0);
        trial.post().await.succeeded().cost(2, 0);
    }
    // A connection on which nothing comes back is found by its pings and given up; with the defaults, within 30 s.
    let pinging = plain().connections(|connections| connections.http2_pings(150 * MILLI, 150 * MILLI));
    let trial = pinging.on_http2().await;
    trial.script([Reply::ok(""), Reply::black_hole(), Reply::ok("")]);
    trial.get().await.succeeded().cost(1, 0);
    trial.get().await.succeeded().cost(2, 0).within(9 * SECOND);
    assert_eq!(trial.http2().connections(), 2);
}

/// What a resolver says, again and again, and how often it was asked.
#[derive(Clone)]
struct Says(Result<&'static [&'static str], std::io::ErrorKind>, Arc<AtomicUsize>);

impl Says {
    fn this(answer: Result<&'static [&'static str], std::io::ErrorKind>) -> Self {
        Self(answer, Arc::default())
    }
}

#[async_trait::async_trait]
impl Resolve for Says {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.map_err(std::io::Error::from).map(|found| found.iter().map(|text| text.parse().expect("an address")).collect())
    }
}

#[tokio::test]
async fn t16_names_that_do_not_exist_cannot_be_asked_for_or_lead_inside() {
    use std::io::ErrorKind::{NotFound, Other};

    for (answer, kind, attempts) in [
        // NXDOMAIN and a name without addresses: so it is, and so it stays.
        (Err(NotFound), ErrorKind::Connection, 1),
        (Ok(&[][..]), ErrorKind::Connection, 1),
        // SERVFAIL: the next server may know.
        (Err(Other), ErrorKind::Connection, 3),
        // Rebound to where it must not lead.
        (Ok(&["169.254.169.254"][..]), ErrorKind::ConfigInvalid, 1),
        (Ok(&["::ffff:169.254.169.254"][..]), ErrorKind::ConfigInvalid, 1),
        (Ok(&["1.1.1.1", "fd00:ec2::254"][..]), ErrorKind::ConfigInvalid, 1),
        (Ok(&["0.0.0.0"][..]), ErrorKind::ConfigInvalid, 1),
    ] {
        let says = Says::this(answer);
        let server = FaultServer::start().await.expect("a server");
        let port = server.address().port();
        let transport = HttpTransport::builder().resolver(says.clone()).build();
        let trial = plain().over(&format!("https://names.test:{port}"), transport, Service::Server(server));
        let error = trial.post().await.failed(kind, None).cost(0, RETRY * (attempts - 1)).error();
        assert_eq!((error.sent(), i64::from(error.attempts())), (Sent::No, attempts), "{answer:?}: {error:?}");
        assert_eq!((says.1.load(Ordering::SeqCst) as i64, trial.hits()), (attempts, 0), "{answer:?}: {error:?}");
        assert_eq!(error.is_retryable(), attempts > 1, "{answer:?}: {error:?}");
    }
    // Of loopback, which the trial's own service may be at, no name of another service is a way there.
    let says = Says::this(Ok(&["::ffff:127.0.0.1"]));
    let server = FaultServer::start().await.expect("a server");
    let strict =
        Origin::parse_guarded(&format!("https://names.test:{}", server.address().port()), Guard::new()).expect("an origin");
    let request = TransportRequest::new(Method::GET, Target::new(&strict.into(), "/"), HeaderMap::new(), TransportBody::Empty);
    let error = HttpTransport::builder().resolver(says).build().send(request).await.expect_err("a refusal");
    assert_eq!((error.kind(), server.connections()), (ErrorKind::ConfigInvalid, 0), "{error:?}");
}

#[tokio::test]
async fn t17_certificates_that_are_refused_are_not_tried_again() {
    let elsewhere = Certificate::of("localhost").expect("a certificate");
    for (certificate, root, cause) in [
        (Certificate::expired("localhost"), None, "expired"),
        (Certificate::of("example.org"), None, "not valid for name"),
        (Certificate::of("localhost"), Some(elsewhere.pem()), "invalid peer certificate"),
    ] {
        let server = Http2Server::start_with(&certificate.expect("a certificate")).await.expect("a server");
        let trusted = root.unwrap_or(server.root()).as_bytes();
        let connections = HttpTransport::builder().root_certificates(trusted).expect("a root");
        let origin = server.origin();
        let trial = plain().over(&origin, connections.build(), Service::Http2(server));
        let error = trial.post().await.failed(ErrorKind::Connection, None).cost(0, 0).error();
        assert!(!error.is_retryable() && error.attempts() == 1 && error.sent() == Sent::No, "{error:?}");
        assert!(error.message().contains("certificate") && chain(&error).contains(cause), "{error:?}");
        assert_eq!(trial.http2().connections(), 1);
    }
}

/// An error and all its sources.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[tokio::test]
async fn t18_a_proxy_that_refuses() {
    let through = async |proxy_says: Reply, origin: &str| {
        let proxy = FaultServer::start().await.expect("a proxy");
        proxy.always(proxy_says.closing());
        let address = format!("http://user:{}@{}", "proxy-password", proxy.address());
        let transport = ReqwestTransport::builder().proxy(&address).expect("an address").build().expect("a transport");
        plain().over(origin, transport, Service::Server(proxy))
    };
    // A proxy that wants another password says so for the service, and wants it a second later too.
    let trial = through(Reply::status(407), "http://localhost:9").await;
    let error = trial.get().await.failed(ErrorKind::ConfigInvalid, None).cost(1, 0).error();
    assert!(!chain(&error).contains("proxy-password") && !error.is_retryable(), "{error:?}");
    let trial = through(Reply::status(407), "https://service.test").await;
    let error = trial.get().await.failed(ErrorKind::ConfigInvalid, None).cost(1, 0).error();
    assert!(!format!("{error:?} {}", chain(&error)).contains("proxy-password") && !error.is_retryable(), "{error:?}");
    assert_eq!(trial.received()[0].method, "CONNECT");
    assert!(trial.received()[0].header("authorization").is_none(), "a credential goes into the tunnel, not to the proxy");
    // One that cannot reach the service may in a moment: nothing was sent.
    let trial = through(Reply::status(502), "https://service.test").await;
    let error = trial.post().await.failed(ErrorKind::Connection, None).cost(3, 2 * RETRY).error();
    assert_eq!(error.sent(), Sent::No);
    let trial = through(Reply::hang_up(), "https://service.test").await;
    trial.post().await.failed(ErrorKind::Connection, None).cost(3, 2 * RETRY);
}

#[tokio::test]
async fn t19_a_redirect_to_another_origin_takes_nothing_along() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = FaultServer::start().await.expect("a server");
        elsewhere.always(Reply::ok("there"));
        let trial = plain().on_a_server().await;
        trial.always(Reply::redirect(status, format!("{}/x", elsewhere.origin())));
        trial.get().await.failed(ErrorKind::ConfigInvalid, None).cost(1, 0);
        trial.post().await.failed(ErrorKind::ConfigInvalid, None).cost(1, 0);
        assert_eq!(elsewhere.connections(), 0);
        // Followed because a provider says so, without anything that is secret.
        let cx = trial.cx(&GET, Default::default());
        let request = trial.to("/a").secret_header("x-own-key", trial.secret.secret()).expect("a header");
        let followed = trial.watch(trial.http.follow(&cx, &GET, request)).await;
        assert_eq!(followed.succeeded().cost(1, 0).value().body, "there");
        let arrived = &elsewhere.received()[0];
        assert!(!trial.secret.is_in(&format!("{} {:?}", arrived.target, arrived.headers)));
        // A provider that sends there by itself is refused the credential, before anything is sent.
        let origin = std::sync::Arc::new(trial.build.origin(&elsewhere.origin()).expect("an origin"));
        let abroad = Request::get(Target::new(&origin, "/x"));
        trial.send(&GET, abroad).await.failed(ErrorKind::InvalidInput, None).cost(0, 0);
        assert_eq!(elsewhere.hits(), 1);
    }
}

#[tokio::test]
async fn t20_redirects_in_a_circle_end() {
    let trial = plain().on_a_server().await;
    trial.at("/a").always(Reply::redirect(302, "/b"));
    trial.at("/b").always(Reply::redirect(302, "/a"));
    let cx = trial.cx(&GET, Default::default());
    let followed = trial.watch(trial.http.follow(&cx, &GET, trial.to("/a"))).await;
    // Five are followed.
    followed.failed(ErrorKind::ConfigInvalid, None).cost(6, 0);
}

/// Nothing below the policies repeats a request: what the server sees is what the policies say (see 31).
#[tokio::test]
async fn t31_one_attempt_is_one_request_and_nested_policies_do_not_multiply() {
    for attempts in [1, 3, 5] {
        let setting = with(Resilience::new().retry(Retry::new().max_attempts(attempts)));
        let trial = setting.on_a_server().await;
        let count = attempts as usize;
        for reply in [Reply::status(503), Reply::reset(), Reply::hang_up()] {
            trial.always(reply);
            let came = trial.get().await.cost(count, (i64::from(attempts) - 1) * RETRY);
            assert_eq!(came.error().attempts(), attempts);
        }
    }
    // A call that another policy makes in its attempts: what has been repeated to its end is not repeated again.
    let trial = plain().on_a_server().await;
    trial.always(Reply::status(503));
    let outer = Policy::new(&trial.environment, "outer", &Resilience::new());
    let cx = trial.cx(&GET, Default::default());
    let nested = trial.watch(outer.run(&cx, &GET, |_| trial.http.send(&cx, &GET, trial.to("/a")))).await;
    nested.failed(ErrorKind::Unavailable, None).cost(3, 2 * RETRY);
    assert_eq!(outer.endpoint("").state().retry_tokens, 500);
}
