//! Streaming answers of a chat model, as any service that speaks OpenAI's API may send them.

use std::sync::{Mutex, PoisonError};

use circle_core_common::{
    BuildContext, ByteStream, CallContext, Environment, Error, ErrorKind, Random, RandomSource, Result, SecretRef,
    http::{Transport, TransportRequest, TransportResponse},
    interfaces::chat_model::{ChatRequest, ChatResponse, Received, STREAM},
};
use circle_core_protocol_openai::{OpenAiClient, OpenAiProfile, OpenAiSettings};
use http::{HeaderMap, StatusCode};

use super::Target;

pub(super) const CHAT_STREAM: Target = Target {
    name: "chat-stream",
    promise: "a streaming answer is the same however it is cut, or an error that holds what came; it is no longer than what came",
    dictionary: &[
        b"data: ",
        b"\n\n",
        b"event: error\n",
        b"data: [DONE]\n\n",
        b"{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{",
        b"},\"finish_reason\":null}]}",
        b"\"content\":\"",
        b"\"reasoning_content\":\"",
        b"\"refusal\":\"",
        b"\"tool_calls\":[{\"index\":0,",
        b"\"id\":\"a\",",
        b"\"function\":{\"name\":\"f\",\"arguments\":\"",
        b"\"finish_reason\":\"stop\"",
        b"\"usage\":{\"prompt_tokens\":",
        b"\"error\":{\"code\":429,\"message\":\"",
        b"\"type\":\"custom\"",
        b"\\u00e9",
        b"\\ud83e\\udd8a",
        b"\\ud83e",
        b"\\\"",
        b"null",
        b"[]",
        b"{}",
        b"\"}",
        b",",
    ],
    run: |input| run(input, Api::ChatCompletions),
};

pub(super) const RESPONSE_STREAM: Target = Target {
    name: "response-stream",
    promise: CHAT_STREAM.promise,
    dictionary: &[
        b"data: ",
        b"\n\n",
        b"event: error\n",
        b"{\"type\":\"response.output_text.delta\",",
        b"{\"type\":\"response.refusal.delta\",",
        b"{\"type\":\"response.reasoning_summary_text.delta\",",
        b"{\"type\":\"response.reasoning_text.delta\",",
        b"{\"type\":\"response.function_call_arguments.delta\",",
        b"{\"type\":\"response.output_text.annotation.added\",\"annotation\":{\"url\":\"u\"},",
        b"{\"type\":\"response.output_item.added\",",
        b"{\"type\":\"response.output_item.done\",",
        b"{\"type\":\"response.completed\",\"response\":{\"output\":[",
        b"{\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"",
        b"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"",
        b"\"item\":{\"type\":\"message\",\"content\":[",
        b"\"item\":{\"type\":\"reasoning\",\"summary\":[",
        b"\"item\":{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"",
        b"{\"type\":\"output_text\",\"text\":\"",
        b"\"output_index\":",
        b"\"item_id\":\"m\",",
        b"\"id\":\"m\",",
        b"\"content_index\":",
        b"\"summary_index\":1,",
        b"\"delta\":\"",
        b"\"encrypted_content\":\"",
        b"\"usage\":{\"input_tokens\":",
        b"\\ud83e",
        b"null",
        b"\"}",
        b"}}",
        b"]",
        b",",
    ],
    run: |input| run(input, Api::Responses),
};

#[derive(Clone, Copy)]
enum Api {
    ChatCompletions,
    Responses,
}

fn run(input: &[u8], api: Api) {
    // The first byte chooses where the rest is cut.
    let Some((&choice, stream)) = input.split_first() else { return };
    let whole = answered(stream, stream.len().max(1), api);
    let size = usize::from(choice) + 1;
    assert_eq!(answered(stream, size, api), whole, "in pieces of {size}");
    assert!(whole.1 <= stream.len(), "{} bytes of an answer out of {}", whole.1, stream.len());
}

/// What an answer says, or what kind of error it is and what had come; and how long its texts are.
fn answered(stream: &[u8], size: usize, api: Api) -> (String, usize) {
    let pieces = stream.chunks(size).map(<[u8]>::to_vec).collect();
    let told = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
        .and_then(|runtime| runtime.block_on(ask(pieces, api)));
    let (outcome, reply) = match &told {
        Ok(reply) => ("an answer".to_owned(), Some(reply)),
        Err(error) => {
            assert!(error.kind() != ErrorKind::Internal, "{error}");
            (format!("{:?} {:?}", error.kind(), error.reason()), Received::of(error))
        }
    };
    let length = reply.map_or(0, |reply| {
        let calls = reply.tool_calls().map(|call| call.arguments.len() - usize::from(call.arguments == "{}") * 2);
        reply.text().len() + reply.reasoning().len() + reply.refusal().map_or(0, |text| text.len()) + calls.sum::<usize>()
    });
    (format!("{outcome}: {:?}", reply.map(|reply| (&reply.parts, &reply.finish, &reply.usage, &reply.sources))), length)
}

async fn ask(pieces: Vec<Vec<u8>>, api: Api) -> Result<ChatResponse> {
    let environment = Environment::builder().transport(Answer(Mutex::new(pieces))).random(Random::from_source(Zeros)).build();
    let mut settings = OpenAiSettings::new(OpenAiProfile::OPENAI);
    (settings.model, settings.api_key) = (Some("m".to_owned()), Some(SecretRef::literal("sk-fuzz".to_owned())));
    let client = OpenAiClient::new(&settings, BuildContext::new(environment.clone(), "assistant"))?;
    let cx = CallContext::new(&environment, &STREAM, None);
    let request = ChatRequest::from("Go on.");
    let stream = match api {
        Api::ChatCompletions => client.chat_stream(&cx, &request).await?,
        Api::Responses => client.respond_stream(&cx, &request).await?,
    };
    stream.finish().await
}

/// The ids that are made for calls without one are the same each time.
struct Zeros;

impl RandomSource for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Answer(Mutex<Vec<Vec<u8>>>);

#[async_trait::async_trait]
impl Transport for Answer {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        let pieces = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter();
        let body = ByteStream::unfold(pieces, |mut pieces| async move { Ok(pieces.next().map(|piece| (piece.into(), pieces))) });
        Ok(TransportResponse::new(StatusCode::OK, HeaderMap::new(), body))
    }
}
