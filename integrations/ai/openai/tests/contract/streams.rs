//! Streams that break, over a real connection.

use std::time::Duration;

use circle_core_common::interfaces::chat_model::{ChatEvent, ChatModel, FinishReason, Received};
use circle_core_common::{CallOptions, ErrorKind, Reason};
use circle_core_openai::{OpenAiApi, OpenAiConfig, OpenAiError};
use circle_core_testkit::{Break, Place, Reply};

use super::{chat, provider, server, sse};

const STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Dau\"}}]}\n\n",
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"gava\"}}]}\n\n",
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
);

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_asked_for_and_read() {
    let server = server(sse(STREAM).chunked()).await;
    let reply = chat(&server.origin()).stream("Hi").await.unwrap().finish().await.unwrap();
    assert_eq!((reply.text().as_str(), &reply.finish), ("Daugava", &FinishReason::Stop));
    let request = server.received().pop().unwrap();
    let body = concat!(
        r#"{"model":"gpt-5-mini","messages":[{"role":"user","content":"Hi"}],"stream":true,"#,
        r#""stream_options":{"include_usage":true,"include_obfuscation":false}}"#
    );
    assert_eq!((request.header("accept"), std::str::from_utf8(&request.body).unwrap()), (Some("text/event-stream"), body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_the_next_stream() {
    let server = server(sse(STREAM).chunked()).await;
    let model = chat(&server.origin());
    for _ in 0..3 {
        model.stream("Hi").await.unwrap().finish().await.unwrap();
    }
    assert_eq!((server.hits(), server.connections()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_at_a_time_is_the_same_answer() {
    let server = server(sse(STREAM).drip(1, Duration::from_micros(50))).await;
    assert_eq!(chat(&server.origin()).stream("Hi").await.unwrap().finish().await.unwrap().text(), "Daugava");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_said_back_in_the_middle_of_an_answer_is_in_no_error() {
    let key = "sk-hunter2-0123456789";
    let fault = format!(r#"{{"message":"Incorrect API key provided: {key}","code":"{key}","type":"invalid_request_error"}}"#);
    let streams = [
        (OpenAiApi::ChatCompletions, format!("data: {{\"error\":{fault}}}\n\n")),
        (OpenAiApi::ChatCompletions, format!("event: error\ndata: {fault}\n\n")),
        (OpenAiApi::Responses, format!("data: {{\"type\":\"error\",\"error\":{fault}}}\n\n")),
        (
            OpenAiApi::Responses,
            format!("data: {{\"type\":\"response.failed\",\"response\":{{\"status\":\"failed\",\"error\":{fault}}}}}\n\n"),
        ),
    ];
    for (api, stream) in streams {
        let server = server(sse(&stream)).await;
        let model = ChatModel::new(provider(OpenAiConfig::new("m").api(api), &server.origin(), key));
        let error = model.stream("Hi").await.unwrap_err();
        let said = error.provider_error::<OpenAiError>().unwrap();
        assert!(error.message().contains("Incorrect API key provided") && said.request_id.is_some(), "{error}");
        assert!(!format!("{error} {error:?} {said:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_anywhere_is_an_error_that_holds_what_came() {
    let done = STREAM.find("[DONE]").unwrap();
    for cut in (0..done).step_by(37) {
        let server = server(sse(STREAM).breaking(Place::Body(cut as u64), Break::Close)).await;
        let result = match chat(&server.origin()).stream("Hi").await {
            Ok(stream) => stream.finish().await,
            Err(error) => Err(error),
        };
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{cut}: {error}");
        let received =
            Received::of(&error).map(circle_core_common::interfaces::chat_model::ChatResponse::text).unwrap_or_default();
        assert!("Daugava".starts_with(&received), "{received}");
        assert_eq!(server.hits(), 1, "an answer that has begun is not asked for again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_ends_at_the_deadline_and_holds_what_came() {
    let stall = STREAM.find("gava").unwrap() as u64;
    let server = server(sse(STREAM).breaking(Place::Body(stall), Break::Stall)).await;
    let model = chat(&server.origin()).with(CallOptions::new().timeout(Duration::from_secs(2)));
    let error = model.stream("Hi").await.unwrap().finish().await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error}");
    assert_eq!(Received::of(&error).unwrap().text(), "Dau");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_of_the_call_that_opens() {
    let server = server(Reply::json(r#"{"error":{"message":"no","code":"invalid_api_key"}}"#).with_status(401)).await;
    assert!(chat(&server.origin()).stream("Hi").await.unwrap_err().is(ErrorKind::Unauthenticated));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_behind_the_first_words_is_typed() {
    let begun = &STREAM[..STREAM.find("data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},").unwrap()];
    let event = "data: {\"error\":{\"message\":\"The server is overloaded\",\"type\":\"overloaded_error\",\"code\":null}}\n\n";
    let server = server(sse(format!("{begun}{event}")).chunked()).await;
    let error = chat(&server.origin()).stream("Hi").await.unwrap().finish().await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.is_retryable(), "{error}");
    assert_eq!(error.detail().unwrap().request_id.as_deref(), Some("req-1"));
    assert_eq!(Received::of(&error).unwrap().text(), "Daugava");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_ends_at_the_service() {
    let stall = STREAM.find("gava").unwrap() as u64;
    let server = server(sse(STREAM).breaking(Place::Body(stall), Break::Stall)).await;
    let mut stream = chat(&server.origin()).stream("Hi").await.unwrap();
    assert!(matches!(stream.try_next().await.unwrap(), Some(ChatEvent::Start { .. })));
    drop(stream);
    let closed = async {
        while server.open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap();
}
