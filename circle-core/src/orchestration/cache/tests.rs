//! What is kept, for whom, and for how long.

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, FinishReason, Part, ProviderState, Text, Tool, ToolCall, Usage,
};
use circle_core_common::interfaces::embedding_model::{
    EmbedInput, EmbedOptions, EmbedRequest, EmbedUsage, Embedded, EmbeddingModel, EmbeddingModelCapabilities,
    EmbeddingModelProvider, Embeddings,
};
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::{CallOptions, CallReport, Error, ErrorKind, Health, ProviderInfo, Result};
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use circle_core_memory::Memory;
use circle_core_testkit::{Faulty, ManualClock};
use std::sync::Mutex;

use super::*;

mod stores;

fn scripted() -> (ScriptedModel, ManualClock) {
    let clock = ManualClock::new();
    (ScriptedModel::within(Environment::builder().clock(clock.clock()).build()), clock)
}

fn rich() -> ChatResponse {
    let mut response = ChatResponse::new(vec![
        Part::Reasoning(Text::new("hm").state(ProviderState::new("scripted", "signature"))),
        Part::text("Yes."),
        Part::ToolCall(ToolCall::new("x", "f", serde_json::json!({ "a": 1 }))),
    ]);
    (response.id, response.model, response.finish) = (Some("id".to_owned()), Some("m".to_owned()), FinishReason::ToolCalls);
    response.usage = Usage::inclusive(Some(10), Some(4), Some(0)).output(Some(5));
    response
}

#[tokio::test]
async fn the_same_request_is_answered_once_whole_or_streamed() {
    for first_streams in [false, true] {
        let (script, clock) = scripted();
        let model = ChatModel::new(Cached::new(ChatModel::new(script.clone().reply(rich()))));
        let first = match first_streams {
            true => model.stream("Is it?").await.unwrap().finish().await.unwrap(),
            false => model.chat("Is it?").await.unwrap(),
        };
        assert_eq!(first.usage, rich().usage);
        clock.advance(Duration::from_secs(60));
        let report = CallReport::new();
        let counted = model.with(CallOptions::new().report(&report));
        let hit = counted.chat("Is it?").await.unwrap();
        let streamed = counted.stream("Is it?").await.unwrap().finish().await.unwrap();
        for reply in [&hit, &streamed] {
            assert_eq!((&reply.parts, &reply.finish, &reply.id), (&rich().parts, &FinishReason::ToolCalls, &rich().id));
            assert_eq!((reply.usage.input_total(), reply.usage.output_total()), (Some(0), Some(0)));
        }
        let mark = hit.extensions.get::<CacheHit>().unwrap();
        assert_eq!((mark.age, mark.usage), (Duration::from_secs(60), rich().usage));
        assert_eq!((report.get().cached, script.requests().len()), (2, 1));
        assert!(first.extensions.get::<CacheHit>().is_none());
    }
}

#[tokio::test]
async fn an_answer_is_too_old_at_its_ttl() {
    let (script, clock) = scripted();
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone().always("Yes."))).ttl(Duration::from_secs(60)));
    model.chat("Is it?").await.unwrap();
    clock.advance(Duration::from_secs(59));
    model.chat("Is it?").await.unwrap();
    assert_eq!(script.requests().len(), 1);
    clock.advance(Duration::from_secs(1));
    model.chat("Is it?").await.unwrap();
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn errors_and_answers_that_did_not_end_by_themselves_are_not_kept() {
    for finish in [
        FinishReason::Length,
        FinishReason::ContentFilter,
        FinishReason::Refusal,
        FinishReason::Paused,
        FinishReason::Other("solar_flare".to_owned()),
    ] {
        let (script, _) = scripted();
        let script = script.always(ScriptedReply::from("So far").finish(finish.clone()));
        let model = ChatModel::new(Cached::new(ChatModel::new(script.clone())));
        model.chat("Is it?").await.unwrap();
        model.stream("Is it?").await.unwrap().finish().await.unwrap();
        assert_eq!(model.chat("Is it?").await.unwrap().finish, finish);
        assert_eq!(script.requests().len(), 3, "{finish}");
    }
    let (script, _) = scripted();
    let refusal = ChatResponse::new(vec![Part::Refusal(Text::new("I will not say."))]);
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone().always(refusal))));
    model.chat("Is it?").await.unwrap();
    model.stream("Is it?").await.unwrap().finish().await.unwrap();
    assert_eq!((model.chat("Is it?").await.unwrap().finish, script.requests().len()), (FinishReason::Stop, 3));
    let (script, _) = scripted();
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone().then_error(ErrorKind::Unavailable).reply("Yes."))));
    assert!(model.chat("Is it?").await.is_err());
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "Yes.");
}

#[tokio::test]
async fn a_stream_that_breaks_or_is_dropped_is_not_kept() {
    let (script, _) = scripted();
    let cut = Error::new(ErrorKind::Connection, "cut");
    let script = script.reply(ScriptedReply::from("one two").fails_after(3, cut)).reply("one two").always("whole");
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone())));
    assert!(model.stream("Is it?").await.unwrap().finish().await.is_err());
    let mut stream = model.stream("Is it?").await.unwrap();
    while let Some(event) = stream.try_next().await.unwrap() {
        if matches!(event, ChatEvent::TextDelta { .. }) {
            break;
        }
    }
    drop(stream);
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "whole");
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test]
async fn variety_and_a_provider_s_own_options_are_asked_for_anew() {
    #[derive(Debug)]
    struct Own;
    impl Extension<ChatRequest> for Own {
        const PROVIDER: &'static str = "cache";
    }
    let asked = async |any: bool, request: ChatRequest| {
        let (script, _) = scripted();
        let cached = Cached::new(ChatModel::new(script.clone().always("Yes.")));
        let model = ChatModel::new(if any { cached.any_temperature() } else { cached });
        model.chat(&request).await.unwrap();
        model.stream(&request).await.unwrap().finish().await.unwrap();
        script.requests().len()
    };
    let request = || ChatRequest::from("Is it?");
    assert_eq!(asked(false, request()).await, 1);
    assert_eq!(asked(false, request().temperature(0.0)).await, 1);
    assert_eq!(asked(false, request().temperature(0.1)).await, 2);
    assert_eq!(asked(true, request().temperature(0.1)).await, 1);
    assert_eq!(asked(true, request().extension(Own)).await, 2);
}

#[tokio::test]
async fn tenants_do_not_see_each_other_s_answers_unless_they_may() {
    for across in [false, true] {
        let (script, _) = scripted();
        let cached = Cached::new(ChatModel::new(script.clone().always("Yes.")));
        let model = ChatModel::new(if across { cached.across_tenants() } else { cached });
        for tenant in ["a", "b", "a"] {
            model.with(CallOptions::new().tenant(tenant)).chat("Is it?").await.unwrap();
        }
        assert_eq!(script.requests().len(), if across { 1 } else { 2 });
    }
}

#[tokio::test]
async fn models_that_share_a_store_keep_their_answers_apart() {
    let store = KeyValueStore::new(Memory::new());
    let over = |script: ScriptedModel| ChatModel::new(Cached::new(ChatModel::new(script)).store(store.clone()));
    let one = ScriptedModel::new().always("one");
    assert_eq!(over(one.clone()).chat("Is it?").await.unwrap().text(), "one");
    assert_eq!(over(one.clone()).chat("Is it?").await.unwrap().text(), "one");
    assert_eq!(one.requests().len(), 1, "another client of the same store and model");
    let fallback = ChatModel::new(crate::orchestration::Fallback::new([ChatModel::new(ScriptedModel::new().always("two"))]));
    assert_eq!(ChatModel::new(Cached::new(fallback).store(store.clone())).chat("Is it?").await.unwrap().text(), "two");
}

#[tokio::test]
async fn a_store_keeps_streams_and_what_cannot_be_read_is_a_miss() {
    let store = KeyValueStore::new(Memory::new());
    let script = ScriptedModel::new().always("Yes.");
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone())).store(store.clone()));
    model.stream("Is it?").await.unwrap().finish().await.unwrap();
    let kept = store.list("circle-cache/").all().await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].expires_at.is_some(), "it goes by itself");
    for value in [
        "",
        "{}",
        "not json",
        "{\"at\":0,\"response\":{}}",
        "{\"at\":99999999999999,\"response\":{\"parts\":[],\"finish\":\"length\"}}",
    ] {
        store.put(kept[0].key.as_str(), value).await.unwrap();
        assert_eq!(model.chat("Is it?").await.unwrap().text(), "Yes.", "{value}");
    }
    assert_eq!(script.requests().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_does_not_answer_is_a_miss() {
    let script = ScriptedModel::new().always("Yes.");
    let broken = KeyValueStore::new(Faulty::over(Memory::new()).every(1, ErrorKind::Unavailable));
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone())).store(broken));
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "Yes.");
    let silent = circle_core_common::suite::Script::new();
    let store = circle_core_common::suite::Decorated::new(Memory::new(), silent.clone());
    let model = ChatModel::new(Cached::new(ChatModel::new(script)).store(KeyValueStore::new(store)));
    for _ in 0..2 {
        circle_core_common::suite::Faults::inject(&silent, circle_core_common::suite::Fault::Silent);
    }
    let started = tokio::time::Instant::now();
    assert_eq!(model.stream("Is it?").await.unwrap().finish().await.unwrap().text(), "Yes.");
    assert_eq!(started.elapsed(), Duration::from_secs(1), "half a second to read, and half to write");
}

#[tokio::test]
async fn a_closed_cache_gives_no_answers() {
    let (script, _) = scripted();
    let model = ChatModel::new(Cached::new(ChatModel::new(script.always("Yes."))));
    model.chat("Is it?").await.unwrap();
    let provider = model.provider().unwrap();
    let cx = CallContext::new(provider.environment(), &circle_core_common::interfaces::chat_model::CHAT, None);
    provider.close(&cx).await.unwrap();
    assert!(model.chat("Is it?").await.unwrap_err().is(ErrorKind::Closed));
    assert!(model.stream("Is it?").await.unwrap_err().is(ErrorKind::Closed));
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let (script, _) = scripted();
    let model = ChatModel::new(Cached::new(ChatModel::new(script.clone().always("Yes."))).within(2, ByteSize::mib(1)));
    for question in ["a", "b", "c", "c", "b", "a"] {
        model.chat(question).await.unwrap();
    }
    assert_eq!(script.requests().len(), 4, "a was forgotten for c");
    let tool = Tool::new("f", "d", serde_json::json!({ "type": "object" }));
    model.chat(ChatRequest::from("c").tool(tool)).await.unwrap();
    assert_eq!(script.requests().len(), 5, "with a tool it is another request");
}

/// The texts that were asked for, and what the model calls itself.
type Asked = Arc<Mutex<(Vec<String>, &'static str)>>;

/// An embedding model that gives the length of a text, and remembers what it was asked.
struct Lengths {
    info: ProviderInfo,
    environment: Environment,
    capabilities: EmbeddingModelCapabilities,
    state: Asked,
}

fn lengths() -> (EmbeddingModel, Asked) {
    let state = Arc::new(Mutex::new((Vec::new(), "m")));
    let mut capabilities = EmbeddingModelCapabilities::all();
    capabilities.dimensions = 2;
    let info = ProviderInfo::new("lengths", "1", "");
    let model = Lengths { info, environment: Environment::default(), capabilities, state: Arc::clone(&state) };
    (EmbeddingModel::new(model), state)
}

#[async_trait]
impl Provider for Lengths {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }
    fn environment(&self) -> &Environment {
        &self.environment
    }
    async fn health(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::healthy())
    }
    async fn close(&self, _: &CallContext) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl EmbeddingModelProvider for Lengths {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.capabilities
    }
    async fn embed(&self, _: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        let mut state = self.state.lock().unwrap();
        let texts: Vec<&str> = request.inputs.iter().filter_map(EmbedInput::as_text).collect();
        state.0.extend(texts.iter().map(|text| (*text).to_owned()));
        let rows = Embeddings::of_rows(texts.iter().map(|text| [text.len() as f32, 1.0]))?;
        Ok(Embedded::new(rows, state.1).usage(EmbedUsage::tokens(texts.len() as u64)))
    }
}

#[tokio::test]
async fn only_inputs_that_are_new_are_embedded_and_all_come_in_order() {
    let (inner, state) = lengths();
    let model = EmbeddingModel::new(Cached::new(inner));
    model.embed_many(["a", "ccc"]).await.unwrap().all().unwrap();
    let all = model.embed_all(["bb", "a", "dddd", "ccc"], EmbedOptions::new()).await.unwrap();
    let first: Vec<f32> = all.embeddings.iter().map(|row| row[0]).collect();
    assert_eq!(first, [2.0, 1.0, 4.0, 3.0]);
    assert_eq!(all.usage.input_tokens, Some(2), "what was kept costs nothing");
    assert_eq!(state.lock().unwrap().0, ["a", "ccc", "bb", "dddd"]);
    let kept = model.embed_all(["a", "bb"], EmbedOptions::new()).await.unwrap();
    assert_eq!((kept.usage.input_tokens, &*kept.model), (Some(0), "m"));
    model.embed_with("a", EmbedOptions::new().query()).await.unwrap();
    model.embed_with("a", EmbedOptions::new().document()).await.unwrap();
    assert_eq!(state.lock().unwrap().0.len(), 6, "for another purpose it is another embedding");
}

#[tokio::test]
async fn embeddings_of_two_models_under_one_name_are_never_mixed() {
    let (inner, state) = lengths();
    let model = EmbeddingModel::new(Cached::new(inner));
    model.embed("a").await.unwrap();
    state.lock().unwrap().1 = "m-2";
    let all = model.embed_all(["a", "bb"], EmbedOptions::new()).await.unwrap();
    assert_eq!((&*all.model, all.embeddings.len(), all.usage.input_tokens), ("m-2", 2, Some(3)));
    assert_eq!(state.lock().unwrap().0, ["a", "bb", "a", "bb"]);
    assert_eq!(&*model.embed_all(["a"], EmbedOptions::new()).await.unwrap().model, "m-2", "the newer one is kept");
}
