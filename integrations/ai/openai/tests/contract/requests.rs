//! Requests, as the services' references show them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::interfaces::chat_model::{ChatModel, ChatRequest, Tool};
use circle_core_common::interfaces::embedding_model::EmbedOptions;
use circle_core_common::provider::Provider;
use circle_core_common::{CallContext, Environment, ErrorKind, Integration, SecretRef};
use circle_core_openai::{OpenAi, OpenAiChat, OpenAiConfig, OpenAiReply, Preset};
use serde_json::json;
use wiremock::matchers::{any, body_string, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{ANSWER, KEY, chat, context, embedder, provider};

pub(super) async fn answering(body: &str) -> MockServer {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200).insert_header("x-request-id", "req-1").set_body_raw(body, "application/json");
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

pub(super) async fn received(server: &MockServer) -> Request {
    server.received_requests().await.unwrap().pop().unwrap()
}

pub(super) fn sent<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

#[tokio::test]
async fn a_chat_is_sent_byte_for_byte() {
    let server = MockServer::start().await;
    let body = concat!(
        r#"{"model":"gpt-5-mini","messages":[{"role":"system","content":"Be brief."},"#,
        r#"{"role":"user","content":"Name three rivers in Latvia."}],"max_completion_tokens":100}"#
    );
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
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
    let request = ChatRequest::new().system("Be brief.").user("Name three rivers in Latvia.").max_output_tokens(100);
    let reply = chat(&server.uri()).chat(request).await.unwrap();
    assert_eq!(reply.text(), "Daugava, Gauja, Lielupe.");
    assert_eq!((reply.usage.input_total(), reply.usage.output_total()), (Some(19), Some(10)));
    let told = reply.extensions.get::<OpenAiReply>().unwrap();
    assert_eq!((told.request_id.as_deref(), told.service_tier.as_deref()), (Some("req-1"), Some("default")));
    assert_eq!(told.rate_limit.as_ref().unwrap().remaining, Some(7));
}

#[tokio::test]
async fn a_request_names_its_own_model_and_options() {
    let server = answering(ANSWER).await;
    let request = ChatRequest::from("Hi").model("gpt-5").extension(OpenAiChat::new().prompt_cache_key("notes"));
    chat(&server.uri()).chat(request).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&received(&server).await.body).unwrap();
    assert_eq!((&body["model"], &body["prompt_cache_key"]), (&json!("gpt-5"), &json!("notes")));
}

#[tokio::test]
async fn organization_and_project_are_headers() {
    let server = answering(ANSWER).await;
    let config = OpenAiConfig::new("m").organization("org-1").project("proj-1");
    ChatModel::new(provider(config, &server.uri(), KEY)).chat("Hi").await.unwrap();
    let request = received(&server).await;
    assert_eq!((sent(&request, "openai-organization"), sent(&request, "openai-project")), (Some("org-1"), Some("proj-1")));
}

#[tokio::test]
async fn presets_have_their_path_and_key() {
    for (preset, path, key) in [
        (Preset::Openai, "/v1/chat/completions", "authorization"),
        (Preset::Azure, "/openai/v1/chat/completions", "api-key"),
        (Preset::Mistral, "/v1/chat/completions", "authorization"),
        (Preset::Deepseek, "/chat/completions", "authorization"),
        (Preset::Groq, "/openai/v1/chat/completions", "authorization"),
        (Preset::Openrouter, "/api/v1/chat/completions", "authorization"),
        (Preset::Vllm, "/v1/chat/completions", "authorization"),
        (Preset::LlamaCpp, "/v1/chat/completions", "authorization"),
        (Preset::LmStudio, "/v1/chat/completions", "authorization"),
        (Preset::Ollama, "/v1/chat/completions", "authorization"),
    ] {
        let server = answering(ANSWER).await;
        let model = ChatModel::new(provider(OpenAiConfig::of(preset).model("m"), &server.uri(), KEY));
        assert_eq!(model.chat("Hi").await.unwrap().text(), "Daugava, Gauja, Lielupe.", "{preset:?}");
        let request = received(&server).await;
        assert_eq!(request.url.path(), path, "{preset:?}");
        assert!(sent(&request, key).is_some_and(|value| value.ends_with(KEY)), "{preset:?}");
        assert_eq!(sent(&request, "authorization").is_some(), key == "authorization", "{preset:?}");
    }
}

#[tokio::test]
async fn an_endpoint_with_a_path_keeps_it() {
    let server = answering(ANSWER).await;
    let endpoint = format!("{}/proxy/openai/", server.uri());
    ChatModel::new(provider(OpenAiConfig::new("m"), &endpoint, KEY)).chat("Hi").await.unwrap();
    assert_eq!(received(&server).await.url.path(), "/proxy/openai/chat/completions");
}

#[tokio::test]
async fn what_a_preset_lacks_is_unsupported_and_not_sent() {
    let server = answering(ANSWER).await;
    let tool = Tool::new("f", "d", json!({ "type": "object" }));
    let named = ChatRequest::from("Hi").tool(tool).tool_choice(circle_core_common::interfaces::chat_model::ToolChoice::Required);
    let seeded = ChatRequest::from("Hi").seed(7);
    for (config, request) in [
        (OpenAiConfig::of(Preset::Ollama).model("m"), &named),
        (OpenAiConfig::of(Preset::Deepseek).model("m"), &seeded),
        (OpenAiConfig::new("m").lacks("tools"), &named),
    ] {
        let error = ChatModel::new(provider(config, &server.uri(), KEY)).chat(request).await.unwrap_err();
        assert!(error.is(ErrorKind::Unsupported), "{error}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

fn embeddings(rows: &[&[f32]]) -> String {
    let row = |(at, row): (usize, &&[f32])| {
        let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
        json!({ "object": "embedding", "index": at, "embedding": STANDARD.encode(bytes) })
    };
    let data: Vec<_> = rows.iter().enumerate().map(row).collect();
    let usage = json!({ "prompt_tokens": 8, "total_tokens": 8 });
    json!({ "object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage }).to_string()
}

#[tokio::test]
async fn embeddings_are_asked_for_in_base64() {
    let server = answering(&embeddings(&[&[0.6, 0.8], &[1.0, 0.0]])).await;
    let options = EmbedOptions::new().dimensions(2);
    let embedded = embedder(&server.uri()).embed_all(["one", "two"], options).await.unwrap();
    assert_eq!(&**embedded.embeddings.block(), [0.6, 0.8, 1.0, 0.0]);
    assert_eq!((embedded.usage.input_tokens, &*embedded.model), (Some(8), "text-embedding-3-small"));
    let request = received(&server).await;
    let body = r#"{"model":"text-embedding-3-small","input":["one","two"],"dimensions":2,"encoding_format":"base64"}"#;
    assert_eq!((request.url.path(), std::str::from_utf8(&request.body).unwrap()), ("/v1/embeddings", body));
}

#[tokio::test]
async fn an_embedding_of_another_width_is_undecodable() {
    let server = answering(&embeddings(&[&[0.6, 0.8]])).await;
    assert!(embedder(&server.uri()).embed("one").await.unwrap_err().is(ErrorKind::Decode), "1536 are documented");
}

#[tokio::test]
async fn models_are_listed_and_answer_for_the_health() {
    let server = answering(
        r#"{"object":"list","data":[{"id":"gpt-5","object":"model","created":1,"owned_by":"openai"},
        {"id":"llama","context_window":131072,"new":{}}]}"#,
    )
    .await;
    let models = provider(OpenAiConfig::new("m"), &server.uri(), KEY);
    let cx = CallContext::new(&Environment::default(), &circle_core_common::interfaces::chat_model::CHAT, None);
    let listed = models.client().models(&cx).await.unwrap();
    assert_eq!((listed[0].id.as_str(), listed[0].owned_by.as_deref()), ("gpt-5", Some("openai")));
    assert_eq!(listed[1].context_window, Some(131_072));
    assert_eq!((received(&server).await.method.as_str(), received(&server).await.url.path()), ("GET", "/v1/models"));
    assert!(models.health(&cx).await.is_ok());
}

#[tokio::test]
async fn what_is_wrong_with_a_config_stops_the_start() {
    let key = || SecretRef::literal(KEY.to_owned());
    for (config, named) in [
        (OpenAiConfig::of(Preset::Openai).api_key(key()), "`model`"),
        (OpenAiConfig::new("m"), "`api_key`"),
        (OpenAiConfig::of(Preset::Azure).model("m").api_key(key()), "`endpoint`"),
        (OpenAiConfig::of(Preset::Vllm).model("m"), "`endpoint`"),
        (OpenAiConfig::new("m").api_key(key()).endpoint("ftp://example.com"), "endpoint"),
        (OpenAiConfig::new("m").api_key(key()).lacks("wings"), "`wings`"),
        (OpenAiConfig::new("m").api_key(key()).organization("a\nb"), "openai-organization"),
    ] {
        let error = OpenAi::build(config, context()).await.map(drop).unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains(named), "{named}: {error}");
    }
    // Servers on this machine need no key.
    assert!(OpenAi::build(OpenAiConfig::of(Preset::Ollama).model("m"), context()).await.is_ok());
}

#[tokio::test]
async fn a_model_that_is_not_configured_is_told_by_its_key() {
    let server = answering(ANSWER).await;
    let only_embeds = ChatModel::new(provider(OpenAiConfig::embedding("e"), &server.uri(), KEY));
    let error = only_embeds.chat("Hi").await.unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("`model`"), "{error}");
    let no_embeddings = OpenAiConfig::of(Preset::Groq).model("m").embedding_model("e");
    let groq = circle_core_common::interfaces::embedding_model::EmbeddingModel::new(provider(no_embeddings, &server.uri(), KEY));
    assert!(groq.embed("Hi").await.unwrap_err().is(ErrorKind::Unsupported));
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}
