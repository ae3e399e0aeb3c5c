//! A server that speaks as much of OpenAI's API as the program asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server};

/// How many numbers `text-embedding-3-small` gives.
const DIMENSIONS: usize = 1536;

/// Starts one that answers every question with these words, piece by piece.
pub(crate) fn start(words: &'static [&'static str]) -> Server {
    Server::start(move |asked| answer(asked, words, false))
}

/// Starts one whose answers break off behind these words.
pub(crate) fn start_broken(words: &'static [&'static str]) -> Server {
    Server::start(move |asked| answer(asked, words, true))
}

/// What a request holds.
pub(crate) fn body(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).unwrap()
}

fn answer(asked: &Asked, words: &[&str], breaks: bool) -> Answer {
    let body = if asked.body.is_empty() { Value::Null } else { body(asked) };
    match asked.path.as_str() {
        // What a required service is asked for at the start.
        "/v1/models" => Answer::Json(json!({ "object": "list", "data": [] }).to_string()),
        "/v1/embeddings" => Answer::Json(embeddings(&body)),
        "/v1/chat/completions" if body["stream"] == true => Answer::Events { events: events(words, breaks), breaks },
        path => panic!("nobody should ask for {path}: {body:?}"),
    }
}

/// Texts are near when they share words, as with a real model.
fn embeddings(body: &Value) -> String {
    let texts: Vec<&str> = match &body["input"] {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap()).collect(),
        other => panic!("no input: {other}"),
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let mut numbers = vec![0.0_f32; DIMENSIONS];
            numbers[0] = 0.1;
            for word in text.to_lowercase().split(|character: char| !character.is_alphanumeric()) {
                let place = word.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
                numbers[place % DIMENSIONS] += 1.0;
            }
            let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
            let numbers: Vec<f32> = numbers.iter().map(|number| number / length).collect();
            let embedding = match body["encoding_format"] == "base64" {
                true => json!(STANDARD.encode(numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())),
                false => json!(numbers),
            };
            json!({ "object": "embedding", "index": at, "embedding": embedding })
        })
        .collect();
    let usage = json!({ "prompt_tokens": texts.len(), "total_tokens": texts.len() });
    json!({ "object": "list", "data": data, "model": body["model"], "usage": usage }).to_string()
}

/// One for each piece; without an end where the answer breaks off.
fn events(words: &[&str], breaks: bool) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        let chunk =
            json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": choices });
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    events.extend(words.iter().map(|word| chunk(json!({ "content": word }), Value::Null)));
    if !breaks {
        events.extend([chunk(json!({}), json!("stop")), "data: [DONE]\n\n".to_owned()]);
    }
    events
}
