//! Answers of a chat model, as the Responses API writes them.

use circle_core_common::interfaces::chat_model::FinishReason;
use circle_core_common::interfaces::chat_model::conformance::{Ending, Turn, TurnPart};
use circle_core_testkit::{Break, Place, Reply};
use serde_json::{Value, json};

/// What a request is answered with: whole, or as a stream.
pub(super) fn reply(turn: &Turn, request: &[u8]) -> Reply {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let told = if request["stream"] == true { streamed(turn) } else { Reply::json(answer(turn).to_string()) };
    told.header("x-request-id", "req-1")
}

/// As many tokens as the words that were sent.
pub(super) fn count(request: &[u8]) -> Reply {
    let words = String::from_utf8_lossy(request).split_whitespace().count();
    Reply::json(json!({ "object": "response.input_tokens", "input_tokens": words }).to_string())
}

fn begun() -> Value {
    json!({
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "in_progress",
        "error": null,
        "incomplete_details": null,
        "model": "gpt-5-mini-2025-08-07",
        "output": [],
        "usage": null,
    })
}

/// The answer once it is complete.
fn answer(turn: &Turn) -> Value {
    let mut answer = begun();
    let reason = match &turn.finish {
        FinishReason::Stop | FinishReason::ToolCalls => None,
        FinishReason::Length => Some("max_output_tokens"),
        other => Some(other.as_str()),
    };
    answer["status"] = json!(if reason.is_some() { "incomplete" } else { "completed" });
    answer["incomplete_details"] = reason.map_or(Value::Null, |reason| json!({ "reason": reason }));
    answer["output"] = turn.parts.iter().enumerate().map(|(at, part)| item(at, part, &part.pieces().concat(), true)).collect();
    if let Some(usage) = turn.usage {
        answer["usage"] = json!({ "input_tokens": usage.input_total(), "output_tokens": usage.output_total() });
        if let Some(read) = usage.cache_read() {
            answer["usage"]["input_tokens_details"] = json!({ "cached_tokens": read });
        }
        if let Some(reasoning) = usage.reasoning_total() {
            answer["usage"]["output_tokens_details"] = json!({ "reasoning_tokens": reasoning });
        }
    }
    answer
}

fn id(at: usize) -> String {
    format!("item_{at}")
}

fn item(at: usize, part: &TurnPart, text: &str, done: bool) -> Value {
    let status = if done { "completed" } else { "in_progress" };
    let message =
        |content: Value| json!({ "id": id(at), "type": "message", "role": "assistant", "status": status, "content": content });
    match part {
        TurnPart::Text(_) if done => message(json!([{ "type": "output_text", "text": text, "annotations": [] }])),
        TurnPart::Refusal(_) if done => message(json!([{ "type": "refusal", "refusal": text }])),
        TurnPart::Reasoning(_, state) => {
            let summary = if done { json!([{ "type": "summary_text", "text": text }]) } else { json!([]) };
            let mut item = json!({ "id": id(at), "type": "reasoning", "summary": summary });
            if let Some(state) = state.as_ref().filter(|_| done) {
                item["encrypted_content"] = json!(state);
            }
            item
        }
        TurnPart::ToolCall { id: call, name, .. } => json!({
            "id": id(at),
            "type": "function_call",
            "status": status,
            "call_id": call,
            "name": name,
            "arguments": if done { text } else { "" },
        }),
        _ => message(json!([])),
    }
}

fn event(event: Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
}

fn added(at: usize, part: &TurnPart) -> String {
    event(json!({ "type": "response.output_item.added", "output_index": at, "item": item(at, part, "", false) }))
}

fn delta(at: usize, part: &TurnPart, piece: &str) -> String {
    let (kind, place) = match part {
        TurnPart::Refusal(_) => ("response.refusal.delta", Some("content_index")),
        TurnPart::Reasoning(..) => ("response.reasoning_summary_text.delta", Some("summary_index")),
        TurnPart::ToolCall { .. } => ("response.function_call_arguments.delta", None),
        _ => ("response.output_text.delta", Some("content_index")),
    };
    let mut delta = json!({ "type": kind, "output_index": at, "item_id": id(at), "delta": piece });
    if let Some(place) = place {
        delta[place] = json!(0);
    }
    event(delta)
}

fn streamed(turn: &Turn) -> Reply {
    let mut begun_parts = vec![false; turn.parts.len()];
    let begin = |at: usize, begun: &mut Vec<bool>| match std::mem::replace(&mut begun[at], true) {
        true => String::new(),
        false => added(at, &turn.parts[at]),
    };
    let mut chunks = Vec::new();
    for (at, piece) in turn.order() {
        chunks.push(begin(at, &mut begun_parts) + &delta(at, &turn.parts[at], piece));
    }
    let created = event(json!({ "type": "response.created", "response": begun() }));
    let first = |pieces: usize| created.clone() + &chunks[..pieces.min(chunks.len())].concat();
    let mut all = first(usize::MAX);
    for (at, part) in turn.parts.iter().enumerate() {
        all += &begin(at, &mut begun_parts);
        let item = item(at, part, &part.pieces().concat(), true);
        all += &event(json!({ "type": "response.output_item.done", "output_index": at, "item": item }));
    }
    let answer = answer(turn);
    let last = if answer["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
    all += &event(json!({ "type": last, "response": answer }));
    let stream = |text: String| Reply::ok(text).header("content-type", "text/event-stream");
    let broken = |pieces: usize, how: Break| stream(all.clone()).breaking(Place::Body(first(pieces).len() as u64), how);
    match turn.ending {
        Ending::Cut(pieces) => broken(pieces, Break::Close),
        Ending::Stalls(pieces) => broken(pieces, Break::Stall),
        Ending::Early(pieces) => stream(first(pieces)).chunked(),
        Ending::Fails(pieces) => {
            let error = json!({ "type": "error", "code": "server_error", "message": "overloaded", "param": null });
            stream(first(pieces) + &event(error)).chunked()
        }
        _ => stream(all).chunked(),
    }
}
