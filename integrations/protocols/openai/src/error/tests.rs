use std::time::Duration;

use circle_core_common::Timestamp;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use http::{HeaderName, HeaderValue};

use super::*;

static CHAT: RemoteOperation = RemoteOperation::new("openai.CreateChatCompletion", Idempotency::Idempotent, "/chat/completions");

fn judge(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Option<Error> {
    let pair = |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers: HeaderMap = headers.iter().map(pair).collect();
    Answers.classify(&Answer::new(&CHAT, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()))
}

#[test]
fn every_shape_of_every_service_is_read() {
    use ErrorKind::*;
    // The bodies are those that the services document or were seen to send.
    for (status, body, kind, reason, code) in [
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            Unauthenticated,
            None,
            "invalid_api_key",
        ),
        (
            404,
            r#"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            NotFound,
            None,
            "model_not_found",
        ),
        (
            403,
            r#"{"error":{"message":"Country not supported","type":"request_forbidden","param":null,"code":"unsupported_country_region_territory"}}"#,
            PermissionDenied,
            None,
            "unsupported_country_region_territory",
        ),
        (
            400,
            r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            InvalidInput,
            Some(Reason::ContextLength),
            "context_length_exceeded",
        ),
        (
            400,
            r#"{"error":{"message":"request (2009 tokens) exceeds the available context size (512 tokens)","type":"exceed_context_size_error","code":400,"n_ctx":512}}"#,
            InvalidInput,
            Some(Reason::ContextLength),
            "400",
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
            InvalidInput,
            Some(Reason::ContextLength),
            "400",
        ),
        (
            400,
            r#"{"error":{"message":"temperature too high","type":"invalid_request_error","param":"temperature","code":"decimal_above_max_value"}}"#,
            InvalidInput,
            None,
            "decimal_above_max_value",
        ),
        (
            400,
            r#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400}}"#,
            ContentFiltered,
            None,
            "content_filter",
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["x"],"flagged_input":"…"}}}"#,
            ContentFiltered,
            None,
            "403",
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            QuotaExceeded,
            None,
            "invalid_request_error",
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            QuotaExceeded,
            None,
            "insufficient_quota",
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            RateLimited,
            None,
            "rate_limit_exceeded",
        ),
        (429, r#"{"error":{"code":"429","message":"exceeded token rate limit"}}"#, RateLimited, None, "429"),
        (
            422,
            r#"{"detail":[{"loc":["body","x"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}"#,
            InvalidInput,
            None,
            "",
        ),
        (
            400,
            r#"{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}"#,
            InvalidInput,
            None,
            "1500",
        ),
        (400, r#"{"error":"model is required"}"#, InvalidInput, None, ""),
        (503, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#, Unavailable, None, "503"),
        (
            500,
            r#"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#,
            Internal,
            None,
            "server_error",
        ),
        (200, r#"{"error":{"code":502,"message":"Provider returned error"}}"#, Unavailable, None, "502"),
        (502, "<html>", Unavailable, None, ""),
    ] {
        let error = judge(status, &[("x-request-id", "req-1")], body).unwrap_or_else(|| panic!("{body}"));
        assert_eq!((error.kind(), error.reason()), (kind, reason), "{body}: {error}");
        let detail = error.detail().unwrap();
        assert_eq!((detail.status, detail.request_id.as_deref()), (Some(status), Some("req-1")), "{body}");
        assert_eq!(detail.code.as_deref().unwrap_or_default(), code, "{body}");
        let said = error.provider_error::<OpenAiError>().unwrap();
        assert_eq!((said.status, said.request_id.as_deref()), (status, Some("req-1")), "{body}");
        let retryable = matches!(kind, RateLimited | Unavailable | Internal);
        assert_eq!(error.is_retryable(), retryable, "{body}");
    }
}

#[test]
fn answers_are_no_errors_although_they_speak_of_some() {
    for body in [
        r#"{"id":"c","choices":[{"message":{"content":"\"error\""}}]}"#,
        r#"{"choices":[],"error":null}"#,
        r#"{"data":[],"error":"none"}"#,
        r#"{"error":null}"#,
    ] {
        assert!(judge(200, &[], body).is_none(), "{body}");
    }
}

#[test]
fn headers_and_param_are_kept() {
    let headers = [
        ("x-request-id", "req-1"),
        ("retry-after-ms", "1500"),
        ("retry-after", "2"),
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("openai-processing-ms", "12"),
        ("content-type", "application/json"),
    ];
    let body = r#"{"error":{"message":"slow\ndown","type":"tokens","param":"n","code":"rate_limit_exceeded"}}"#;
    let error = judge(429, &headers, body).unwrap();
    assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
    let said = error.provider_error::<OpenAiError>().unwrap();
    assert_eq!(
        (said.param.as_deref(), said.kind.as_deref(), said.message.as_deref()),
        (Some("n"), Some("tokens"), Some("slow down"))
    );
    assert_eq!(said.rate_limit.as_ref().unwrap().reset_after, Some(Duration::from_secs(360)));
    assert_eq!(said.headers.len(), 7, "{:?}", said.headers);
    assert_eq!(said.to_string(), "rate_limit_exceeded: slow down");
}

#[test]
fn the_service_says_whether_to_ask_again() {
    assert!(!judge(503, &[("x-should-retry", "false")], "").unwrap().is_retryable());
    assert!(judge(409, &[("x-should-retry", "true")], "").unwrap().is_retryable());
    assert!(!judge(409, &[], "").unwrap().is_retryable());
}

/// OpenRouter tells the moment at which the window begins anew, and no date.
#[test]
fn a_moment_of_renewal_counts_from_now() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-ratelimit-limit", "20"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000060000")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let answer = Answer::new(&CHAT, StatusCode::TOO_MANY_REQUESTS, &headers, b"{}").at(Timestamp::from_unix(1_700_000_000, 0));
    let error = Answers.classify(&answer).unwrap();
    let said = error.provider_error::<OpenAiError>().unwrap();
    assert_eq!(said.rate_limit.as_ref().unwrap().reset_after, Some(Duration::from_secs(60)));
}
