//! Answers of a chat model, as the API writes them.

use circle_core_common::interfaces::chat_model::conformance::{Ending, Turn, TurnPart};
use circle_core_testkit::{Break, Place, Reply};
use serde_json::{Map, Value, json};

/// What a request is answered with: whole, or as a stream.
pub(super) fn reply(turn: &Turn, request: &[u8]) -> Reply {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let told = if request["stream"] == true { streamed(turn) } else { Reply::json(whole(turn)) };
    told.header("x-request-id", "req-1")
}

fn whole(turn: &Turn) -> String {
    let mut message = Map::from_iter([("role".to_owned(), json!("assistant")), ("content".to_owned(), Value::Null)]);
    let mut calls = Vec::new();
    for part in &turn.parts {
        let all = part.pieces().concat();
        match part {
            TurnPart::Text(_) => message.insert("content".to_owned(), all.into()),
            TurnPart::Refusal(_) => message.insert("refusal".to_owned(), all.into()),
            TurnPart::Reasoning(..) => message.insert("reasoning_content".to_owned(), all.into()),
            TurnPart::ToolCall { id, name, .. } => {
                calls.push(json!({ "id": id, "type": "function", "function": { "name": name, "arguments": all } }));
                None
            }
            _ => None,
        };
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    let mut answer = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": turn.finish.as_str() }],
    });
    if let Some(usage) = usage(turn) {
        answer["usage"] = usage;
    }
    answer.to_string()
}

fn usage(turn: &Turn) -> Option<Value> {
    let usage = turn.usage?;
    let mut told = json!({ "prompt_tokens": usage.input_total(), "completion_tokens": usage.output_total() });
    if let Some(read) = usage.cache_read() {
        told["prompt_tokens_details"] = json!({ "cached_tokens": read });
    }
    if let Some(reasoning) = usage.reasoning_total() {
        told["completion_tokens_details"] = json!({ "reasoning_tokens": reasoning });
    }
    Some(told)
}

fn chunk(choices: Value, usage: Option<Value>) -> String {
    let mut chunk = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5-mini-2025-08-07",
        "choices": choices,
    });
    chunk["usage"] = usage.unwrap_or_default();
    format!("data: {chunk}\n\n")
}

fn delta(delta: Value) -> String {
    chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), None)
}

fn call(index: usize, call: &Value) -> String {
    let mut call = call.clone();
    call["index"] = index.into();
    delta(json!({ "tool_calls": [call] }))
}

fn streamed(turn: &Turn) -> Reply {
    // A call is numbered among the calls.
    let number = |at: usize| turn.parts[..at].iter().filter(|part| matches!(part, TurnPart::ToolCall { .. })).count();
    let mut chunks = Vec::new();
    let mut begun = vec![false; turn.parts.len()];
    let begin = |at: usize, begun: &mut Vec<bool>| match &turn.parts[at] {
        TurnPart::ToolCall { id, name, .. } if !std::mem::replace(&mut begun[at], true) => {
            call(number(at), &json!({ "id": id, "type": "function", "function": { "name": name, "arguments": "" } }))
        }
        _ => String::new(),
    };
    for (at, piece) in turn.order() {
        let mut text = begin(at, &mut begun);
        text += &match &turn.parts[at] {
            TurnPart::Text(_) => delta(json!({ "content": piece })),
            TurnPart::Refusal(_) => delta(json!({ "refusal": piece })),
            TurnPart::Reasoning(..) => delta(json!({ "reasoning_content": piece })),
            _ => call(number(at), &json!({ "function": { "arguments": piece } })),
        };
        chunks.push(text);
    }
    let role = delta(json!({ "role": "assistant", "content": "" }));
    let first = |pieces: usize| role.clone() + &chunks[..pieces.min(chunks.len())].concat();
    let mut all = first(usize::MAX);
    for at in 0..turn.parts.len() {
        all += &begin(at, &mut begun);
    }
    all += &chunk(json!([{ "index": 0, "delta": {}, "finish_reason": turn.finish.as_str() }]), None);
    if let Some(usage) = usage(turn) {
        all += &chunk(json!([]), Some(usage));
    }
    all += "data: [DONE]\n\n";
    let stream = |text: String| Reply::ok(text).header("content-type", "text/event-stream");
    let broken = |pieces: usize, how: Break| stream(all.clone()).breaking(Place::Body(first(pieces).len() as u64), how);
    match turn.ending {
        Ending::Cut(pieces) => broken(pieces, Break::Close),
        Ending::Stalls(pieces) => broken(pieces, Break::Stall),
        Ending::Early(pieces) => stream(first(pieces)).chunked(),
        Ending::Fails(pieces) => {
            let error = json!({ "error": { "code": 503, "message": "overloaded", "type": "unavailable_error" } });
            stream(format!("{}data: {error}\n\n", first(pieces))).chunked()
        }
        _ => stream(all).chunked(),
    }
}
