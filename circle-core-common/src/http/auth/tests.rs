mod recorded;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::*;
use crate::context::CallOptions;
use crate::credentials::LOAD;
use crate::environment::Environment;
use crate::error::{ErrorKind, Sent};
use crate::http::{HttpClient, Origin, Request, Target, Transport, TransportResponse};
use crate::resilience::{Idempotency, RemoteOperation};
use crate::service::BuildContext;

static GET: RemoteOperation = RemoteOperation::new("test.Get", Idempotency::Safe, "/{path}");

/// Remembers what was sent, and answers each secret that it does not accept with 401, repeating it in the body.
#[derive(Clone, Default)]
struct Server(Arc<State>);

#[derive(Default)]
struct State {
    sent: Mutex<Vec<(String, HeaderMap)>>,
    accepts: Mutex<Option<String>>,
    /// Where to, and with which status, the first request is sent on.
    redirects: Mutex<Option<(StatusCode, &'static str)>>,
}

impl Server {
    fn accepting(secret: &str) -> Self {
        let server = Self::default();
        *server.0.accepts.lock().unwrap() = Some(secret.to_owned());
        server
    }

    fn hits(&self) -> usize {
        self.0.sent.lock().unwrap().len()
    }

    fn client(&self, auth: Auth) -> HttpClient {
        let environment = Environment::builder().transport(self.clone()).build();
        BuildContext::new(environment, "s").http(origin("https://api.example.org")).auth(auth).build()
    }
}

#[async_trait::async_trait]
impl Transport for Server {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let authorization = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.0.sent.lock().unwrap().push((request.target.path_and_query.clone(), request.headers.clone()));
        if let Some((status, location)) = self.0.redirects.lock().unwrap().take() {
            let headers = [(http::header::LOCATION, http::HeaderValue::from_static(location))].into_iter().collect();
            return Ok(TransportResponse::new(status, headers, Bytes::new()));
        }
        let accepted = match &*self.0.accepts.lock().unwrap() {
            Some(secret) => authorization.as_ref().is_some_and(|value| value.ends_with(secret.as_str())),
            None => true,
        };
        let status = if accepted { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        let body = format!("refused: {} {authorization:?}", request.target.path_and_query);
        Ok(TransportResponse::new(status, HeaderMap::new(), Bytes::from(body)))
    }
}

fn origin(text: &str) -> Arc<Origin> {
    Arc::new(Origin::parse(text).unwrap())
}

fn context() -> CallContext {
    CallContext::new(&Environment::default(), &LOAD, Some(Arc::new(CallOptions::new())))
}

async fn get(client: &HttpClient, path: &str) -> Result<crate::http::Response> {
    client.send(&context(), &GET, Request::get(client.target(path))).await
}

fn secret(text: &str) -> SecretRef {
    SecretRef::literal(text.to_owned())
}

fn basic(user: &str, password: &str) -> Auth {
    Auth::Basic { user: user.to_owned(), password: secret(password) }
}

fn query(name: &str, value: &str) -> Auth {
    Auth::Query { name: name.to_owned(), secret: secret(value) }
}

fn key(value: &str) -> Auth {
    Auth::Header { name: HeaderName::from_static("x-api-key"), secret: secret(value) }
}

#[tokio::test]
async fn each_scheme_puts_its_secret_where_it_belongs() {
    for (auth, path, header, value, sent_path) in [
        (Auth::None, "/a?b", "authorization", None, "/a?b"),
        (key("k3y"), "/a", "x-api-key", Some("k3y"), "/a"),
        (Auth::Bearer(secret("t0k3n")), "/a", "authorization", Some("Bearer t0k3n"), "/a"),
        // RFC 7617, 2.
        (basic("Aladdin", "open sesame"), "/a", "authorization", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "/a"),
        (basic("test", "123£"), "/a", "authorization", Some("Basic dGVzdDoxMjPCow=="), "/a"),
        (basic("", ""), "/a", "authorization", Some("Basic Og=="), "/a"),
        (query("key", "a&b c"), "/a", "authorization", None, "/a?key=a%26b%20c"),
        (query("k ey", "s"), "/a?b=1", "authorization", None, "/a?b=1&k%20ey=s"),
    ] {
        let server = Server::default();
        get(&server.client(auth.clone()), path).await.unwrap();
        let (target, headers) = server.0.sent.lock().unwrap().remove(0);
        assert_eq!((target.as_str(), headers.get(header).map(|value| value.to_str().unwrap())), (sent_path, value), "{auth:?}");
        assert!(headers.get(header).is_none_or(http::HeaderValue::is_sensitive), "{auth:?}");
    }
}

#[tokio::test]
async fn what_cannot_stand_there_is_refused_before_anything_is_sent() {
    let mut cases = vec![basic("a:b", "s3cr3t"), basic("a\n", "s3cr3t"), Auth::Bearer(secret("s3cr3t x"))];
    for control in (0..0x20_u8).chain([0x7F]) {
        let bad = format!("s3cr3t{}x", char::from(control));
        cases.push(Auth::Bearer(secret(&bad)));
        cases.push(basic("user", &bad));
        if control != b'\t' {
            cases.push(key(&bad));
        }
    }
    for auth in cases {
        let server = Server::default();
        let error = get(&server.client(auth.clone()), "/a").await.unwrap_err();
        assert_eq!((error.kind(), error.sent(), server.hits()), (ErrorKind::ConfigInvalid, Sent::No, 0), "{auth:?}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
}

#[derive(Clone, Default)]
struct CountingSign(Arc<AtomicU32>);

#[async_trait::async_trait]
impl Sign for CountingSign {
    async fn sign(&self, _: &CallContext, _: &mut TransportRequest) -> Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn no_credential_goes_to_another_origin() {
    let custom = CountingSign::default();
    let schemes = || {
        [key("s3cr3t"), Auth::Bearer(secret("s3cr3t")), basic("u", "s3cr3t"), query("k", "s3cr3t"), Auth::custom(custom.clone())]
    };
    let foreign = [
        "https://api.example.org:8443",
        "https://example.org",
        "https://evil.api.example.org",
        "https://api.example.org.evil.net",
        "https://xapi.example.org",
        "https://api.example.com",
        "https://8.8.8.8",
    ];
    for text in foreign {
        for auth in schemes() {
            let server = Server::default();
            let client = server.client(auth.clone());
            let error = client.send(&context(), &GET, Request::get(Target::new(&origin(text), "/"))).await.unwrap_err();
            assert_eq!((error.sent(), server.hits()), (Sent::No, 0), "{auth:?} to {text}");
            // Without the credential it may go.
            let anonymous = Request::get(Target::new(&origin(text), "/")).anonymous();
            client.send(&context(), &GET, anonymous).await.unwrap();
            let (path, headers) = server.0.sent.lock().unwrap().remove(0);
            assert!(!format!("{path} {:?} {:?}", headers.get("authorization"), headers.get("x-api-key")).contains("s3cr3t"));
        }
    }
    assert_eq!(custom.0.load(Ordering::Relaxed), 0, "a custom scheme is not even asked");
    // The same place in another spelling is no other origin.
    for auth in schemes() {
        let server = Server::default();
        let client = server.client(auth);
        client.send(&context(), &GET, Request::get(Target::new(&origin("https://API.example.org:443/"), "/"))).await.unwrap();
        assert_eq!(server.hits(), 1);
    }
}

#[tokio::test]
async fn no_redirect_takes_a_credential_elsewhere() {
    for status in [301, 302, 303, 307, 308] {
        for location in ["https://evil.example.net/a", "https://api.example.org:8443/a", "https://b.api.example.org/a"] {
            for auth in [key("s3cr3t"), Auth::Bearer(secret("s3cr3t")), basic("u", "s3cr3t"), query("k", "s3cr3t")] {
                let server = Server::default();
                *server.0.redirects.lock().unwrap() = Some((StatusCode::from_u16(status).unwrap(), location));
                let client = server.client(auth.clone());
                client.follow(&context(), &GET, Request::get(client.target("/a"))).await.unwrap();
                let sent = server.0.sent.lock().unwrap();
                let (path, headers) = &sent[1];
                let credentials = [headers.get("authorization"), headers.get("x-api-key")];
                assert_eq!((sent.len(), path.as_str(), credentials), (2, "/a", [None, None]), "{status} {location} {auth:?}");
            }
        }
    }
    // Unasked, no redirect is followed at all.
    let server = Server::default();
    *server.0.redirects.lock().unwrap() = Some((StatusCode::FOUND, "https://api.example.org/b"));
    let client = server.client(key("s3cr3t"));
    assert!(get(&client, "/a").await.is_err());
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn a_credential_goes_to_the_origins_that_it_was_given() {
    for (text, allowed) in [
        ("https://files.example.net", true),
        ("https://bucket.s3.example.com", true),
        ("https://s3.example.com", true),
        ("https://s3.example.com:444", false),
        ("https://xs3.example.com", false),
        ("https://b.files.example.net", false),
    ] {
        let server = Server::default();
        let environment = Environment::builder().transport(server.clone()).build();
        let client = BuildContext::new(environment, "s")
            .http(origin("https://api.example.org"))
            .auth(key("s3cr3t"))
            .also_at(origin("https://files.example.net"))
            .also_within(origin("https://s3.example.com"))
            .build();
        let sent = client.send(&context(), &GET, Request::get(Target::new(&origin(text), "/"))).await;
        assert_eq!((sent.is_ok(), server.hits() == 1), (allowed, allowed), "{text}");
    }
}

#[tokio::test]
async fn a_secret_is_read_once_and_again_when_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first").unwrap();
    let server = Server::accepting("first");
    let client = server.client(Auth::Bearer(SecretRef::file(path.to_str().unwrap())));
    get(&client, "/a").await.unwrap();
    // Rotated: the old one is used until it is refused, then the new one at once.
    std::fs::write(&path, "second").unwrap();
    get(&client, "/a").await.unwrap();
    assert_eq!(server.hits(), 2);
    *server.0.accepts.lock().unwrap() = Some("second".to_owned());
    get(&client, "/a").await.unwrap();
    assert_eq!(server.hits(), 4, "refused, repeated");
    get(&client, "/a").await.unwrap();
    assert_eq!(server.hits(), 5);
    // Another secret that is refused too is not tried for ever.
    std::fs::write(&path, "third").unwrap();
    *server.0.accepts.lock().unwrap() = Some("none".to_owned());
    assert!(get(&client, "/a").await.unwrap_err().is(ErrorKind::Unauthenticated));
    assert_eq!(server.hits(), 7);
    // The same secret as before is no reason to ask again.
    assert!(get(&client, "/a").await.unwrap_err().is(ErrorKind::Unauthenticated));
    assert_eq!(server.hits(), 8);
}

#[tokio::test]
async fn a_server_that_repeats_the_credential_does_not_get_it_into_an_error() {
    for auth in [Auth::Bearer(secret("s3cr3t")), basic("user", "s3cr3t"), query("name", "s3cr3t &")] {
        let server = Server::accepting("something else");
        let client = server.client(auth);
        let error = get(&client, "/a").await.unwrap_err();
        let text = format!("{error} {error:?} {client:?}");
        assert!(!text.contains("s3cr3t") && !text.contains("dXNlcjpzM2NyM3Q"), "{text}");
        assert!(error.credential().is_some());
    }
}
