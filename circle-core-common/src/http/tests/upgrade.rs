//! Connections that leave HTTP.

use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::server::{Server, Step, answer, status};
use super::tls::acceptor;
use super::*;
use crate::error::{ErrorKind, Sent};
use crate::http::{HttpTransport, Request, Transport, TransportRequest, TransportResponse, Upgraded};

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: Echo\r\nx-request-id: r1\r\n\r\nearly ";

async fn upgrade(environment: &Environment, origin: &str) -> crate::Result<Upgraded> {
    let client = client(environment, origin);
    let request = Request::get(target(&client, "/up"));
    client
        .upgrade(&context(environment), &POST, request, "echo", &|headers: &mut HeaderMap| {
            headers.insert("x-nonce", "n1".parse().unwrap());
            Ok(())
        })
        .await
}

/// Says good-bye to HTTP, and gives back what it gets.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    stream.write_all(SWITCHED.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => stream.write_all(&buffer[..read]).await.ok()?,
            _ => return String::from_utf8(head).ok(),
        }
    }
}

async fn speak(upgraded: &mut Upgraded) {
    let mut got = [0; 10];
    upgraded.connection.write_all(b"word").await.unwrap();
    upgraded.connection.flush().await.unwrap();
    upgraded.connection.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"early word");
}

#[tokio::test]
async fn the_connection_is_the_callers_with_all_that_came_on_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move { echo(listener.accept().await.unwrap().0).await });
    let mut upgraded = upgrade(&Environment::default(), &format!("http://127.0.0.1:{port}")).await.unwrap();
    assert_eq!(upgraded.headers["x-request-id"], "r1");
    speak(&mut upgraded).await;
    drop(upgraded);
    let head = server.await.unwrap().unwrap();
    assert!(head.starts_with("GET /up HTTP/1.1\r\n"), "{head}");
    for line in
        ["connection: Upgrade\r\n", "upgrade: echo\r\n", "x-nonce: n1\r\n", &format!("authorization: Bearer {CANARY}\r\n")]
    {
        assert!(head.contains(line), "{head}");
    }
}

#[tokio::test]
async fn http1_is_asked_for_where_the_service_speaks_both() {
    let (acceptor, root) = acceptor("localhost", &[b"h2", b"http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        echo(stream).await
    });
    let transport = HttpTransport::builder().root_certificates(root.as_bytes()).unwrap().build();
    let environment = Environment::builder().transport(transport).build();
    let mut upgraded = upgrade(&environment, &format!("https://localhost:{port}")).await.unwrap();
    speak(&mut upgraded).await;
    drop(upgraded);
    assert!(server.await.unwrap().is_some());
}

#[tokio::test]
async fn what_does_not_switch_is_an_error() {
    for (script, kind) in [
        (status(404, ""), ErrorKind::NotFound),
        (status(200, ""), ErrorKind::Decode),
        (answer("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"), ErrorKind::Decode),
        (answer("HTTP/1.1 101 X\r\n\r\n"), ErrorKind::Decode),
        (vec![Step::Close], ErrorKind::Connection),
    ] {
        let server = Server::start(vec![script]).await;
        let error = upgrade(&Environment::default(), &server.origin()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_ne!(error.sent(), Sent::No, "{error}");
        assert_eq!(server.hits(), 1);
    }
}

#[tokio::test]
async fn a_transport_need_not_be_able_to() {
    struct Plain;
    #[async_trait::async_trait]
    impl Transport for Plain {
        async fn send(&self, _: TransportRequest) -> crate::Result<TransportResponse> {
            unreachable!("this is no request to send");
        }
    }
    let environment = Environment::builder().transport(Plain).build();
    let error = upgrade(&environment, "https://example.org").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Unsupported, Sent::No), "{error}");
}
