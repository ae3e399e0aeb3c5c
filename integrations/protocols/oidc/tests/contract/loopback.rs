//! The listener of applications on their user's machine, on a real socket.

use circle_core_common::ErrorKind;
use circle_core_common::{CallContext, CallOptions, Environment};
use circle_core_protocol_oidc::{ClientAuth, LoginRequest, LoopbackListener};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Machine;

/// The first line of the answer to a request of these lines.
async fn ask(port: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A connection that is refused in the middle answers nothing.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

#[tokio::test]
async fn the_answer_is_taken_and_nothing_else_is() {
    let machine = Machine::new();
    // With the system's clock: the sockets are real.
    let cx = CallContext::new(&Environment::default(), &circle_core_common::credentials::LOAD, None);
    let listener = LoopbackListener::bind().await.unwrap();
    let uri = listener.redirect_uri();
    let port = uri.strip_prefix("http://127.0.0.1:").unwrap().strip_suffix("/callback").unwrap().to_owned();
    let client = machine.client(ClientAuth::public());
    let login = client.start_login(&machine.cx(), LoginRequest::new(&uri).scopes(["openid"])).await.unwrap();
    let state = login.state.state.expose_secret().to_owned();
    let host = format!("Host: 127.0.0.1:{port}\r\n\r\n");
    let asking = async {
        // Browsers open connections on which they never ask.
        let _idle = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        for head in [
            format!("GET /favicon.ico HTTP/1.1\r\n{host}"),
            format!("GET /callback HTTP/1.1\r\n{host}"),
            format!("GET /callback?code=evil HTTP/1.1\r\n{host}"),
            format!("GET /callback?code=evil&state=evil HTTP/1.1\r\n{host}"),
            format!("GET /callback?code=evil&state={state}&state={state} HTTP/1.1\r\n{host}"),
            format!("POST /callback?code=evil&state={state} HTTP/1.1\r\n{host}"),
            format!("GET /callback?code=evil&state={state} HTTP/1.1\r\nHost: rebound.example.net\r\n\r\n"),
            format!("GET /callback?code=evil&state={state} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: x\r\n\r\n"),
            format!("GET /callback?code=evil&state={state} HTTP/1.1\r\n\r\n"),
            format!("GET /callbackx?code=evil&state={state} HTTP/1.1\r\n{host}"),
            "\r\n\r\n".to_owned(),
        ] {
            let answer = ask(&port, &head).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{head}: {answer}");
        }
        assert_eq!(ask(&port, &"x".repeat(64 * 1024)).await, "");
        let answer = ask(&port, &format!("GET /callback?code=c1&state={state} HTTP/1.1\r\n{host}")).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("referrer-policy: no-referrer"), "{answer}");
        assert!(!answer.contains("c1"), "{answer}");
    };
    let (query, ()) = tokio::join!(listener.answer(&cx, &login.state), asking);
    assert_eq!(query.unwrap().expose_secret(), format!("code=c1&state={state}"));
}

#[tokio::test]
async fn waiting_ends_with_the_call() {
    let machine = Machine::new();
    let listener = LoopbackListener::bind().await.unwrap();
    let login = machine.client(ClientAuth::public());
    let login = login.start_login(&machine.cx(), LoginRequest::new(listener.redirect_uri())).await.unwrap();
    let options = CallOptions::new().timeout(Duration::from_millis(1));
    let cx = CallContext::new(&Environment::default(), &circle_core_common::credentials::LOAD, Some(Arc::new(options)));
    assert!(listener.answer(&cx, &login.state).await.unwrap_err().is(ErrorKind::Timeout));
}
