//! What goes over the wire, and what its accidents become.

use std::time::Duration;

use bytes::Bytes;

use super::server::{Server, Step, answer, ok};
use super::*;
use crate::body::{Body, ByteStream};
use crate::error::{ErrorKind, Reason, Sent};
use crate::http::{HttpTransport, Request};
use crate::resilience::{OperationSettings, Resilience, Retry, Stall, StallSettings};

/// One attempt, so that every accident is seen as it is.
fn once(environment: &Environment) -> CallContext {
    context_with(environment, CallOptions::new().retry(Retry::off()))
}

#[tokio::test]
async fn paths_and_queries_arrive_byte_for_byte() {
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let paths =
        ["/b/a//b", "/b/../x", "/b/./x", "/b/%2E%2E/x", "/b/a%2Fb%2f", "/b//", "/?a='1'&b=%20&c", "/b/~!$&'()*+,;=:@", "/%"];
    for path in paths {
        client.send(&once(&environment), &GET, Request::get(target(&client, path))).await.unwrap();
    }
    let lines: Vec<String> = server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, paths.map(|path| format!("GET {path} HTTP/1.1")));
    assert_eq!(server.connections(), 1, "one connection serves them all");
}

#[tokio::test]
async fn a_request_has_the_headers_that_it_needs_and_no_more() {
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let request = Request::post(target(&client, "/a")).header("X-Own", "1").unwrap().body("body");
    client.send(&once(&environment), &POST, request).await.unwrap();
    let mut lines: Vec<String> = server.requests()[0].split("\r\n").map(str::to_owned).collect();
    lines.sort();
    let mut expected = [
        "".to_owned(),
        "POST /a HTTP/1.1".to_owned(),
        format!("authorization: Bearer {CANARY}"),
        "body".to_owned(),
        "content-length: 4".to_owned(),
        format!("host: 127.0.0.1:{}", server.port),
        format!("user-agent: circle-core/{}", env!("CARGO_PKG_VERSION")),
        "x-own: 1".to_owned(),
    ];
    expected.sort();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn streams_are_sent_with_their_length_or_in_chunks() {
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let stream = || ByteStream::from(Bytes::from_static(b"abc"));
    for length in [Some(3), None] {
        let request = Request::put(target(&client, "/a")).body(Body::from_stream(stream(), length));
        client.send(&once(&environment), &PUT, request).await.unwrap();
    }
    let requests = server.requests();
    assert!(requests[0].contains("content-length: 3\r\n") && requests[0].ends_with("\r\n\r\nabc"), "{}", requests[0]);
    assert!(
        requests[1].contains("transfer-encoding: chunked\r\n") && requests[1].ends_with("3\r\nabc\r\n0\r\n\r\n"),
        "{}",
        requests[1]
    );
}

#[tokio::test]
async fn a_stream_of_another_length_than_announced_fails() {
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    for length in [2, 4] {
        let stream = ByteStream::from(Bytes::from_static(b"abc"));
        let request = Request::put(target(&client, "/a")).body(Body::from_stream(stream, Some(length)));
        let error = client.send(&context(&environment), &PUT, request).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::InvalidInput, Some(Reason::ChecksumMismatch)), "{error:?}");
    }
    assert_eq!(server.hits(), 0, "no whole request arrived");
}

#[tokio::test]
async fn a_stream_that_nobody_read_is_still_there_for_the_next_attempt() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let environment = Environment::default();
    let client = client(&environment, &format!("http://127.0.0.1:{port}"));
    let body = Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), Some(3));
    let error = client.send(&context(&environment), &POST, Request::post(target(&client, "/a")).body(&body)).await.unwrap_err();
    assert_eq!((error.attempts(), error.reason()), (3, None), "{error:?}");
    assert_eq!(body.open().await.unwrap().collect(None).await.unwrap(), "abc");
    let server = Server::start(vec![super::server::status(503, "")]).await;
    let client = super::client(&environment, &server.origin());
    let body = Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), Some(3));
    let error = client.send(&context(&environment), &PUT, Request::put(target(&client, "/a")).body(&body)).await.unwrap_err();
    assert_eq!((error.kind(), server.hits()), (ErrorKind::Unavailable, 1), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_proved_unsent() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let environment = Environment::default();
    let client = client(&environment, &format!("http://127.0.0.1:{port}"));
    let error = client.send(&context(&environment), &POST, Request::post(target(&client, "/a?key=hunter2"))).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), error.attempts()), (ErrorKind::Connection, Sent::No, 3), "{error:?}");
    assert!(error.message().contains(&port.to_string()) && !format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_closes_on_reuse_repeats_only_what_is_harmless() {
    for (operation, request_count, fails) in [(&GET, 3, false), (&POST, 2, true)] {
        let server = Server::start(vec![ok("1"), vec![Step::Close], ok("3")]).await;
        let environment = Environment::default();
        let client = client(&environment, &server.origin());
        let send = async || client.send(&context(&environment), operation, Request::post(target(&client, "/a")).body("x")).await;
        send().await.unwrap();
        let second = send().await;
        assert_eq!((second.is_err(), server.hits()), (fails, request_count), "{operation}");
        if let Err(error) = second {
            assert_ne!(error.sent(), Sent::No, "the server had it: {error:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_asked_for_again_when_it_is_read_here() {
    let cut = vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345".to_vec()), Step::Close];
    let server = Server::start(vec![cut.clone(), ok("0123456789"), cut]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let response = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    assert_eq!((response.body, server.hits()), (Bytes::from_static(b"0123456789"), 2));
    let opened = client.open(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    let error = opened.body.collect(None).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{error:?}");
    assert!(error.is_retryable() && server.hits() == 3);
}

#[tokio::test]
async fn answers_that_are_no_http_are_errors() {
    let chunked = |chunks: &str| answer(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
    let many: String = (0..2000).map(|number| format!("x-{number}: y\r\n")).collect();
    for (script, kind, text) in [
        (answer("SSH-2.0-OpenSSH\r\n\r\n"), ErrorKind::Decode, "not HTTP"),
        (answer(format!("HTTP/1.1 200 OK\r\n{many}\r\n")), ErrorKind::Decode, "not HTTP"),
        (answer(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20))), ErrorKind::Decode, "not HTTP"),
        (answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), ErrorKind::Decode, "not HTTP"),
        (chunked("zz\r\n"), ErrorKind::Connection, "broke within"),
        (chunked("3\r\nabcdef\r\n"), ErrorKind::Connection, "broke within"),
        ([chunked("3\r\nab"), vec![Step::Close]].concat(), ErrorKind::Connection, "before its end"),
        (vec![Step::Close], ErrorKind::Connection, "before an answer"),
        (vec![Step::Send(b"HTTP/1.1 200 OK\r\nConte".to_vec()), Step::Close], ErrorKind::Connection, "before an answer"),
    ] {
        let server = Server::start(vec![script]).await;
        let environment = Environment::default();
        let client = client(&environment, &server.origin());
        let error = client.send(&once(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
        assert!(error.is(kind) && error.message().contains(text), "{text}: {error:?}");
        assert_eq!(error.sent(), Sent::Maybe, "{text}");
    }
}

#[tokio::test]
async fn a_body_may_be_slow_and_must_not_stall() {
    let head = Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n".to_vec());
    let byte = [Step::Pause(Duration::from_millis(100)), Step::Send(b"x".to_vec())];
    let slow: Vec<Step> = std::iter::once(head.clone()).chain(byte.iter().cycle().take(16).cloned()).collect();
    let stalled = vec![head, Step::Send(b"xx".to_vec()), Step::Pause(Duration::from_secs(20))];
    let server = Server::start(vec![slow, stalled]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let open = async || {
        let request = Request::get(target(&client, "/a")).stall(Stall::silence(Duration::from_millis(400)));
        client.open(&once(&environment), &GET, request).await.unwrap().body.collect(None).await
    };
    assert_eq!(open().await.unwrap(), "xxxxxxxx");
    let started = std::time::Instant::now();
    let error = open().await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout) && error.message().contains("stalled"), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// Takes connections, and of each so many bytes at once after each pause; 0 is nothing ever.
async fn takes(bytes: usize, pause: Duration) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut buffer, mut end) = (vec![0; bytes.max(1)], [0; 5]);
                while bytes == 0 || !end.ends_with(b"<end>") {
                    tokio::time::sleep(pause).await;
                    let Ok(read @ 1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer[..bytes]).await else { break };
                    let both = [&end[..], &buffer[..read]].concat();
                    end.copy_from_slice(&both[both.len() - 5..]);
                }
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
            });
        }
    });
    origin
}

fn large(bytes: usize) -> Vec<u8> {
    let mut content = vec![b'x'; bytes];
    content.extend_from_slice(b"<end>");
    content
}

#[tokio::test]
async fn an_upload_that_the_network_does_not_take_is_cut() {
    let origin = takes(0, Duration::from_secs(3600)).await;
    let environment = Environment::default();
    let client = client(&environment, &origin);
    let stall = Stall::new(Duration::from_millis(300));
    let stream = || Body::from_stream(ByteStream::from(Bytes::from(large(64 << 20))), None);
    for body in [Body::from(large(64 << 20)), stream()] {
        let request = Request::put(target(&client, "/a")).stall(stall).body(body);
        let error = client.send(&once(&environment), &PUT, request).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Timeout, Some(Reason::Stalled)), "{error:?}");
        assert_eq!(error.sent(), Sent::Maybe);
        assert!(error.message().contains("upload stalled"), "{error}");
    }
    // The caller's choice wins: then the attempt's timeout ends it.
    let options = CallOptions::new().retry(Retry::off()).stall(StallSettings::off()).attempt_timeout(Duration::from_secs(1));
    let request = Request::put(target(&client, "/a")).stall(stall).body(large(64 << 20));
    let error = client.send(&context_with(&environment, options), &PUT, request).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Timeout, None), "{error:?}");
}

#[tokio::test]
async fn what_the_user_chose_for_an_operation_beats_its_request() {
    let head = Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n".to_vec());
    let server = Server::start(vec![vec![head, Step::Pause(Duration::from_secs(60))]]).await;
    let environment = Environment::default();
    let own = OperationSettings::new().stall(StallSettings::new().grace(Duration::from_millis(100)));
    let resilience = Resilience::new().operation("acme.Get", own);
    let context = BuildContext::new(environment.clone(), "test").allow_loopback(true).resilience(resilience);
    let client = context.http(context.origin(&server.origin()).unwrap()).stall(Stall::off()).build();
    let request = Request::get(target(&client, "/a")).stall(Stall::off());
    let error = client.send(&once(&environment), &GET, request).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Stalled), "{error:?}");
}

#[tokio::test]
async fn an_upload_that_flows_slowly_arrives() {
    // It lasts for longer than the grace.
    let origin = takes(256 * 1024, Duration::from_millis(20)).await;
    let environment = Environment::default();
    let client = client(&environment, &origin);
    let started = std::time::Instant::now();
    let stall = Stall::new(Duration::from_millis(1500));
    let request = Request::put(target(&client, "/a")).stall(stall).body(large(32 << 20));
    client.send(&once(&environment), &PUT, request).await.unwrap();
    assert!(started.elapsed() > Duration::from_millis(2000), "{:?}", started.elapsed());
}

#[tokio::test]
async fn connecting_is_limited_in_time_with_its_handshake() {
    // It accepts, and says nothing: a TLS handshake with it never ends.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = HttpTransport::builder().connect_timeout(Duration::from_millis(50)).build();
    let environment = Environment::builder().transport(transport).build();
    let client = client(&environment, &format!("https://127.0.0.1:{}", silent.local_addr().unwrap().port()));
    let error = client.send(&once(&environment), &POST, Request::post(target(&client, "/"))).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, Sent::No), "{error:?}");
    assert!(error.message().ends_with("in time"), "{error}");
}
