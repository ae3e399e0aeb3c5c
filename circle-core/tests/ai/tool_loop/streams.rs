//! Runs as they go on.

use circle_core::ai::tools::{Decision, RunEnd, ToolEvent, ToolLoop, ToolRun, ToolSet, ToolStream, tool};
use circle_core::chat_model::{ChatEvent, ChatModelCapabilities};
use circle_core::prelude::*;
use circle_core_embedded::{ScriptedModel, ScriptedReply};

use super::{Numbered, call, calls, scripted};

fn tools() -> ToolSet {
    let say = |name: &str| tool(name, "Says.", |say: Numbered| async move { Ok(format!("said {}", say.number)) });
    ToolSet::new([say("say"), say("shout")]).allow(["say"]).approve(|_| async { Ok(Decision::deny("no noise")) })
}

/// What happened, in words.
async fn told(stream: &mut ToolStream) -> Result<Vec<String>, Error> {
    let mut told = Vec::new();
    while let Some(event) = stream.try_next().await? {
        told.push(match event {
            ToolEvent::Chat(ChatEvent::TextDelta { text, .. }) => format!("text {text}"),
            ToolEvent::Chat(ChatEvent::End { finish, .. }) => format!("end {finish}"),
            ToolEvent::Chat(_) => continue,
            ToolEvent::ApprovalNeeded(call) => format!("approve {}", call.id.as_str()),
            ToolEvent::CallStarted(call) => format!("started {}", call.id.as_str()),
            ToolEvent::CallFinished { call, output, .. } => format!("finished {} {}", call.id.as_str(), output.text()),
            _ => panic!("another event"),
        });
    }
    Ok(told)
}

#[tokio::test]
async fn everything_that_happens_is_told_in_order() {
    for streams in [true, false] {
        let script = ScriptedModel::new().reply(calls([call("1", "say", 1), call("2", "shout", 2), call("3", "nope", 3)]));
        let script = script.reply("All done");
        let script = if streams { script } else { script.without(ChatModelCapabilities::STREAM) };
        let mut stream = ToolLoop::new(ChatModel::new(script), tools()).stream("go").await.unwrap();
        let told = told(&mut stream).await.unwrap();
        let unknown = "finished 3 there is no tool `nope`; there are: say, shout";
        let denied = "finished 2 the call was denied: no noise";
        let texts: &[&str] = if streams { &["text All ", "text done"] } else { &["text All done"] };
        let mut expected = vec!["end tool_calls", "approve 2", denied, unknown, "started 1", "finished 1 said 1"];
        expected.extend(texts);
        expected.push("end stop");
        assert_eq!(told, expected);
        assert_eq!(stream.try_next().await.unwrap(), None);
        let outcome = stream.finish().await.unwrap();
        assert_eq!((outcome.end.clone(), outcome.answer().unwrap().text().as_str()), (RunEnd::Answered, "All done"));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_kept_and_asked_for_again() {
    let cut = Error::new(ErrorKind::Connection, "cut");
    let broken = ScriptedReply::from("I have found it").fails_after(4, cut);
    let (script, model) = scripted(ScriptedModel::new().reply(call("1", "say", 1)).reply(broken).reply("Found."));
    let assistant = ToolLoop::new(model, tools());
    let mut stream = assistant.stream("go").await.unwrap();
    let error = told(&mut stream).await.unwrap_err();
    assert!(error.is(ErrorKind::Connection), "{error}");
    assert_eq!(stream.try_next().await.unwrap(), None);
    assert!(stream.finish().await.unwrap_err().is(ErrorKind::Connection));
    let run = ToolRun::of(&error).unwrap();
    assert_eq!(run.partial().unwrap().text(), "I have ");
    assert_eq!(run.spent().model_requests, 1);
    let outcome = assistant.run(run.clone()).await.unwrap();
    assert_eq!((outcome.answer().unwrap().text().as_str(), script.requests().len()), ("Found.", 3));
}

#[tokio::test]
async fn what_fails_at_once_fails_in_the_opening() {
    let model = ChatModel::new(ScriptedModel::new().then_error(ErrorKind::RateLimited));
    let error = ToolLoop::new(model, tools()).stream("go").await.unwrap_err();
    assert!(error.is(ErrorKind::RateLimited), "{error}");
    assert_eq!(ToolRun::of(&error).unwrap().request().messages.len(), 1);
}

#[tokio::test]
async fn nothing_goes_on_that_is_not_polled() {
    let (script, model) = scripted(ScriptedModel::new().reply("one two three"));
    let stream = ToolLoop::new(model, tools()).stream("go").await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(script.requests().len(), 1);
    let run = stream.into_run();
    assert_eq!((run.spent().model_requests, run.request().messages.len()), (0, 1));
}
