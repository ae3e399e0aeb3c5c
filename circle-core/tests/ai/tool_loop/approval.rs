//! Approval: who is asked about what, and what becomes of their word.

use std::sync::{Arc, Mutex};

use circle_core::ai::tools::{CallState, Decision, RunEnd, Step, ToolLoop, ToolRun, ToolSet, tool};
use circle_core::chat_model::ToolOutput;
use circle_core::prelude::*;
use circle_core::{Class, Result};
use circle_core_embedded::ScriptedModel;
use serde_json::json;

use super::{Numbered, call, calls, scripted, through_json, told};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Tools that note what they are called with.
fn tools(log: &Log) -> ToolSet {
    let noting = |name: &'static str| {
        let log = log.clone();
        tool(name, "Notes.", move |numbered: Numbered| {
            log.note(format!("{name} {}", numbered.number));
            async move { Ok(format!("{name} {}", numbered.number)) }
        })
    };
    ToolSet::new([noting("read").class(Class::Read), noting("search_web"), noting("post"), noting("pay").class(Class::Money)])
}

fn deciding(tools: ToolSet, asked: &Log, decide: impl Fn(u64) -> Result<Decision> + Send + Sync + Clone + 'static) -> ToolSet {
    let asked = asked.clone();
    tools.allow(["search_*"]).approve(move |call| {
        asked.note(format!("{} {:?} {}", call.call.name, call.class, call.arguments));
        let (decide, number) = (decide.clone(), call.arguments["number"].as_u64().unwrap_or_default());
        async move { decide(number) }
    })
}

#[tokio::test]
async fn only_what_does_more_than_read_and_is_not_allowed_is_asked_about() {
    let (made, asked) = (Log::default(), Log::default());
    let wanted =
        [call("1", "read", 1), call("2", "search_web", 2), call("3", "post", 3), call("4", "pay", 4), call("5", "nope", 5)];
    let model = ChatModel::new(ScriptedModel::new().reply(calls(wanted)).reply("done"));
    let tools = deciding(tools(&made), &asked, |number| match number {
        3 => Ok(Decision::deny("not today")),
        _ => Ok(Decision::Edit(json!({ "number": 40 }))),
    });
    let outcome = ToolLoop::new(model, tools).concurrency(1).run("go").await.unwrap();
    assert_eq!(asked.taken(), ["post Write {\"number\":3}", "pay Money {\"number\":4}"]);
    assert_eq!(made.taken(), ["read 1", "search_web 2", "pay 40"]);
    let told = told(&outcome.run);
    assert_eq!(told[2], ("the call was denied: not today".to_owned(), true));
    let edited = "The call was made with other arguments, as was decided: {\"number\":40}\npay 40";
    assert_eq!(told[3], (edited.to_owned(), false));
}

#[tokio::test]
async fn a_suspended_run_makes_nothing_and_goes_on_with_decisions() {
    let (made, asked) = (Log::default(), Log::default());
    let wanted = [call("1", "read", 1), call("2", "post", 2), call("3", "pay", 3), call("4", "pay", 4)];
    let (script, model) = scripted(ScriptedModel::new().reply(calls(wanted)).reply("done"));
    let suspend = |number| Ok(if number == 2 { Decision::Approve } else { Decision::Suspend });
    let assistant = ToolLoop::new(model, deciding(tools(&made), &asked, suspend));
    let outcome = assistant.run("go").await.unwrap();
    assert_eq!((&outcome.end, made.taken().len()), (&RunEnd::Suspended, 0));
    let states: Vec<_> = outcome.run.calls().iter().map(|call| call.state.clone()).collect();
    assert_eq!(states, [CallState::Approved, CallState::Approved, CallState::Undecided, CallState::Undecided]);
    asked.taken();

    // Asked again, the hook says the same; about what is decided nobody is asked.
    let mut run = through_json(&outcome.run);
    run.decide(&"3".into(), Decision::Approve).unwrap();
    let outcome = assistant.run(run).await.unwrap();
    assert_eq!((&outcome.end, made.taken().len(), asked.taken().len()), (&RunEnd::Suspended, 0, 1));
    let error = outcome.answer().unwrap_err();
    assert!(error.is(ErrorKind::Conflict) && error.message().contains("`pay`"), "{error}");

    let mut run = through_json(ToolRun::of(&error).unwrap());
    run.decide(&"4".into(), Decision::deny("enough")).unwrap();
    assert_eq!(run.step(), Step::Execute);
    assert!(run.decide(&"9".into(), Decision::Approve).unwrap_err().is(ErrorKind::NotFound));
    let outcome = assistant.run(run).await.unwrap();
    assert_eq!(made.taken(), ["read 1", "post 2", "pay 3"]);
    assert_eq!((told(&outcome.run)[3].1, script.requests().len(), asked.taken().len()), (true, 2, 0));
    assert_eq!(outcome.answer().unwrap().text(), "done");
}

#[tokio::test]
async fn arguments_that_were_decided_on_are_checked_too() {
    let (made, asked) = (Log::default(), Log::default());
    let model = ChatModel::new(ScriptedModel::new().reply(call("1", "post", 1)).reply("done"));
    let wrong = |_| Ok(Decision::Edit(json!({ "number": "many" })));
    let error = ToolLoop::new(model.clone(), deciding(tools(&made), &asked, wrong)).run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.message().contains("`number`"), "{error}");
    let mut run = ToolRun::of(&error).unwrap().clone();
    run.decide(&"1".into(), Decision::Edit(json!([]))).unwrap();
    let assistant = ToolLoop::new(model, tools(&made));
    assert!(assistant.run(run.clone()).await.unwrap_err().is(ErrorKind::InvalidInput));
    assert_eq!(made.taken().len(), 0);
    run.decide(&"1".into(), Decision::Edit(json!({ "number": 7 }))).unwrap();
    assistant.run(run).await.unwrap().run.answer().unwrap();
    assert_eq!(made.taken(), ["post 7"]);
}

#[tokio::test]
async fn a_hook_that_fails_ends_the_run_before_the_call() {
    let (made, asked) = (Log::default(), Log::default());
    let fails = |_| Err(Error::new(ErrorKind::Unavailable, "nobody is there"));
    let model = ChatModel::new(ScriptedModel::new().reply(call("1", "post", 1)).reply("done"));
    let error = ToolLoop::new(model.clone(), deciding(tools(&made), &asked, fails)).run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable), "{error}");
    let outcome = ToolLoop::new(model, tools(&made)).run(ToolRun::of(&error).unwrap().clone()).await.unwrap();
    assert_eq!((made.taken().len(), outcome.answer().unwrap().text().as_str()), (1, "done"));
}

#[test]
fn a_run_takes_no_step_that_it_does_not_need() {
    let mut run = ToolRun::from("go");
    assert!(run.started(&"1".into()).unwrap_err().is(ErrorKind::NotFound));
    run.answered(circle_core::chat_model::ChatResponse::new(vec![circle_core::chat_model::Part::ToolCall(call("1", "a", 1))]))
        .unwrap();
    assert!(run.answered(Default::default()).unwrap_err().is(ErrorKind::Conflict));
    assert!(run.started(&"1".into()).unwrap_err().is(ErrorKind::Conflict), "nobody has approved it");
    run.decide(&"1".into(), Decision::Approve).unwrap();
    run.started(&"1".into()).unwrap();
    assert!(run.decide(&"1".into(), Decision::Approve).unwrap_err().is(ErrorKind::Conflict));
    assert!(run.started(&"1".into()).unwrap_err().is(ErrorKind::Conflict));
    run.finished(&"1".into(), ToolOutput::from("a")).unwrap();
    assert_eq!((run.step(), run.calls().len()), (Step::Model, 0));
    assert!(run.finished(&"1".into(), "again").unwrap_err().is(ErrorKind::NotFound));
}
