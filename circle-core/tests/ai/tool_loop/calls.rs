//! Calls: how they are made, and what is made of mistakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use circle_core::access::{AccessControl, AccessRequest, Decision, Verdict};
use circle_core::ai::tools::{NoArguments, RunEnd, ToolFailure, ToolLoop, ToolRun, ToolSet, tool, tool_with_context};
use circle_core::chat_model::{ChatResponse, FinishReason, Part, ProviderState, Text, ToolCall, ToolChoice, ToolOutput, Usage};
use circle_core::prelude::*;
use circle_core::{Cancel, Class, Environment};
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use serde_json::json;

use super::{Numbered, call, calls, results, scripted, through_json, told};

#[tokio::test(start_paused = true)]
async fn calls_run_side_by_side_and_results_are_in_their_order() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&running), Arc::clone(&most));
    let wait = tool("wait", "Waits.", move |wait: Numbered| {
        let (running, most) = counts.clone();
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100 - wait.number)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(format!("waited {}", wait.number))
        }
    });
    let wanted = (0..20).map(|number| call(&format!("c{number}"), "wait", number));
    let (script, model) = scripted(ScriptedModel::new().reply(ScriptedReply::tool_calls(wanted)).reply("done"));
    let outcome = ToolLoop::new(model, [wait]).concurrency(3).run("go").await.unwrap();
    assert_eq!(outcome.end, RunEnd::Answered);
    let expected: Vec<_> = (0..20).map(|number| (format!("waited {number}"), false)).collect();
    assert_eq!(told(&outcome.run), expected);
    assert_eq!(results(&script.requests()[1].messages).len(), 20);
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(outcome.answer().unwrap().text(), "done");
    assert_eq!(script.requests()[0].tools[0].name, "wait");
    assert_eq!(script.requests()[0].tools, script.requests()[1].tools);
}

#[tokio::test]
async fn mistakes_of_the_model_are_told_to_it() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let look = tool("look_up", "Looks up.", move |_: Numbered| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok("found") }
    });
    let ping = tool("ping", "Pings.", |_: NoArguments| async { Ok("pong") });
    let wanted = [
        call("1", "lookup", 1),
        call("2", "drop_everything", 1),
        ToolCall::from_text("3", "look_up", "{\"number\": 1"),
        ToolCall::from_text("4", "look_up", "{\"number\": \"one\"}"),
        ToolCall::from_text("5", "look_up", format!("{{\"number\": {}1}}", " ".repeat(2000))),
        ToolCall::from_text("6", "ping", ""),
        call("7", "look_up", 7),
        ToolCall::new("8", "x".repeat(100_000), json!({})),
        ToolCall::from_text("9", "look_up", "[".repeat(1000)),
    ];
    let (_, model) = scripted(ScriptedModel::new().reply(calls(wanted)).reply("sorry"));
    let tools = ToolSet::default().tool(look).tool(ping);
    let outcome = ToolLoop::new(model, tools).argument_bytes(ByteSize::kib(1)).run("go").await.unwrap();
    let told = told(&outcome.run);
    assert_eq!(told[0], ("there is no tool `lookup`; the nearest is `look_up`".to_owned(), true));
    assert_eq!(told[1], ("there is no tool `drop_everything`; there are: look_up, ping".to_owned(), true));
    for (at, text) in [(2, "not JSON"), (3, "`number` must be of type \"integer\""), (4, "at most 1024"), (8, "recursion")] {
        assert!(told[at].1 && told[at].0.contains(text), "{told:?}");
    }
    assert_eq!(told[5], ("pong".to_owned(), false));
    assert_eq!(told[6], ("found".to_owned(), false));
    assert!(told[7].0.len() < 200, "{}", told[7].0);
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!((outcome.run.spent().tool_calls, outcome.run.spent().model_requests), (9, 2));
}

#[tokio::test]
async fn calls_with_one_id_are_told_apart() {
    let (script, model) = scripted(
        ScriptedModel::new()
            .reply(calls([
                call("a", "say", 1),
                call("a", "say", 2),
                call("", "say", 3),
                call("a-1", "say", 4),
                call("", "say", 5),
            ]))
            .reply("done"),
    );
    let say = tool("say", "Says.", |say: Numbered| async move { Ok(say.number.to_string()) });
    ToolLoop::new(model, [say]).run("go").await.unwrap().answer().unwrap();
    let sent = &script.requests()[1].messages;
    let ids: Vec<_> =
        sent[1].parts.iter().map(|part| if let Part::ToolCall(call) = part { call.id.clone() } else { panic!() }).collect();
    let results = results(sent);
    assert_eq!(results.iter().map(|result| result.call.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(results.iter().map(|result| result.output.text()).collect::<String>(), "12345");
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!((unique.len(), ids[0].as_str()), (5, "a"));
}

#[tokio::test]
async fn a_call_that_was_cut_is_not_made() {
    let answer = calls([call("1", "say", 1), ToolCall::from_text("2", "say", "")]).finish(FinishReason::Length);
    let (_, model) = scripted(ScriptedModel::new().reply(answer).reply("done"));
    let say = tool("say", "Says.", |_: NoArguments| async { Ok("said") });
    let outcome = ToolLoop::new(model, [say]).run("go").await.unwrap();
    let told = told(&outcome.run);
    assert_eq!(told[0], ("said".to_owned(), false));
    assert!(told[1].1 && told[1].0.contains("not made"), "{told:?}");
}

#[tokio::test]
async fn what_a_content_policy_ended_is_an_answer_and_what_is_paused_goes_on() {
    let stopped = ChatResponse::new(vec![Part::text("no"), Part::ToolCall(call("1", "say", 1))]);
    let script = ScriptedModel::new().reply(ScriptedReply::from(stopped).finish(FinishReason::ContentFilter));
    let say = || tool("say", "Says.", |_: Numbered| async { Ok("said") });
    let outcome = ToolLoop::new(ChatModel::new(script), [say()]).run("go").await.unwrap();
    let next = outcome.run.conversation().user("Why?");
    assert_eq!(next.messages.iter().map(|message| message.text()).collect::<Vec<_>>(), ["go", "no", "Why?"]);
    assert_eq!(next.messages[1].parts.len(), 1);
    assert_eq!(outcome.answer().unwrap().finish, FinishReason::ContentFilter);

    let paused = ScriptedReply::from("searching").finish(FinishReason::Paused);
    let (script, model) = scripted(ScriptedModel::new().reply(paused).reply("found"));
    assert_eq!(ToolLoop::new(model, [say()]).run("go").await.unwrap().answer().unwrap().text(), "found");
    assert_eq!(script.requests()[1].messages[1].text(), "searching");
}

#[tokio::test]
async fn a_tool_that_must_be_called_must_be_called_once() {
    let (script, model) = scripted(ScriptedModel::new().reply(call("1", "say", 1)).reply("done"));
    let say = tool("say", "Says.", |_: Numbered| async { Ok("said") });
    let request = ChatRequest::from("go").tool_choice(ToolChoice::Required);
    ToolLoop::new(model, [say]).run(request).await.unwrap().answer().unwrap();
    let choices: Vec<_> = script.requests().iter().map(|request| request.tool_choice.clone()).collect();
    assert_eq!(choices, [ToolChoice::Required, ToolChoice::Auto]);
}

#[tokio::test]
async fn a_failure_is_told_unless_somebody_wants_an_end() {
    let fail = tool("fail", "Fails.", |fail: Numbered| async move {
        match fail.number {
            0 => Err(ToolFailure::tell("no such thing")),
            1 => Err(Error::new(ErrorKind::NotFound, "order 1 does not exist"))?,
            2 => Err("x".parse::<u8>().unwrap_err())?,
            3 => Err(Error::new(ErrorKind::OutcomeUnknown, "the answer was lost"))?,
            4 => Err(Error::new(ErrorKind::Closed, "the hub has shut down"))?,
            _ => Ok(ToolOutput::error("of its own")),
        }
    });
    let wanted = [call("0", "fail", 0), call("1", "fail", 1), call("2", "fail", 2), call("3", "fail", 3), call("5", "fail", 5)];
    let script = ScriptedModel::new().reply(calls(wanted)).reply(call("4", "fail", 4));
    let error = ToolLoop::new(ChatModel::new(script), [fail]).run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::Closed), "{error}");
    let run = ToolRun::of(&error).unwrap();
    let texts: Vec<_> = told(run).into_iter().map(|(text, is_error)| format!("{is_error} {text}")).collect();
    let expected = [
        "true no such thing",
        "true not found: order 1 does not exist",
        "true invalid digit found in string",
        "true outcome unknown: the answer was lost; whether it had its effect is unknown",
        "true of its own",
    ];
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn a_panic_is_an_error_that_has_the_run_and_takes_nothing_else_down() {
    let tools = ToolSet::new([
        tool("panic", "Panics.", |numbered: Numbered| async move {
            tokio::task::yield_now().await;
            assert!(numbered.number > 1, "one is too few");
            Ok("fine")
        }),
        tool("slow", "Is slow.", |_: Numbered| async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            Ok("slow and sure")
        }),
    ]);
    let script = ScriptedModel::new().reply(calls([call("1", "panic", 1), call("2", "slow", 2)])).reply("oh");
    let assistant = ToolLoop::new(ChatModel::new(script), tools).name("desk");
    let error = assistant.run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::Internal) && error.to_string().contains("tools.write on desk"), "{error}");
    assert_eq!(error.resource(), Some("panic"));
    let run = through_json(ToolRun::of(&error).unwrap());
    let outcome = assistant.run(run).await.unwrap();
    let told = told(&outcome.run);
    assert!(told[0].1 && told[0].0.contains("unknown"), "{told:?}");
    assert_eq!(told[1], ("slow and sure".to_owned(), false));
}

#[tokio::test(start_paused = true)]
async fn a_call_has_its_time_and_the_run_has_its_own() {
    let sleep = |name: &str| {
        tool(name, "Sleeps.", |sleep: Numbered| async move {
            tokio::time::sleep(Duration::from_secs(sleep.number)).await;
            Ok("slept")
        })
    };
    let tools =
        || ToolSet::new([sleep("short").timeout(Duration::from_secs(1)), sleep("read").class(Class::Read), sleep("long")]);
    let wanted = [call("1", "short", 2), call("2", "read", 90), call("3", "long", 50)];
    let (_, model) = scripted(ScriptedModel::new().reply(calls(wanted.clone())).reply("done"));
    let outcome = ToolLoop::new(model, tools()).run("go").await.unwrap();
    let texts = told(&outcome.run);
    assert!(texts[0].0.contains("no answer within 1s; whether it had its effect is unknown"), "{texts:?}");
    assert!(texts[1].1 && !texts[1].0.contains("unknown"), "{texts:?}");
    assert_eq!(texts[2], ("slept".to_owned(), false));

    let (_, model) = scripted(ScriptedModel::new().reply(calls(wanted)).reply("done"));
    let timed = ToolLoop::new(model, tools()).with(CallOptions::new().timeout(Duration::from_secs(30)));
    let error = timed.run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error}");
    let outcome = timed.run(through_json(ToolRun::of(&error).unwrap())).await.unwrap_err();
    let run = ToolRun::of(&outcome).unwrap();
    assert_eq!(run.calls().iter().filter(|call| format!("{:?}", call.state).starts_with("Finished")).count(), 2);
}

#[tokio::test]
async fn a_cancelled_run_ends_and_is_not_lost() {
    let cancel = Cancel::new();
    let signal = cancel.clone();
    let stop = tool("stop", "Stops.", move |_: NoArguments| {
        signal.cancel();
        std::future::pending::<Result<String, ToolFailure>>()
    });
    let (script, model) = scripted(ScriptedModel::new().reply(calls([ToolCall::new("1", "stop", json!({}))])).reply("done"));
    let assistant = ToolLoop::new(model, [stop]);
    let error = assistant.with(CallOptions::new().cancel(&cancel)).run("go").await.unwrap_err();
    assert!(error.is(ErrorKind::Cancelled), "{error}");
    let outcome = assistant.run(ToolRun::of(&error).unwrap().clone()).await.unwrap();
    assert!(told(&outcome.run)[0].0.contains("unknown"));
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn access_rules_speak_of_tools_and_classes() {
    struct Rules;
    impl AccessControl for Rules {
        fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a> {
            match request.resource {
                "wipe" => {
                    assert_eq!((request.class, request.principal), (Class::Delete, Some("ana")));
                    Decision::deny("nobody wipes").into()
                }
                _ => Decision::allow().into(),
            }
        }
    }
    let tools = ToolSet::new([
        tool("wipe", "Wipes.", |_: NoArguments| async { Ok("wiped") }).class(Class::Delete),
        tool("look", "Looks.", |_: NoArguments| async { Ok("seen") }).class(Class::Read),
    ]);
    let wanted = [ToolCall::new("1", "wipe", json!({})), ToolCall::new("2", "look", json!({}))];
    let model = ChatModel::new(ScriptedModel::new().reply(calls(wanted)).reply("done"));
    let assistant = ToolLoop::new(model, tools)
        .environment(Environment::builder().access(Rules).build())
        .with(CallOptions::new().principal("ana"));
    let texts = told(&assistant.run("go").await.unwrap().run);
    assert!(texts[0].1 && texts[0].0.contains("nobody wipes"), "{texts:?}");
    assert_eq!(texts[1], ("seen".to_owned(), false));
}

#[tokio::test]
async fn a_tool_knows_its_call() {
    let look = tool_with_context("look", "Looks.", |cx: circle_core::CallContext, _: NoArguments| async move {
        Ok(format!("{} {:?}", cx.operation_id()?, cx.tenant()))
    });
    let wanted = || calls([ToolCall::new("1", "look", json!({})), ToolCall::new("2", "look", json!({}))]);
    let model = ChatModel::new(ScriptedModel::new().reply(wanted()).reply(wanted()).reply("done"));
    let assistant = ToolLoop::new(model, [look]).with(CallOptions::new().tenant("acme").idempotency_key("not-for-all"));
    let outcome = assistant.run(ToolRun::from("go").named("r7")).await.unwrap();
    let texts: Vec<_> = told(&outcome.run).into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["r7/1/0", "r7/1/1", "r7/2/0", "r7/2/1"].map(|id| format!("{id} Some(\"acme\")")));
}

#[tokio::test]
async fn state_of_the_provider_goes_back_byte_for_byte_and_usage_adds_up() {
    let data = "{\"sig\":\"\\u00e9 é \\\\ \u{1F980}\", \"n\": 1.0}\n\t\u{7f}";
    let state = || ProviderState::new("scripted", data);
    let parts = vec![
        Part::Reasoning(Text::new("hm").state(state())),
        Part::ToolCall(ToolCall::from_text("1", "say", "{ \"number\" : 1.0e0 }").state(state())),
    ];
    let mut answer = ChatResponse::new(parts.clone());
    answer.usage = Usage::inclusive(Some(100), Some(60), Some(10)).output(Some(20)).reasoning(Some(5));
    let second = Usage::inclusive(Some(200), Some(150), Some(0)).output(Some(7)).reasoning(Some(0));
    let (script, model) = scripted(ScriptedModel::new().reply(answer).reply(ScriptedReply::from("done").usage(second)));
    let ask = circle_core::ai::tools::Decision::Suspend;
    let tools = ToolSet::new([tool("say", "Says.", |_: Numbered| async { Ok("said") })]);
    let assistant = ToolLoop::new(
        model.clone(),
        tools.clone().approve(move |_| {
            let decision = ask.clone();
            async move { Ok(decision) }
        }),
    );
    let outcome = assistant.run("go").await.unwrap();
    assert_eq!(outcome.end, RunEnd::Suspended);
    let outcome = ToolLoop::new(model, tools).run(through_json(&outcome.run)).await.unwrap();
    assert_eq!(*script.requests()[1].messages[1].parts, parts);
    let usage = outcome.run.spent().usage;
    let counts = (usage.input_total(), usage.input_uncached(), usage.cache_read(), usage.cache_write(), usage.output_total());
    assert_eq!(counts, (Some(300), Some(80), Some(210), Some(10), Some(27)));
    assert_eq!(usage.reasoning_total(), Some(5));
}

#[tokio::test]
async fn what_cannot_be_a_run_is_refused() {
    let (script, model) = scripted(ScriptedModel::new());
    let say = tool("say", "Says.", |_: Numbered| async { Ok("said") });
    let request = ChatRequest::from("go").tool(circle_core::chat_model::Tool::of::<Numbered>("other", ""));
    let error = ToolLoop::new(model, [say]).run(request).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && ToolRun::of(&error).is_some(), "{error}");
    assert_eq!(script.requests().len(), 0);

    let (_, checkpoints) = super::checkpoints::counting(usize::MAX);
    let request = ChatRequest::from("go").tool(circle_core::chat_model::Tool::of::<Numbered>("other", ""));
    let assistant = ToolLoop::new(ChatModel::new(script), ToolSet::default()).checkpoint(checkpoints.clone());
    assistant.run(ToolRun::from(request).named("job")).await.unwrap_err();
    assert!(checkpoints.get("job").await.unwrap().is_none(), "what is no run is not stored");

    let later = serde_json::to_string(&ToolRun::from("go")).unwrap().replace("\"format\":1", "\"format\":2");
    assert!(serde_json::from_str::<ToolRun>(&later).unwrap_err().to_string().contains("reads format 1"));
}
