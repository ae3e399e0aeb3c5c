//! What is asked: media, equal bytes, and what is refused before it is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Caps, Model, Turn};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::chat_model::{ChatRequest, Media, Message, OutputSchema, Part, Role, Schema, Tool, ToolCall, ToolChoice};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

/// Every kind of message reaches the model, in order.
pub async fn conversation_reaches_the_model(subject: Model) -> Outcome {
    let texts = ["system-words", "first-question", "first-answer", "second-question"];
    let request = ChatRequest::new().system(texts[0]).user(texts[1]).assistant(texts[2]).user(texts[3]);
    subject.answer(Turn::text(["Yes."]))?;
    subject.handle.chat(request).await?;
    let asked = subject.last_asked()?;
    let places: Vec<_> = texts.iter().map(|text| asked.find(text)).collect();
    holds(format!("the request holds them all: {places:?}"), places.iter().all(Option::is_some))?;
    holds(format!("the conversation is in order: {places:?}"), places[1..].is_sorted())
}

/// Images, audio and documents reach the model, every byte of them.
pub async fn media_reach_the_model(subject: Model) -> Outcome {
    let capabilities = subject.handle.capabilities();
    let content: Vec<u8> = (0..=255).collect();
    let encoded = STANDARD.encode(&content);
    let mut request = ChatRequest::from("What is this?");
    if capabilities.images {
        request = request.image(Media::new(content.clone(), "image/png"));
    }
    if capabilities.audio {
        request = request.audio(Media::new(content.clone(), "audio/wav"));
    }
    if capabilities.documents {
        request = request.document(Media::new(content, "application/pdf").name("paper.pdf"));
    }
    let count = request.messages[0].parts.len() - 1;
    if count == 0 {
        return Err(crate::suite::Failed::Skipped("the model takes text only".to_owned()));
    }
    subject.answer(Turn::text(["Bytes."]))?;
    subject.handle.chat(request).await?;
    equal("the times that the content is in the request", &subject.last_asked()?.matches(&encoded).count(), &count)
}

fn rich(capabilities: &Caps, reversed: bool) -> ChatRequest {
    let entries = [("zebra", json!({ "type": "string", "title": "z" })), ("ant", json!({ "type": "integer" }))];
    let mut properties = serde_json::Map::new();
    let order: &[usize] = if reversed { &[1, 0] } else { &[0, 1] };
    for &at in order {
        properties.insert(entries[at].0.to_owned(), entries[at].1.clone());
    }
    let schema = || {
        Value::Object(
            [("type".to_owned(), json!("object")), ("properties".to_owned(), properties.clone().into())].into_iter().collect(),
        )
    };
    let mut request = ChatRequest::new().system("Be brief.").user("Which?").temperature(0.25).max_output_tokens(100);
    if capabilities.stop {
        request = request.stop("END");
    }
    if capabilities.tools {
        request = request.tool(Tool::new("look_up", "Looks up.", schema())).tool(Tool::new("ask", "Asks.", schema()));
    }
    if capabilities.output_schema && (capabilities.output_schema_with_tools || !capabilities.tools) {
        request = request.output(OutputSchema::new("animal", schema()));
    }
    request
}

/// Equal requests are sent as equal bytes, so that prompt caches hit, however their schemas were put together.
pub async fn equal_requests_are_equal_bytes(subject: Model) -> Outcome {
    let capabilities = subject.handle.capabilities();
    let rounds = 10;
    for round in 0..rounds {
        subject.answer(Turn::text(["Yes."]))?;
        subject.handle.chat(rich(capabilities, round % 2 == 1)).await?;
    }
    let asked = subject.script()?.asked();
    let last = asked.get(asked.len().saturating_sub(rounds)..).unwrap_or_default();
    equal("requests", &last.len(), &rounds)?;
    holds("all of them are equal", last.iter().all(|request| request == &last[0]))
}

/// What no service takes is `InvalidInput`, and nothing is sent.
pub async fn request_that_cannot_be_right_is_invalid_input(subject: Model) -> Outcome {
    let call = ToolCall::new("call_1", "weather", json!({}));
    let calls = async {
        for request in [
            ChatRequest::new(),
            ChatRequest::new().system("Alone."),
            ChatRequest::new().message(Message::new(Role::User, Vec::new())),
            ChatRequest::new().message(Message::new(Role::User, vec![Part::ToolCall(call.clone())])),
            ChatRequest::from("x").message(Message::new(Role::Tool, vec![Part::text("x")])),
            ChatRequest::from("x").tool_result(&call, "of a call that nobody made"),
            ChatRequest::from("x").temperature(-0.1),
            ChatRequest::from("x").temperature(f64::NAN),
            ChatRequest::from("x").top_p(1.5),
            ChatRequest::from("x").stop(""),
            ChatRequest::from("x").tool_choice(ToolChoice::Required),
            ChatRequest::from("x").tool_choice(ToolChoice::Tool("absent".to_owned())),
        ] {
            expect_kind(format!("chat {request:?}"), subject.handle.chat(&request).await, ErrorKind::InvalidInput)?;
        }
        for request in [ChatRequest::from("x").model(""), ChatRequest::from("x").output(OutputSchema::new("a b", json!({})))] {
            expect_reason("chat", subject.handle.chat(request).await, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        }
        let schema = expect_kind(
            "a schema that is no object",
            subject.handle.chat(ChatRequest::from("x").output(Schema::from(json!([])))).await,
            ErrorKind::InvalidInput,
        )?;
        equal("the operation", &schema.operation().map(crate::Operation::name), &Some("chat_model.chat"))?;
        let tokens = subject.handle.chat(ChatRequest::from("x").max_output_tokens(0)).await;
        expect_reason("no tokens", tokens, ErrorKind::InvalidInput, Reason::OutsideLimit).map(drop)
    };
    subject.sends_nothing(calls).await
}

/// Tools that no service takes are `InvalidInput`, and nothing is sent.
pub async fn tools_that_cannot_be_right_are_invalid_input(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    let tool = |name: &str| Tool::new(name, "", json!({ "type": "object" }));
    let long = "x".repeat(65);
    let calls = async {
        for request in [
            ChatRequest::from("x").tool(tool("")),
            ChatRequest::from("x").tool(tool("a b")),
            ChatRequest::from("x").tool(tool(&long)),
            ChatRequest::from("x").tools([tool("twice"), tool("twice")]),
            ChatRequest::from("x").tool(Tool::new("a", "", json!("a text"))),
        ] {
            expect_kind(format!("chat {request:?}"), subject.handle.chat(&request).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// Media of the wrong kind, or of none that can be told, are `InvalidInput`, and nothing is sent.
pub async fn media_of_the_wrong_kind_are_invalid_input(subject: Model) -> Outcome {
    subject.needs(Caps::IMAGES)?;
    let calls = async {
        for media in [Media::new("x", "audio/wav"), Media::new("x", "png"), Media::from(&b"plain text"[..])] {
            let result = subject.handle.chat(ChatRequest::from("x").image(media)).await;
            expect_kind("chat", result, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// More tokens than the model gives are `InvalidInput`, and nothing is sent.
pub async fn tokens_above_the_limit_are_invalid_input(subject: Model) -> Outcome {
    let model = subject.with_capabilities(|capabilities| capabilities.max_output_tokens = Some(100))?;
    let calls = async {
        let result = model.chat(ChatRequest::from("x").max_output_tokens(101)).await;
        let error = expect_reason("chat", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(100))
    };
    subject.sends_nothing(calls).await?;
    subject.answer(Turn::text(["Yes."]))?;
    model.chat(ChatRequest::from("x").max_output_tokens(100)).await.map(drop).map_err(Into::into)
}
