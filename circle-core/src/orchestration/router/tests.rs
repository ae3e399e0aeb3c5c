//! Who is asked, and in which order.

use std::sync::Mutex;

use circle_core_common::interfaces::chat_model::{Media, ModelId, Tool};
use circle_core_common::{CallOptions, Environment, ErrorKind};
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use circle_core_testkit::ManualClock;

use super::*;
use crate::orchestration::forward::provided_by;

type Caps = ChatModelCapabilities;

fn says(name: &str) -> ScriptedModel {
    ScriptedModel::new().always(name)
}

async fn text(model: &ChatModel, request: impl Into<ChatRequest>) -> String {
    model.chat(request).await.unwrap().text()
}

#[tokio::test]
async fn only_legs_that_can_are_asked() {
    let (blind, seeing) = (says("blind").without(Caps::IMAGES), says("seeing").without(Caps::TOOLS));
    let model = ChatModel::new(Router::new([ChatModel::new(blind.clone()), ChatModel::new(seeing.clone())]));
    let picture = || ChatRequest::from("What is it?").image(Media::new("x", "image/png"));
    let tool = || Tool::new("look_up", "Looks up.", serde_json::json!({ "type": "object" }));
    assert_eq!(text(&model, picture()).await, "seeing");
    assert_eq!(text(&model, ChatRequest::from("Who?").tool(tool())).await, "blind");
    assert_eq!(text(&model, "Is it?").await, "blind");
    let asked = blind.requests().len() + seeing.requests().len();
    let error = model.chat(picture().tool(tool())).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.message().contains("no leg can take this request"), "{error}");
    assert_eq!(blind.requests().len() + seeing.requests().len(), asked, "nothing is sent");
}

#[tokio::test]
async fn a_request_that_is_too_long_goes_to_the_larger_context_first() {
    let mut small = Caps::all();
    small.context_tokens = Some(1_000);
    let (small, large) = (says("small").with_capabilities(small), says("large"));
    let model = ChatModel::new(Router::new([ChatModel::new(small), ChatModel::new(large)]));
    assert_eq!(text(&model, "Is it?").await, "large", "the answer that is assumed does not fit either");
    assert_eq!(text(&model, ChatRequest::from("Is it?").max_output_tokens(100)).await, "small");
    assert_eq!(text(&model, ChatRequest::from("word ".repeat(2_000)).max_output_tokens(100)).await, "large");
}

fn priced() -> PriceTable {
    PriceTable::parse(
        "[scripted]\nsource = \"here\"\nprices = [\n\
         { models = [\"chatty\"], checked = \"2000-01-01\", input = \"1\", output = \"50\" },\n\
         { models = [\"thorough\"], checked = \"2000-01-01\", input = \"10\", output = \"10\" },\n]",
    )
    .unwrap()
}

/// A model that says which one it is.
struct Named(ScriptedModel, &'static str);

provided_by!(Named, 0);

#[async_trait]
impl ChatModelProvider for Named {
    fn capabilities(&self) -> &Caps {
        self.0.capabilities()
    }
    fn models(&self) -> Vec<ModelId> {
        vec![ModelId::new("scripted", self.1)]
    }
    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.0.chat(cx, request).await
    }
    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        self.0.stream(cx, request).await
    }
}

#[tokio::test]
async fn the_cheapest_depends_on_the_request_and_what_has_no_price_comes_last() {
    let named = |name: &'static str| ChatModel::new(Named(says(name), name));
    let router = Router::new([named("nameless"), named("chatty"), named("thorough")]).route(Route::Cheapest(priced()));
    let model = ChatModel::new(router);
    // 1 × 1000s + 50 × 10 against 10 × 1000s + 10 × 10.
    assert_eq!(text(&model, ChatRequest::from("word ".repeat(4_000)).max_output_tokens(10)).await, "chatty");
    assert_eq!(text(&model, ChatRequest::from("Why?").max_output_tokens(4_000)).await, "thorough");
    let unpriced = ChatModel::new(Router::new([named("nameless"), named("other")]).route(Route::Cheapest(priced())));
    assert_eq!(text(&unpriced, "Why?").await, "nameless", "of unknown costs the first");
}

#[tokio::test]
async fn a_leg_with_a_model_of_its_own_costs_what_that_one_costs_whatever_the_request_names() {
    let named = |name: &'static str| ChatModel::new(Named(says(name), name));
    let legs = || [Leg::new(named("thorough")).model("chatty"), Leg::new(named("chatty")).model("thorough")];
    let router = Router::new(legs()).route(Route::Cheapest(priced()));
    // 50 × 4000 of the one that it names, 10 × 4000 of the other.
    let request = ChatRequest::from("Why?").model("thorough").max_output_tokens(4_000);
    let priced: Vec<_> = router.models_for(&request).into_iter().map(|id| id.model).collect();
    assert_eq!(priced, ["chatty".into(), "thorough".into()]);
    assert_eq!(text(&ChatModel::new(router), request).await, "chatty", "the second leg, which asks for `thorough`");
    let nested = ChatModel::new(Router::new(legs()));
    let outer = Router::new([Leg::new(nested), Leg::new(named("thorough"))]);
    let models: Vec<_> = outer.models_for(&ChatRequest::from("Why?").model("x")).into_iter().map(|id| id.model).collect();
    assert_eq!(models, ["chatty".into(), "thorough".into(), "x".into()]);
}

#[tokio::test]
async fn where_the_best_cannot_serve_the_next_best_does() {
    let named = |script: &ScriptedModel, name: &'static str| ChatModel::new(Named(script.clone(), name));
    let (chatty, thorough) = (ScriptedModel::new().then_error(ErrorKind::RateLimited), says("thorough"));
    let router = Router::new([named(&thorough, "thorough"), named(&chatty, "chatty")]).route(Route::Cheapest(priced()));
    let model = ChatModel::new(router);
    assert_eq!(text(&model, ChatRequest::from("word ".repeat(4_000)).max_output_tokens(10)).await, "thorough");
    assert_eq!(chatty.requests().len(), 1);
}

/// A model that takes so long, on a clock that only it moves.
struct Slow(ScriptedModel, ManualClock, Mutex<Duration>);

provided_by!(Slow, 0);

#[async_trait]
impl ChatModelProvider for Slow {
    fn capabilities(&self) -> &Caps {
        self.0.capabilities()
    }
    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        let takes = *self.2.lock().unwrap();
        self.1.advance(takes);
        self.0.chat(cx, request).await
    }
    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let takes = *self.2.lock().unwrap();
        self.1.advance(takes);
        self.0.stream(cx, request).await
    }
}

#[tokio::test]
async fn the_fastest_is_asked_and_the_others_are_measured_now_and_then() {
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let slow = |name: &str, millis| {
        let script = ScriptedModel::within(environment.clone()).always(name);
        Arc::new(Slow(script, clock.clone(), Mutex::new(Duration::from_millis(millis))))
    };
    let handle = |slow: &Arc<Slow>| ChatModel::from(slow.clone() as Arc<dyn ChatModelProvider>);
    let (one, other) = (slow("one", 900), slow("other", 100));
    let model = ChatModel::new(Router::new([handle(&one), handle(&other)]).route(Route::Fastest));
    let streamed = async || model.stream("Is it?").await.unwrap().finish().await.unwrap().text();
    // Each is measured once, then the faster one is asked.
    assert_eq!((text(&model, "Is it?").await.as_str(), streamed().await.as_str()), ("one", "other"));
    for _ in 0..20 {
        assert_eq!(text(&model, "Is it?").await, "other");
    }
    *one.2.lock().unwrap() = Duration::from_millis(1);
    clock.advance(Duration::from_secs(60));
    let mut seen = Vec::new();
    for _ in 0..30 {
        seen.push(text(&model, "Is it?").await);
        clock.advance(Duration::from_secs(10));
    }
    // One measurement in a minute, and the faster one is found.
    assert!(seen[2..].iter().filter(|name| *name == "other").count() <= 5, "{seen:?}");
}

#[tokio::test]
async fn a_rule_of_the_application_decides() {
    let names = ["a", "b", "c"].map(|name| Leg::new(ChatModel::new(says(name))).name(name));
    let rule = Route::rule(|request, legs| {
        let wanted = if request.seed.is_some() { "c" } else { "b" };
        let mut order: Vec<usize> = legs.iter().filter(|leg| &*leg.name == wanted).map(|leg| leg.leg).collect();
        order.push(99);
        order
    });
    let model = ChatModel::new(Router::new(names).route(rule));
    assert_eq!(text(&model, "Is it?").await, "b");
    assert_eq!(text(&model, ChatRequest::from("Is it?").seed(7)).await, "c");
    let nobody = Router::new([ChatModel::new(says("a"))]).route(Route::rule(|_, _| Vec::new()));
    assert!(ChatModel::new(nobody).chat("Is it?").await.unwrap_err().is(ErrorKind::ConfigInvalid));
}

#[tokio::test]
async fn a_stream_moves_on_before_its_first_word_only() {
    let cut = circle_core_common::Error::new(ErrorKind::Unavailable, "overloaded");
    let before = ScriptedModel::new().reply(ScriptedReply::from("never seen").fails_after(2, cut.clone()));
    let after = ScriptedModel::new().reply(ScriptedReply::from("seen in part").fails_after(3, cut));
    let router = |first: ScriptedModel| ChatModel::new(Router::new([ChatModel::new(first), ChatModel::new(says("next"))]));
    let reply = router(before).stream("Is it?").await.unwrap().finish().await.unwrap();
    assert_eq!(reply.text(), "next");
    let error = router(after).stream("Is it?").await.unwrap().finish().await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable), "{error}");
}

#[tokio::test]
async fn tokens_are_counted_by_a_leg_that_can() {
    let model = ChatModel::new(Router::new([ChatModel::new(says("a"))]));
    assert_eq!(model.count_tokens("Is it?").await.unwrap_err().capability(), Some("count_tokens"));
    let emulated = model.with(CallOptions::new().on_unsupported(circle_core_common::OnUnsupported::Emulate));
    assert!(emulated.count_tokens("Is it?").await.unwrap().estimated);
}
