//! What the provider makes of refusals and broken connections.

use std::time::Duration;

use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::{ErrorKind, Reason};
use circle_core_openai::{OpenAiConfig, OpenAiError};
use circle_core_testkit::{Expected, Failure, FailureMatrix, FaultServer, Reply};

use super::{ANSWER, chat, provider};

pub(super) fn refusal(status: u16, kind: &str, code: &str) -> Reply {
    Reply::json(format!(r#"{{"error":{{"message":"said","type":"{kind}","param":null,"code":{code}}}}}"#)).with_status(status)
}

pub(super) fn matrix(success: &str) -> FailureMatrix {
    FailureMatrix::new(Reply::json(success), 3)
        .said(Failure::Unauthenticated, refusal(401, "invalid_request_error", "\"invalid_api_key\""))
        .said(Failure::Forbidden, refusal(403, "request_forbidden", "\"unsupported_country_region_territory\""))
        .said(Failure::Missing, refusal(404, "invalid_request_error", "\"model_not_found\""))
        .said(Failure::Throttled, refusal(429, "tokens", "\"rate_limit_exceeded\""))
        .said(Failure::ServerError, refusal(500, "server_error", "null"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_meets_every_failure() {
    let outcome = matrix(ANSWER)
        .run(
            |server, secret| Ok(ChatModel::new(provider(OpenAiConfig::new("m"), &server.origin(), secret.secret()))),
            |model: ChatModel| async move { model.chat("Hi").await },
        )
        .await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_meets_every_failure() {
    let stream =
        "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"so\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let outcome = matrix(stream)
        // The answer has begun: nothing is repeated.
        .expect(Failure::Truncated, Expected::kind(ErrorKind::Connection).reason(Reason::Truncated))
        .expect(Failure::Garbage, Expected::kind(ErrorKind::Connection).reason(Reason::Truncated))
        .run(
            |server, secret| Ok(ChatModel::new(provider(OpenAiConfig::new("m"), &server.origin(), secret.secret()))),
            |model: ChatModel| async move { model.stream("Hi").await?.finish().await },
        )
        .await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedding_meets_every_failure() {
    let success = r#"{"data":[{"index":0,"embedding":[0.6,0.8]}],"model":"e","usage":{"prompt_tokens":1}}"#;
    let outcome = matrix(success)
        .run(
            |server, secret| Ok(EmbeddingModel::new(provider(OpenAiConfig::embedding("e"), &server.origin(), secret.secret()))),
            |model: EmbeddingModel| async move { model.embed("Hi").await },
        )
        .await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_not_asked_again_and_a_limit_is() {
    let server = FaultServer::start().await.unwrap();
    server.always(refusal(429, "insufficient_quota", "\"insufficient_quota\"").header("x-request-id", "req-1"));
    let error = chat(&server.origin()).chat("Hi").await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), server.hits()), (ErrorKind::QuotaExceeded, false, 1));
    let said = error.provider_error::<OpenAiError>().unwrap();
    assert_eq!((said.code.as_deref(), said.request_id.as_deref()), (Some("insufficient_quota"), Some("req-1")));

    server.reset();
    let limited = refusal(429, "requests", "\"rate_limit_exceeded\"").header("retry-after-ms", "20");
    server.script([limited, Reply::json(ANSWER)]);
    let began = std::time::Instant::now();
    assert_eq!(chat(&server.origin()).chat("Hi").await.unwrap().text(), "Daugava, Gauja, Lielupe.");
    assert!(began.elapsed() >= Duration::from_millis(20) && server.hits() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_success_is_repeated_like_one() {
    let server = FaultServer::start().await.unwrap();
    let inside = Reply::json(r#"{"error":{"code":502,"message":"Provider returned error"}}"#);
    server.script([inside, Reply::json(ANSWER)]);
    assert!(chat(&server.origin()).chat("Hi").await.is_ok());
    assert_eq!(server.hits(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_service_repeats_is_not_shown() {
    let server = FaultServer::start().await.unwrap();
    let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {0}","code":"{0}","type":"x"}}}}"#, super::KEY);
    server.always(Reply::json(body).with_status(401));
    let error = chat(&server.origin()).chat("Hi").await.unwrap_err();
    let said = error.provider_error::<OpenAiError>().unwrap();
    assert!(!format!("{error} {error:?} {said:?} {:?}", error.to_problem()).contains(super::KEY), "{error:?}");
}
