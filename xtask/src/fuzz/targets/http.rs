//! What servers and configurations may say to the HTTP pipeline.

use std::{net::IpAddr, sync::Arc};

use circle_core_common::{
    Timestamp,
    http::{Answer, Guard, Origin, RateLimit, Secrets, StatusTable, Target as Address, paging, parse_date, retry_after},
    resilience::{Idempotency, RemoteOperation},
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Target;

pub(super) const ORIGIN: Target = Target {
    name: "http-origin",
    promise: "an origin reads back as itself, and is no address that endpoints may not have",
    dictionary: &[
        b"https://",
        b"http://",
        b"localhost",
        b"127.0.0.1",
        b"169.254.169.254",
        b"0x7f.1",
        b"2130706433",
        b"[::1]",
        b"[::ffff:7f00:1]",
        b"xn--",
        b"@",
        b":",
        b":443",
        b":0",
        b"%00",
        b"%2e",
        b".",
        b"/",
        b"\\",
        b"?",
        b"#",
    ],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Ok(origin) = Origin::parse(text) else { return };
        assert_eq!(Origin::parse(origin.as_str()).ok().as_ref(), Some(&origin));
        assert!(!origin.is_loopback() && origin.scheme().as_str() == "https");
        if let Ok(address) = origin.host().parse::<IpAddr>() {
            assert_eq!(Guard::new().refuses(address), None);
        }
    },
};

pub(super) const HEADERS: Target = Target {
    name: "http-headers",
    promise: "a header is read or passed over; a link to the next page stays at its origin",
    dictionary: &[
        b"<https://api.example.org/a?b>; rel=\"next\"",
        b"<//evil.example/>; rel=next",
        b"<",
        b">",
        b"; rel=\"",
        b"next",
        b",",
        b"@evil.example",
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Nov",
        b"GMT",
        b"\"default\";r=50;t=30",
        b"remaining=0",
        b";q=",
        b"6m0s",
        b"ms",
        b"1e20",
        b"99999999999999999999",
        b"-1",
    ],
    run: |input| {
        let Ok(value) = HeaderValue::from_bytes(input) else { return };
        let now = Timestamp::from_unix(1_700_000_000, 0);
        let names = [
            "link",
            "retry-after",
            "retry-after-ms",
            "date",
            "ratelimit",
            "ratelimit-policy",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-complexity-remaining",
            "anthropic-ratelimit-requests-remaining",
            "zendesk-ratelimit-tickets-index",
            "x-sentry-rate-limits",
            "x-ms-ratelimit-remaining-resource",
            "x-shopify-shop-api-call-limit",
            "sforce-limit-info",
        ];
        let headers: HeaderMap = names.iter().map(|name| (http::HeaderName::from_static(name), value.clone())).collect();
        let _ = retry_after(&headers, now);
        let _ = RateLimit::all_from_headers(&headers, now);
        if let Ok(text) = value.to_str() {
            let _ = parse_date(text);
        }
        let Ok(origin) = Origin::parse("https://api.example.org") else { return };
        let origin = Arc::new(origin);
        if let Ok(Some(next)) = paging::next_link(&headers, &Address::new(&origin, "/items?page=1")) {
            assert!(next.token().starts_with('/'), "{}", next.token());
        }
    },
};

pub(super) const FAILURE: Target = Target {
    name: "http-failure",
    promise: "any body of a failed answer gives an error that does not repeat the credential",
    dictionary: &[
        b"s3cr3t-credential",
        b"Bearer ",
        b"\"token\":\"",
        b"{\"error\":{",
        b"\"code\":",
        b"\"message\":",
        b"<Error>",
        b"<Code>",
        b"</Code>",
        b"https://a.example/?sig=",
        b"client_secret=",
        b"\\\"",
        b"://",
        b"<token>",
        b"=",
    ],
    run: |input| {
        static OPERATION: RemoteOperation = RemoteOperation::new("acme.Get", Idempotency::Safe, "/");
        let secrets = Secrets::bare("s3cr3t-credential".to_owned().into());
        let headers = HeaderMap::new();
        let answer = Answer::new(&OPERATION, StatusCode::BAD_REQUEST, &headers, input).without(&secrets);
        let error = StatusTable::new().error(&answer);
        assert!(!format!("{error} {error:?}").contains("s3cr3t-credential"), "{error:?}");
    },
};
