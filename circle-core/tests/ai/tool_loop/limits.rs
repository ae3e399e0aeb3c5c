//! Limits: each ends a run, none loses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use circle_core::ai::tools::{LimitReached, RunEnd, Step, ToolLimits, ToolLoop, ToolRun, tool};
use circle_core::chat_model::Usage;
use circle_core::prelude::*;
use circle_core_embedded::{ScriptedModel, ScriptedReply};

use super::{Numbered, call, calls, scripted, through_json, told};

fn counted() -> (Arc<AtomicUsize>, circle_core::ai::tools::FunctionTool) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let step = tool("step", "Steps.", move |_: Numbered| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok("stepped") }
    });
    (made, step)
}

/// A model that takes so many steps and is done.
fn steps(count: u64) -> ScriptedModel {
    let script = (0..count).fold(ScriptedModel::new(), |script, number| script.reply(call("c", "step", number)));
    script.reply("done")
}

#[tokio::test]
async fn every_limit_gives_the_run_back_and_raised_it_goes_on() {
    let usage = |script: u64| Usage::inclusive(Some(10 * script), Some(0), Some(0)).output(Some(script));
    let table: [(ToolLimits, u32, &str); 6] = [
        (ToolLimits::none().model_requests(2), 2, "asked 2 times"),
        (ToolLimits::none().tool_calls(2), 3, "wants 3 calls"),
        (ToolLimits::none().input_tokens(25), 3, "30 input tokens are used of 25"),
        (ToolLimits::none().output_tokens(3), 3, "3 output tokens are used of 3"),
        (ToolLimits::none().total_tokens(22), 2, "22 total tokens are used of 22"),
        (ToolLimits::none().repeats(1), 2, "`step` was made 1 times"),
    ];
    for (limits, asked, text) in table {
        let same = limits.repeats.is_some();
        let script = (0..4).fold(ScriptedModel::new(), |script, number| {
            script.reply(ScriptedReply::from(call("c", "step", if same { 0 } else { number })).usage(usage(1)))
        });
        let (script, model) = scripted(script.reply("done"));
        let (made, step) = counted();
        let assistant = ToolLoop::new(model, [step]);
        let outcome = assistant.clone().limits(limits).run("go").await.unwrap();
        let RunEnd::Limit(reached) = &outcome.end else { panic!("{outcome:?}") };
        assert!(reached.to_string().contains(text), "{reached}");
        assert_eq!(outcome.run.spent().model_requests, asked, "{reached}");
        let error = outcome.answer().unwrap_err();
        assert!(error.is(ErrorKind::QuotaExceeded) && !error.is_retryable(), "{error}");
        let run = through_json(ToolRun::of(&error).unwrap());
        // Nothing was made of the answer that met the limit.
        assert!(made.load(Ordering::SeqCst) <= asked as usize);
        let outcome = assistant.limits(ToolLimits::none()).run(run).await.unwrap();
        assert_eq!((told(&outcome.run).len(), made.load(Ordering::SeqCst), script.requests().len()), (4, 4, 5));
        assert_eq!(outcome.answer().unwrap().text(), "done");
    }
}

#[tokio::test]
async fn tokens_that_nobody_counts_cannot_be_limited() {
    let (made, step) = counted();
    let limited = ToolLoop::new(ChatModel::new(steps(1)), [step]).limits(ToolLimits::new().total_tokens(1_000_000));
    let outcome = limited.run("go").await.unwrap();
    let RunEnd::Limit(LimitReached::Tokens { spent: None, .. }) = outcome.end else { panic!("{outcome:?}") };
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_circle_is_found_however_it_is_written() {
    let same = [r#"{"number":1}"#, r#"{ "number": 1 }"#, r#"{"number":1,"x":[]}"#, "{\n\"number\":1}"];
    let script = same.iter().enumerate().fold(ScriptedModel::new(), |script, (at, text)| {
        script.reply(circle_core::chat_model::ToolCall::from_text(format!("c{at}"), "step", *text))
    });
    let (made, step) = counted();
    let limits = ToolLimits::new().repeats(2);
    let outcome = ToolLoop::new(ChatModel::new(script), [step]).limits(limits).run("go").await.unwrap();
    assert!(matches!(outcome.end, RunEnd::Limit(LimitReached::Repeats { limit: 2, .. })), "{outcome:?}");
    assert_eq!(made.load(Ordering::SeqCst), 3, "the third is another call");
}

#[tokio::test(start_paused = true)]
async fn time_is_that_of_driving_and_what_was_said_is_kept() {
    let slow = tool("step", "Steps.", |_: Numbered| async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok("stepped")
    });
    let stalls = ScriptedReply::from("I have found").stalls_after(4);
    let script = ScriptedModel::new().reply(call("a", "step", 1)).reply(call("b", "step", 2)).reply(stalls).reply("done");
    let (_, model) = scripted(script);
    let limits = ToolLimits::none().time(Duration::from_secs(25));
    let assistant = ToolLoop::new(model, [slow]);
    let outcome = assistant.clone().limits(limits.clone()).stream("go").await.unwrap().finish().await.unwrap();
    assert!(matches!(outcome.end, RunEnd::Limit(LimitReached::Time { .. })), "{outcome:?}");
    assert_eq!(outcome.run.partial().unwrap().text(), "I have ");
    assert_eq!(outcome.run.step(), Step::Model);
    assert!(outcome.run.spent().time >= Duration::from_secs(25));
    tokio::time::sleep(Duration::from_secs(1000)).await;
    let run = through_json(&outcome.run);
    assert!(assistant.clone().limits(limits).run(run.clone()).await.unwrap().answer().unwrap_err().is(ErrorKind::Timeout));
    let outcome = assistant.run(run).await.unwrap();
    assert_eq!(outcome.run.partial().map(|partial| partial.text()), None);
    assert_eq!(outcome.answer().unwrap().text(), "done");
}

#[tokio::test]
async fn by_default_a_model_cannot_go_on_for_ever() {
    let (made, step) = counted();
    let script = ScriptedModel::new().always(calls([call("c", "step", 1)]));
    let outcome = ToolLoop::new(ChatModel::new(script), [step]).run("go").await.unwrap();
    assert!(matches!(outcome.end, RunEnd::Limit(LimitReached::Repeats { limit: 5, .. })), "{outcome:?}");
    assert_eq!(made.load(Ordering::SeqCst), 5);
}
