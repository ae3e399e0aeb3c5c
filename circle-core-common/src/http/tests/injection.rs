//! What callers, users and models put into a request stays where it was put.

use super::server::{Server, ok};
use super::*;
use crate::context::CallOptions;
use crate::error::{ErrorKind, Result};
use crate::http::{Interceptor, Multipart, Outgoing, Request};
use crate::random::Random;

/// What ends a line or a text somewhere: every control, alone and as the pair.
fn breaks() -> Vec<String> {
    let mut breaks: Vec<String> = (0..0x20_u8).chain([0x7f]).map(|code| char::from(code).to_string()).collect();
    breaks.extend(["\r\n", "\n\r", "\r\n\r\n", "\r\n ", "\u{85}", "\u{2028}", "\u{10a}\u{10d}"].map(str::to_owned));
    breaks
}

struct Adds(String);

impl Interceptor for Adds {
    fn before(&self, outgoing: &mut Outgoing<'_>) -> Result<()> {
        outgoing.add_header("x-added", &self.0)
    }
}

type Field = (&'static str, fn(&Environment, &str, &str) -> Result<(HttpClient, Request)>);

fn plain(environment: &Environment, origin: &str) -> HttpClient {
    builder(environment, origin).build()
}

fn signed(environment: &Environment, origin: &str, auth: Auth) -> Result<(HttpClient, Request)> {
    let client = builder(environment, origin).auth(auth).build();
    let request = Request::get(target(&client, "/a"));
    Ok((client, request))
}

fn described(
    environment: &Environment,
    origin: &str,
    make: impl FnOnce(Target) -> Result<Request>,
) -> Result<(HttpClient, Request)> {
    let client = plain(environment, origin);
    let request = make(target(&client, "/a"))?;
    Ok((client, request))
}

/// Everything that ends up in the head of a request, and the parts of a form.
const FIELDS: &[Field] = &[
    ("a header", |e, o, bad| described(e, o, |to| Request::get(to).header("x-own", bad))),
    ("an optional header", |e, o, bad| described(e, o, |to| Request::get(to).header_opt("x-own", Some(bad)))),
    ("a secret header", |e, o, bad| described(e, o, |to| Request::get(to).secret_header("x-own", bad))),
    ("a header's name", |e, o, bad| described(e, o, |to| Request::get(to).header(bad, "v"))),
    ("a secret header's name", |e, o, bad| described(e, o, |to| Request::get(to).secret_header(bad, "v"))),
    ("a client's header", |e, o, bad| {
        let client = builder(e, o).header("x-own", bad)?.build();
        let request = Request::get(target(&client, "/a"));
        Ok((client, request))
    }),
    ("a client's header's name", |e, o, bad| {
        let client = builder(e, o).header(bad, "v")?.build();
        let request = Request::get(target(&client, "/a"));
        Ok((client, request))
    }),
    ("an interceptor's header", |e, o, bad| {
        let environment = e.to_builder().interceptor(Adds(bad.to_owned())).build();
        described(&environment, o, |to| Ok(Request::get(to)))
    }),
    ("a key", |e, o, bad| {
        signed(e, o, Auth::Header { name: http::HeaderName::from_static("x-own"), secret: SecretRef::literal(bad) })
    }),
    ("a bearer token", |e, o, bad| signed(e, o, Auth::Bearer(SecretRef::literal(bad)))),
    ("a user", |e, o, bad| signed(e, o, Auth::Basic { user: bad.to_owned(), password: SecretRef::literal("p") })),
    ("a password", |e, o, bad| signed(e, o, Auth::Basic { user: "u".to_owned(), password: SecretRef::literal(bad) })),
    ("a key in the query", |e, o, bad| signed(e, o, Auth::Query { name: "key".to_owned(), secret: SecretRef::literal(bad) })),
    ("a segment", |e, o, bad| described(e, o, |to| Ok(Request::get(to.segment(bad)?)))),
    ("a path", |e, o, bad| described(e, o, |to| Ok(Request::get(to.path(bad))))),
    ("a parameter", |e, o, bad| described(e, o, |to| Ok(Request::get(to.query("q", bad))))),
    ("a parameter's name", |e, o, bad| described(e, o, |to| Ok(Request::get(to.query(bad, "v"))))),
    ("a flag", |e, o, bad| described(e, o, |to| Ok(Request::get(to.query_flag(bad))))),
    ("a whole path", |e, o, bad| described(e, o, |to| Ok(Request::get(Target::new(&to.origin, format!("/a{bad}")))))),
    ("a value of a form", |e, o, bad| described(e, o, |to| Request::post(to).form(&[("k", bad)]))),
    ("a key of a form", |e, o, bad| described(e, o, |to| Request::post(to).form(&[(bad, "v")]))),
    ("a part's name", |e, o, bad| {
        described(e, o, |to| Ok(Request::post(to).multipart(Multipart::new(&Random::System)?.text(bad, "v"))))
    }),
    ("a file's name", |e, o, bad| {
        described(e, o, |to| {
            Ok(Request::post(to).multipart(Multipart::new(&Random::System)?.file("f", bad, "text/plain", "v")?))
        })
    }),
    ("a file's type", |e, o, bad| {
        described(e, o, |to| Ok(Request::post(to).multipart(Multipart::new(&Random::System)?.file("f", "n", bad, "v")?)))
    }),
];

/// The lines that a server sees: of the head, and of the heads of a form's parts.
fn lines(request: &str) -> impl Iterator<Item = &str> {
    request.split("\r\n")
}

#[tokio::test]
async fn no_control_leaves_its_field() {
    let environment = Environment::default();
    for (what, make) in FIELDS {
        let server = Server::start(vec![ok("")]).await;
        let mut refused = 0;
        for injected in breaks() {
            let bad = format!("a{injected}X-Injected: 1{injected}b");
            let before = server.hits();
            let sent = match make(&environment, &server.origin(), &bad) {
                Ok((client, request)) => client.send(&context(&environment), &GET, request).await.map(drop),
                Err(error) => Err(error),
            };
            match sent {
                Ok(()) => {
                    let request = server.requests().pop().unwrap();
                    assert_eq!(server.hits(), before + 1);
                    assert!(
                        lines(&request).all(|line| !line.starts_with("X-Injected") && !line.contains(['\n', '\r', '\0'])),
                        "{what} {injected:?}: {request}"
                    );
                    let head = request.split("\r\n\r\n").next().unwrap();
                    let controls = |letter: char| letter.is_control() && letter != '\t';
                    assert!(head.split("\r\n").all(|line| !line.contains(controls)), "{what} {injected:?}: {head}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(
                        matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::ConfigInvalid),
                        "{what} {injected:?}: {error:?}"
                    );
                    assert_eq!(server.hits(), before, "{what} {injected:?}");
                    assert!(!error.message().contains(['\r', '\n', '\0']), "{what}: {:?}", error.message());
                }
            }
        }
        // Somewhere it is refused, elsewhere encoded; nowhere both do not happen.
        assert!(refused > 0 || server.hits() > 0, "{what}");
    }
}

/// What the caller of a handle may put on every request.
#[tokio::test]
async fn what_a_caller_chooses_breaks_no_line_either() {
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = plain(&environment, &server.origin());
    for injected in breaks() {
        let bad = format!("a{injected}X-Injected: 1");
        let cx = context_with(&environment, CallOptions::new().idempotency_key(bad.as_str()));
        let Ok(id) = cx.operation_id().map(|id| id.to_string()) else { continue };
        let before = server.hits();
        let request = Request::post(target(&client, "/a")).header("idempotency-key", &id);
        let sent = match request {
            Ok(request) => client.send(&cx, &POST, request).await.map(drop),
            Err(error) => Err(error),
        };
        if sent.is_ok() {
            assert!(lines(&server.requests().pop().unwrap()).all(|line| !line.starts_with("X-Injected")));
        } else {
            assert_eq!(server.hits(), before, "{injected:?}");
        }
    }
}

/// What belongs to the connection would let one request pass as two.
#[tokio::test]
async fn nobody_sets_what_the_connection_lives_by() {
    let environment = Environment::default();
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "Keep-Alive",
        "proxy-connection",
        "Proxy-Authorization",
        "te",
        "trailer",
        "Upgrade",
        "expect",
        "http2-settings",
        ":authority",
        ":path",
    ] {
        let to = target(&plain(&environment, "http://127.0.0.1:9"), "/a");
        assert!(Request::get(to.clone()).header(name, "1").unwrap_err().is(ErrorKind::InvalidInput), "{name}");
        assert!(Request::get(to.clone()).secret_header(name, "1").is_err(), "{name}");
        assert!(Request::get(to).header_opt(name, Some("1")).is_err(), "{name}");
        assert!(builder(&environment, "http://127.0.0.1:9").header(name, "1").is_err(), "{name}");
    }
}
