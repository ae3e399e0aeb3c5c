use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

/// 2023-11-14T22:13:20Z: the minute ends 40 s later, the hour 2800.
const NOW: i64 = 1_700_000_000;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn all(pairs: &[(&'static str, &str)]) -> Vec<RateLimit> {
    RateLimit::all_from_headers(&headers(pairs), Timestamp::from_unix(NOW, 0))
}

fn words(limit: &RateLimit) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let scope = match &limit.scope {
        LimitScope::Endpoint => "all".to_owned(),
        LimitScope::Everything => "everything".to_owned(),
        LimitScope::Named(name) => name.clone(),
        LimitScope::Kind(kind) => format!("kind {kind}"),
    };
    let reset = limit.reset_after.map_or_else(|| "?".to_owned(), |wait| wait.as_secs_f64().to_string());
    let unit = match limit.unit {
        LimitUnit::Requests => "",
        LimitUnit::Amount => " amount",
        LimitUnit::Concurrent => " concurrent",
    };
    let refill = if limit.refill == Refill::Steadily { " steadily" } else { "" };
    let near = if limit.near { " near" } else { "" };
    format!("{scope}: {} of {} for {reset}{unit}{refill}{near}", number(limit.remaining), number(limit.limit))
}

/// What it is, the headers, and what is read.
type Family<'a> = (&'a str, &'a [(&'static str, &'a str)], &'a [&'a str]);

/// One line for each form that a service sends; the sources are in the table of the module.
#[test]
fn every_family() {
    let table: &[Family<'_>] = &[
        (
            "draft 10",
            &[("ratelimit", "\"default\";r=50;t=30"), ("ratelimit-policy", "\"default\";q=100;w=60")],
            &["default: 50 of 100 for 30"],
        ),
        (
            "draft, several policies",
            &[
                ("ratelimit", "\"burst\";r=9;t=1, \"daily\";r=0;t=3600"),
                ("ratelimit-policy", "\"burst\";q=10;w=1, \"daily\";q=5;w=86400"),
            ],
            &["burst: 9 of 10 for 1", "daily: 0 of 5 for 3600"],
        ),
        (
            "draft, spread over headers",
            &[
                ("ratelimit", "\"a\";r=1"),
                ("ratelimit", "\"b\";r=2;t=9"),
                ("ratelimit-policy", "\"a\";q=10"),
                ("ratelimit-policy", "\"b\";q=20"),
            ],
            &["a: 1 of 10 for ?", "b: 2 of 20 for 9"],
        ),
        ("draft, tokens and blanks", &[("ratelimit", " default ; r=5 ; t=3 ")], &["default: 5 of ? for 3"]),
        ("draft, separators in a name", &[("ratelimit", "\"a;b,c\\\"d\";r=5;t=3")], &["a;b,c\\\"d: 5 of ? for 3"]),
        (
            "draft, partition and unit",
            &[("ratelimit", "\"u\";r=65535;t=10;pk=:QXBw:"), ("ratelimit-policy", "\"u\";q=65535;qu=\"content-bytes\";w=10")],
            &["u;QXBw: 65535 of 65535 for 10 amount"],
        ),
        (
            "draft, at the same time",
            &[("ratelimit", "\"u\";r=1"), ("ratelimit-policy", "\"u\";q=3;qu=\"concurrent-requests\"")],
            &["u: 1 of 3 for ? concurrent"],
        ),
        ("draft 7", &[("ratelimit", "limit=100, remaining=5, reset=7")], &["all: 5 of 100 for 7"]),
        (
            "draft 6",
            &[("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "7")],
            &["all: 0 of 100 for 7"],
        ),
        (
            "DigitalOcean, GitLab",
            &[("ratelimit-limit", "600"), ("ratelimit-remaining", "594"), ("ratelimit-reset", "1700000040")],
            &["all: 594 of 600 for 40"],
        ),
        (
            "GitHub",
            &[
                ("x-ratelimit-limit", "30"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-used", "30"),
                ("x-ratelimit-reset", "1700000060"),
                ("x-ratelimit-resource", "search"),
            ],
            &["search: 0 of 30 for 60"],
        ),
        (
            "Datadog",
            &[
                ("x-ratelimit-limit", "100"),
                ("x-ratelimit-period", "60"),
                ("x-ratelimit-remaining", "7"),
                ("x-ratelimit-reset", "12"),
                ("x-ratelimit-name", "logs_query"),
            ],
            &["logs_query: 7 of 100 for 12"],
        ),
        (
            "Discord",
            &[
                ("x-ratelimit-limit", "5"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1470173023.123"),
                ("x-ratelimit-reset-after", "64.57"),
                ("x-ratelimit-bucket", "abcd1234"),
                ("x-ratelimit-scope", "user"),
            ],
            &["abcd1234: 0 of 5 for 64.57"],
        ),
        (
            "Discord, everything",
            &[
                ("x-ratelimit-limit", "50"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset-after", "0.5"),
                ("x-ratelimit-bucket", "abcd1234"),
                ("x-ratelimit-global", "true"),
            ],
            &["everything: 0 of 50 for 0.5"],
        ),
        (
            "Reddit",
            &[("x-ratelimit-used", "1"), ("x-ratelimit-remaining", "599.0"), ("x-ratelimit-reset", "337")],
            &["all: 599 of ? for 337"],
        ),
        (
            "Jira",
            &[
                ("x-ratelimit-limit", "400"),
                ("x-ratelimit-remaining", "399"),
                ("x-ratelimit-reset", "2023-11-14T22:14Z"),
                ("x-ratelimit-nearlimit", "true"),
            ],
            &["all: 399 of 400 for 40 near"],
        ),
        (
            "Confluence",
            &[
                ("x-ratelimit-limit", "50"),
                ("x-ratelimit-remaining", "20"),
                ("x-ratelimit-interval-seconds", "60"),
                ("x-ratelimit-fillrate", "10"),
                ("retry-after", "0"),
            ],
            &["all: 20 of 50 for 180 steadily"],
        ),
        ("milliseconds", &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1700000060500")], &["all: 1 of ? for 60.5"]),
        ("past", &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1699999999")], &["all: 1 of ? for 0"]),
        (
            "by the answer's own date",
            &[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1700000060"), ("date", "Tue, 14 Nov 2023 22:14:00 GMT")],
            &["all: 1 of ? for 20"],
        ),
        (
            "Okta",
            &[("x-rate-limit-limit", "600"), ("x-rate-limit-remaining", "598"), ("x-rate-limit-reset", "1700000036")],
            &["all: 598 of 600 for 36"],
        ),
        ("Zendesk", &[("x-rate-limit", "700"), ("x-rate-limit-remaining", "699")], &["all: 699 of 700 for 40"]),
        (
            "Zendesk, a list",
            &[
                ("x-rate-limit", "700"),
                ("ratelimit-limit", "700"),
                ("x-rate-limit-remaining", "699"),
                ("ratelimit-remaining", "699"),
                ("ratelimit-reset", "41"),
                ("zendesk-ratelimit-tickets-index", "total=100; remaining=99; resets=41"),
            ],
            &["all: 699 of 700 for 41", "tickets-index: 99 of 100 for 41"],
        ),
        (
            "OpenAI",
            &[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-limit-tokens", "150000"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-remaining-tokens", "149984"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            &["kind requests: 59 of 60 for 1 steadily", "kind tokens: 149984 of 150000 for 360 amount steadily"],
        ),
        (
            "Azure OpenAI",
            &[("x-ratelimit-remaining-tokens", "0"), ("x-rate-limit-reset-tokens", "55")],
            &["kind tokens: 0 of ? for 55 amount steadily"],
        ),
        (
            "Azure OpenAI, unknown",
            &[("x-ratelimit-limit-tokens", "-1"), ("x-ratelimit-remaining-tokens", "-1"), ("x-ratelimit-reset-tokens", "0")],
            &[],
        ),
        (
            "Tomorrow.io",
            &[("x-ratelimit-limit-hour", "25"), ("x-ratelimit-remaining-hour", "3"), ("x-ratelimit-limit-second", "3")],
            &["hour: 3 of 25 for 2800"],
        ),
        (
            "Anthropic",
            &[
                ("anthropic-ratelimit-requests-limit", "1000"),
                ("anthropic-ratelimit-requests-remaining", "999"),
                ("anthropic-ratelimit-requests-reset", "2023-11-14T22:13:21Z"),
                ("anthropic-ratelimit-input-tokens-limit", "80000"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "2023-11-14T22:13:50Z"),
            ],
            &["kind requests: 999 of 1000 for 1 steadily", "kind input-tokens: 0 of 80000 for 30 amount steadily"],
        ),
        (
            "Linear",
            &[
                ("x-ratelimit-requests-limit", "1500"),
                ("x-ratelimit-requests-remaining", "1499"),
                ("x-ratelimit-requests-reset", "1700003600000"),
                ("x-ratelimit-complexity-remaining", "0"),
                ("x-ratelimit-endpoint-requests-remaining", "4"),
                ("x-ratelimit-endpoint-name", "issueCreate"),
            ],
            &[
                "requests: 1499 of 1500 for 3600",
                "complexity: 0 of ? for ? amount",
                "endpoint-requests issueCreate: 4 of ? for ?",
            ],
        ),
        ("Shopify", &[("x-shopify-shop-api-call-limit", "32/40")], &["all: 8 of 40 for 16 steadily"]),
        ("Shopify, full", &[("x-shopify-shop-api-call-limit", "400/400")], &["all: 0 of 400 for 20 steadily"]),
        ("Salesforce", &[("sforce-limit-info", "api-usage=18/5000; api-bursts=1/750")], &["all: 4982 of 5000 for ?"]),
        (
            "HubSpot",
            &[
                ("x-hubspot-ratelimit-daily", "250000"),
                ("x-hubspot-ratelimit-daily-remaining", "249999"),
                ("x-hubspot-ratelimit-max", "100"),
                ("x-hubspot-ratelimit-remaining", "99"),
                ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
                ("x-hubspot-ratelimit-secondly", "10"),
                ("x-hubspot-ratelimit-secondly-remaining", "9"),
            ],
            &["interval: 99 of 100 for 10", "secondly: 9 of 10 for 1", "daily: 249999 of 250000 for ?"],
        ),
        (
            "Azure Resource Manager",
            &[
                ("x-ms-ratelimit-remaining-subscription-reads", "11999"),
                (
                    "x-ms-ratelimit-remaining-resource",
                    "Microsoft.Compute/HighCostGet3Min;46,Microsoft.Compute/HighCostGet30Min;0",
                ),
            ],
            &[
                "subscription-reads: 11999 of ? for ?",
                "Microsoft.Compute/HighCostGet3Min: 46 of ? for ?",
                "Microsoft.Compute/HighCostGet30Min: 0 of ? for ?",
            ],
        ),
        (
            "Sentry",
            &[
                ("x-sentry-rate-limit-limit", "40"),
                ("x-sentry-rate-limit-remaining", "39"),
                ("x-sentry-rate-limit-reset", "1700000001"),
                ("x-sentry-rate-limit-concurrentlimit", "25"),
                ("x-sentry-rate-limit-concurrentremaining", "24"),
            ],
            &["all: 39 of 40 for 1", "all: 24 of 25 for ? concurrent"],
        ),
        (
            "Sentry, events",
            &[("x-sentry-rate-limits", "60:error;transaction:organization:quota, 2700::key")],
            &["error: 0 of ? for 60", "transaction: 0 of ? for 60", "all: 0 of ? for 2700"],
        ),
        (
            "Fastly",
            &[("fastly-ratelimit-remaining", "998"), ("fastly-ratelimit-reset", "1700000100")],
            &["all: 998 of ? for 100"],
        ),
        ("nothing to read", &[("x-ratelimit-remaining", "lots"), ("x-ratelimit-reset", "x")], &[]),
        ("a gateway's unknown", &[("x-ratelimit-limit", "0"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "0")], &[]),
        ("other headers", &[("x-request-id", "rate"), ("retry-after", "3"), ("server", "x")], &[]),
    ];
    for (who, pairs, expected) in table {
        let mut found: Vec<String> = all(pairs).iter().map(words).collect();
        let mut expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{who}");
    }
}

#[test]
fn of_several_the_one_that_is_used_up_most() {
    let used_up = |pairs: &[(&'static str, &str)]| {
        RateLimit::from_headers(&headers(pairs), Timestamp::from_unix(NOW, 0)).as_ref().map(words)
    };
    let pairs = [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "30"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-tokens", "9000"),
    ];
    assert_eq!(used_up(&pairs).as_deref(), Some("kind tokens: 9000 of 150000 for ? amount steadily"));
    // What runs at the same time is no quota.
    assert_eq!(used_up(&[("x-sentry-rate-limit-concurrentremaining", "0")]), None);
    assert_eq!(used_up(&[]), None);
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_tried(text in "[ -~]{0,40}|[0-9.hmsd]{0,30}|\"[a-z;,]*\";r=[0-9]*;t=[0-9]*") {
        for name in [
            "ratelimit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining", "x-rate-limit-reset",
            "x-ratelimit-remaining-tokens", "zendesk-ratelimit-x", "x-sentry-rate-limits", "x-ms-ratelimit-remaining-resource",
            "x-shopify-shop-api-call-limit", "sforce-limit-info", "x-hubspot-ratelimit-interval-milliseconds",
        ] {
            for limit in all(&[(name, &text), ("ratelimit", &text), ("ratelimit-limit", "1")]) {
                let _ = words(&limit);
            }
        }
        let waits = all(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &text)]);
        proptest::prop_assert!(waits.iter().all(|limit| limit.reset_after.is_none_or(|wait| wait <= Duration::MAX)));
    }
}
