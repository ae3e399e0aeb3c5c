//! Embeddings that know which words and letters a text has: what the suite asks of any model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_testkit::Reply;
use serde_json::{Value, json};

/// The most tokens of an input.
const INPUT_TOKENS: usize = 8192;

pub(super) fn reply(request: &[u8]) -> Reply {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let width = request["dimensions"].as_u64().and_then(|width| usize::try_from(width).ok()).unwrap_or(1536);
    let texts: Vec<&str> = request["input"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let tokens: Vec<usize> = texts.iter().map(|text| text.split_whitespace().count().max(1)).collect();
    if let Some(tokens) = tokens.iter().find(|tokens| **tokens > INPUT_TOKENS) {
        let message =
            format!("This model's maximum context length is {INPUT_TOKENS} tokens, however you requested {tokens} tokens");
        let error = json!({ "error": { "message": message, "type": "invalid_request_error", "param": null, "code": null } });
        return Reply::json(error.to_string()).with_status(400);
    }
    let row = |(at, text): (usize, &&str)| {
        let bytes: Vec<u8> = embedded(text, width).iter().flat_map(|number| number.to_le_bytes()).collect();
        json!({ "object": "embedding", "index": at, "embedding": STANDARD.encode(bytes) })
    };
    let data: Vec<Value> = texts.iter().enumerate().map(row).collect();
    let sum: usize = tokens.iter().sum();
    let usage = json!({ "prompt_tokens": sum, "total_tokens": sum });
    Reply::json(json!({ "object": "list", "data": data, "model": request["model"], "usage": usage }).to_string())
}

fn embedded(text: &str, width: usize) -> Vec<f32> {
    let mut numbers = vec![0.0_f32; width];
    for word in text.split_whitespace().map(|word| word.trim_matches('.').to_lowercase()) {
        let hash =
            word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        numbers[usize::try_from(hash).unwrap_or(usize::MAX) % width] += 1.0;
    }
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    numbers.iter().map(|number| number / length).collect()
}
