//! What the comparisons of streaming answers share: the reader that others are built on, their clients, and a service on this
//! machine's own interface.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;

use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequest};
use bytes::Bytes;
use circle_core_benches::chat_streams::Said;
use eventsource_stream::Eventsource as _;
use futures_util::{StreamExt as _, stream};
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{ModelIden, ServiceTarget};
use serde::Deserialize;

/// A chunk in structs that own what they hold, as clients that are built on eventsource-stream have them.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoding the fields is the point, as a client would give them")]
pub struct Chunk {
    id: String,
    object: String,
    created: u64,
    model: String,
    service_tier: Option<String>,
    system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    obfuscation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Delta {
    role: Option<String>,
    content: Option<String>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Call {
    index: u32,
    id: Option<String>,
    r#type: Option<String>,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

/// Reads the stream with eventsource-stream and serde. The arguments of calls are put together, text is not: that is the
/// caller's there.
///
/// # Panics
/// When the stream is none.
pub async fn owned(reads: &Arc<[Bytes]>) -> Said {
    let body = stream::iter((0..reads.len()).map(|at| Ok::<_, std::io::Error>(reads[at].clone())));
    let (mut said, mut calls) = (Said::default(), Vec::<String>::new());
    let mut events = pin!(body.eventsource());
    while let Some(event) = events.next().await {
        let event = event.expect("an event");
        if event.data == "[DONE]" {
            break;
        }
        let chunk: Chunk = serde_json::from_str(&event.data).expect("a chunk");
        for choice in chunk.choices {
            let texts = [choice.delta.content, choice.delta.reasoning_content];
            texts.iter().flatten().filter(|text| !text.is_empty()).for_each(|text| said.add(text));
            for call in choice.delta.tool_calls.into_iter().flatten() {
                let arguments = call.function.and_then(|function| function.arguments).unwrap_or_default();
                said.add(&arguments);
                calls.resize(calls.len().max(call.index as usize + 1), String::new());
                calls[call.index as usize].push_str(&arguments);
            }
        }
    }
    said
}

/// async-openai's client.
pub type AsyncOpenAi = async_openai::Client<OpenAIConfig>;

/// async-openai at this endpoint.
#[must_use]
pub fn async_openai(endpoint: &str) -> AsyncOpenAi {
    let config = OpenAIConfig::new().with_api_base(format!("{endpoint}/v1")).with_api_key("sk-recorded");
    AsyncOpenAi::build(reqwest::Client::builder().no_proxy().build().expect("a client"), config)
}

/// async-openai, answered with these reads from memory.
#[must_use]
pub fn async_openai_canned(reads: &Arc<[Bytes]>) -> AsyncOpenAi {
    let reads = Arc::clone(reads);
    let service = tower::service_fn(move |_: async_openai::middleware::HttpRequestFactory| {
        let reads = Arc::clone(&reads);
        async move {
            let body = stream::iter((0..reads.len()).map(move |at| Ok::<_, std::io::Error>(reads[at].clone())));
            let answer = http::Response::builder().header("content-type", "text/event-stream");
            let answer = answer.body(reqwest::Body::wrap_stream(body)).expect("an answer");
            Ok::<_, async_openai::error::OpenAIError>(reqwest::Response::from(answer))
        }
    });
    async_openai("http://127.0.0.1:9").with_http_service(service)
}

/// Asks async-openai, and reads the answer event by event. It knows no reasoning; calls are left to the caller.
///
/// # Panics
/// When the answer is broken.
pub async fn ask_async_openai(client: &AsyncOpenAi) -> Said {
    let message = ChatCompletionRequestUserMessage::from("Go on.");
    let request =
        CreateChatCompletionRequest { model: "gpt-5-mini".to_owned(), messages: vec![message.into()], ..Default::default() };
    let mut events = client.chat().create_stream(request).await.expect("a stream");
    let (mut said, mut calls) = (Said::default(), Vec::<String>::new());
    while let Some(event) = events.next().await {
        for choice in event.expect("a chunk").choices {
            choice.delta.content.iter().filter(|text| !text.is_empty()).for_each(|text| said.add(text));
            for call in choice.delta.tool_calls.into_iter().flatten() {
                let arguments = call.function.and_then(|function| function.arguments).unwrap_or_default();
                said.add(&arguments);
                calls.resize(calls.len().max(call.index as usize + 1), String::new());
                calls[call.index as usize].push_str(&arguments);
            }
        }
    }
    said
}

/// genai at this endpoint. It has no seam below its client, so that it always goes through a connection.
#[must_use]
pub fn genai(endpoint: &str) -> genai::Client {
    let endpoint: Arc<str> = format!("{endpoint}/v1/").into();
    let resolve = move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
        let model = ModelIden::new(genai::adapter::AdapterKind::OpenAI, target.model.model_name);
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(Arc::clone(&endpoint)),
            auth: AuthData::from_single("sk-recorded"),
            model,
        })
    };
    let resolver = ServiceTargetResolver::from_resolver_fn(resolve);
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    genai::Client::builder().with_reqwest(http).with_service_target_resolver(resolver).build().expect("a client")
}

/// Asks genai, and reads the answer event by event: how many pieces of it there were. It is told to put calls together, and
/// nothing else.
///
/// # Panics
/// When the answer is broken.
pub async fn ask_genai(client: &genai::Client) -> usize {
    let request = ChatRequest::new(vec![ChatMessage::user("Go on.")]);
    let options = ChatOptions::default().with_capture_tool_calls(true);
    let mut events = client.exec_chat_stream("gpt-5-mini", request, Some(&options)).await.expect("a stream").stream;
    let mut pieces = 0;
    while let Some(event) = events.next().await {
        match event.expect("an event") {
            ChatStreamEvent::Chunk(_) | ChatStreamEvent::ReasoningChunk(_) | ChatStreamEvent::ToolCallChunk(_) => pieces += 1,
            _ => {}
        }
    }
    pieces
}

/// Answers every request on this machine's own interface, from a thread of its own, with these pieces, each written by itself.
///
/// # Panics
/// When no port is to be had.
#[must_use]
pub fn serve(pieces: Arc<[Bytes]>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else { break };
            let pieces = Arc::clone(&pieces);
            std::thread::spawn(move || answer(connection, &pieces));
        }
    });
    address
}

fn answer(mut connection: TcpStream, pieces: &[Bytes]) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let framed: Vec<Vec<u8>> =
        pieces.iter().map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).collect();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = connection.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if request.len() < head + 4 + length.unwrap_or(0) {
            continue;
        }
        request.clear();
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").ok()?;
        framed.iter().try_for_each(|piece| connection.write_all(piece)).ok()?;
        connection.write_all(b"0\r\n\r\n").ok()?;
    }
}
