//! Runs that are killed anywhere, and driven on: nothing is done twice that must not be, and nothing is lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core::ai::tools::{
    Checkpoints, FunctionTool, RunEnd, RunStore, Stored, ToolLoop, ToolRun, ToolSet, tool_with_context,
};
use circle_core::chat_model::{ChatModelCapabilities, ChatModelProvider, ChatResponse, ChatStream, Part, Role, events_of};
use circle_core::memory::Memory;
use circle_core::prelude::*;
use circle_core::resilience::Idempotency;
use circle_core::{CallContext, Class, Environment, Health, Provider, ProviderInfo, Result, Version};
use circle_core_testkit::drop_sweep;
use serde_json::Value;

use super::{Numbered, call, comparable, results, through_json};

/// Where a process can be killed: at awaits that last, as a call's first wait is polled twice at once.
async fn pause() {
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
}

/// A model whose answer depends on the conversation alone: a process that died has not used it up.
struct Oracle {
    info: ProviderInfo,
    environment: Environment,
    capabilities: ChatModelCapabilities,
    answers: Vec<ChatResponse>,
}

impl Oracle {
    fn new(answers: Vec<ChatResponse>) -> Self {
        Self {
            info: ProviderInfo::new("oracle", "1", ""),
            environment: Environment::default(),
            capabilities: ChatModelCapabilities::all(),
            answers,
        }
    }

    fn answer(&self, request: &ChatRequest) -> ChatResponse {
        let said = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
        self.answers[said].clone()
    }
}

#[async_trait]
impl Provider for Oracle {
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
impl ChatModelProvider for Oracle {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.capabilities
    }
    async fn chat(&self, _: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        pause().await;
        Ok(self.answer(&request))
    }
    async fn stream(&self, _: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        pause().await;
        Ok(ChatStream::from_events(events_of(&self.answer(&request))))
    }
}

/// A store that can be interrupted before and behind each of its writes.
struct Slow(KeyValueStore);

#[async_trait]
impl RunStore for Slow {
    async fn get(&self, key: &str) -> Result<Option<Stored>> {
        RunStore::get(&self.0, key).await
    }
    async fn put(&self, key: &str, run: Bytes, expected: Option<&Version>) -> Result<Version> {
        pause().await;
        let written = RunStore::put(&self.0, key, run, expected).await;
        pause().await;
        written
    }
    async fn delete(&self, key: &str) -> Result<()> {
        RunStore::delete(&self.0, key).await
    }
}

/// What outlives a process: the store, and what the tools have done.
#[derive(Clone)]
struct World {
    store: Checkpoints,
    /// The operation ids under which each tool had its effect, by tool and number.
    effects: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    under_way: Arc<AtomicUsize>,
}

/// Counts a call for as long as it is under way.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    fn new() -> Self {
        let store = Checkpoints::new(Slow(KeyValueStore::new(Memory::new())));
        Self { store, effects: Arc::default(), under_way: Arc::default() }
    }

    fn tool(&self, name: &'static str) -> FunctionTool {
        let world = self.clone();
        tool_with_context(name, "Has an effect.", move |cx: CallContext, numbered: Numbered| {
            let world = world.clone();
            async move {
                world.under_way.fetch_add(1, Ordering::SeqCst);
                let _under_way = UnderWay(Arc::clone(&world.under_way));
                pause().await;
                let effect = format!("{name} {}", numbered.number);
                world.effects.lock().unwrap().entry(effect.clone()).or_default().push(cx.operation_id()?.to_string());
                pause().await;
                Ok(effect)
            }
        })
    }

    fn assistant(&self) -> ToolLoop {
        let calls = |calls: Vec<_>| ChatResponse::new(calls.into_iter().map(Part::ToolCall).collect());
        let answers = vec![
            calls(vec![call("a", "note", 1), call("b", "read", 2), call("c", "note", 3), call("d", "note", 4)]),
            calls(vec![call("a", "keyed", 5)]),
            calls(vec![call("a", "note", 6)]),
            ChatResponse::new(vec![Part::text("done")]),
        ];
        let tools = ToolSet::new([
            self.tool("note"),
            self.tool("read").class(Class::Read),
            self.tool("keyed").idempotency(Idempotency::Keyed),
        ]);
        ToolLoop::new(ChatModel::new(Oracle::new(answers)), tools).concurrency(2)
    }

    /// What a process does: looks whether the run is there, and drives it.
    async fn process(&self, events: bool) {
        let run = self.store.get("job").await.unwrap().unwrap_or_else(|| ToolRun::from("go").named("job"));
        let assistant = self.assistant().checkpoint(self.store.clone());
        if !events {
            assistant.run(run).await.unwrap().answer().unwrap();
            return;
        }
        let mut stream = assistant.stream(run).await.unwrap();
        while stream.try_next().await.unwrap().is_some() {
            pause().await;
        }
    }

    /// Drives on what there is, and looks at everything.
    async fn ends_well(&self) -> std::result::Result<(), String> {
        let left = self.under_way.load(Ordering::SeqCst);
        if left > 0 {
            return Err(format!("{left} calls are still under way"));
        }
        let run = self.store.get("job").await.unwrap().unwrap_or_else(|| ToolRun::from("go").named("job"));
        let outcome = self.assistant().checkpoint(self.store.clone()).run(run).await.map_err(|error| error.to_string())?;
        self.is_right(&outcome.run).await
    }

    async fn is_right(&self, run: &ToolRun) -> std::result::Result<(), String> {
        let effects = self.effects.lock().unwrap().clone();
        let results = results(&run.request().messages);
        let expected = ["note 1", "read 2", "note 3", "note 4", "keyed 5", "note 6"];
        if results.len() != expected.len() || run.answer().is_none_or(|answer| answer.text() != "done") {
            return Err(format!("{} results, {:?}", results.len(), run.answer()));
        }
        let mut unknown = 0;
        for (expected, result) in expected.iter().zip(&results) {
            let mut ids = effects.get(*expected).cloned().unwrap_or_default();
            let made = ids.len();
            ids.dedup();
            let right = match (result.output.text(), result.output.is_error) {
                // Of these alone it may be unknown whether they were made.
                (text, true) => {
                    unknown += 1;
                    expected.starts_with("note") && text.contains("unknown") && made <= 1
                }
                (text, false) if expected.starts_with("note") => text == *expected && made == 1,
                // Repeated under one id.
                (text, false) => text == *expected && made >= 1 && ids.len() == 1,
            };
            if !right {
                return Err(format!("{expected} was made {made} times, and gave {:?}", result.output));
            }
        }
        if unknown == 0 && comparable(run) != uninterrupted().await {
            return Err(format!("another run than without interruption: {}", comparable(run)));
        }
        Ok(())
    }
}

async fn uninterrupted() -> Value {
    comparable(&World::new().assistant().run("go").await.unwrap().run)
}

#[tokio::test]
async fn a_process_may_be_killed_anywhere() {
    for events in [false, true] {
        let world = RefCell::new(World::new());
        let process = || {
            let fresh = world.replace(World::new());
            drop(fresh);
            let world = world.borrow().clone();
            async move { world.process(events).await }
        };
        let dropped = drop_sweep(process, async || {
            let world = world.borrow().clone();
            world.ends_well().await
        });
        let dropped = dropped.await.unwrap();
        assert!(dropped > 25, "{dropped}");
    }
}

/// Whether a future ends within so many polls; else it is dropped.
async fn ends_within(polls: usize, future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    let mut made = 0;
    poll_fn(|cx| {
        made += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if made == polls => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn and_the_next_process_too() {
    for first in 1.. {
        let mut first_ended = false;
        for second in 1.. {
            let world = World::new();
            first_ended = ends_within(first, world.process(false)).await;
            let second_ended = ends_within(second, world.process(false)).await;
            if let Err(wrong) = world.ends_well().await {
                panic!("killed after {first} and {second} polls: {wrong}");
            }
            if second_ended {
                break;
            }
        }
        if first_ended {
            assert!(first > 25, "{first}");
            return;
        }
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_at_any_event_goes_on_elsewhere() {
    for stopped in 0.. {
        let world = World::new();
        let mut stream = world.assistant().stream("go").await.unwrap();
        let mut ended = false;
        for _ in 0..stopped {
            ended = stream.try_next().await.unwrap().is_none();
        }
        let run = through_json(&stream.into_run());
        let outcome = world.assistant().run(run).await.unwrap();
        assert_eq!(outcome.end, RunEnd::Answered);
        if let Err(wrong) = world.is_right(&outcome.run).await {
            panic!("stopped after {stopped} events: {wrong}");
        }
        if ended {
            assert!(stopped > 20);
            return;
        }
    }
}
