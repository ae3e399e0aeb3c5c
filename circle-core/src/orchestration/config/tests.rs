//! Decorators in a `circle.toml`.

use std::path::PathBuf;

use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::{CallOptions, ErrorKind, Reason, Result};
use circle_core_embedded::{EmbeddedEmbeddings, ScriptedModel};
use circle_core_memory::Memory;

use super::*;
use crate::{EmbeddingModel, Hub, Registry};

struct File(#[allow(dead_code, reason = "it is deleted when it goes")] tempfile::TempDir, PathBuf);

fn file(text: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circle.toml");
    std::fs::write(&path, text).unwrap();
    File(folder, path)
}

async fn hub(text: &str, ready: &[(&str, &ScriptedModel)]) -> Result<Hub> {
    let file = file(text);
    let registry = super::super::fill(Registry::new());
    let mut builder = Hub::builder().file(&file.1).registry(registry);
    for (name, model) in ready {
        builder = builder.service(*name, ChatModel::new((*model).clone()));
    }
    let builder = builder.service("embedder", EmbeddingModel::new(EmbeddedEmbeddings::new()));
    builder.service("store", KeyValueStore::new(Memory::new())).build().await
}

const STACK: &str = r#"
version = 1

[services.assistant]
provider = "budget"
service = "remembered"
priced_as = "openai/gpt-5-mini"
budgets = [
    { name = "daily", per = "tenant", every = "1d", tokens = 2_500 },
    { name = "bill", usd = "0.01" },
]

[services.remembered]
provider = "cache"
service = "either"
store = "store"
ttl = "1h"

[services.either]
provider = "fallback"
services = ["first", "second"]
also = ["content_filtered", "context_length"]
except = ["unauthenticated"]
leg_timeout = "20s"
rest = "1m"
"#;

#[tokio::test]
async fn the_whole_stack_is_a_service() {
    let first = ScriptedModel::new().then_error(ErrorKind::ContentFiltered).always("first");
    let second = ScriptedModel::new().always("second");
    let hub = hub(STACK, &[("first", &first), ("second", &second)]).await.unwrap();
    let model: ChatModel = hub.get("assistant").unwrap();
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "second");
    assert_eq!(model.chat("Is it?").await.unwrap().text(), "second", "from the cache");
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
    let acme = model.with(CallOptions::new().tenant("acme"));
    acme.chat("Is it?").await.unwrap();
    acme.chat("Was it?").await.unwrap();
    let error = acme.chat("Who?").await.unwrap_err();
    assert_eq!((error.reason(), error.service()), (Some(Reason::BudgetExhausted), Some("assistant")), "{error}");
    assert_eq!(format!("{model:?}"), "ChatModel(assistant: budget remembered)");
    let either: ChatModel = hub.get("either").unwrap();
    assert_eq!(format!("{either:?}"), "ChatModel(either: fallback first, second)");
}

#[tokio::test]
async fn a_router_is_a_service() {
    let text = "version = 1\n[services.any]\nprovider = \"router\"\nservices = [\"first\", \"second\"]\nby = \"cost\"\n";
    let model = ScriptedModel::new().always("routed");
    let hub = hub(text, &[("first", &model), ("second", &model)]).await.unwrap();
    assert_eq!(hub.get::<ChatModel>("any").unwrap().chat("Is it?").await.unwrap().text(), "routed");
}

#[tokio::test]
async fn budgets_of_one_name_are_one_budget() {
    let budgets = "budgets = [{ name = \"shared\", tokens = 1_500 }]\n";
    let text = format!(
        "version = 1\n[services.a]\nprovider = \"budget\"\nservice = \"first\"\n{budgets}\
         [services.b]\nprovider = \"budget\"\nservice = \"first\"\n{budgets}"
    );
    let model = ScriptedModel::new().always("Yes.");
    let both = hub(&text, &[("first", &model)]).await.unwrap();
    both.get::<ChatModel>("a").unwrap().chat("Is it?").await.unwrap();
    let error = both.get::<ChatModel>("b").unwrap().chat("Is it?").await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::BudgetExhausted));
    let other = hub(&text.replacen("1_500", "1_600", 1), &[("first", &model)]).await.unwrap_err();
    assert!(other.message().contains("two budgets `shared`"), "{other}");
}

#[tokio::test]
async fn mistakes_are_told() {
    let model = ScriptedModel::new();
    for (text, expected) in [
        ("provider = \"fallback\"\nservices = []", "`services` is empty"),
        ("provider = \"fallback\"\nservices = [\"frist\"]", "there is no service `frist`"),
        ("provider = \"fallback\"\nservices = [\"first\", \"store\"]", "`store` offers KeyValueStore"),
        ("provider = \"fallback\"\nservices = [\"store\"]\nchannels = { stroe = \"#a\" }", "`channels` names `stroe`"),
        ("provider = \"cache\"\nservice = \"store\"\nstore = \"store\"", "`store` keeps the answers of models"),
        ("provider = \"coalesce\"\nservice = \"first\"", "is one of EmbeddingModel, ObjectStore"),
        ("provider = \"fallback\"\nservices = [\"first\", \"embedder\"]", "`embedder` offers EmbeddingModel"),
        (
            "provider = \"cache\"\nservice = \"embedder\"\n[services.y]\nprovider = \"router\"\nservices = [\"x\"]",
            "`x` offers EmbeddingModel, not ChatModel",
        ),
        ("provider = \"router\"\nservices = []", "`services` is empty"),
        ("provider = \"fallback\"\nservices = [\"first\"]\nalso = [\"filtered\"]", "`also` names `filtered`"),
        ("provider = \"fallback\"\nservices = [\"first\"]\nexcept = [\"late\"]", "`except` names `late`"),
        ("provider = \"router\"\nservices = [\"first\"]\nby = \"luck\"", "expected one of `order`, `cost`"),
        ("provider = \"router\"\nservices = [\"first\"]\nby = \"cost\"\nprices = \"none.toml\"", "cannot be read"),
        ("provider = \"budget\"\nservice = \"first\"\nbudgets = [{ name = \"x\" }]", "it limits nothing"),
        ("provider = \"budget\"\nservice = \"first\"\nbudgets = [{ name = \"x\", usd = \"1,5\" }]", "decimal number"),
        (
            "provider = \"budget\"\nservice = \"first\"\nbudgets = [{ name = \"x\", tokens = 1 }]\npriced_as = \"gpt\"",
            "vendor/model",
        ),
        ("provider = \"cache\"\nservice = \"x\"\nttl = 60", "a duration with a unit"),
        ("provider = \"cache\"\nservice = \"x\"", "services refer to each other"),
    ] {
        let error = hub(&format!("version = 1\n[services.x]\n{text}\n"), &[("first", &model)]).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn without_the_feature_s_registry_the_feature_is_named() {
    let file = file("version = 1\n[services.x]\nprovider = \"fallback\"\nservices = []\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let built = runtime.block_on(async { Hub::builder().file(&file.1).registry(Registry::new()).build().await });
    assert!(built.unwrap_err().to_string().contains("feature `orchestration`"));
}

#[tokio::test]
async fn embedding_models_are_decorated_by_the_same_words() {
    let text = r#"
version = 1

[services.search]
provider = "budget"
service = "kept"
budgets = [{ name = "search", tokens = 100_000 }]

[services.kept]
provider = "cache"
service = "either"

[services.either]
provider = "fallback"
services = ["embedder", "embedder"]
"#;
    let hub = hub(text, &[]).await.unwrap();
    let model: EmbeddingModel = hub.get("search").unwrap();
    let report = circle_core_common::CallReport::new();
    let model = model.with(CallOptions::new().report(&report));
    assert_eq!(model.embed("a text").await.unwrap(), model.embed("a text").await.unwrap());
    assert_eq!(report.get().cached, 1);
    let error = hub.get::<ChatModel>("search").unwrap_err();
    assert!(error.message().contains("`search` offers EmbeddingModel, not ChatModel"), "{error}");
}

#[tokio::test]
async fn stores_and_messengers_are_decorated_by_the_same_words() {
    let text = r##"
version = 1

[services.state]
provider = "cache"
service = "shared"
ttl = "5s"
missing_ttl = "0s"
object_max = "64 KiB"

[services.shared]
provider = "coalesce"
service = "either"
object_max = "64 KiB"

[services.either]
provider = "fallback"
services = ["store", "copy"]
split_writes = true

[services.team]
provider = "fallback"
services = ["chat", "other"]
channels = { other = "#elsewhere" }
"##;
    let file = file(text);
    let console = circle_core_console::Console::captured();
    let memory = Memory::new();
    let hub = Hub::builder().file(&file.1).registry(super::super::fill(Registry::new()));
    let hub = hub.service("store", KeyValueStore::new(memory.clone())).service("store", crate::ObjectStore::new(memory));
    let copy = Memory::new();
    let hub = hub.service("copy", KeyValueStore::new(copy.clone())).service("copy", crate::ObjectStore::new(copy));
    let down = circle_core_testkit::Faulty::over(circle_core_console::Console::captured()).every(1, ErrorKind::Unavailable);
    let hub = hub
        .service("chat", crate::Messenger::new(down))
        .service("other", crate::Messenger::new(console.clone()))
        .build()
        .await
        .unwrap();
    let state: KeyValueStore = hub.get("state").unwrap();
    state.put("a", "1").await.unwrap();
    let report = circle_core_common::CallReport::new();
    let counted = state.with(CallOptions::new().report(&report));
    for _ in 0..2 {
        assert_eq!(counted.get("a").await.unwrap().unwrap().value, "1");
    }
    assert_eq!((report.get().calls, report.get().cached), (2, 1));
    hub.get::<crate::ObjectStore>("state").unwrap().put("b", "2").await.unwrap();
    let team: crate::Messenger = hub.get("team").unwrap();
    assert_eq!(team.send("#ops", "It is late.").await.unwrap().channel.as_str(), "#elsewhere");
    assert_eq!(console.messages().len(), 1);
}
