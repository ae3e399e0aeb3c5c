//! Redirects that are followed because a provider says so.

use super::server::{Server, ok, status};
use super::*;
use crate::error::ErrorKind;
use crate::http::Request;

const SCHEMES: [&str; 6] = ["x-api-key", "x-vault-token", "private-token", "cookie", "x-amz-security-token", "proxy-token"];

#[tokio::test]
async fn nothing_secret_crosses_to_another_origin() {
    for code in [301, 302, 303, 307, 308] {
        let other = Server::start(vec![ok("there")]).await;
        let location = format!("Location: {}/x?sig=1\r\n", other.origin());
        let own = Server::start(vec![status(302, "Location: /second\r\n"), status(code, &location)]).await;
        let environment = Environment::default();
        let client = builder(&environment, &own.origin()).auth(Auth::Bearer(SecretRef::literal(CANARY)));
        let client = client.header("x-tenant-key", CANARY).unwrap().build();
        let mut request = Request::get(target(&client, "/first")).header("range", "bytes=0-1").unwrap();
        for scheme in SCHEMES {
            request = request.header(scheme, CANARY).unwrap();
        }
        let response = client.follow(&context(&environment), &GET, request.clone()).await.unwrap();
        assert_eq!(response.body, "there");
        assert!(own.requests().iter().all(|request| request.contains(&format!("authorization: Bearer {CANARY}"))));
        assert!(own.requests()[1].starts_with("GET /second ") && own.requests()[1].contains("x-vault-token"));
        assert!(own.requests()[1].contains("x-tenant-key"));
        let seen = &other.requests()[0];
        assert!(seen.starts_with("GET /x?sig=1 ") && seen.contains("range: bytes=0-1\r\n"), "{seen}");
        assert!(!seen.contains(CANARY) && !seen.contains("referer") && !seen.contains("authorization"), "{seen}");
        let opened = client.follow_open(&context(&environment), &GET, request).await.unwrap();
        assert_eq!(opened.body.collect(None).await.unwrap(), "there");
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
