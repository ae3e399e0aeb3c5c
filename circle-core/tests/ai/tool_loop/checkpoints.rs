//! Runs in stores: who may drive one, and what is written when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core::ai::tools::{Checkpoints, Decision, FunctionTool, RunEnd, RunStore, Stored, ToolLoop, ToolRun, ToolSet, tool};
use circle_core::memory::Memory;
use circle_core::prelude::*;
use circle_core::{Class, Extension, Result, Version};
use circle_core_embedded::ScriptedModel;

use super::{Numbered, call, calls, scripted, told};

fn counted(name: &str) -> (Arc<AtomicUsize>, FunctionTool) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let tool = tool(name, "Counts.", move |_: Numbered| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok("made") }
    });
    (made, tool)
}

/// Counts the writes, and fails from one of them on.
struct Counting {
    store: KeyValueStore,
    puts: Arc<AtomicUsize>,
    fails_from: usize,
}

#[async_trait]
impl RunStore for Counting {
    async fn get(&self, key: &str) -> Result<Option<Stored>> {
        RunStore::get(&self.store, key).await
    }
    async fn put(&self, key: &str, run: Bytes, expected: Option<&Version>) -> Result<Version> {
        if self.puts.fetch_add(1, Ordering::SeqCst) >= self.fails_from {
            return Err(Error::new(ErrorKind::Unavailable, "no store"));
        }
        RunStore::put(&self.store, key, run, expected).await
    }
    async fn delete(&self, key: &str) -> Result<()> {
        RunStore::delete(&self.store, key).await
    }
}

pub(super) fn counting(fails_from: usize) -> (Arc<AtomicUsize>, Checkpoints) {
    let puts = Arc::new(AtomicUsize::new(0));
    (Arc::clone(&puts), Checkpoints::new(Counting { store: KeyValueStore::new(Memory::new()), puts, fails_from }))
}

#[tokio::test]
async fn what_may_be_repeated_is_not_written_first() {
    for (class, writes) in [(Class::Read, 3), (Class::Write, 4)] {
        let (puts, checkpoints) = counting(usize::MAX);
        let (_, count) = counted("count");
        let model = ChatModel::new(ScriptedModel::new().reply(call("1", "count", 1)).reply("done"));
        let assistant = ToolLoop::new(model, [count.class(class)]).checkpoint(checkpoints.clone());
        assistant.run(ToolRun::from("go").named("job")).await.unwrap().answer().unwrap();
        // The start, the call that must not be made twice, the results, the answer.
        assert_eq!(puts.load(Ordering::SeqCst), writes);
        let stored = checkpoints.get("job").await.unwrap().unwrap();
        assert_eq!(stored.answer().unwrap().text(), "done");
        checkpoints.delete("job").await.unwrap();
        assert!(checkpoints.get("job").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn without_its_intent_on_record_no_call_is_made() {
    let (_, checkpoints) = counting(1);
    let (made, count) = counted("count");
    let model = ChatModel::new(ScriptedModel::new().reply(call("1", "count", 1)).reply("done"));
    let assistant = ToolLoop::new(model, [count]);
    let error = assistant.clone().checkpoint(checkpoints).run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.message().starts_with("storing the run"), "{error}");
    assert_eq!(made.load(Ordering::SeqCst), 0);
    let outcome = assistant.run(ToolRun::of(&error).unwrap().clone()).await.unwrap();
    assert_eq!((made.load(Ordering::SeqCst), outcome.answer().unwrap().text().as_str()), (1, "done"));
}

#[tokio::test]
async fn one_run_is_driven_by_one_process() {
    let stores = [
        Checkpoints::new(KeyValueStore::new(Memory::new())),
        Checkpoints::new(ObjectStore::new(Memory::new())).prefix("agents/of/mine/"),
    ];
    for checkpoints in stores {
        let (made, count) = counted("count");
        let (script, model) = scripted(ScriptedModel::new().reply(call("1", "count", 1)).reply("done"));
        let tools = ToolSet::new([count]).approve(|_| async { Ok(Decision::Suspend) });
        let assistant = ToolLoop::new(model, tools).checkpoint(checkpoints.clone());
        let outcome = assistant.run(ToolRun::from("go").named("job")).await.unwrap();
        assert_eq!(outcome.end, RunEnd::Suspended);

        let second = assistant.run(ToolRun::from("go").named("job")).await.unwrap_err();
        assert!(second.is(ErrorKind::AlreadyExists) && second.message().contains("`job`"), "{second}");

        let mut one = checkpoints.get("job").await.unwrap().unwrap();
        let mut other = checkpoints.get("job").await.unwrap().unwrap();
        one.decide(&"1".into(), Decision::Approve).unwrap();
        other.decide(&"1".into(), Decision::Approve).unwrap();
        assert_eq!(assistant.run(one).await.unwrap().answer().unwrap().text(), "done");
        let error = assistant.run(other).await.unwrap_err();
        assert!(error.is(ErrorKind::Conflict) && error.message().contains("driven elsewhere"), "{error}");
        assert_eq!((made.load(Ordering::SeqCst), script.requests().len()), (1, 2));
    }
}

#[tokio::test]
async fn an_unknown_outcome_that_somebody_has_found_out_is_told() {
    let (made, count) = counted("count");
    let (_, model) = scripted(ScriptedModel::new().reply(calls([call("1", "count", 1), call("2", "count", 2)])).reply("done"));
    let mut run = ToolRun::from("go");
    run.answered(model.chat("x").await.unwrap()).unwrap();
    for id in ["1", "2"] {
        run.decide(&id.into(), Decision::Approve).unwrap();
        run.started(&id.into()).unwrap();
    }
    run.finished(&"1".into(), "it was made, says the bank").unwrap();
    let outcome = ToolLoop::new(model, [count]).run(run).await.unwrap();
    let told = told(&outcome.run);
    assert_eq!(told[0], ("it was made, says the bank".to_owned(), false));
    assert!(told[1].1 && told[1].0.contains("unknown"), "{told:?}");
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_option_that_json_has_not_is_missed() {
    #[derive(Debug)]
    struct Tier;
    impl Extension<ChatRequest> for Tier {
        const PROVIDER: &'static str = "scripted";
    }
    #[derive(Debug)]
    struct Region;
    impl Extension<ChatRequest> for Region {
        const PROVIDER: &'static str = "scripted";
    }
    let (_, count) = counted("count");
    let assistant = ToolLoop::new(ChatModel::new(ScriptedModel::new().always("done")), [count]);
    let run = ToolRun::from(ChatRequest::from("go").extension(Tier).extension(Region));
    assistant.run(run.clone()).await.unwrap().answer().unwrap();
    let run: ToolRun = serde_json::from_value(serde_json::to_value(run).unwrap()).unwrap();
    let error = assistant.run(run.clone()).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.message().contains("`Tier`"), "{error}");
    let run = run.extension(Tier);
    assert!(assistant.run(run.clone()).await.unwrap_err().message().contains("`Region`"));
    assistant.run(run.extension(Region)).await.unwrap().answer().unwrap();
}
