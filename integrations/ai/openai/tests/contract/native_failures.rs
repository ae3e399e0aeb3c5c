//! What the native client makes of refusals and broken connections, group by group.

use std::fmt::Debug;
use std::time::Duration;

use circle_core_common::{CallContext, CallOptions, ErrorKind, Reason, Result};
use circle_core_openai::batches::{BatchEndpoint, BatchOptions};
use circle_core_openai::files::{FilePurpose, FileUpload};
use circle_core_openai::images::{ImageEdit, ImageRequest};
use circle_core_openai::speech::SpeechRequest;
use circle_core_openai::transcriptions::{TranscriptionRequest, TranslationRequest};
use circle_core_openai::uploads::NewUpload;
use circle_core_openai::{FilePart, OpenAiClient, OpenAiConfig, OpenAiError};
use circle_core_testkit::{Expected, Failure, FailureMatrix, Reply};

use super::failures::matrix;
use super::{native, provider};

/// Calls against every failure, at three attempts.
async fn meets<T: Debug, Fut: Future<Output = Result<T>>>(
    matrix: FailureMatrix,
    call: impl Fn(OpenAiClient, CallContext) -> Fut,
) {
    let outcome = matrix
        .run(
            |server, secret| Ok(provider(OpenAiConfig::new("m"), &server.origin(), secret.secret()).client().clone()),
            |client: OpenAiClient| {
                let cx = client.call(CallOptions::new());
                call(client, cx)
            },
        )
        .await;
    assert_eq!(outcome, Ok(()));
}

/// What must not have its effect twice is sent once, and what became of it may be unknown.
fn once(success: &str) -> FailureMatrix {
    let unknown = || Expected::kind(ErrorKind::OutcomeUnknown);
    matrix(success)
        .expect(Failure::ServerError, Expected::kind(ErrorKind::Internal))
        .expect(Failure::BadGateway, Expected::kind(ErrorKind::Unavailable))
        .expect(Failure::Silent, unknown())
        .expect(Failure::Reset, unknown())
        .expect(Failure::Truncated, unknown())
}

/// An answer that is given as it comes: what cuts it is found by who reads it, and garbage is content.
fn streamed(success: &str) -> FailureMatrix {
    matrix(success).expect(Failure::Truncated, Expected::kind(ErrorKind::Connection).reason(Reason::Truncated))
}

fn part() -> FilePart {
    FilePart::new("a.mp3", "sound")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_meet_every_failure() {
    let file = r#"{"id":"file-1","bytes":120000,"purpose":"batch"}"#;
    meets(once(file), |client, cx| async move {
        client.upload_file(&cx, &FileUpload::new(FilePurpose::Batch, FilePart::new("a", "x"))).await
    })
    .await;
    meets(matrix(file), |client, cx| async move { client.file(&cx, "file-1").await }).await;
    meets(matrix(r#"{"data":[],"has_more":false}"#), |client, cx| async move { client.files(&cx).all().await }).await;
    meets(once(r#"{"id":"upload_1","status":"pending"}"#), |client, cx| async move {
        client.create_upload(&cx, &NewUpload::new(FilePurpose::Batch, "a", "text/plain", 1)).await
    })
    .await;
    meets(matrix(r#"{"id":"part_1"}"#), |client, cx| async move { client.add_upload_part(&cx, "upload_1", "x").await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_meet_every_failure() {
    let batch = r#"{"id":"batch_1","status":"validating"}"#;
    meets(once(batch), |client, cx| async move {
        client.create_batch(&cx, "file-1", &BatchEndpoint::Embeddings, &BatchOptions::new()).await
    })
    .await;
    meets(matrix(batch), |client, cx| async move { client.batch(&cx, "batch_1").await }).await;
    meets(streamed(r#"{"custom_id":"a","response":{"status_code":200,"body":{}}}"#), |client, cx| async move {
        client.batch_lines(&cx, "file-1").await?.try_next().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_meet_every_failure() {
    let images = r#"{"created":1,"data":[{"b64_json":"aW1hZ2U="}]}"#;
    meets(matrix(images), |client, cx| async move { client.generate_images(&cx, &ImageRequest::new("x")).await }).await;
    meets(matrix(images), |client, cx| async move { client.edit_images(&cx, &ImageEdit::new("x", part())).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_meets_every_failure() {
    let text = r#"{"text":"Good morning."}"#;
    meets(matrix(text), |client, cx| async move { client.transcribe(&cx, &TranscriptionRequest::new("m", part())).await }).await;
    meets(matrix(text), |client, cx| async move { client.translate(&cx, &TranslationRequest::new("m", part())).await }).await;
    // Whatever comes is sound, so that only what is garbage as an answer of the API is checked here.
    let spoken = streamed("sound").said(Failure::Garbage, Reply::json(r#"{"error":{"message":"x"}}"#).with_status(422));
    meets(spoken.expect(Failure::Garbage, Expected::kind(ErrorKind::InvalidInput)), |client, cx| async move {
        client.speak(&cx, &SpeechRequest::new("m", "alloy", "x")).await?.audio.collect(None).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moderation_and_models_meet_every_failure() {
    let results = r#"{"results":[{"flagged":false,"categories":{}}]}"#;
    meets(matrix(results), |client, cx| async move { client.moderate(&cx, &["x"], None).await }).await;
    meets(matrix(r#"{"data":[{"id":"m"}]}"#), |client, cx| async move { client.models(&cx).await }).await;
    meets(matrix(r#"{"id":"m","created":1}"#), |client, cx| async move { client.model(&cx, "m").await }).await;
}

/// A request beyond the limit was not carried out; of other refusals with this status nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_done_twice_is_sent_again_where_it_was_not_done() {
    for (code, sent) in [("\"rate_limit_exceeded\"", 3), ("null", 1), ("\"slow_down\"", 1)] {
        let refusal =
            Reply::json(format!(r#"{{"error":{{"message":"slow down","type":"requests","param":null,"code":{code}}}}}"#));
        let (server, client, cx) = native(refusal.with_status(429).header("retry-after-ms", "1")).await;
        let batch = client.create_batch(&cx, "file-1", &BatchEndpoint::Embeddings, &BatchOptions::new()).await;
        assert_eq!((batch.unwrap_err().kind(), server.hits()), (ErrorKind::RateLimited, sent), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_keeps_all_that_the_service_said() {
    let refusal = Reply::json(r#"{"error":{"message":"slow down","type":"requests","param":"n","code":"rate_limit_exceeded"}}"#)
        .with_status(429)
        .header("retry-after-ms", "20")
        .header("x-ratelimit-remaining-requests", "0");
    let (server, client, cx) = native(refusal).await;
    let began = std::time::Instant::now();
    let error = client.generate_images(&cx, &ImageRequest::new("x")).await.unwrap_err();
    assert!(error.is(ErrorKind::RateLimited) && server.hits() == 3 && began.elapsed() >= Duration::from_millis(40), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_millis(20)));
    let said = error.provider_error::<OpenAiError>().unwrap();
    assert_eq!((said.status, said.code.as_deref(), said.kind.as_deref()), (429, Some("rate_limit_exceeded"), Some("requests")));
    assert_eq!((said.param.as_deref(), said.message.as_deref()), (Some("n"), Some("slow down")));
    assert_eq!(said.request_id.as_deref(), Some("req-1"));
    assert!(said.headers.iter().any(|(name, value)| name == "x-ratelimit-remaining-requests" && value == "0"));
}
