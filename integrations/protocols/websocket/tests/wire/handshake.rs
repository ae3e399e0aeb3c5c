//! The request, and what is made of its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::{CallOptions, Class, Detail, ErrorKind, Operation, Sent};
use circle_core_protocol_websocket::{Socket, SocketOptions};
use std::sync::Arc;
use std::time::Duration;

use crate::server::Server;
use crate::{CANARY, Client, ONCE, TICKS, soon, until};

#[tokio::test]
async fn the_request_is_that_of_the_specification() {
    let server = Server::start(|_, mut peer| async move {
        let answer = peer.acceptance("Sec-WebSocket-Protocol: ticks.v2\r\nX-Request-Id: r1\r\n");
        peer.send(answer).await;
        peer.gone().await;
    })
    .await;
    let client = Client::of(&server);
    let options = SocketOptions::new().protocol("ticks.v2").protocol("ticks.v1");
    let request = client.request().header("x-acme", "1").unwrap();
    let socket = soon(Socket::connect(&client.context(), &client.http, &TICKS, request, options)).await.unwrap();
    assert_eq!(socket.protocol(), Some("ticks.v2"));
    assert_eq!(socket.headers().get("x-request-id").unwrap(), "r1");

    let head = server.heads().remove(0);
    let mut lines: Vec<String> = head.trim_end().lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "GET /ticks?depth=1 HTTP/1.1");
    let key = lines.iter().position(|line| line.starts_with("sec-websocket-key: ")).unwrap();
    let key = lines.remove(key);
    assert_eq!(STANDARD.decode(key.split_once(": ").unwrap().1).unwrap().len(), 16);
    lines.sort();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        lines,
        [
            &format!("authorization: Bearer {CANARY}"),
            "connection: Upgrade",
            &format!("host: 127.0.0.1:{}", server.port),
            "sec-websocket-protocol: ticks.v2, ticks.v1",
            "sec-websocket-version: 13",
            "upgrade: websocket",
            &format!("user-agent: circle-core/{version}"),
            "x-acme: 1",
        ]
    );
    assert!(!format!("{socket:?}").contains(CANARY));
}

#[tokio::test]
async fn refusals_are_typed() {
    for (status, headers, kind, wait) in [
        (400, "", ErrorKind::InvalidInput, None),
        (401, "", ErrorKind::Unauthenticated, None),
        (403, "", ErrorKind::PermissionDenied, None),
        (404, "", ErrorKind::NotFound, None),
        (429, "Retry-After: 7\r\n", ErrorKind::RateLimited, Some(7)),
        (503, "Retry-After: 9\r\n", ErrorKind::Unavailable, Some(9)),
        (302, "Location: https://evil.example/\r\n", ErrorKind::ConfigInvalid, None),
    ] {
        let server = Server::start(move |_, mut peer| async move {
            let body = format!(r#"{{"code":"no","message":"not with {CANARY}"}}{}"#, " ".repeat(200_000));
            peer.send(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())).await;
            peer.gone().await;
        })
        .await;
        let error = soon(Client::of(&server).connect_once()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (kind, wait.map(Duration::from_secs)), "{status}: {error}");
        let detail = error.detail().unwrap();
        assert_eq!(detail.status, Some(status));
        assert!(detail.body.as_ref().unwrap().len() <= Detail::BODY_MAX);
        assert!(!format!("{error:?}").contains(CANARY), "{status}");
        until(|| server.open() == 0).await;
    }
}

#[tokio::test]
async fn what_is_no_websocket_is_not_taken_for_one() {
    type Answer = fn(String) -> String;
    let answers: [(&str, Answer); 7] = [
        ("200", |_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("another protocol", |right| right.replace("Upgrade: websocket", "Upgrade: h2c")),
        ("no protocol", |right| right.replace("Upgrade: websocket\r\n", "")),
        ("another request's", |right| right.replace("Accept: ", "Accept: x")),
        ("no proof", |right| right.replace("Sec-WebSocket-Accept", "X")),
        ("an extension", |right| right.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")),
        ("a subprotocol", |right| right.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n")),
    ];
    for (name, answer) in answers {
        let server = Server::start(move |_, mut peer| async move {
            let answer = answer(peer.acceptance(""));
            peer.send(answer).await;
            peer.gone().await;
        })
        .await;
        let error = soon(Client::of(&server).connect()).await.expect_err(name);
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Decode, Sent::Yes), "{name}: {error}");
        until(|| server.open() == 0).await;
        assert_eq!(server.requests(), 1, "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_an_error() {
    let whole = 129;
    let server = Server::start(move |number, mut peer| async move {
        let answer = peer.acceptance("");
        assert_eq!(answer.len(), whole);
        peer.send(&answer[..number]).await;
    })
    .await;
    let client = Client::of(&server);
    for cut in 0..whole {
        let error = soon(client.connect_once()).await.expect_err("half an answer");
        assert_ne!(error.kind(), ErrorKind::Internal, "{cut}: {error}");
    }
}

#[tokio::test]
async fn every_attempt_has_a_key_of_its_own() {
    let server = Server::start(|number, mut peer| async move {
        match number {
            0 => peer.send("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n").await,
            _ => peer.accept().await,
        }
        peer.gone().await;
    })
    .await;
    soon(Client::of(&server).connect()).await.unwrap();
    let keys: Vec<String> = server
        .heads()
        .iter()
        .map(|head| head.lines().find(|line| line.starts_with("sec-websocket-key")).unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_silent_server_meets_the_deadline_of_the_caller() {
    static CALL: Operation = Operation::new("acme", "watch", Class::Read, 0);
    let server = Server::start(|_, mut peer| async move { peer.gone().await }).await;
    let (client, clock) = Client::with_clock(&server);
    let options = CallOptions::new().timeout(Duration::from_secs(3));
    let cx = circle_core_common::CallContext::new(&client.environment, &CALL, Some(Arc::new(options)));
    let connecting = Socket::connect(&cx, &client.http, &ONCE, client.request(), SocketOptions::new());
    let moved = async {
        until(|| server.requests() == 1).await;
        clock.advance(Duration::from_secs(3));
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        connected = soon(connecting) => connected.unwrap_err(),
        () = moved => unreachable!(),
    };
    // A request that must not be repeated and may have arrived is of unknown outcome.
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::OutcomeUnknown), "{error}");
    until(|| server.open() == 0).await;
}

#[tokio::test]
async fn the_credential_stays_with_its_origin() {
    let own = Server::start(|_, mut peer| async move { peer.gone().await }).await;
    let other = Server::start(|_, mut peer| async move {
        peer.accept().await;
        peer.gone().await;
    })
    .await;
    let mut client = Client::of(&own);
    client.url = Client::of(&other).url;
    let error = soon(client.connect()).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.sent() == Sent::No, "{error}");
    assert_eq!(other.requests(), 0);

    let request = client.request().anonymous();
    soon(Socket::connect(&client.context(), &client.http, &TICKS, request, SocketOptions::new())).await.unwrap();
    assert!(!other.heads()[0].contains(CANARY));
}
