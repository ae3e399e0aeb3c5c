use std::sync::Arc;

use circle_core_common::http::{Guard, HttpTransport, Origin, Target, Transport, TransportBody, TransportRequest};
use circle_core_common::{Error, ErrorKind, Sent};
use http::{HeaderMap, Method};

use super::*;
use crate::{Break, Place, Reply};

async fn answered(server: &Http2Server, transport: &HttpTransport, body: &'static str) -> Result<String, Error> {
    let origin = Origin::parse_guarded(&server.origin(), Guard::new().loopback(true))?;
    let target = Target::new(&Arc::new(origin), "/a?b");
    let body = TransportBody::Bytes(body.into());
    let answer = transport.send(TransportRequest::new(Method::POST, target, HeaderMap::new(), body)).await?;
    let text = String::from_utf8_lossy(&answer.body.collect(None).await?).into_owned();
    Ok(format!("{} {text}", answer.status.as_u16()))
}

fn client(server: &Http2Server) -> HttpTransport {
    HttpTransport::builder().root_certificates(server.root().as_bytes()).expect("a certificate").build()
}

#[tokio::test]
async fn streams_are_answered_and_broken_as_scripted() -> io::Result<()> {
    let server = Http2Server::start().await?;
    server.script([
        Reply::ok("whole").header("x-a", "b"),
        Reply::status(503).filled(100_000),
        Reply::ok("abcdef").drip(2, std::time::Duration::from_millis(1)),
        Reply::refused_stream(),
        Reply::reset(),
        Reply::ok("abc").breaking(Place::Body(2), Break::Reset),
        Reply::status(204),
    ]);
    let transport = client(&server);
    assert_eq!(answered(&server, &transport, "hello").await.ok().as_deref(), Some("200 whole"));
    assert_eq!(answered(&server, &transport, "").await.map(|text| text.len()).ok(), Some(100_004));
    assert_eq!(answered(&server, &transport, "").await.ok().as_deref(), Some("200 abcdef"));
    for sent in [Sent::No, Sent::Maybe, Sent::Maybe] {
        let error = answered(&server, &transport, "").await.expect_err("broken");
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, sent), "{error}");
    }
    assert_eq!(answered(&server, &transport, "").await.ok().as_deref(), Some("204 "));
    let received = &server.received()[0];
    assert_eq!((received.target.as_str(), received.body.as_ref(), server.hits()), ("/a?b", &b"hello"[..], 7));
    assert_eq!(server.connections(), 1, "every stream was one of one connection");
    Ok(())
}

#[tokio::test]
async fn what_goes_away_says_what_it_has_not_looked_at() -> io::Result<()> {
    let server = Http2Server::start().await?;
    server.script([Reply::ok("1"), Reply::go_away(), Reply::ok("3")]);
    let transport = client(&server);
    assert_eq!(answered(&server, &transport, "").await.ok().as_deref(), Some("200 1"));
    let error = answered(&server, &transport, "").await.expect_err("gone");
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, Sent::No), "{error}");
    assert_eq!(answered(&server, &transport, "").await.ok().as_deref(), Some("200 3"));
    assert_eq!(server.connections(), 2);
    Ok(())
}

#[tokio::test]
async fn a_certificate_can_be_bad() -> io::Result<()> {
    for (certificate, why) in
        [(Certificate::expired("localhost")?, "expired"), (Certificate::of("example.org")?, "not valid for")]
    {
        let server = Http2Server::start_with(&certificate).await?;
        let error = answered(&server, &client(&server), "").await.expect_err("refused");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!((server.connections(), server.hits()), (1, 0));
    }
    Ok(())
}
