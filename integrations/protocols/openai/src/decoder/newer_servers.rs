//! Whatever a newer server adds, an answer is read as before.

use circle_core_common::interfaces::chat_model::ChatResponse;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::{decoder, read};
use crate::error::Asked;
use crate::wire::Completion;

/// What may come, and is not looked at.
const NAMES: &[&str] = &[
    "logprobs",
    "audio",
    "function_call",
    "moderation",
    "obfuscation",
    "provider",
    "metadata",
    "citations",
    "reasoning_details",
    "native_finish_reason",
    "matched_stop",
    "stop_reason",
    "token_ids",
    "kv_transfer_params",
    "newest",
    "",
    "Content",
    "choice",
];

fn chunks() -> Vec<Value> {
    let chunk =
        |delta: Value| json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] });
    vec![
        chunk(json!({ "role": "assistant", "content": "" })),
        chunk(json!({ "reasoning_content": "hm" })),
        chunk(json!({ "content": "one" })),
        chunk(json!({ "content": " two" })),
        chunk(json!({ "content": [{ "type": "text", "text": " three" }] })),
        chunk(
            json!({ "tool_calls": [{ "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "{" } }] }),
        ),
        chunk(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "}" } }] })),
        chunk(
            json!({ "tool_calls": [{ "index": 1, "id": "b", "type": "function", "function": { "name": "g", "arguments": "" } }] }),
        ),
        json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
        json!({ "id": "c", "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": { "cached_tokens": 1 } } }),
    ]
}

fn body() -> Value {
    json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "so", "reasoning_content": "hm", "refusal": null,
        "tool_calls": [{ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } }],
        "annotations": [{ "type": "url_citation", "url_citation": { "url": "https://example.com", "title": "T" } }],
    } }], "usage": { "prompt_tokens": 5, "completion_tokens": 2 } })
}

fn streamed(chunks: &[Value], size: usize) -> circle_core_common::Result<ChatResponse> {
    let text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(read(&(text + "data: [DONE]\n\n"), size))
}

fn whole(body: &Value) -> circle_core_common::Result<ChatResponse> {
    let text = body.to_string();
    let answer: Completion<'_> = serde_json::from_str(&text).unwrap();
    decoder().response(&answer, &Asked::default())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4).prop_map(|pairs| Value::from(Map::from_iter(pairs))),
        ]
    })
}

/// Visits every value, outer ones first.
fn each(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    visit(value);
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| each(value, visit)),
        Value::Array(list) => list.iter_mut().for_each(|value| each(value, visit)),
        _ => {}
    }
}

/// Adds a field to the object of this number.
fn add(value: &mut Value, number: usize, name: &str, new: &Value) {
    let mut objects = 0;
    each(value, &mut |value| objects += usize::from(value.is_object()));
    let mut at = 0;
    each(value, &mut |value| {
        if let Value::Object(map) = value {
            if at == number % objects && !map.contains_key(name) {
                map.insert(name.to_owned(), new.clone());
            }
            at += 1;
        }
    });
}

fn same(one: &ChatResponse, other: &ChatResponse) {
    assert_eq!((&one.parts, &one.finish, &one.usage, &one.sources), (&other.parts, &other.finish, &other.usage, &other.sources));
}

proptest! {
    #[test]
    fn unknown_fields_change_nothing(
        added in prop::collection::vec((any::<usize>(), any::<usize>(), prop::sample::select(NAMES), any_json()), 1..6),
        size in 1_usize..200,
    ) {
        let (mut stream, mut answer) = (chunks(), body());
        for (chunk, number, name, new) in &added {
            let chunk = *chunk % stream.len();
            add(&mut stream[chunk], *number, name, new);
            add(&mut answer, *number, name, new);
        }
        same(&streamed(&stream, size).unwrap(), &streamed(&chunks(), usize::MAX).unwrap());
        same(&whole(&answer).unwrap(), &whole(&body()).unwrap());
    }

    #[test]
    fn unknown_entries_and_reasons_fail_nothing(
        kind in "[a-z_.]{1,12}", reason in ".{1,12}", entry in any_json(), size in 1_usize..200,
    ) {
        prop_assume!(kind != "function");
        let mut stream = chunks();
        let block = json!({ "type": kind, (kind.clone()): entry });
        let more = json!({ "index": 7, (kind.clone()): entry });
        for delta in [
            json!({ "content": [block, entry] }),
            json!({ "tool_calls": [block, more] }),
            json!({ "annotations": [block, entry] }),
        ] {
            stream.insert(2, json!({ "id": "c", "choices": [{ "delta": delta, "finish_reason": null }] }));
        }
        let before = streamed(&chunks(), usize::MAX).unwrap();
        let reply = streamed(&stream, size).unwrap();
        prop_assert_eq!(&reply.parts, &before.parts);
        let end = stream.len() - 2;
        stream[end]["choices"][0]["finish_reason"] = reason.clone().into();
        prop_assert_eq!(streamed(&stream, size).unwrap().parts, before.parts);
        let mut answer = body();
        answer["choices"][0]["finish_reason"] = reason.into();
        answer["choices"][0]["message"]["tool_calls"].as_array_mut().unwrap().push(block);
        prop_assert_eq!(whole(&answer).unwrap().parts, whole(&body()).unwrap().parts);
    }

    #[test]
    fn values_of_any_type_fail_nothing(chunk in any::<usize>(), number in any::<usize>(), new in any_json(), size in 1_usize..200) {
        // Not those of tool calls: one without a name is none. Nor the event itself, which must be an object.
        let mut stream: Vec<Value> = chunks();
        stream.drain(5..8);
        let chunk = chunk % stream.len();
        let mut values = 0;
        each(&mut stream[chunk], &mut |_| values += 1);
        let mut at = 0;
        each(&mut stream[chunk], &mut |value| {
            if at == 1 + number % (values - 1) {
                *value = new.clone();
            }
            at += 1;
        });
        prop_assert!(streamed(&stream, size).is_ok(), "{}", stream[chunk]);
    }
}
