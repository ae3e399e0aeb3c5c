//! Names that turn out to be what nobody may connect to.

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::net::TcpListener;

use super::server::{Server, ok, status};
use super::*;
use crate::error::{ErrorKind, Sent};
use crate::http::{Guard, HttpTransport, Origin, Request, Resolve, Transport, TransportBody, TransportRequest};

/// Gives one list of addresses after the other, the last again and again.
#[derive(Clone)]
struct Names(Arc<Mutex<(Vec<Vec<IpAddr>>, usize)>>);

impl Names {
    fn of(answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect()).collect();
        Self(Arc::new(Mutex::new((answers, 0))))
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let (answers, asked) = &mut *self.0.lock().unwrap();
        *asked += 1;
        Ok(answers[(*asked - 1).min(answers.len() - 1)].clone())
    }
}

/// Both transports, resolving by these names.
fn transports(names: &Names) -> Vec<Arc<dyn Transport>> {
    let own = HttpTransport::builder().resolver(names.clone()).build();
    #[cfg(feature = "reqwest")]
    let other: Vec<Arc<dyn Transport>> =
        vec![Arc::new(crate::http::ReqwestTransport::builder().resolver(names.clone()).build().unwrap())];
    #[cfg(not(feature = "reqwest"))]
    let other = Vec::new();
    std::iter::once(Arc::new(own) as Arc<dyn Transport>).chain(other).collect()
}

fn request(url: &str, guard: Guard) -> TransportRequest {
    let origin = Arc::new(Origin::parse_guarded(url, guard).unwrap());
    TransportRequest::new(http::Method::GET, Target::new(&origin, "/"), http::HeaderMap::new(), TransportBody::Empty)
}

/// What listens on loopback and never accepts: who connects is waiting in its queue.
async fn trap() -> (TcpListener, u16) {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = trap.local_addr().unwrap().port();
    (trap, port)
}

async fn nobody_came(trap: &TcpListener) -> bool {
    // What has connected is there at once; a connection that is refused before its first packet never is.
    std::future::poll_fn(|cx| std::task::Poll::Ready(trap.poll_accept(cx).is_pending())).await
}

#[tokio::test]
async fn a_name_that_moves_inside_is_not_followed() {
    let (trap, port) = trap().await;
    // Public addresses that nobody answers at: the connection fails, if it is tried at all.
    for inside in ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0"] {
        let names = Names::of(&[&[inside]]);
        for transport in transports(&names) {
            let error = transport.send(request(&format!("https://rebind.example:{port}"), Guard::new())).await.unwrap_err();
            assert_eq!((error.kind(), error.sent()), (ErrorKind::ConfigInvalid, Sent::No), "{inside}: {error:?}");
            assert!(!format!("{error:?}").contains(inside) || inside == "::1", "{error:?}");
        }
        assert_eq!(names.asked(), transports(&names).len());
    }
    assert!(nobody_came(&trap).await);
}

#[tokio::test]
async fn one_refused_address_refuses_them_all() {
    let (trap, port) = trap().await;
    for mixed in [["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], ["2606:4700::1111", "::ffff:10.0.0.1"]] {
        let names = Names::of(&[&mixed]);
        for transport in transports(&names) {
            let error = transport.send(request(&format!("https://mixed.example:{port}"), Guard::new())).await.unwrap_err();
            assert_eq!((error.kind(), error.sent()), (ErrorKind::ConfigInvalid, Sent::No), "{mixed:?}: {error:?}");
        }
    }
    assert!(nobody_came(&trap).await);
}

/// First it is where it may be, and is connected to; then it is not, and a second connection is not made.
#[tokio::test]
async fn rebinding_is_seen_at_the_next_connection() {
    let servers = (Server::start(vec![ok("first")]).await, trap().await);
    let names = Names::of(&[&["127.0.0.1"], &["127.0.0.1", "169.254.169.254"]]);
    let guard = Guard::new().loopback(true);
    let transport = HttpTransport::builder().resolver(names.clone()).max_idle_per_host(0).build();
    let url = format!("http://rebind.localhost:{}", servers.0.port);
    assert_eq!(transport.send(request(&url, guard.clone())).await.unwrap().status, 200);
    let error = transport.send(request(&url, guard.clone())).await.unwrap_err();
    assert_eq!((error.kind(), servers.0.connections(), names.asked()), (ErrorKind::ConfigInvalid, 1, 2), "{error:?}");
}

/// A connection that one service was allowed to make serves no other that was not.
#[tokio::test]
async fn guards_share_no_connections() {
    let server = Server::start(vec![ok("")]).await;
    let names = Names::of(&[&["127.0.0.1"]]);
    for transport in transports(&names) {
        let url = format!("http://shared.localhost:{}", server.port);
        let wide = Guard::new().loopback(true);
        let answer = transport.send(request(&url, wide.clone())).await.unwrap();
        assert_eq!(answer.body.collect(None).await.unwrap(), "");
        let (asked, connections) = (names.asked(), server.connections());
        let other = wide.networks(["10.0.0.0/8".parse().unwrap()]);
        transport.send(request(&url, other)).await.unwrap();
        assert_eq!((names.asked(), server.connections()), (asked + 1, connections + 1));
    }
}

/// hyper asks no resolver about addresses, so the connector looks at them itself.
#[tokio::test]
async fn an_address_is_judged_without_a_resolver() {
    let server = Server::start(vec![ok("")]).await;
    let names = Names::of(&[&["1.1.1.1"]]);
    for transport in transports(&names) {
        transport.send(request(&server.origin(), Guard::new().loopback(true))).await.unwrap();
    }
    assert_eq!((server.hits(), names.asked()), (transports(&names).len(), 0));
}

/// What a redirect names is parsed, resolved and judged as if somebody had written it down.
#[tokio::test]
async fn no_redirect_leads_inside() {
    for location in [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "https://2852039166/",
        "https://metadata.google.internal/",
        "http://inside.example/",
        "https://inside.example/",
    ] {
        let server = Server::start(vec![status(302, &format!("Location: {location}\r\n"))]).await;
        let names = Names::of(&[&["10.0.0.1"]]);
        let environment = Environment::builder().transport(HttpTransport::builder().resolver(names).build()).build();
        let client = client(&environment, &server.origin());
        let error = client.follow(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
        assert_eq!((error.kind(), server.hits()), (ErrorKind::ConfigInvalid, 1), "{location}: {error:?}");
    }
}

/// The operator's own endpoint may be inside; what answers name may not, unless he says so.
#[tokio::test]
async fn what_answers_name_is_held_to_more_than_what_the_operator_names() {
    let context = BuildContext::new(Environment::default(), "files");
    assert!(context.origin("https://10.0.0.5").is_ok() && context.origin("https://127.0.0.1").is_err());
    assert!(context.origin("https://169.254.169.254").is_err() && context.origin("http://10.0.0.5").is_err());
    assert!(Origin::parse_guarded("https://10.0.0.5", context.public_guard()).is_err());
    let strict = context.clone().allow_private(false);
    assert!(strict.origin("https://10.0.0.5").is_err());
    let named = strict.allow_networks(["10.0.0.0/24".parse().unwrap()]);
    assert!(named.origin("https://10.0.0.5").is_ok() && named.origin("https://10.0.1.5").is_err());
    assert!(Origin::parse_guarded("https://10.0.0.5", named.public_guard()).is_ok());
}
