//! HTTP/2: many requests on one connection, and what the server says that it did not look at.

use std::sync::Mutex;

use bytes::Bytes;
use h2::Reason as H2Reason;
use http::Response;
use tokio::net::TcpListener;

use super::tls::acceptor;
use super::*;
use crate::error::{ErrorKind, Sent};
use crate::http::{HttpTransport, Request};
use crate::resilience::Retry;

/// What the server does about one stream.
#[derive(Clone, Copy)]
pub(super) enum Deed {
    Answer,
    Reset(H2Reason),
    ResetWithin(H2Reason),
}

pub(super) struct Server {
    pub(super) port: u16,
    root: String,
    paths: Arc<Mutex<Vec<String>>>,
    pub(super) connections: Arc<Mutex<u32>>,
}

pub(super) async fn start(deeds: &'static [Deed]) -> Server {
    let (acceptor, root) = acceptor("localhost", &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server { port, root, paths: Arc::default(), connections: Arc::default() };
    let (paths, connections) = (Arc::clone(&server.paths), Arc::clone(&server.connections));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, paths) = (acceptor.clone(), Arc::clone(&paths));
            *connections.lock().unwrap() += 1;
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let at = {
                        let mut paths = paths.lock().unwrap();
                        paths.push(request.uri().path_and_query().unwrap().to_string());
                        paths.len() - 1
                    };
                    match deeds[at.min(deeds.len() - 1)] {
                        Deed::Reset(reason) => respond.send_reset(reason),
                        deed => {
                            let mut body = respond.send_response(Response::new(()), false).unwrap();
                            body.send_data(Bytes::from_static(b"h2"), matches!(deed, Deed::Answer)).unwrap();
                            if let Deed::ResetWithin(reason) = deed {
                                tokio::spawn(async move {
                                    // A reset takes back what is not sent yet.
                                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                                    body.send_reset(reason);
                                });
                            }
                        }
                    }
                }
            });
        }
    });
    server
}

impl Server {
    pub(super) fn environment(&self) -> Environment {
        let transport = HttpTransport::builder().root_certificates(self.root.as_bytes()).unwrap().build();
        Environment::builder().transport(transport).build()
    }

    fn hits(&self) -> usize {
        self.paths.lock().unwrap().len()
    }
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    let server = start(&[Deed::Answer]).await;
    let environment = server.environment();
    let client = client(&environment, &format!("https://localhost:{}", server.port));
    client.send(&context(&environment), &GET, Request::get(target(&client, "/b/../a//%2F?x='1'"))).await.unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (client, environment) = (client.clone(), environment.clone());
            tokio::spawn(async move {
                let request = Request::put(target(&client, "/b")).body("content");
                client.send(&context(&environment), &PUT, request).await.unwrap().body
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "h2");
    }
    assert_eq!((server.hits(), *server.connections.lock().unwrap()), (21, 1));
    assert_eq!(server.paths.lock().unwrap()[0], "/b/../a//%2F?x='1'");
}

#[tokio::test]
async fn a_refused_stream_was_not_looked_at() {
    let server = start(&[Deed::Reset(H2Reason::REFUSED_STREAM), Deed::Answer]).await;
    let environment = server.environment();
    let client = client(&environment, &format!("https://localhost:{}", server.port));
    let post = Request::post(target(&client, "/a")).body("content");
    assert_eq!(client.send(&context(&environment), &POST, post).await.unwrap().body, "h2");
    assert_eq!(server.hits(), 2, "a write is repeated because it is proved unsent");
}

#[tokio::test]
async fn another_reset_leaves_the_outcome_open() {
    let server = start(&[Deed::Reset(H2Reason::INTERNAL_ERROR), Deed::ResetWithin(H2Reason::INTERNAL_ERROR)]).await;
    let environment = server.environment();
    let client = client(&environment, &format!("https://localhost:{}", server.port));
    let once = || context_with(&environment, CallOptions::new().retry(Retry::off()));
    for text in ["before an answer", "within the answer"] {
        let error = client.send(&once(), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, Sent::Maybe), "{error:?}");
        assert!(error.message().contains(text), "{error}");
    }
    assert_eq!(server.hits(), 2);
}
