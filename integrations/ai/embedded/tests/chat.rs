//! The scripted model: held to the suite of chat models, which it is also a proof of.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::ErrorKind;
use circle_core_common::interfaces::chat_model::conformance::{Ending, NEGATIVES, SUITE, ScriptedAnswers, Turn};
use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatModel, ChatModelCapabilities, ChatModelProvider, FinishReason, Received, ToolCall, Usage,
};
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use circle_core_testkit::{Broken, Defect, Failed, Subject, outcomes};
use serde_json::json;

struct Told(ScriptedModel);

impl ScriptedAnswers for Told {
    fn answer(&self, turn: Turn) -> Result<(), Failed> {
        let (events, ending) = turn.events("scripted");
        let count = events.len();
        let reply = ScriptedReply::events(events);
        let reply = match (ending.error(), ending) {
            (Some(error), _) => reply.fails_after(count, error),
            (None, Ending::Stalls(_)) => reply.stalls_after(count),
            (None, _) => reply,
        };
        let _ = self.0.clone().reply(reply);
        Ok(())
    }

    fn asked(&self) -> Vec<Bytes> {
        let requests = self.0.requests();
        let asked = requests.iter().map(|request| {
            let output = request.output.as_ref().map(|output| (&output.name, &output.schema));
            let content = (&request.model, &request.system, &request.messages, &request.tools, output, request.temperature);
            Bytes::from(serde_json::to_vec(&content).unwrap())
        });
        asked.collect()
    }
}

fn subject() -> Subject<ChatModel> {
    let model = ScriptedModel::new();
    let mut subject = Subject::<ChatModel>::over(Arc::new(model.clone()) as Arc<dyn ChatModelProvider>);
    subject.native = Some(|handle| handle.native::<ScriptedModel>().is_some());
    subject.model = Some(Arc::new(Told(model)));
    subject
}

fn failures(outcomes: Vec<(&'static str, Result<(), Failed>)>) -> Vec<String> {
    // Counting is the one thing that it cannot do.
    let expected = |name: &str| name == "count_tokens_counts";
    let failed = outcomes.into_iter().filter(|(name, outcome)| match outcome {
        Ok(()) => expected(name),
        Err(Failed::Skipped(_)) => !expected(name),
        Err(_) => true,
    });
    failed.map(|(name, outcome)| format!("{name}: {outcome:?}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes() {
    assert_eq!(failures(outcomes(SUITE, subject).await), [""; 0]);
}

/// A subject whose model has a defect.
fn broken(defect: Defect) -> Subject<ChatModel> {
    let model = ScriptedModel::new();
    let broken = Arc::new(Broken::new(model.clone(), defect)) as Arc<dyn ChatModelProvider>;
    let mut subject = Subject::<ChatModel>::over(broken);
    subject.native = Some(|handle| handle.native::<ScriptedModel>().is_some());
    subject.model = Some(Arc::new(Told(model)));
    subject
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_models_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::TakesCutsForEnds,
            &[
                "stream_that_is_cut_holds_what_was_received",
                "stream_that_ends_early_is_truncated",
                "tool_call_that_is_cut_is_no_call",
                "stream_that_fails_midway_says_why",
                "stream_is_one_call_until_its_end",
            ],
        ),
        (Defect::MergesToolCalls, &["parallel_tool_calls_stay_apart", "tool_results_go_back"]),
        (Defect::WaitsForTheEnd, &["stream_does_not_wait_for_its_end", "stream_that_stalls_is_a_timeout_at_the_deadline"]),
        (
            Defect::LosesDeltas,
            &[
                "stream_events_are_in_order",
                "stream_gives_every_delta",
                "stream_and_chat_give_the_same_answer",
                "stream_finish_gives_the_whole_answer",
                "streams_at_the_same_time_are_kept_apart",
                "output_of_a_schema_streams",
            ],
        ),
        (Defect::CountsUnknownAsZero, &["usage_that_is_not_told_is_unknown", "report_adds_the_usage_of_calls"]),
        (Defect::ClosedFinishReasons, &["finish_reason_that_is_unknown_is_kept"]),
        (Defect::AltersState, &["state_goes_back_byte_for_byte"]),
        (Defect::ShufflesTools, &["equal_requests_are_equal_bytes"]),
        (Defect::TakesReasoningForText, &["reasoning_is_no_text", "stream_that_stalls_is_a_timeout_at_the_deadline"]),
        (Defect::LogsContent, &["no_payload_or_secret_in_spans_logs_and_errors"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    let mut wrong = Vec::new();
    for (defect, expected) in table {
        let outcomes = outcomes(SUITE, || broken(*defect)).await;
        let failing = outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Wrong(_)))).map(|(name, _)| name);
        let failing: Vec<_> = failing.collect();
        if failing != *expected {
            wrong.push(format!("{defect:?} fails {failing:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_negatives_pass() {
    for negative in NEGATIVES {
        assert_eq!((negative.run)(subject()).await, Ok(()), "{}", negative.flag.name());
    }
}

#[tokio::test]
async fn a_script_is_played_in_order_and_no_further() {
    let script = ScriptedModel::new().reply("42").then_error(ErrorKind::RateLimited);
    let model = ChatModel::new(script.clone());
    assert_eq!(model.chat("What is it?").await.unwrap().text(), "42");
    assert!(model.chat("Sure?").await.unwrap_err().is(ErrorKind::RateLimited));
    assert!(model.chat("And now?").await.unwrap_err().message().contains("no answer to request 3"));
    assert_eq!(script.requests().len(), 3);
    let _ = script.always("Always.");
    for _ in 0..3 {
        assert_eq!(model.chat("Well?").await.unwrap().text(), "Always.");
    }
}

#[tokio::test]
async fn a_reply_streams_in_the_chosen_pieces() {
    let usage = Usage::inclusive(Some(3), Some(0), Some(0)).output(Some(2));
    let script = ScriptedModel::new()
        .reply("One and two.")
        .reply(ScriptedReply::from("One é.").in_chunks_of(2).usage(usage).finish(FinishReason::Length))
        .reply(ToolCall::new("call_1", "weather", json!({ "city": "Riga" })))
        .reply(ScriptedReply::from("One and two.").ends_after(3));
    let model = ChatModel::new(script);
    for expected in [vec!["One ", "and ", "two."], vec!["On", "e ", "é."]] {
        let (mut stream, mut pieces) = (model.stream("Count.").await.unwrap(), Vec::new());
        while let Some(event) = stream.try_next().await.unwrap() {
            if let ChatEvent::TextDelta { text, .. } = event {
                pieces.push(text);
            }
        }
        assert_eq!(pieces, expected);
    }
    let reply = model.chat("How is it?").await.unwrap();
    assert_eq!((reply.finish.clone(), reply.tool_calls().count()), (FinishReason::ToolCalls, 1));
    let error = model.stream("Count.").await.unwrap().finish().await.unwrap_err();
    assert_eq!(Received::of(&error).unwrap().text(), "One ");
}

#[test]
fn a_capability_can_be_taken_away() {
    let model = ChatModel::new(ScriptedModel::new().without(ChatModelCapabilities::TOOLS));
    assert!(!model.capabilities().tools && model.capabilities().stream);
    assert!(model.native::<ScriptedModel>().is_some());
}
