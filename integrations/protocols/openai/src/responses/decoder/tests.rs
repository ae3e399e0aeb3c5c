use bytes::Bytes;
use circle_core_common::http::SseStream;
use circle_core_common::interfaces::chat_model::{ChatStream, Part, Received, Source, Usage};
use circle_core_common::{ByteStream, Environment, Reason};
use serde_json::{Value, json};

use super::*;
use crate::stream::Events;

const OWNER: &str = "openai/openai/responses";

/// Reasoning, a text and a call, as the service streams them.
const ALL: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"incomplete_details":null,"instructions":"Be brief.","model":"gpt-5-mini","output":[],"usage":null}}

event: response.in_progress
data: {"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","status":"in_progress","model":"gpt-5-mini","output":[]}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"half"}}

event: response.reasoning_summary_part.added
data: {"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Let me","obfuscation":"x"}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":" see."}

event: response.reasoning_summary_text.done
data: {"type":"response.reasoning_summary_text.done","item_id":"rs_1","output_index":0,"summary_index":0,"text":"Let me see."}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":1,"delta":"So."}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1", "type":"reasoning","summary":[{"type":"summary_text","text":"Let me see."},{"type":"summary_text","text":"So."}],"encrypted_content":"gAAA\/1=="}}

: keep-alive

event: keepalive
data: {"type":"keepalive","sequence_number":9}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","phase":"commentary","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"R\u012bga \ud83e\udd8a ķ","logprobs":[]}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"\n\"so\"","logprobs":[]}

event: response.output_text.annotation.added
data: {"type":"response.output_text.annotation.added","item_id":"msg_1","output_index":1,"content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"https://example.com","title":"T","start_index":0,"end_index":4}}

event: response.output_text.done
data: {"type":"response.output_text.done","item_id":"msg_1","output_index":1,"content_index":0,"text":"Rīga 🦊 ķ\n\"so\""}

event: response.content_part.done
data: {"type":"response.content_part.done","item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Rīga 🦊 ķ\n\"so\"","annotations":[]}}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"Rīga 🦊 ķ\n\"so\"","annotations":[{"type":"url_citation","url":"https://example.com","title":"T","start_index":0,"end_index":4}]}]}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"call_1","name":"f","arguments":""}}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"{\"x\""}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":":1}"}

event: response.function_call_arguments.done
data: {"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":2,"name":"f","arguments":"{\"x\":1}"}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"f","arguments":"{\"x\":1}"}}

event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","status":"completed","error":null,"incomplete_details":null,"model":"gpt-5-mini","output":[{"id":"rs_1", "type":"reasoning","summary":[{"type":"summary_text","text":"Let me see."},{"type":"summary_text","text":"So."}],"encrypted_content":"gAAA\/1=="},{"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"Rīga 🦊 ķ\n\"so\"","annotations":[{"type":"url_citation","url":"https://example.com","title":"T","start_index":0,"end_index":4}]}]},{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"f","arguments":"{\"x\":1}"}],"usage":{"input_tokens":12,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":3},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":21}}}

"#;

/// The item of reasoning, byte for byte.
const THOUGHT: &str = r#"{"id":"rs_1", "type":"reasoning","summary":[{"type":"summary_text","text":"Let me see."},{"type":"summary_text","text":"So."}],"encrypted_content":"gAAA\/1=="}"#;

fn decoder() -> Decoder {
    Decoder::new("call_made_".to_owned(), OWNER.into(), true, Vec::new()).asked_as(Asked::whole(Some("req-1".to_owned())))
}

fn clock() -> circle_core_common::Clock {
    Environment::default().clock().clone()
}

/// A body that comes in pieces of this size.
fn body(text: &str, size: usize) -> ByteStream {
    let chunks: Vec<Bytes> = text.as_bytes().chunks(size.max(1)).map(Bytes::copy_from_slice).collect();
    ByteStream::unfold(chunks.into_iter(), |mut chunks| async move { Ok(chunks.next().map(|chunk| (chunk, chunks))) })
}

async fn read(text: &str, size: usize) -> Result<ChatResponse> {
    ChatStream::new(Events::new(SseStream::new(body(text, size)), clock(), decoder())).finish().await
}

fn event(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
}

fn completed() -> Value {
    json!({ "type": "response.completed", "response": { "id": "r", "status": "completed" } })
}

/// A stream of these events, and its end.
async fn answered(events: &[Value]) -> ChatResponse {
    read(&(events.iter().map(event).collect::<String>() + &event(&completed())), 13).await.unwrap()
}

fn calls(reply: &ChatResponse) -> Vec<(&str, &str, &str)> {
    reply.tool_calls().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect()
}

fn check(reply: &ChatResponse) {
    assert_eq!((reply.id.as_deref(), reply.model.as_deref()), (Some("resp_1"), Some("gpt-5-mini")));
    assert_eq!((reply.reasoning().as_str(), reply.text().as_str()), ("Let me see.\n\nSo.", "Rīga 🦊 ķ\n\"so\""));
    assert_eq!(calls(reply), [("call_1", "f", "{\"x\":1}")]);
    assert_eq!((reply.parts.len(), &reply.finish), (3, &FinishReason::ToolCalls));
    assert_eq!(reply.sources, [Source::new("https://example.com").title("T").part(1)]);
    let usage = Usage::inclusive(Some(12), Some(4), Some(3)).output(Some(9)).reasoning(Some(2));
    assert_eq!((reply.usage, reply.usage.input_uncached()), (usage, Some(5)));
    let state = |data: &str| Some(ProviderState::new(OWNER, data));
    let states: Vec<_> = reply.parts.iter().map(|part| part.state().cloned()).collect();
    assert_eq!(states, [state(THOUGHT), state(r#"{"phase":"commentary"}"#), None]);
}

#[tokio::test]
async fn a_stream_is_the_same_however_it_is_cut_into_pieces() {
    let whole = read(ALL, usize::MAX).await.unwrap();
    check(&whole);
    for size in 1..ALL.len() {
        let pieces = read(ALL, size).await.unwrap();
        assert_eq!((&pieces.parts, &pieces.usage, &pieces.sources), (&whole.parts, &whole.usage, &whole.sources), "{size}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_anywhere_before_its_last_event_is_truncated_and_holds_what_came() {
    // The last event is one with its blank line.
    for end in (0..ALL.len() - 1).filter(|end| ALL.is_char_boundary(*end)) {
        let error = read(&ALL[..end], 7).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{end}: {error}");
        let received = Received::of(&error).cloned().unwrap_or_default();
        assert!("Let me see.\n\nSo.".starts_with(&received.reasoning()) && "Rīga 🦊 ķ\n\"so\"".starts_with(&received.text()));
        let arguments = received.tool_calls().next().map(|call| call.arguments.clone()).unwrap_or_default();
        assert!("{\"x\":1}".starts_with(&arguments), "{arguments}");
    }
}

#[tokio::test]
async fn deltas_are_given_as_they_come_and_nothing_twice() {
    let mut stream = ChatStream::new(Events::new(SseStream::new(body(ALL, 64)), clock(), decoder()));
    let mut kinds = Vec::new();
    while let Some(event) = stream.try_next().await.unwrap() {
        kinds.push(match event {
            ChatEvent::Start { .. } => "start".to_owned(),
            ChatEvent::PartStart { part, .. } => format!("{part}+"),
            ChatEvent::ToolCallStart { part, id, name, .. } => format!("{part}+{}:{name}", id.as_str()),
            ChatEvent::TextDelta { part, text, .. } | ChatEvent::ReasoningDelta { part, text, .. } => format!("{part} {text}"),
            ChatEvent::ToolCallDelta { part, arguments, .. } => format!("{part} {arguments}"),
            ChatEvent::PartEnd { part, .. } | ChatEvent::ToolCallEnd { part, .. } => format!("{part}-"),
            ChatEvent::Source(_) => "source".to_owned(),
            ChatEvent::Usage(_) => "usage".to_owned(),
            ChatEvent::End { .. } => "end".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    let expected = [
        "start",
        "0+",
        "0 Let me",
        "0  see.",
        "0 \n\n",
        "0 So.",
        "0-",
        "1+",
        "1 Rīga 🦊 ķ",
        "1 \n\"so\"",
        "source",
        "1-",
        "2+call_1:f",
        "2 {\"x\"",
        "2 :1}",
        "2-",
        "usage",
        "end",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_whole_answer_is_the_same_as_a_stream() {
    let last = ALL.rsplit_once("data: ").unwrap().1;
    let last: Event<'_> = serde_json::from_str(last).unwrap();
    let answer: Answer<'_> = serde_json::from_str(last.response.unwrap().get()).unwrap();
    check(&decoder().response(&answer).unwrap());
    for body in [r#"{"object":"list","data":[]}"#, r#"{"output":null}"#, r#"{"output":"x"}"#, r#"{"output":[7]}"#] {
        let answer: Answer<'_> = serde_json::from_str(body).unwrap();
        assert!(decoder().response(&answer).unwrap_err().is(ErrorKind::Decode), "{body}");
    }
}

#[tokio::test]
async fn what_came_only_as_a_whole_is_given() {
    let message = json!({ "type": "message", "id": "m", "content": [{ "type": "output_text", "text": "So." }] });
    let call = json!({ "type": "function_call", "id": "c", "call_id": "call_1", "name": "f", "arguments": { "x": 1 } });
    let done = |index: u64, item: &Value| json!({ "type": "response.output_item.done", "output_index": index, "item": item });
    let by_items = answered(&[done(0, &message), done(1, &call)]).await;
    let mut last = completed();
    last["response"]["output"] = json!([message, call]);
    let by_the_last = read(&event(&last), 9).await.unwrap();
    // The last event also ends what has begun and not ended, and gives nothing of it twice.
    let added = json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "message", "id": "m" } });
    let delta = json!({ "type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "So." });
    let by_both = read(&(event(&added) + &event(&delta) + &event(&done(1, &call)) + &event(&last)), 9).await.unwrap();
    for reply in [by_items, by_the_last, by_both] {
        assert_eq!((reply.text().as_str(), calls(&reply)), ("So.", vec![("call_1", "f", "{\"x\":1}")]));
        assert_eq!(reply.parts.len(), 2);
    }
}

fn added(index: Value, id: Value, call: &str) -> Value {
    let item = json!({ "type": "function_call", "id": id, "call_id": call, "name": "f", "arguments": "" });
    json!({ "type": "response.output_item.added", "output_index": index, "item": item })
}

fn arguments(index: Value, id: Value, delta: &str) -> Value {
    json!({ "type": "response.function_call_arguments.delta", "output_index": index, "item_id": id, "delta": delta })
}

fn call_done(index: Value, id: Value, call: &str, arguments: &str) -> Value {
    let item = json!({ "type": "function_call", "id": id, "call_id": call, "name": "f", "arguments": arguments });
    json!({ "type": "response.output_item.done", "output_index": index, "item": item })
}

#[tokio::test]
async fn parallel_calls_stay_apart_with_and_without_good_numbers() {
    // As it should be, every index 0, no index, no id, and another id in each event.
    for (what, index, id) in [
        ("good", [json!(0), json!(1)], [["a", "a", "a"], ["b", "b", "b"]].map(|ids| ids.map(Value::from))),
        ("always 0", [json!(0), json!(0)], [["a", "a", "a"], ["b", "b", "b"]].map(|ids| ids.map(Value::from))),
        ("no index", [json!(null), json!(null)], [["a", "a", "a"], ["b", "b", "b"]].map(|ids| ids.map(Value::from))),
        ("no id", [json!(0), json!(1)], [[json!(null), json!(null), json!(null)], [json!(null), json!(null), json!(null)]]),
        ("ids that change", [json!(0), json!(1)], [["a", "b", "c"], ["d", "e", "f"]].map(|ids| ids.map(Value::from))),
    ] {
        let at = |item: usize, event: usize| (index[item].clone(), id[item][event].clone());
        let begins = |item: usize, call: &str| added(at(item, 0).0, at(item, 0).1, call);
        let grows = |item: usize, delta: &str| arguments(at(item, 1).0, at(item, 1).1, delta);
        let ends = |item: usize, call: &str, text: &str| call_done(at(item, 2).0, at(item, 2).1, call, text);
        let reply = answered(&[
            begins(0, "x"),
            grows(0, "{\"n\""),
            begins(1, "y"),
            grows(1, "{}"),
            grows(0, ":1}"),
            ends(0, "x", "{\"n\":1}"),
            ends(1, "y", "{}"),
        ])
        .await;
        assert_eq!(calls(&reply), [("x", "f", "{\"n\":1}"), ("y", "f", "{}")], "{what}");
    }
}

#[tokio::test]
async fn calls_without_anything_follow_each_other() {
    let none = || json!(null);
    let reply = answered(&[
        added(none(), none(), "x"),
        arguments(none(), none(), "{\"n\""),
        arguments(none(), none(), ":1}"),
        call_done(none(), none(), "x", "{\"n\":1}"),
        added(none(), none(), "y"),
        arguments(none(), none(), "{}"),
        call_done(none(), none(), "y", "{}"),
    ])
    .await;
    assert_eq!(calls(&reply), [("x", "f", "{\"n\":1}"), ("y", "f", "{}")]);
}

#[tokio::test]
async fn what_comes_twice_late_or_unannounced_changes_nothing() {
    let delta = |text: &str| json!({ "type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": text });
    let item = json!({ "type": "message", "id": "m", "content": [{ "type": "output_text", "text": "So it is." }] });
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": item });
    let begun = json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "message", "id": "m" } });
    let reply = answered(&[delta("So"), begun.clone(), begun, delta(" it is."), done.clone(), done, delta(" late")]).await;
    assert_eq!((reply.text().as_str(), reply.parts.len()), ("So it is.", 1));

    // Arguments ahead of the name wait for it; a call without an id gets one.
    let reply = answered(&[
        arguments(json!(0), json!("c"), "{}"),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "function_call", "name": "f" } }),
    ])
    .await;
    assert_eq!(calls(&reply), [("call_made_0", "f", "{}")]);
    let nameless = event(&arguments(json!(0), json!("c"), "{}")) + &event(&completed());
    assert!(read(&nameless, 9).await.unwrap_err().is(ErrorKind::Decode));
}

#[tokio::test]
async fn contents_of_a_message_are_parts() {
    let delta = |kind: &str, place: u64, text: &str| json!({ "type": kind, "output_index": 0, "item_id": "m", "content_index": place, "delta": text });
    let content = json!([
        { "type": "output_text", "text": "One.", "annotations": [{ "type": "file_citation", "file_id": "file-1", "filename": "a.md" }] },
        { "type": "refusal", "refusal": "No." },
        { "type": "output_text", "text": "Two." },
        { "type": "output_video", "frames": [1] },
    ]);
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": { "type": "message", "id": "m", "content": content } });
    let streamed = answered(&[
        delta("response.output_text.delta", 0, "One."),
        delta("response.refusal.delta", 1, "N"),
        delta("response.refusal.delta", 1, "o."),
        done.clone(),
    ])
    .await;
    for reply in [streamed, answered(&[done]).await] {
        let parts =
            [Part::text("One."), Part::Refusal(circle_core_common::interfaces::chat_model::Text::new("No.")), Part::text("Two.")];
        assert_eq!(reply.parts, parts);
        assert_eq!(reply.sources, [Source::new("file-1").title("a.md").part(0)]);
    }
}

#[tokio::test]
async fn reasoning_is_told_once_and_goes_back_where_it_can() {
    let words = |kind: &str, text: &str| json!({ "type": kind, "output_index": 0, "item_id": "r", "delta": text });
    let item = |extra: Value| {
        let mut item = json!({ "type": "reasoning", "id": "r", "summary": [] });
        item.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        item
    };
    let done = |item: &Value| json!({ "type": "response.output_item.done", "output_index": 0, "item": item });
    // The words of open models come as content, from some servers as a summary too.
    let both = item(json!({ "content": [{ "type": "reasoning_text", "text": "hm" }], "encrypted_content": null }));
    let reply = answered(&[
        words("response.reasoning_text.delta", "h"),
        words("response.reasoning_summary_text.delta", "hm"),
        words("response.reasoning_text.delta", "m"),
        done(&both),
    ])
    .await;
    assert_eq!(reply.reasoning(), "hm");
    assert_eq!(reply.parts[0].state(), Some(&ProviderState::new(OWNER, both.to_string())));
    assert_eq!(answered(&[done(&both)]).await.reasoning(), "hm");
    // Encrypted reasoning is a part without words; what is neither is none.
    let encrypted = item(json!({ "encrypted_content": "gAAA" }));
    let reply = answered(&[done(&encrypted)]).await;
    assert_eq!(
        (reply.reasoning().as_str(), reply.parts[0].state()),
        ("", Some(&ProviderState::new(OWNER, encrypted.to_string())))
    );
    assert_eq!(answered(&[done(&item(json!({})))]).await.parts, []);
    // A service that takes none back gets none.
    let mut forgetful = Decoder::new(String::new(), OWNER.into(), false, Vec::new());
    forgetful.completed(Some(0), &serde_json::value::to_raw_value(&both).unwrap()).unwrap();
    assert!(forgetful.events.iter().any(|event| matches!(event, ChatEvent::PartEnd { state: None, .. })));
}

#[tokio::test]
async fn items_and_events_of_new_kinds_are_kept_or_passed_over() {
    let search =
        json!({ "type": "web_search_call", "id": "ws", "status": "completed", "content": 7, "action": { "query": "x" } });
    let program = json!({ "type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n" });
    let reply = answered(&[
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "web_search_call", "id": "ws" } }),
        json!({ "type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws" }),
        json!({ "type": "response.shell_call_command.delta", "output_index": 0, "delta": "ls", "response": 7, "item": [] }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": search }),
        json!({ "type": "response.output_item.done", "output_index": 1, "item": program }),
        json!({ "type": "response.from_the_future", "output_index": "x", "item_id": [], "delta": {} }),
    ])
    .await;
    assert_eq!(reply.parts[0], Part::Opaque(Opaque::new("web_search_call", ProviderState::new(OWNER, search.to_string()))));
    assert_eq!(reply.parts[1].state(), Some(&ProviderState::new(OWNER, program.to_string())));
}

#[tokio::test]
async fn a_status_says_why_it_ended() {
    for (kind, response, finish) in [
        ("completed", json!({}), FinishReason::Stop),
        ("completed", json!({ "status": "completed", "incomplete_details": 7, "usage": "x" }), FinishReason::Stop),
        ("incomplete", json!({ "incomplete_details": { "reason": "max_output_tokens" } }), FinishReason::Length),
        ("incomplete", json!({ "incomplete_details": { "reason": "content_filter" } }), FinishReason::ContentFilter),
        ("incomplete", json!({ "incomplete_details": { "reason": "solar_flare" } }), FinishReason::Other("solar_flare".into())),
        ("incomplete", json!({ "status": "incomplete" }), FinishReason::Other("incomplete".into())),
        ("completed", json!({ "status": "cancelled" }), FinishReason::Other("cancelled".into())),
    ] {
        let last = json!({ "type": format!("response.{kind}"), "response": response });
        let reply = read(&event(&last), 5).await.unwrap();
        assert_eq!((&reply.finish, reply.usage.is_unknown()), (&finish, true), "{last}");
        let mut whole = response;
        (whole["output"], whole["status"]) = (json!([]), whole.get("status").cloned().unwrap_or(kind.into()));
        let whole = whole.to_string();
        assert_eq!(decoder().response(&serde_json::from_str(&whole).unwrap()).unwrap().finish, finish, "{whole}");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_is_typed_and_holds_what_came() {
    let begun = event(&json!({ "type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "so" }));
    let failed = |error: Value| event(&json!({ "type": "response.failed", "response": { "status": "failed", "error": error } }));
    for (broken, kind, code) in [
        (failed(json!({ "code": "server_error", "message": "m" })), ErrorKind::Unavailable, Some("server_error")),
        (failed(json!({ "code": "rate_limit_exceeded", "message": "m" })), ErrorKind::RateLimited, Some("rate_limit_exceeded")),
        (failed(json!({ "code": "invalid_image", "message": "m" })), ErrorKind::InvalidInput, Some("invalid_image")),
        (failed(json!({ "code": "bio_policy", "message": "m" })), ErrorKind::ContentFiltered, Some("bio_policy")),
        (failed(json!(null)), ErrorKind::Unavailable, None),
        (
            "event: error\ndata: {\"type\":\"error\",\"code\":null,\"message\":\"m\",\"param\":null,\"sequence_number\":3}\n\n".into(),
            ErrorKind::Unavailable,
            None,
        ),
        (
            "data: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\",\"message\":\"m\"}}\n\n"
                .into(),
            ErrorKind::InvalidInput,
            Some("context_length_exceeded"),
        ),
        ("data: {\"error\":{\"message\":\"Busy\",\"code\":503}}\n\n".into(), ErrorKind::Unavailable, Some("503")),
        ("event: response.completed\ndata: {\"type\":\"response.completed\",\n\n".into(), ErrorKind::Decode, None),
        ("data: <html>\n\n".into(), ErrorKind::Decode, None),
        ("data: {\"type\":\"response.completed\",\"response\":7}\n\n".into(), ErrorKind::Decode, None),
        ("data: {\"type\":\"response.output_item.done\",\"item\":7}\n\n".into(), ErrorKind::Decode, None),
    ] {
        let error = read(&(begun.clone() + &broken + &begun + &event(&completed())), 13).await.unwrap_err();
        let detail = error.detail().cloned().unwrap_or_default();
        assert_eq!((error.kind(), detail.code.as_deref()), (kind, code), "{broken}: {error}");
        assert_eq!((detail.request_id.as_deref(), error.sent()), (Some("req-1"), Sent::Yes), "{broken}");
        assert_eq!(Received::of(&error).map(ChatResponse::text).as_deref(), Some("so"), "{broken}");
    }
    let failed = r#"{"status":"failed","error":{"code":"server_error","message":"m"},"output":[]}"#;
    let error = decoder().response(&serde_json::from_str(failed).unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.detail().unwrap().code.as_deref()), (ErrorKind::Unavailable, Some("server_error")));
}

#[tokio::test]
async fn half_a_letter_and_signs_of_life_lose_nothing() {
    let half = r#"data: {"type":"response.output_text.delta","output_index":0,"delta":"a\ud83e"}"#;
    let reply = read(&format!("data:\n\n{half}\n\ndata: \n\n{}", event(&completed())), 5).await.unwrap();
    assert_eq!(reply.text(), "a\u{fffd}");
    let body =
        r#"{"output":[{"type":"message","content":[{"type":"output_text","text":"a\ud83e"}]},{"type":"message","content":"b"}]}"#;
    assert_eq!(decoder().response(&serde_json::from_str(body).unwrap()).unwrap().text(), "a\u{fffd}b");
}

#[tokio::test]
async fn what_comes_behind_the_last_event_changes_nothing() {
    let text = ALL.to_owned() + "data: [DONE]\n\ndata: {\"error\":\"late\"}\n\ndata: <html>\n\n";
    check(&read(&text, 10).await.unwrap());
    // Nor does a connection that stays open.
    let chunks = vec![Bytes::from_static(ALL.as_bytes())].into_iter();
    let open = ByteStream::unfold(chunks, |mut chunks| async move {
        match chunks.next() {
            Some(chunk) => Ok(Some((chunk, chunks))),
            None => std::future::pending().await,
        }
    });
    let reply = ChatStream::new(Events::new(SseStream::new(open), clock(), decoder())).finish().await.unwrap();
    check(&reply);
    // The sentinel of Chat Completions is no end of this API.
    let early = ALL.split_once("event: response.completed").unwrap().0.to_owned() + "data: [DONE]\n\n";
    assert_eq!(read(&early, 10).await.unwrap_err().reason(), Some(Reason::Truncated));
}

proptest::proptest! {
    #[test]
    fn nothing_that_comes_makes_it_panic(text in "(data: .{0,40}\n\n){0,6}", size in 1_usize..20) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _ = runtime.block_on(read(&text, size));
    }

    /// Events in any order, any number of times: an answer or a typed error, and never events out of order.
    #[test]
    fn no_order_of_events_confuses_it(order in proptest::collection::vec(0_usize..29, 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let events: Vec<&str> = ALL.split_inclusive("\n\n").collect();
        let text: String = order.iter().filter_map(|at| events.get(*at).copied()).collect();
        if let Err(error) = runtime.block_on(read(&text, usize::MAX)) {
            proptest::prop_assert!(!error.message().contains("out of order"), "{error}");
        }
    }
}
