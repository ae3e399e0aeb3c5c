//! Redirects that are followed because a provider says so.

use super::server::{Server, ok, status};
use super::*;
use crate::error::ErrorKind;
use crate::http::{HttpTransport, Request};

/// The headers in which services take their credentials.
const SCHEMES: [&str; 12] = [
    "authorization",
    "x-api-key",
    "api-key",
    "xi-api-key",
    "x-goog-api-key",
    "x-vault-token",
    "private-token",
    "dd-api-key",
    "x-amz-security-token",
    "x-auth-token",
    "x-shopify-access-token",
    "cookie",
];

const CODES: [u16; 5] = [301, 302, 303, 307, 308];

/// Every way in which a client carries this scheme: as its credential, as a header of its own, as one of the request.
fn carrying(environment: &Environment, origin: &str, scheme: &str) -> Vec<(HttpClient, Request)> {
    let name = crate::http::headers::name(scheme).unwrap();
    let bare = || builder(environment, origin);
    let credential = bare().auth(Auth::Header { name, secret: SecretRef::literal(CANARY) }).build();
    let own = bare().header(scheme, CANARY).unwrap().build();
    let plain = bare().build();
    let request = |client: &HttpClient| Request::get(target(client, "/first")).header("range", "bytes=0-1").unwrap();
    vec![
        (credential.clone(), request(&credential)),
        (own.clone(), request(&own)),
        (plain.clone(), request(&plain).header(scheme, CANARY).unwrap()),
        (plain.clone(), request(&plain).secret_header(scheme, CANARY).unwrap()),
    ]
}

/// Another port of the same host is another origin. Within the origin everything goes along, or the redirect would not work.
#[tokio::test]
async fn nothing_secret_crosses_to_another_origin() {
    let environment = Environment::default();
    for code in CODES {
        let other = Server::start(vec![ok("there")]).await;
        let away = status(code, &format!("Location: {}/x?sig=1\r\n", other.origin()));
        // Each request comes twice to its own server: there, and once more within it.
        let own =
            Server::start([status(code, "Location: /second\r\n"), away].into_iter().cycle().take(2 * 12 * 4).collect()).await;
        let mut sent = 0;
        for scheme in SCHEMES {
            for (client, request) in carrying(&environment, &own.origin(), scheme) {
                let response = client.follow(&context(&environment), &GET, request).await.unwrap();
                assert_eq!(response.body, "there");
                sent += 1;
                let requests = own.requests();
                assert_eq!(requests.len(), 2 * sent);
                assert!(requests[2 * sent - 2..].iter().all(|request| request.contains(CANARY)), "{code} {scheme}");
                assert!(requests[2 * sent - 1].starts_with("GET /second "));
                let seen = other.requests().pop().unwrap();
                assert!(seen.starts_with("GET /x?sig=1 ") && seen.contains("range: bytes=0-1\r\n"), "{seen}");
                assert!(!seen.contains(CANARY) && !seen.to_lowercase().contains(scheme), "{code} {scheme}: {seen}");
                assert!(!seen.to_lowercase().contains("referer"), "{seen}");
            }
        }
        assert_eq!(other.hits(), sent);
    }
}

#[tokio::test]
async fn a_stream_follows_as_a_whole_answer_does() {
    let other = Server::start(vec![ok("there")]).await;
    let own = Server::start(vec![status(307, &format!("Location: {}/x\r\n", other.origin()))]).await;
    let environment = Environment::default();
    for (client, request) in carrying(&environment, &own.origin(), "x-api-key") {
        let opened = client.follow_open(&context(&environment), &GET, request).await.unwrap();
        assert_eq!(opened.body.collect(None).await.unwrap(), "there");
        assert!(!other.requests().pop().unwrap().contains(CANARY));
    }
}

/// What nobody asked to follow is an answer: neither a read nor a write goes elsewhere, with or without its body.
#[tokio::test]
async fn unasked_no_redirect_is_followed() {
    let environment = Environment::default();
    for code in CODES {
        let other = Server::start(vec![ok("there")]).await;
        let own = Server::start(vec![status(code, &format!("Location: {}/x\r\n", other.origin()))]).await;
        for scheme in SCHEMES {
            for (client, request) in carrying(&environment, &own.origin(), scheme) {
                let failed = client.send(&context(&environment), &GET, request).await.unwrap_err();
                assert!(!format!("{failed:?}").contains(CANARY));
                let write = Request::post(target(&client, "/w")).body(CANARY);
                assert!(client.send(&context(&environment), &POST, write).await.is_err());
                let mut form = vec![("refresh_token", CANARY)];
                form.push(("grant_type", "refresh_token"));
                let token = Request::post(target(&client, "/token")).form(&form).unwrap();
                assert!(client.send(&context(&environment), &PUT, token).await.is_err());
            }
        }
        assert_eq!((other.hits(), own.hits()), (0, 3 * 4 * 12), "{code}");
    }
}

#[tokio::test]
async fn no_redirect_leads_out_of_tls() {
    for code in CODES {
        let other = Server::start(vec![ok("there")]).await;
        let location = format!("Location: {}/x\r\n", other.origin());
        let (port, root) = super::tls::answering("localhost", status(code, &location)).await;
        let transport = HttpTransport::builder().root_certificates(root.as_bytes()).unwrap().build();
        let environment = Environment::builder().transport(transport).build();
        for scheme in SCHEMES {
            for (client, request) in carrying(&environment, &format!("https://localhost:{port}"), scheme) {
                let error = client.follow(&context(&environment), &GET, request).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{code} {scheme}: {error:?}");
                assert!(!format!("{error:?}").contains(CANARY));
            }
        }
        assert_eq!(other.hits(), 0);
    }
}

#[tokio::test]
async fn loops_end_and_writes_are_not_followed() {
    let server = Server::start(vec![status(302, "Location: /again\r\n")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let error = client.follow(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap_err();
    assert_eq!((error.kind(), server.hits()), (ErrorKind::ConfigInvalid, 6), "{error}");
    for (operation, request) in [(&PUT, Request::get(target(&client, "/a"))), (&GET, Request::post(target(&client, "/a")))] {
        let error = client.follow(&context(&environment), operation, request).await.unwrap_err();
        assert!(error.is(ErrorKind::InvalidInput), "{error}");
    }
    assert_eq!(server.hits(), 6);
}
