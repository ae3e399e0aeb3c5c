//! The Responses API: what is sent, what is made of answers, and of streams that break over a real connection.

use std::time::Duration;

use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, Effort, FinishReason, Media, Part, Received, Tool, ToolChoice, Usage,
    WarningKind,
};
use circle_core_common::{CallOptions, ErrorKind, Integration, Reason, SecretRef};
use circle_core_openai::{OpenAi, OpenAiApi, OpenAiChat, OpenAiConfig, OpenAiError, OpenAiReply, Preset};
use circle_core_testkit::{Break, Expected, Failure, FaultServer, Place, Reply};
use serde_json::{Value, json};
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::failures::{matrix, refusal};
use super::requests::{answering, received, sent};
use super::{KEY, context, provider, server, sse};

/// A whole answer, as OpenAI's reference shows it, with reasoning.
const ANSWER: &str = r#"{
  "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
  "object": "response",
  "created_at": 1741476542,
  "status": "completed",
  "completed_at": 1741476543,
  "error": null,
  "incomplete_details": null,
  "instructions": "Be brief.",
  "max_output_tokens": 100,
  "model": "gpt-5-mini-2025-08-07",
  "output": [
    {"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAAAABo", "summary": []},
    {
      "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
      "content": [{"type": "output_text", "text": "Daugava, Gauja, Lielupe.", "annotations": [], "logprobs": []}]
    }
  ],
  "parallel_tool_calls": true,
  "reasoning": {"effort": null, "summary": null},
  "service_tier": "default",
  "store": false,
  "text": {"format": {"type": "text"}},
  "tool_choice": "auto",
  "tools": [],
  "usage": {
    "input_tokens": 36, "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 1},
    "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123
  },
  "user": null,
  "metadata": {}
}"#;

fn config(preset: Preset) -> OpenAiConfig {
    OpenAiConfig::of(preset).model("gpt-5-mini").api(OpenAiApi::Responses)
}

fn model(origin: &str) -> ChatModel {
    ChatModel::new(provider(config(Preset::Openai), origin, KEY))
}

#[tokio::test]
async fn a_request_is_sent_byte_for_byte() {
    let server = MockServer::start().await;
    let body = concat!(
        r#"{"model":"gpt-5-mini","instructions":"Be brief.","#,
        r#""input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Name three rivers in Latvia."}]}],"#,
        r#""reasoning":{"effort":"low"},"max_output_tokens":100,"include":["reasoning.encrypted_content"],"store":false}"#
    );
    Mock::given(method("POST"))
        .and(path("/v1/responses"))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .and(header("content-type", "application/json"))
        .and(body_string(body))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("x-request-id", "req-1")
                .insert_header("x-ratelimit-limit-requests", "100")
                .insert_header("x-ratelimit-remaining-requests", "7")
                .set_body_raw(ANSWER, "application/json"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let request = ChatRequest::new().system("Be brief.").user("Name three rivers in Latvia.");
    let reply = model(&server.uri()).chat(request.reasoning(Effort::Low).max_output_tokens(100)).await.unwrap();
    assert_eq!((reply.text().as_str(), &reply.finish), ("Daugava, Gauja, Lielupe.", &FinishReason::Stop));
    assert_eq!(reply.usage, Usage::inclusive(Some(36), Some(30), Some(1)).output(Some(87)).reasoning(Some(64)));
    let told = reply.extensions.get::<OpenAiReply>().unwrap();
    assert_eq!((told.request_id.as_deref(), told.service_tier.as_deref()), (Some("req-1"), Some("default")));
    assert_eq!(told.rate_limit.as_ref().unwrap().remaining, Some(7));
}

#[tokio::test]
async fn reasoning_goes_back_to_this_api_and_to_no_other() {
    let server = answering(ANSWER).await;
    let reply = model(&server.uri()).chat("Name three rivers in Latvia.").await.unwrap();
    let next = ChatRequest::from("Name three rivers in Latvia.").reply(&reply).user("Longest?");
    assert_eq!(model(&server.uri()).chat(&next).await.unwrap().warnings, []);
    let body = received(&server).await.body;
    let item = r#",{"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAAAABo", "summary": []},"#;
    assert!(String::from_utf8_lossy(&body).contains(item), "byte for byte");

    let completions = answering(super::ANSWER).await;
    let reply = super::chat(&completions.uri()).chat(&next).await.unwrap();
    assert_eq!(reply.warnings[0].kind, WarningKind::StateDropped);
    assert!(!String::from_utf8_lossy(&received(&completions).await.body).contains("gAAAAABo"));
}

#[tokio::test]
async fn presets_have_their_path_and_key() {
    for (preset, expected, key) in [
        (Preset::Openai, "/v1/responses", "authorization"),
        (Preset::Azure, "/openai/v1/responses", "api-key"),
        (Preset::Groq, "/openai/v1/responses", "authorization"),
        (Preset::Openrouter, "/api/v1/responses", "authorization"),
        (Preset::Vllm, "/v1/responses", "authorization"),
        (Preset::LlamaCpp, "/v1/responses", "authorization"),
        (Preset::LmStudio, "/v1/responses", "authorization"),
        (Preset::Ollama, "/v1/responses", "authorization"),
        (Preset::Generic, "/v1/responses", "authorization"),
    ] {
        let server = answering(ANSWER).await;
        let model = ChatModel::new(provider(config(preset), &server.uri(), KEY));
        assert_eq!(model.chat("Hi").await.unwrap().text(), "Daugava, Gauja, Lielupe.", "{preset:?}");
        let request = received(&server).await;
        assert_eq!(request.url.path(), expected, "{preset:?}");
        assert!(sent(&request, key).is_some_and(|value| value.ends_with(KEY)), "{preset:?}");
    }
}

#[tokio::test]
async fn a_preset_without_it_stops_the_start_with_a_remedy() {
    for preset in [Preset::Mistral, Preset::Deepseek] {
        let config = config(preset).api_key(SecretRef::literal(KEY.to_owned()));
        let error = OpenAi::build(config, context()).await.map(drop).unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid), "{error}");
        assert!(error.message().contains("`api`") && error.message().contains("`chat-completions`"), "{error}");
    }
}

#[tokio::test]
async fn what_it_lacks_is_unsupported_and_not_sent() {
    let server = answering(ANSWER).await;
    let model = model(&server.uri());
    for request in [
        ChatRequest::from("Hi").stop("END"),
        ChatRequest::from("Hi").seed(7),
        ChatRequest::from("Hi").audio(Media::new("x", "audio/wav")),
    ] {
        let error = model.chat(&request).await.unwrap_err();
        assert!(error.is(ErrorKind::Unsupported), "{error}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn tokens_are_counted_by_the_service() {
    let server = answering(r#"{"object":"response.input_tokens","input_tokens":11}"#).await;
    let tool = Tool::new("f", "d", json!({ "type": "object" }));
    let request = ChatRequest::new().system("Be brief.").user("Hi").tool(tool).tool_choice(ToolChoice::Required).temperature(1.0);
    let count = model(&server.uri()).count_tokens(request).await.unwrap();
    assert_eq!((count.tokens, count.estimated), (11, false));
    let request = received(&server).await;
    let body = concat!(
        r#"{"model":"gpt-5-mini","instructions":"Be brief.","#,
        r#""input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}],"#,
        r#""tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":null}],"#,
        r#""tool_choice":"required"}"#
    );
    let told = (request.url.path(), std::str::from_utf8(&request.body).unwrap());
    assert_eq!(told, ("/v1/responses/input_tokens", body));

    let none = answering("{}").await;
    assert!(model(&none.uri()).count_tokens("Hi").await.unwrap_err().is(ErrorKind::Decode));
    let azure = ChatModel::new(provider(config(Preset::Azure), &none.uri(), KEY));
    assert!(azure.count_tokens("Hi").await.unwrap_err().is(ErrorKind::Unsupported));
}

#[tokio::test]
async fn tools_of_the_service_are_offered_and_what_they_did_is_kept() {
    let search = json!({ "type": "web_search_call", "id": "ws_1", "status": "completed" });
    let text = json!({ "type": "output_text", "text": "So.", "annotations": [
        { "type": "url_citation", "url": "https://example.com", "title": "T", "start_index": 0, "end_index": 2 },
    ] });
    let message = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [text] });
    let server = answering(&json!({ "id": "r", "status": "completed", "output": [search, message] }).to_string()).await;
    let asked = ChatRequest::from("News?").extension(OpenAiChat::new().hosted_tool(json!({ "type": "web_search" })));
    let reply = model(&server.uri()).chat(&asked).await.unwrap();
    assert!(matches!(&reply.parts[0], Part::Opaque(opaque) if opaque.kind == "web_search_call"), "{reply:?}");
    assert_eq!((reply.sources[0].location.as_deref(), reply.sources[0].part), (Some("https://example.com"), Some(1)));
    model(&server.uri()).chat(asked.reply(&reply).user("More.")).await.unwrap();
    let body: Value = serde_json::from_slice(&received(&server).await.body).unwrap();
    assert_eq!((&body["tools"], &body["input"][1]), (&json!([{ "type": "web_search" }]), &search));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_meets_every_failure() {
    let ask = |server: &FaultServer, key: &str| Ok(ChatModel::new(provider(config(Preset::Openai), &server.origin(), key)));
    let whole = matrix(ANSWER)
        .run(|server, secret| ask(server, secret.secret()), |model: ChatModel| async move { model.chat("Hi").await })
        .await;
    assert_eq!(whole, Ok(()));
    let streamed = matrix(STREAM)
        // The answer has begun: nothing is repeated.
        .expect(Failure::Truncated, Expected::kind(ErrorKind::Connection).reason(Reason::Truncated))
        .expect(Failure::Garbage, Expected::kind(ErrorKind::Connection).reason(Reason::Truncated))
        .run(
            |server, secret| ask(server, secret.secret()),
            |model: ChatModel| async move { model.stream("Hi").await?.finish().await },
        )
        .await;
    assert_eq!(streamed, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_failed_is_an_error_and_repeated_where_that_helps() {
    let failed = |code: &str| {
        let error = json!({ "code": code, "message": "said" });
        Reply::json(json!({ "id": "r", "object": "response", "status": "failed", "error": error, "output": [] }).to_string())
            .header("x-request-id", "req-1")
    };
    let server = FaultServer::start().await.unwrap();
    server.script([failed("server_error"), Reply::json(ANSWER)]);
    assert!(model(&server.origin()).chat("Hi").await.is_ok());
    assert_eq!(server.hits(), 2);
    for (code, kind) in
        [("invalid_prompt", ErrorKind::InvalidInput), ("image_content_policy_violation", ErrorKind::ContentFiltered)]
    {
        server.reset();
        server.always(failed(code));
        let error = model(&server.origin()).chat("Hi").await.unwrap_err();
        assert_eq!((error.kind(), server.hits()), (kind, 1), "{error}");
        let said = error.provider_error::<OpenAiError>().unwrap();
        assert_eq!((said.code.as_deref(), said.request_id.as_deref()), (Some(code), Some("req-1")));
    }
    // A refusal that repeats the key does not show it.
    server.reset();
    server.always(refusal(401, "invalid_request_error", &format!("\"{KEY}\"")));
    let error = model(&server.origin()).chat("Hi").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
}

const STREAM: &str = concat!(
    "event: response.created\n",
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\n",
    "event: response.output_item.added\n",
    "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"i\",\"type\":\"message\",\"content\":[]}}\n\n",
    "event: response.output_text.delta\n",
    "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"Dau\"}\n\n",
    "event: response.output_text.delta\n",
    "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"gava\"}\n\n",
    "event: response.completed\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[]}}\n\n",
);

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_asked_for_and_its_connection_used_again() {
    let server = server(sse(STREAM).chunked()).await;
    let model = model(&server.origin());
    for _ in 0..3 {
        let reply = model.stream("Hi").await.unwrap().finish().await.unwrap();
        assert_eq!((reply.text().as_str(), &reply.finish), ("Daugava", &FinishReason::Stop));
    }
    assert_eq!((server.hits(), server.connections()), (3, 1));
    let request = server.received().pop().unwrap();
    let body = concat!(
        r#"{"model":"gpt-5-mini","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}],"#,
        r#""include":["reasoning.encrypted_content"],"store":false,"stream":true,"#,
        r#""stream_options":{"include_obfuscation":false}}"#
    );
    assert_eq!((request.header("accept"), std::str::from_utf8(&request.body).unwrap()), (Some("text/event-stream"), body));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_at_a_time_is_the_same_answer() {
    let server = server(sse(STREAM).drip(1, Duration::from_micros(50))).await;
    assert_eq!(model(&server.origin()).stream("Hi").await.unwrap().finish().await.unwrap().text(), "Daugava");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_anywhere_is_an_error_that_holds_what_came() {
    for cut in (0..STREAM.len() - 1).step_by(41) {
        let server = server(sse(STREAM).breaking(Place::Body(cut as u64), Break::Close)).await;
        let result = match model(&server.origin()).stream("Hi").await {
            Ok(stream) => stream.finish().await,
            Err(error) => Err(error),
        };
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{cut}: {error}");
        let received = Received::of(&error).map(ChatResponse::text).unwrap_or_default();
        assert!("Daugava".starts_with(&received), "{received}");
        assert_eq!(server.hits(), 1, "an answer that has begun is not asked for again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_ends_at_the_deadline_and_holds_what_came() {
    let stall = STREAM.find("gava").unwrap() as u64;
    let server = server(sse(STREAM).breaking(Place::Body(stall), Break::Stall)).await;
    let model = model(&server.origin()).with(CallOptions::new().timeout(Duration::from_secs(2)));
    let error = model.stream("Hi").await.unwrap().finish().await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error}");
    assert_eq!(Received::of(&error).unwrap().text(), "Dau");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_behind_the_first_words_is_typed() {
    let begun = STREAM.split_once("event: response.completed").unwrap().0;
    let failed = json!({ "type": "response.failed", "response": { "status": "failed", "error": { "code": "server_error", "message": "m" } } });
    let error = json!({ "type": "error", "code": "rate_limit_exceeded", "message": "m", "param": null, "sequence_number": 9 });
    for (event, kind) in [(failed, ErrorKind::Unavailable), (error, ErrorKind::RateLimited)] {
        let server = server(sse(format!("{begun}data: {event}\n\n")).chunked()).await;
        let error = model(&server.origin()).stream("Hi").await.unwrap().finish().await.unwrap_err();
        assert!(error.is(kind) && error.is_retryable(), "{error}");
        assert_eq!(error.detail().unwrap().request_id.as_deref(), Some("req-1"));
        assert_eq!(Received::of(&error).unwrap().text(), "Daugava");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_may_repeat_instructions_of_more_than_a_mebibyte() {
    let created = json!({ "type": "response.created", "response": { "id": "r", "instructions": "x".repeat(3 << 20) } });
    let server = server(sse(format!("data: {created}\n\n{STREAM}")).chunked()).await;
    let mut stream = model(&server.origin()).stream("Hi").await.unwrap();
    assert!(matches!(stream.try_next().await.unwrap(), Some(ChatEvent::Start { .. })));
    assert_eq!(stream.finish().await.unwrap().text(), "Daugava");
}
