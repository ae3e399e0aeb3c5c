//! Models behind one another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    CHAT, ChatEvent, ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, FinishReason, Message, Part,
    PartKind, ProviderState, Received, Role, Text, WarningKind,
};
use circle_core_common::interfaces::embedding_model::{
    EmbedRequest, Embedded, EmbeddingModel, EmbeddingModelCapabilities, EmbeddingModelProvider, Embeddings, ModelId,
};
use circle_core_common::service::{Deferred, Service};
use circle_core_common::{
    CallContext, CallOptions, CallReport, Cancel, Detail, Environment, Error, ErrorKind, Health, HealthState, Provider,
    ProviderInfo, Reason, Result, Sent,
};
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use circle_core_testkit::{ManualClock, drop_sweep};

use super::super::super::{Cooldown, Leg, LegErrors, MoveOn};
use super::super::Fallback;
use crate::orchestration::forward::provided_by;

fn both(first: &ScriptedModel, second: &ScriptedModel) -> ChatModel {
    ChatModel::new(Fallback::new([
        Leg::new(ChatModel::new(first.clone())).name("first"),
        Leg::new(ChatModel::new(second.clone())).name("second"),
    ]))
}

fn asked(model: &ScriptedModel) -> usize {
    model.requests().len()
}

#[tokio::test]
async fn every_kind_of_error_moves_on_or_ends_as_the_rule_says() {
    for kind in ErrorKind::ALL {
        let (first, second) = (ScriptedModel::new().then_error(*kind), ScriptedModel::new().always("second"));
        let moves = MoveOn::new().moves(&Error::new(*kind, ""), circle_core_common::Class::Read);
        match both(&first, &second).chat("Is it?").await {
            Ok(reply) => assert!(moves && reply.text() == "second", "{kind}"),
            Err(error) => assert!(!moves && error.is(*kind) && asked(&second) == 0, "{kind}: {error}"),
        }
    }
}

#[tokio::test]
async fn where_no_leg_answers_the_error_names_them_all() {
    let busy = || {
        let mut detail = Detail::new();
        detail.retry_after = Some(Duration::from_secs(7));
        Error::new(ErrorKind::RateLimited, "too many").with_detail(detail).with_sent(Sent::Yes)
    };
    let first = ScriptedModel::new().then_error(Error::new(ErrorKind::Unauthenticated, "the key is not known"));
    let second = ScriptedModel::new().then_error(busy());
    let report = CallReport::new();
    let model = both(&first, &second).with(CallOptions::new().report(&report));
    let error = model.chat("Is it?").await.unwrap_err();
    let text = "none of 2 legs answered: `first`: not authenticated: the key is not known; `second`: rate limited: too many";
    assert_eq!(error.message(), text);
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(7))));
    assert!(error.is_retryable() && error.attempts() == 2 && report.get().attempts == 2);
    let said: Vec<_> = LegErrors::of(&error).unwrap().iter().map(|(leg, error)| (leg, error.kind())).collect();
    assert_eq!(said, [("first", ErrorKind::Unauthenticated), ("second", ErrorKind::RateLimited)]);
    let second = LegErrors::of(&error).unwrap().iter().nth(1).unwrap().1;
    assert_eq!((second.service(), second.provider()), (Some("second"), Some("scripted")));
}

#[tokio::test]
async fn an_error_that_does_not_move_on_is_the_answer_itself() {
    let first = ScriptedModel::new().then_error(Error::new(ErrorKind::ContentFiltered, "no"));
    let second = ScriptedModel::new().always("yes");
    let error = both(&first, &second).chat("Is it?").await.unwrap_err();
    assert!(error.is(ErrorKind::ContentFiltered) && LegErrors::of(&error).is_none());
    assert_eq!((error.service(), error.message()), (Some("first"), "no"));
    let first = ScriptedModel::new().then_error(Error::new(ErrorKind::ContentFiltered, "no"));
    let legs = [ChatModel::new(first), ChatModel::new(second)];
    let model = ChatModel::new(Fallback::new(legs).move_on(MoveOn::new().at(ErrorKind::ContentFiltered)));
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "yes");
}

/// The events of an answer up to its `count`th, and then an error.
fn breaks_after(count: usize) -> (ScriptedReply, Vec<ChatEvent>) {
    let events = vec![
        ChatEvent::start(Some("id-of-the-first".to_owned()), None),
        ChatEvent::Heartbeat,
        ChatEvent::part_start(0, PartKind::Text),
        ChatEvent::text(0, ""),
        ChatEvent::text(0, "first "),
        ChatEvent::text(0, "word"),
        ChatEvent::part_end(0, None),
        ChatEvent::end(FinishReason::Stop),
    ];
    let error = Error::new(ErrorKind::Unavailable, "overloaded").with_sent(Sent::Yes);
    (ScriptedReply::events(events.clone()).fails_after(count, error), events[..count].to_vec())
}

#[tokio::test]
async fn a_stream_moves_on_before_its_first_word_and_never_after() {
    for count in 0..=7 {
        let (reply, events) = breaks_after(count);
        let (first, second) = (ScriptedModel::new().reply(reply), ScriptedModel::new().always("second"));
        let spoke = events.iter().any(ChatEvent::is_content);
        let mut stream = both(&first, &second).stream("Is it?").await.unwrap();
        let mut seen = Vec::new();
        let ended = loop {
            match stream.try_next().await {
                Ok(Some(event)) => seen.push(event),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert_eq!(asked(&second), usize::from(!spoke), "after {count} events");
        match ended {
            Some(error) => {
                assert!(spoke && error.is(ErrorKind::Unavailable), "after {count} events: {error}");
                assert!(Received::of(&error).unwrap().text().starts_with("first "));
            }
            None => {
                assert!(!spoke, "after {count} events");
                // Nothing of the first leg is seen, not even that it began.
                assert!(!format!("{seen:?}").contains("id-of-the-first"), "{seen:?}");
                assert_eq!(stream.finish().await.unwrap().text(), "second");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_stalls_before_its_first_word_gives_way_in_time() {
    let stalls = ScriptedReply::events([ChatEvent::start(None, None)]).stalls_after(1);
    let (first, second) = (ScriptedModel::new().reply(stalls), ScriptedModel::new().always("second"));
    let leg = |model: &ScriptedModel| Leg::new(ChatModel::new(model.clone()));
    let model = ChatModel::new(Fallback::new([leg(&first).timeout(Duration::from_secs(2)), leg(&second)]));
    let started = tokio::time::Instant::now();
    assert_eq!(model.stream("Is it?").await.unwrap().finish().await.unwrap().text(), "second");
    assert_eq!(started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_leg_bounds_the_beginning_of_a_stream_only() {
    let stalls = ScriptedReply::from("first word and more").stalls_after(4);
    let (first, second) = (ScriptedModel::new().reply(stalls), ScriptedModel::new().always("second"));
    let leg = |model: &ScriptedModel| Leg::new(ChatModel::new(model.clone()));
    let model = ChatModel::new(Fallback::new([leg(&first).timeout(Duration::from_secs(2)), leg(&second)]));
    let model = model.with(CallOptions::new().timeout(Duration::from_secs(30)));
    let started = tokio::time::Instant::now();
    let error = model.stream("Is it?").await.unwrap().finish().await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed().as_secs(), asked(&second)), (ErrorKind::Timeout, 30, 0));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_shared() {
    let silent = || ScriptedModel::new().always(ScriptedReply::events([]).stalls_after(0));
    let (first, second, third) = (silent(), silent(), ScriptedModel::new().always("third"));
    let leg = |model: &ScriptedModel| Leg::new(ChatModel::new(model.clone()));
    let model = ChatModel::new(Fallback::new([leg(&first).share(0.5), leg(&second).share(0.5), leg(&third)]));
    let started = tokio::time::Instant::now();
    let reply = model.with(CallOptions::new().timeout(Duration::from_secs(8))).chat("Is it?").await.unwrap();
    assert_eq!((reply.text().as_str(), started.elapsed().as_secs()), ("third", 6));

    let model = ChatModel::new(Fallback::new([leg(&first), leg(&third)]));
    let error = model.with(CallOptions::new().timeout(Duration::from_secs(8))).chat("Is it?").await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout) && asked(&third) == 1, "with no time left nobody is asked: {error}");
}

#[tokio::test]
async fn a_cancelled_call_asks_nobody_else() {
    let silent = ScriptedModel::new().always(ScriptedReply::events([]).stalls_after(0));
    let second = ScriptedModel::new().always("second");
    let cancel = Cancel::new();
    let model = both(&silent, &second).with(CallOptions::new().cancel(&cancel));
    let call = tokio::spawn(async move { model.chat("Is it?").await });
    tokio::task::yield_now().await;
    cancel.cancel();
    assert!(call.await.unwrap().unwrap_err().is(ErrorKind::Cancelled));
    assert_eq!(asked(&second), 0);
}

#[tokio::test]
async fn a_leg_that_keeps_failing_rests_and_is_tried_by_one_call() {
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let first = ScriptedModel::within(environment.clone());
    let second = ScriptedModel::within(environment).always("second");
    let model = both(&first, &second);
    for _ in 0..3 {
        let _ = first.clone().then_error(ErrorKind::Unavailable);
    }
    for _ in 0..10 {
        assert_eq!(model.chat("Is it?").await.unwrap().text(), "second");
    }
    assert_eq!(asked(&first), 3, "it rests after three failures in a row");
    let cx = CallContext::new(&Environment::builder().clock(clock.clock()).build(), &CHAT, None);
    let health = model.provider().unwrap().health(&cx).await.unwrap();
    assert_eq!((health.state, health.note.as_deref()), (HealthState::Impaired, Some("`first` rests after failures")));

    clock.advance(Duration::from_secs(30));
    let _ = first.clone().reply("first");
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "first");
    assert_eq!(model.provider().unwrap().health(&cx).await.unwrap(), Health::healthy());
}

#[tokio::test]
async fn a_resting_leg_is_asked_where_no_other_answers() {
    let (first, second) = (ScriptedModel::new(), ScriptedModel::new().always("second"));
    let model = both(&first, &second);
    let _ = first.clone().then_error(ErrorKind::QuotaExceeded).reply("first");
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "second");
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "second");
    let _ = second.clone().then_error(ErrorKind::Unavailable);
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "first");
}

#[tokio::test]
async fn a_dropped_trial_leaves_the_leg_to_be_tried() {
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let first = ScriptedModel::within(environment.clone()).then_error(ErrorKind::QuotaExceeded);
    let second = ScriptedModel::within(environment).always("second");
    let model = both(&first, &second);
    model.chat("Is it?").await.unwrap();
    clock.advance(Duration::from_secs(30));
    let stalls = ScriptedReply::events([]).stalls_after(0);
    let _ = first.clone().reply(stalls.clone()).reply("first");
    let call = tokio::spawn({
        let model = model.clone();
        async move { model.chat("Is it?").await }
    });
    while asked(&first) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "second", "one call at a time tries it");
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "first");
}

#[tokio::test]
async fn dropping_at_every_await_leaves_every_leg_as_it_was() {
    let (first, second) = (ScriptedModel::new(), ScriptedModel::new().always("second"));
    let fallback = Arc::new(Fallback::new([ChatModel::new(first.clone()), ChatModel::new(second)]).cooldown(Cooldown::off()));
    let model = ChatModel::from(fallback.clone() as Arc<dyn ChatModelProvider>);
    let dropped = drop_sweep(
        || {
            let _ = first.clone().then_error(ErrorKind::Unavailable);
            model.chat("Is it?")
        },
        async || match fallback.legs().any(|leg| leg.health.is_resting(Environment::default().clock().now())) {
            true => Err("a leg rests"),
            false => Ok(()),
        },
    );
    dropped.await.unwrap();
}

#[tokio::test]
async fn it_can_do_what_every_leg_can() {
    let images = ChatModelCapabilities::IMAGES;
    let legs = [ChatModel::new(ScriptedModel::new()), ChatModel::new(ScriptedModel::new().without(images))];
    let model = ChatModel::new(Fallback::new(legs));
    let error = model.chat(ChatRequest::from("What is it?").image(b"\x89PNG\r\n\x1a\n".to_vec())).await.unwrap_err();
    assert_eq!(error.capability(), Some("images"));
}

/// A model of another vendor, whose state the scripted one cannot read.
struct Other(ScriptedModel);

provided_by!(Other, 0);

#[async_trait]
impl ChatModelProvider for Other {
    fn capabilities(&self) -> &ChatModelCapabilities {
        self.0.capabilities()
    }
    fn state_owner(&self) -> &str {
        "other"
    }
    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.0.chat(cx, request).await
    }
    async fn stream(
        &self,
        cx: &CallContext,
        request: ChatRequest,
    ) -> Result<circle_core_common::interfaces::chat_model::ChatStream> {
        self.0.stream(cx, request).await
    }
}

#[tokio::test]
async fn state_goes_back_to_the_leg_that_it_came_from_and_to_no_other() {
    let (first, second) = (ScriptedModel::new().reply("one"), ScriptedModel::new().always("two"));
    let model = ChatModel::new(Fallback::new([ChatModel::new(first.clone()), ChatModel::new(Other(second.clone()))]));
    let text = Text::new("So").state(ProviderState::new("scripted", "signature"));
    let request = ChatRequest::from("Why?").message(Message::new(Role::Assistant, vec![Part::Text(text)])).user("Sure?");
    let reply = model.chat(&request).await.unwrap();
    assert!(reply.warnings.is_empty() && first.requests()[0].messages[1].parts[0].state().is_some());

    for streamed in [false, true] {
        let _ = first.clone().then_error(ErrorKind::Unavailable);
        let reply = match streamed {
            false => model.chat(&request).await.unwrap(),
            true => model.stream(&request).await.unwrap().finish().await.unwrap(),
        };
        let kinds: Vec<_> = reply.warnings.iter().map(|warning| warning.kind).collect();
        assert_eq!((reply.text().as_str(), kinds), ("two", vec![WarningKind::StateDropped]));
        let asked = second.requests().pop().unwrap();
        assert!(asked.messages[1].parts[0].state().is_none() && asked.messages[1].text() == "So");
    }
}

#[tokio::test]
async fn a_leg_is_asked_for_its_own_model() {
    let (first, second) = (ScriptedModel::new().then_error(ErrorKind::Timeout), ScriptedModel::new().always("two"));
    let leg = |model: &ScriptedModel| Leg::new(ChatModel::new(model.clone()));
    let model = ChatModel::new(Fallback::new([leg(&first), leg(&second).model("theirs")]));
    model.chat(ChatRequest::from("Is it?").model("ours")).await.unwrap();
    let name = |model: &ScriptedModel| model.requests()[0].model.clone().unwrap().as_str().to_owned();
    assert_eq!((name(&first).as_str(), name(&second).as_str()), ("ours", "theirs"));
}

#[tokio::test]
async fn a_leg_that_has_not_started_is_passed_over_until_it_has() {
    let error = Error::new(ErrorKind::Unavailable, "not yet");
    let deferred = Arc::new(Deferred::new("late", "scripted", &["ChatModel"], error));
    let late: ChatModel = Service::deferred(deferred.clone(), Environment::default()).get("late").unwrap();
    let second = ScriptedModel::new().always("second");
    let model = ChatModel::new(Fallback::new([late, ChatModel::new(second)]).cooldown(Cooldown::off()));
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "second");
    let without = ScriptedModel::new().always("late").without(ChatModelCapabilities::IMAGES);
    deferred.start(Service::of(ChatModel::new(without)).unwrap());
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "late");
    let picture = ChatRequest::from("What is it?").image(b"\x89PNG\r\n\x1a\n".to_vec());
    assert_eq!(model.chat(picture).await.unwrap().text(), "second", "what it lacks could not be known before");
}

#[tokio::test]
async fn nobody_to_ask_is_a_mistake_of_the_configuration() {
    let model = ChatModel::new(Fallback::<ChatModel>::new(Vec::<ChatModel>::new()));
    assert!(model.chat("Is it?").await.unwrap_err().is(ErrorKind::ConfigInvalid));
}

/// An embedding model of this name and width, which fails so many times first.
struct Embedder {
    info: ProviderInfo,
    environment: Environment,
    capabilities: EmbeddingModelCapabilities,
    known: bool,
    model: &'static str,
    failures: AtomicU32,
}

fn embedder(model: &'static str, width: u32, known: bool, failures: u32) -> EmbeddingModel {
    let mut capabilities = EmbeddingModelCapabilities::none();
    capabilities.dimensions = width;
    let (info, environment) = (ProviderInfo::new("embedder", "1", ""), Environment::default());
    EmbeddingModel::new(Embedder { info, environment, capabilities, known, model, failures: failures.into() })
}

#[async_trait]
impl Provider for Embedder {
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
impl EmbeddingModelProvider for Embedder {
    fn capabilities(&self) -> &EmbeddingModelCapabilities {
        &self.capabilities
    }
    fn models(&self) -> Vec<ModelId> {
        self.known.then(|| ModelId::new("vendor", self.model)).into_iter().collect()
    }
    async fn embed(&self, _: &CallContext, request: EmbedRequest) -> Result<Embedded> {
        if self.failures.load(Ordering::SeqCst) > 0 {
            self.failures.fetch_sub(1, Ordering::SeqCst);
            return Err(Error::new(ErrorKind::Unavailable, "not now"));
        }
        let row = vec![0.5; self.capabilities.dimensions.max(4) as usize];
        Ok(Embedded::new(Embeddings::of_rows(request.inputs.iter().map(|_| &row))?, self.model))
    }
}

#[tokio::test]
async fn embeddings_of_one_model_fall_back() {
    let model = EmbeddingModel::new(Fallback::new([embedder("small", 4, true, 1), embedder("small", 4, true, 0)]));
    assert_eq!(model.embed("a").await.unwrap().dimensions(), 4);
}

#[tokio::test]
async fn embeddings_that_do_not_compare_are_refused_before_the_first_leg_fails() {
    let legs = || [embedder("small", 4, true, 0), embedder("large", 4, true, 0)];
    let error = EmbeddingModel::new(Fallback::new(legs())).embed("a").await.unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("one_space"), "{error}");
    EmbeddingModel::new(Fallback::new(legs()).one_space()).embed("a").await.unwrap();
    let widths = [embedder("small", 4, false, 0), embedder("small", 0, false, 0), embedder("small", 8, false, 0)];
    let error = EmbeddingModel::new(Fallback::new(widths).one_space()).embed("a").await.unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("8 numbers"), "{error}");
}

#[tokio::test]
async fn a_model_that_answers_under_another_name_is_refused() {
    let legs = || [embedder("small", 4, false, 0), embedder("large", 4, false, 0)];
    let fallback = Arc::new(Fallback::new(legs()));
    let model = EmbeddingModel::from(fallback.clone() as Arc<dyn EmbeddingModelProvider>);
    model.embed("a").await.unwrap();
    let first = fallback.legs().next().unwrap().handle.native::<Embedder>().unwrap();
    first.failures.store(1, Ordering::SeqCst);
    let error = model.embed("a").await.unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("`large` answered where `small`"), "{error}");
}

#[tokio::test]
async fn a_context_that_is_too_small_can_move_on() {
    let long = Error::new(ErrorKind::InvalidInput, "too long").with_reason(Reason::ContextLength);
    let legs = [ChatModel::new(ScriptedModel::new().then_error(long)), ChatModel::new(ScriptedModel::new().always("large"))];
    let model = ChatModel::new(Fallback::new(legs).move_on(MoveOn::new().at_reason(Reason::ContextLength)));
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "large");
}
