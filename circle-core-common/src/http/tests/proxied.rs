//! The second transport does what the first does, but for paths that reqwest would rewrite; and goes through proxies.

use super::server::{Server, ok, status};
use super::*;
use crate::body::{Body, ByteStream};
use crate::error::{ErrorKind, Reason, Sent};
use crate::http::{Request, ReqwestTransport, ReqwestTransportBuilder};

fn environment(transport: ReqwestTransportBuilder) -> Environment {
    Environment::builder().transport(transport.build().unwrap()).build()
}

#[tokio::test]
async fn paths_arrive_byte_for_byte_or_not_at_all() {
    let server = Server::start(vec![ok("")]).await;
    let environment = environment(ReqwestTransport::builder());
    let client = client(&environment, &server.origin());
    let paths = ["/b/a//b", "/b/a%2Fb%2f", "/b//", "/?b=%20&c", "/b/~!$&()*+,;=:@"];
    for path in paths {
        client.send(&context(&environment), &GET, Request::get(target(&client, path))).await.unwrap();
    }
    let lines: Vec<String> = server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, paths.map(|path| format!("GET {path} HTTP/1.1")));
    for path in ["/b/../x", "/b/./x", "/b/%2E%2E/x", "/b/.."] {
        let error = client.send(&context(&environment), &GET, Request::get(target(&client, path))).await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::InvalidInput, Sent::No), "{path}: {error:?}");
    }
    assert_eq!(server.hits(), paths.len());
}

#[tokio::test]
async fn bodies_stream_both_ways_and_cuts_are_seen() {
    let cut = super::server::answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    let server = Server::start(vec![ok("answer"), [cut, vec![super::server::Step::Close]].concat()]).await;
    let environment = environment(ReqwestTransport::builder());
    let client = client(&environment, &server.origin());
    let stream = || Body::from_stream(ByteStream::from(bytes::Bytes::from_static(b"abc")), Some(3));
    let opened = client.open(&context(&environment), &PUT, Request::put(target(&client, "/a")).body(stream())).await.unwrap();
    assert_eq!(opened.body.collect(None).await.unwrap(), "answer");
    assert!(server.requests()[0].contains("content-length: 3\r\n") && server.requests()[0].ends_with("\r\n\r\nabc"));
    let opened = client.open(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
    let error = opened.body.collect(None).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{error:?}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_failures_name_no_address() {
    let server = Server::start(vec![status(302, "Location: http://127.0.0.1:1/\r\n")]).await;
    let environment = environment(ReqwestTransport::builder());
    let own = client(&environment, &server.origin());
    assert!(own.send(&context(&environment), &GET, Request::get(target(&own, "/a"))).await.is_err());
    assert_eq!(server.hits(), 1);
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = client(&environment, &format!("http://127.0.0.1:{port}"));
    let error = nobody.send(&context(&environment), &POST, Request::post(target(&nobody, "/a?key=hunter2"))).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), error.attempts()), (ErrorKind::Connection, Sent::No, 3), "{error:?}");
    let mut text = format!("{error:?} {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&format!("{error:?} {error}"));
        source = error.source();
    }
    assert!(!text.contains("hunter2") && !text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn a_proxy_is_gone_through_but_for_the_hosts_that_are_direct() {
    let (proxy, server) = (Server::start(vec![ok("proxied")]).await, Server::start(vec![ok("direct")]).await);
    for (direct, body) in [(vec![], "proxied"), (vec!["127.0.0.0/8"], "direct")] {
        let address = proxy.origin().replace("http://", "http://user:hunter2@");
        let transport = ReqwestTransport::builder().proxy_except(&address, &direct).unwrap();
        assert!(!format!("{transport:?}").contains("hunter2"));
        let environment = environment(transport);
        let client = client(&environment, &server.origin());
        let answer = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
        assert_eq!(answer.body, body);
    }
    let request = &proxy.requests()[0];
    assert!(request.starts_with(&format!("GET {}/a HTTP/1.1", server.origin())), "{request}");
    assert!(request.to_lowercase().contains("proxy-authorization: basic "), "{request}");
    let error = ReqwestTransport::builder().proxy("://hunter2").unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error:?}").contains("hunter2"), "{error:?}");
}
