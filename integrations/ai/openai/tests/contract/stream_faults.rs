//! Every way in which a stream breaks, at every place, over a real connection: which error that is, and what it holds.
//!
//! A request says by its text which answer it wants, so that many can be under way at once.

use std::time::Duration;

use circle_core_common::interfaces::chat_model::{ChatModel, ChatResponse, FinishReason, Received};
use circle_core_common::{CallOptions, Error, ErrorKind, Reason, Result, Sent};
use circle_core_testkit::{Break, FaultServer, Place, Reply};

use super::{chat, sse};

/// How many are under way at once.
const AT_ONCE: usize = 32;

/// A stream with reasoning, text that is not all ASCII, and two calls; and what it says up to each event.
const EVENTS: &[(&str, &str)] = &[
    (r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, ""),
    (r#"{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#, "hm"),
    (r#"{"id":"c","choices":[{"index":0,"delta":{"content":"Rīga"}}]}"#, "hm|Rīga"),
    (r#"{"id":"c","choices":[{"index":0,"delta":{"content":" lies"}}]}"#, "hm|Rīga lies"),
    (
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
        "hm|Rīga lies|f()",
    ),
    (
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}"#,
        "hm|Rīga lies|f({\"x\")",
    ),
    (
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        "hm|Rīga lies|f({\"x\")|g({})",
    ),
    (
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
        "hm|Rīga lies|f({\"x\":1})|g({})",
    ),
    (r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#, "hm|Rīga lies|f({\"x\":1})|g({})"),
    ("[DONE]", ""),
];

/// The last event without which an answer is not over.
const LAST: usize = EVENTS.len() - 1;

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// The first events.
fn first(events: usize) -> String {
    EVENTS[..events].iter().map(|(data, _)| event(data)).collect()
}

/// What an answer says that was cut behind so many bytes.
fn said_in(bytes: &str) -> &'static str {
    match bytes.matches("\n\n").count() {
        0 => "",
        events => EVENTS[events.min(LAST) - 1].1,
    }
}

fn said(reply: &ChatResponse) -> String {
    let calls = reply.tool_calls().map(|call| format!("{}({})", call.name, call.arguments));
    let parts = [reply.reasoning(), reply.text()].into_iter().chain(calls);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("|")
}

fn said_before(error: &Error) -> String {
    Received::of(error).map(said).unwrap_or_default()
}

/// A server that answers the request `Hi 7` with the answer of number 7.
async fn server(mut answer: impl FnMut(usize) -> Reply + Send + 'static) -> FaultServer {
    let server = FaultServer::start().await.unwrap();
    server.at("/v1/chat/completions").always_with(move |request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let text = body["messages"][0]["content"].as_str().unwrap();
        answer(text.strip_prefix("Hi ").unwrap().parse().unwrap())
    });
    server
}

async fn ask(model: ChatModel, number: usize) -> Result<ChatResponse> {
    model.stream(format!("Hi {number}")).await?.finish().await
}

/// Asks for each of these, several at once.
async fn ask_all(model: &ChatModel, numbers: impl Iterator<Item = usize>) -> Vec<(usize, Result<ChatResponse>)> {
    let (mut tasks, mut answers) = (tokio::task::JoinSet::new(), Vec::new());
    for number in numbers {
        if tasks.len() == AT_ONCE {
            answers.push(tasks.join_next().await.unwrap().unwrap());
        }
        let model = model.clone();
        tasks.spawn(async move { (number, ask(model, number).await) });
    }
    answers.extend(tasks.join_all().await);
    answers
}

/// The places between the letters of the whole stream.
fn cuts(all: &'static str) -> impl Iterator<Item = usize> {
    (0..all.len()).filter(|cut| all.is_char_boundary(*cut))
}

fn all() -> &'static str {
    first(EVENTS.len()).leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_any_byte_is_truncated_and_holds_what_came() {
    let all = all();
    let framed = |head: usize, cut: usize| Place::Body((head + cut) as u64);
    let head = format!("{:x}\r\n", all.len()).len();
    type Answer = Box<dyn FnMut(usize) -> Reply + Send>;
    let ways: [(&str, Answer); 4] = [
        ("closed, of a known length", Box::new(move |cut| sse(all).breaking(framed(0, cut), Break::Close))),
        ("closed, in chunks", Box::new(move |cut| sse(all).chunked().breaking(framed(head, cut), Break::Close))),
        ("ended as if it were complete", Box::new(move |cut| sse(&all[..cut]).chunked())),
        ("ended with the connection", Box::new(move |cut| sse(&all[..cut]).until_close())),
    ];
    for (way, answer) in ways {
        let server = server(answer).await;
        for (cut, result) in ask_all(&chat(&server.origin()), cuts(all)).await {
            let error = result.unwrap_err();
            assert_eq!(
                (error.kind(), error.reason()),
                (ErrorKind::Connection, Some(Reason::Truncated)),
                "{way} at {cut}: {error}"
            );
            assert_eq!(said_before(&error), said_in(&all[..cut]), "{way} at {cut}");
        }
        assert_eq!(server.hits(), cuts(all).count(), "{way}: an answer that has begun is not asked for again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_at_any_byte_is_a_connection_that_broke() {
    let all = all();
    let server = server(move |cut| sse(all).breaking(Place::Body(cut as u64), Break::Reset)).await;
    for (cut, result) in ask_all(&chat(&server.origin()), cuts(all)).await {
        let error = result.unwrap_err();
        assert!(error.is(ErrorKind::Connection), "at {cut}: {error}");
        // A reset may throw away what the client has not read yet.
        let before = said_before(&error);
        let possible =
            ["", "hm", "hm|Rīga", "hm|Rīga lies"].contains(&&*before) || EVENTS.iter().any(|(_, said)| *said == before);
        assert!(possible && before.len() <= said_in(&all[..cut]).len(), "at {cut}: {before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_anywhere_is_a_timeout_that_holds_what_came() {
    let all = all();
    let server = server(move |cut| sse(all).breaking(Place::Body(cut as u64), Break::Stall)).await;
    let model = chat(&server.origin()).with(CallOptions::new().timeout(Duration::from_secs(2)));
    // Each takes the whole timeout: at the end of every event, and at some places within.
    let ends = all.match_indices("\n\n").map(|(at, _)| at + 2).filter(|end| *end < all.len());
    let places: Vec<usize> = cuts(all).step_by(61).chain(ends).collect();
    for part in places.chunks(AT_ONCE) {
        for (cut, result) in ask_all(&model, part.iter().copied()).await {
            let error = result.unwrap_err();
            assert!(error.is(ErrorKind::Timeout), "at {cut}: {error}");
            assert_eq!(said_before(&error), said_in(&all[..cut]), "at {cut}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_no_json_is_undecodable_wherever_it_stands() {
    for bad in [
        "{\"id\":\"c\",\"choices\":[{\"delta\"",
        "<html>",
        "{\"id\":\"c\"}}",
        "{\"id\":\"\\x\"}",
        "{\"choices\":[{\"delta\":{\"content\":\"a\tb\"}}]}",
    ] {
        let server = server(move |events| sse(first(events) + &event(bad) + &event("[DONE]")).chunked()).await;
        for (events, result) in ask_all(&chat(&server.origin()), 0..=LAST).await {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.sent()), (ErrorKind::Decode, Sent::Yes), "{bad} behind {events}: {error}");
            let detail = error.detail().unwrap();
            assert_eq!((detail.request_id.as_deref(), detail.status), (Some("req-1"), Some(200)), "{bad} behind {events}");
            assert_eq!(said_before(&error), said_in(&first(events)), "{bad} behind {events}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_event_behind_status_200_is_what_it_says_wherever_it_stands() {
    for (bad, kind, code, retryable) in [
        (
            event(r#"{"error":{"message":"Busy","type":"overloaded_error","code":null}}"#),
            ErrorKind::Unavailable,
            Some("overloaded_error"),
            true,
        ),
        (event(r#"{"error":{"message":"Slow down","code":429},"choices":[]}"#), ErrorKind::RateLimited, Some("429"), true),
        (
            event(r#"{"error":{"message":"Too long","code":"context_length_exceeded"}}"#),
            ErrorKind::InvalidInput,
            Some("context_length_exceeded"),
            false,
        ),
        (event(r#"{"error":"out of memory"}"#), ErrorKind::Unavailable, None, true),
        (
            format!("event: error\n{}", event(r#"{"message":"No","type":"invalid_request_error"}"#)),
            ErrorKind::InvalidInput,
            Some("invalid_request_error"),
            false,
        ),
        (
            event(r#"{"choices":[{"delta":{},"finish_reason":"error","error":{"code":502,"message":"m"}}]}"#),
            ErrorKind::Unavailable,
            Some("502"),
            true,
        ),
    ] {
        let sent = bad.clone();
        let server = server(move |events| sse(first(events) + &sent + &event("[DONE]")).chunked()).await;
        for (events, result) in ask_all(&chat(&server.origin()), 0..=LAST).await {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{bad} behind {events}: {error}");
            let detail = error.detail().unwrap();
            assert_eq!((detail.request_id.as_deref(), detail.code.as_deref()), (Some("req-1"), code), "{bad} behind {events}");
            assert_eq!(said_before(&error), said_in(&first(events)), "{bad} behind {events}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_missing_and_repeated_indices_are_kept_apart() {
    let call = |index: &str, id: &str, function: &str| {
        event(&format!(r#"{{"id":"c","choices":[{{"delta":{{"tool_calls":[{{{index}{id}"function":{{{function}}}}}]}}}}]}}"#))
    };
    let (a, b) = (r#""id":"a","#, r#""id":"b","#);
    let numbered = |first: &'static str, second: &'static str| {
        call(first, a, r#""name":"f","arguments":"""#)
            + &call(first, "", r#""arguments":"{\"x\"""#)
            + &call(first, "", r#""arguments":":1}""#)
            + &call(second, b, r#""name":"g","arguments":"""#)
            + &call(second, "", r#""arguments":"{""#)
            + &call(second, "", r#""arguments":"}""#)
    };
    let streams = [
        numbered(r#""index":0,"#, r#""index":1,"#),
        numbered(r#""index":0,"#, r#""index":0,"#),
        numbered(r#""index":null,"#, r#""index":null,"#),
        numbered("", ""),
        numbered(r#""index":3,"#, r#""index":"x","#),
        // In turn, told apart by what is left.
        call(r#""index":0,"#, a, r#""name":"f","arguments":"{\"x\"""#)
            + &call(r#""index":0,"#, b, r#""name":"g","arguments":"{""#)
            + &call(r#""index":0,"#, a, r#""arguments":":1}""#)
            + &call(r#""index":0,"#, b, r#""arguments":"}""#),
    ];
    let count = streams.len();
    let server = server(move |number| sse(streams[number].clone() + &event("[DONE]")).chunked()).await;
    for (number, result) in ask_all(&chat(&server.origin()), 0..count).await {
        let reply = result.unwrap();
        assert_eq!(
            (said(&reply).as_str(), &reply.finish),
            ("f({\"x\":1})|g({})", &FinishReason::Other(String::new())),
            "{number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_name_is_undecodable_and_holds_the_text() {
    let nameless =
        event(r#"{"id":"c","choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}}]}"#);
    let server = server(move |events| sse(first(events) + &nameless + &event("[DONE]")).chunked()).await;
    let error = ask(chat(&server.origin()), 4).await.unwrap_err();
    assert_eq!((error.kind(), said_before(&error).as_str()), (ErrorKind::Decode, "hm|Rīga lies"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_any_size_are_the_same_answer() {
    let all = all();
    let server = server(move |size| sse(all).chunked().drip(size, Duration::ZERO)).await;
    for (size, result) in ask_all(&chat(&server.origin()), (1..40).chain((40..all.len()).step_by(37))).await {
        let reply = result.unwrap();
        assert_eq!((said(&reply).as_str(), &reply.finish), (EVENTS[LAST - 1].1, &FinishReason::ToolCalls), "pieces of {size}");
    }
}
