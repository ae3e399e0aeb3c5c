use bytes::Bytes;
use circle_core_common::Reason;
use circle_core_common::interfaces::chat_model::{ChatStream, Part, Received, Usage};

use proptest::prelude::*;

use super::*;

const TEXT: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","model":"m-1","choices":[{"index":0,"delta":{"content":"R\u012bga \ud83e\udd8a ķ"},"finish_reason":null}],"usage":null,"obfuscation":"x"}

: keep-alive

data: {"id":"chatcmpl-1","model":"m-1","choices":[{"index":0,"delta":{"content":"\n\"so\""},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","model":"m-1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}

data: [DONE]

"#;

fn clock() -> Clock {
    circle_core_common::Environment::default().clock().clone()
}

pub(super) fn decoder() -> Decoder {
    Decoder::new("call_made_".to_owned(), None, Vec::new())
}

/// A body that comes in pieces of this size.
fn body(text: &str, size: usize) -> ByteStream {
    let chunks: Vec<Bytes> = text.as_bytes().chunks(size.max(1)).map(Bytes::copy_from_slice).collect();
    ByteStream::unfold(chunks.into_iter(), |mut chunks| async move { Ok(chunks.next().map(|chunk| (chunk, chunks))) })
}

pub(super) async fn read(text: &str, size: usize) -> Result<ChatResponse> {
    let events = super::events(body(text, size), Asked::whole(Some("req-1".to_owned())), clock(), decoder());
    ChatStream::new(events).finish().await
}

fn deltas(deltas: &[&str], finish: &str) -> String {
    let mut text = String::new();
    for delta in deltas {
        text.push_str(&format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{delta}}}]}}\n\n"));
    }
    text + &format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"{finish}\"}}]}}\n\ndata: [DONE]\n\n")
}

fn calls(reply: &ChatResponse) -> Vec<(&str, &str, &str)> {
    reply.tool_calls().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect()
}

#[tokio::test]
async fn a_stream_is_the_same_however_it_is_cut_into_pieces() {
    let whole = read(TEXT, usize::MAX).await.unwrap();
    assert_eq!((whole.text().as_str(), whole.finish.clone()), ("Rīga 🦊 ķ\n\"so\"", FinishReason::Stop));
    assert_eq!((whole.id.as_deref(), whole.model.as_deref()), (Some("chatcmpl-1"), Some("m-1")));
    assert_eq!(whole.usage, Usage::inclusive(Some(12), Some(4), Some(0)).output(Some(9)).reasoning(Some(2)));
    for size in 1..TEXT.len() {
        let pieces = read(TEXT, size).await.unwrap();
        assert_eq!((&pieces.parts, &pieces.usage), (&whole.parts, &whole.usage), "pieces of {size}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_anywhere_before_done_is_truncated_and_holds_what_came() {
    let done = TEXT.find("[DONE]").unwrap();
    for end in (0..done).filter(|end| TEXT.is_char_boundary(*end)) {
        let error = read(&TEXT[..end], 7).await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{end}: {error}");
        let received = Received::of(&error).map(ChatResponse::text).unwrap_or_default();
        assert!("Rīga 🦊 ķ\n\"so\"".starts_with(&received), "{received}");
    }
}

#[tokio::test]
async fn parallel_calls_stay_apart_with_and_without_good_numbers() {
    let with = |index: [&str; 2], ids: [&str; 2]| {
        let [first, second] = index;
        let [a, b] = ids;
        deltas(
            &[
                &format!(
                    r#"{{"tool_calls":[{{{first}"id":"{a}","type":"function","function":{{"name":"f","arguments":""}}}}]}}"#
                ),
                &format!(r#"{{"tool_calls":[{{{first}"function":{{"arguments":"{{\"x\""}}}}]}}"#),
                &format!(r#"{{"tool_calls":[{{{first}"function":{{"arguments":":1}}"}}}}]}}"#),
                &format!(r#"{{"tool_calls":[{{{second}"id":"{b}","function":{{"name":"g","arguments":"{{}}"}}}}]}}"#),
            ],
            "tool_calls",
        )
    };
    for index in
        [["\"index\":0,", "\"index\":1,"], ["\"index\":0,", "\"index\":0,"], ["", ""], ["\"index\":null,", "\"index\":null,"]]
    {
        let reply = read(&with(index, ["a", "b"]), 11).await.unwrap();
        assert_eq!(calls(&reply), [("a", "f", "{\"x\":1}"), ("b", "g", "{}")], "{index:?}");
        assert_eq!(reply.finish, FinishReason::ToolCalls);
    }
    let reply = read(&with(["\"index\":0,", "\"index\":1,"], ["", ""]), 11).await.unwrap();
    assert_eq!(calls(&reply), [("call_made_0", "f", "{\"x\":1}"), ("call_made_1", "g", "{}")]);
}

#[tokio::test]
async fn a_gateway_that_says_stop_means_the_calls_that_it_sent() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]}"#;
    let reply = read(&deltas(&[call], "stop"), 9).await.unwrap();
    assert_eq!((calls(&reply), &reply.finish), (vec![("a", "f", "{\"x\":1}")], &FinishReason::ToolCalls));
}

#[tokio::test]
async fn unknown_reasons_and_fields_are_no_errors() {
    let reply = read(&deltas(&[r#"{"content":"so","new":{"a":[1]}}"#], "solar_flare"), 5).await.unwrap();
    assert_eq!(reply.finish, FinishReason::Other("solar_flare".to_owned()));
    let reply = read("data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"so\"}}]}\n\ndata: [DONE]\n\n", 5).await.unwrap();
    assert_eq!((reply.text().as_str(), reply.finish), ("so", FinishReason::Other(String::new())));
}

#[tokio::test]
async fn reasoning_has_many_names() {
    for delta in [
        r#"{"reasoning_content":"hm"}"#,
        r#"{"reasoning":"hm"}"#,
        r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
    ] {
        let reply = read(&deltas(&[delta, r#"{"content":"So."}"#], "stop"), 6).await.unwrap();
        assert_eq!((reply.reasoning().as_str(), reply.text().as_str()), ("hm", "So."), "{delta}");
        assert_eq!(reply.parts[0].state(), None);
    }
    let thinking = Decoder::new(String::new(), Some("openai/deepseek".into()), Vec::new());
    let text = deltas(&[r#"{"reasoning_content":"h"}"#, r#"{"reasoning_content":"m"}"#], "stop");
    let reply = ChatStream::new(super::events(body(&text, 3), Asked::default(), clock(), thinking)).finish().await.unwrap();
    assert_eq!(reply.parts[0].state(), Some(&ProviderState::new("openai/deepseek", "hm")));
}

#[tokio::test]
async fn refusals_and_sources_are_told() {
    let refused = read(&deltas(&[r#"{"content":null,"refusal":"No."}"#], "stop"), 8).await.unwrap();
    assert_eq!((refused.refusal().as_deref(), refused.text().as_str()), (Some("No."), ""));
    let cited = r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com","title":"T"}}]}"#;
    let reply = read(&deltas(&[r#"{"content":"So."}"#, cited], "stop"), 8).await.unwrap();
    assert_eq!(reply.sources, [Source::new("https://example.com").title("T").part(0)]);
}

#[tokio::test]
async fn an_error_in_the_stream_is_typed_and_holds_what_came() {
    let begun = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"so\"}}]}\n\n";
    for (event, kind, code) in [
        (
            "data: {\"error\":{\"message\":\"Busy\",\"type\":\"unavailable_error\",\"code\":503}}",
            ErrorKind::Unavailable,
            Some("503"),
        ),
        (
            "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":null}}",
            ErrorKind::Unavailable,
            Some("server_error"),
        ),
        ("data: {\"error\":{\"message\":\"m\",\"code\":429},\"choices\":[]}", ErrorKind::RateLimited, Some("429")),
        ("data: {\"error\":\"out of memory\"}", ErrorKind::Unavailable, None),
        (
            "event: error\ndata: {\"message\":\"m\",\"type\":\"invalid_request_error\"}",
            ErrorKind::InvalidInput,
            Some("invalid_request_error"),
        ),
        (
            "data: {\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"error\",\"error\":{\"code\":502,\"message\":\"m\"}}]}",
            ErrorKind::Unavailable,
            Some("502"),
        ),
        ("data: {\"id\":\"c\",\"choices\":[{\"delta\"", ErrorKind::Decode, None),
        ("data: <html>", ErrorKind::Decode, None),
    ] {
        let error = read(&format!("{begun}{event}\n\n{begun}data: [DONE]\n\n"), 13).await.unwrap_err();
        let detail = error.detail().cloned().unwrap_or_default();
        assert_eq!((error.kind(), detail.code.as_deref()), (kind, code), "{event}: {error}");
        assert_eq!((detail.request_id.as_deref(), error.sent()), (Some("req-1"), Sent::Yes), "{event}");
        assert_eq!(Received::of(&error).map(ChatResponse::text).as_deref(), Some("so"), "{event}");
    }
}

#[tokio::test]
async fn what_comes_behind_done_changes_nothing() {
    let text = TEXT.to_owned() + "data: {\"error\":\"late\"}\n\ndata: <html>\n\n";
    assert_eq!(read(&text, 10).await.unwrap().text(), read(TEXT, 10).await.unwrap().text());
    // Nor does a connection that stays open.
    let chunks = vec![Bytes::from_static(TEXT.as_bytes())].into_iter();
    let open = ByteStream::unfold(chunks, |mut chunks| async move {
        match chunks.next() {
            Some(chunk) => Ok(Some((chunk, chunks))),
            None => std::future::pending().await,
        }
    });
    let reply = ChatStream::new(super::events(open, Asked::default(), clock(), decoder())).finish().await.unwrap();
    assert_eq!(reply.finish, FinishReason::Stop);
}

#[test]
fn a_whole_answer_is_read_as_a_stream_of_one() {
    let body = r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"So.","refusal":null,
        "reasoning_content":"hm","tool_calls":[{"function":{"name":"f","arguments":""}},{"function":{"name":"g","arguments":"{}"}}],
        "annotations":[]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3}}"#;
    let answer: Completion<'_> = serde_json::from_str(body).unwrap();
    let reply = decoder().response(&answer, &Asked::default()).unwrap();
    assert_eq!((reply.text().as_str(), reply.reasoning().as_str()), ("So.", "hm"));
    assert_eq!(calls(&reply), [("call_made_0", "f", "{}"), ("call_made_1", "g", "{}")]);
    assert!(matches!(reply.parts[0], Part::Reasoning(_)));
    for body in [r#"{"id":"c","choices":[]}"#, r#"{"id":"c","choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}"#] {
        let answer: Completion<'_> = serde_json::from_str(body).unwrap();
        assert!(decoder().response(&answer, &Asked::default()).unwrap_err().is(ErrorKind::Decode), "{body}");
    }
}

/// The events of chunks; with `anew`, each is read as if none had come before.
fn events(chunks: &[String], anew: bool) -> Vec<ChatEvent> {
    let mut decoder = Decoder::new("call_made_".to_owned(), Some("openai/deepseek".into()), Vec::new());
    for chunk in chunks {
        if anew {
            decoder.repeats.forget();
        }
        let mut parser = circle_core_common::http::SseParser::new();
        parser.push(format!("data: {chunk}\n\n").as_bytes());
        assert!(parser.parse().unwrap());
        decoder.event(&parser.event(), &Asked::default()).unwrap();
    }
    let _ = decoder.end();
    decoder.events.into()
}

/// A chunk of one of the shapes that services send, which differ in what they leave out.
fn any_chunk() -> impl Strategy<Value = String> {
    let text = prop_oneof![4 => "[a-c ]{1,3}", 1 => Just(String::new()), 1 => prop::sample::select(vec!["\\n", "\\\"", "ķ", "\\u00e9"]).prop_map(str::to_owned)];
    let index = prop::sample::select(vec!["", "\"index\":0,", "\"index\":1,", "\"index\":null,"]);
    let id = prop::sample::select(vec!["", "", "", "\"id\":\"a\",", "\"id\":\"b\",", "\"id\":\"\","]);
    let name = prop::sample::select(vec!["", "", "\"name\":\"f\",", "\"name\":\"\","]);
    let kind = prop::sample::select(vec![
        "content",
        "content",
        "reasoning_content",
        "reasoning",
        "refusal",
        "arguments",
        "arguments",
        "both",
    ]);
    let end = prop::sample::select(vec!["", "", "", "", ",\"finish_reason\":\"stop\"", ",\"finish_reason\":null"]);
    (text, index, id, name, kind, end).prop_map(|(text, index, id, name, kind, end)| {
        let delta = match kind {
            "arguments" => format!("\"tool_calls\":[{{{index}{id}\"function\":{{{name}\"arguments\":\"{text}\"}}}}]"),
            "both" => format!("\"reasoning\":\"{text}\",\"content\":\"{text}\""),
            kind => format!("\"{kind}\":\"{text}\""),
        };
        format!("{{\"id\":\"c\",\"choices\":[{{\"delta\":{{{delta}}}{end}}}]}}")
    })
}

proptest! {
    #[test]
    fn a_chunk_means_the_same_whatever_came_before(chunks in prop::collection::vec(any_chunk(), 0..40)) {
        prop_assert_eq!(events(&chunks, false), events(&chunks, true));
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(text in "(data: .{0,40}\n\n){0,6}", size in 1_usize..20) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _ = runtime.block_on(read(&text, size));
    }
}
