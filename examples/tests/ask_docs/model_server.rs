//! A server that speaks as much of OpenAI's API as the program asks for, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How many numbers `text-embedding-3-small` gives.
const DIMENSIONS: usize = 1536;

/// A request: path, authorization and body.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// The server; it ends with the process.
pub(crate) struct ModelServer {
    pub(crate) origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ModelServer {
    /// Starts one that answers every question with these words, piece by piece.
    pub(crate) fn start(words: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream.unwrap(), words, &kept));
            }
        });
        Self { origin, asked }
    }

    /// What it was asked at this path.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

/// Answers the requests of a connection, until the other side closes it.
fn serve(stream: TcpStream, words: &[&str], kept: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(asked) = read(&mut reader) {
        kept.lock().unwrap().push(asked.clone());
        let (kind, body) = match asked.path.as_str() {
            "/v1/embeddings" => ("application/json", embeddings(&asked.body)),
            "/v1/chat/completions" if asked.body["stream"] == true => ("text/event-stream", stream_of(words)),
            path => panic!("nobody should ask for {path}: {:?}", asked.body),
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, authorization, body: serde_json::from_slice(&body).unwrap() })
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

/// One event for each piece.
fn stream_of(words: &[&str]) -> String {
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        let chunk =
            json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": choices });
        format!("data: {chunk}\n\n")
    };
    let mut body = chunk(json!({ "role": "assistant", "content": "" }), Value::Null);
    body.extend(words.iter().map(|word| chunk(json!({ "content": word }), Value::Null)));
    body + &chunk(json!({}), json!("stop")) + "data: [DONE]\n\n"
}
