//! Tool calls.

use serde_json::{Value, json};

use super::{Caps, Model, Turn, TurnPart};
use crate::error::ErrorKind;
use crate::interfaces::chat_model::{ChatEvent, ChatRequest, ChatResponse, FinishReason, Tool, ToolOutput};
use crate::suite::{Failed, Outcome, equal, expect_kind, holds};

fn request(text: &str) -> ChatRequest {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    ChatRequest::from(text).tools([
        Tool::new("weather", "Tells the weather of a city.", schema),
        Tool::new("time", "Tells the time.", json!({ "type": "object", "properties": {} })),
    ])
}

fn calls(reply: &ChatResponse) -> Vec<(&str, &str, &str)> {
    reply.tool_calls().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect()
}

/// The answer to a turn: whole in one round, and where the model streams, streamed in another.
async fn answers(subject: &Model, turn: Turn) -> Result<Vec<ChatResponse>, Failed> {
    subject.answer(turn.clone())?;
    let mut replies = vec![subject.handle.chat(request("How is it?")).await?];
    if subject.handle.capabilities().stream {
        subject.answer(turn)?;
        replies.push(subject.handle.stream(request("How is it?")).await?.finish().await?);
    }
    Ok(replies)
}

/// A call has its id, its tool and its arguments.
pub async fn tool_call_has_id_name_and_arguments(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    let call = TurnPart::tool_call("call_1", "weather", &["{\"ci", "ty\":\"R\u{12b}g", "a\"}"]);
    for reply in answers(&subject, Turn::new(vec![TurnPart::Text(vec!["I look.".to_owned()]), call])).await? {
        equal("the calls", &calls(&reply), &[("call_1", "weather", "{\"city\":\"R\u{12b}ga\"}")])?;
        equal("the text", &reply.text(), &"I look.")?;
        equal("why it ended", &reply.finish, &FinishReason::ToolCalls)?;
        let call = reply.tool_calls().next().ok_or_else(|| Failed::Wrong("there is no call".to_owned()))?;
        equal("the arguments", &call.parse::<Value>()?, &json!({ "city": "R\u{12b}ga" }))?;
    }
    Ok(())
}

/// A tool without parameters is called without a word, which means `{}`.
pub async fn tool_call_without_arguments_is_an_empty_object(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    for pieces in [&[][..], &[""], &["{}"]] {
        for reply in answers(&subject, Turn::new(vec![TurnPart::tool_call("call_1", "time", pieces)])).await? {
            equal("the calls", &calls(&reply), &[("call_1", "time", "{}")])?;
        }
    }
    Ok(())
}

/// Several calls in one answer stay apart, also of the same tool, and also when their arguments come by turns.
pub async fn parallel_tool_calls_stay_apart(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    subject.needs(Caps::PARALLEL_TOOLS)?;
    let turn = || {
        Turn::new(vec![
            TurnPart::tool_call("call_a", "weather", &["{\"city\"", ":\"Riga\"", "}"]),
            TurnPart::tool_call("call_b", "weather", &["{\"city\"", ":\"Tallinn\"", "}"]),
            TurnPart::tool_call("call_c", "time", &[]),
        ])
    };
    for turn in [turn(), turn().interleaved()] {
        for reply in answers(&subject, turn).await? {
            let expected = [
                ("call_a", "weather", "{\"city\":\"Riga\"}"),
                ("call_b", "weather", "{\"city\":\"Tallinn\"}"),
                ("call_c", "time", "{}"),
            ];
            equal("the calls", &calls(&reply), &expected)?;
        }
    }
    Ok(())
}

/// A call is told before its arguments are complete: its name first, then the arguments piece by piece, then its end.
pub async fn tool_call_streams_its_arguments(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    subject.needs(Caps::STREAM)?;
    subject.answer(Turn::new(vec![TurnPart::tool_call("call_1", "weather", &["{\"city\"", ":\"Riga\"", "}"])]))?;
    let mut stream = subject.handle.stream(request("How is it?")).await?;
    let (mut name, mut arguments, mut ended) = (None, Vec::new(), false);
    while let Some(event) = stream.try_next().await? {
        match event {
            ChatEvent::ToolCallStart { name: told, .. } => name = Some(told),
            ChatEvent::ToolCallDelta { arguments: piece, .. } => {
                holds("the name is told before the arguments", name.is_some() && !ended)?;
                arguments.push(piece);
            }
            ChatEvent::ToolCallEnd { .. } => ended = true,
            _ => {}
        }
    }
    equal("the name", &name.as_deref(), &Some("weather"))?;
    equal("the pieces together", &arguments.concat(), &"{\"city\":\"Riga\"}")?;
    holds("the arguments come in pieces", arguments.len() > 1)?;
    holds("the call ends", ended)
}

/// Models make mistakes: arguments that are not JSON are kept as they are, and reading them is `Decode`.
pub async fn tool_call_with_broken_arguments_is_kept(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    for reply in answers(&subject, Turn::new(vec![TurnPart::tool_call("call_1", "weather", &["{\"city\":", " Riga}"])])).await? {
        equal("the calls", &calls(&reply), &[("call_1", "weather", "{\"city\": Riga}")])?;
        let parsed = reply.tool_calls().next().map(|call| call.parse::<Value>());
        expect_kind("parse", parsed.unwrap_or(Ok(Value::Null)), ErrorKind::Decode)?;
    }
    Ok(())
}

/// What tools gave goes to the model, each under the id of its call, with the calls before it.
pub async fn tool_results_go_back(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    subject.answer(Turn::new(vec![
        TurnPart::tool_call("call_a", "weather", &["{\"city\":\"Riga\"}"]),
        TurnPart::tool_call("call_b", "time", &[]),
    ]))?;
    let asked = request("How is it?");
    let reply = subject.handle.chat(&asked).await?;
    let mut next = asked.reply(&reply);
    for (call, output) in reply.tool_calls().zip([ToolOutput::from("rain-from-the-tool"), ToolOutput::error("clock-is-broken")]) {
        next = next.tool_result(call, output);
    }
    subject.answer(Turn::text(["It rains."]))?;
    equal("the text", &subject.handle.chat(&next).await?.text(), &"It rains.")?;
    for text in ["rain-from-the-tool", "clock-is-broken", "call_a", "call_b", "weather", "Riga"] {
        holds(format!("the request holds {text}"), subject.last_asked_holds(text)?)?;
    }
    Ok(())
}

/// The tools of a request reach the model: name, description and schema.
pub async fn tools_are_told_to_the_model(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    subject.answer(Turn::text(["Yes."]))?;
    subject.handle.chat(request("Is it?")).await?;
    for text in ["weather", "Tells the weather of a city.", "city", "Tells the time."] {
        holds(format!("the request holds {text}"), subject.last_asked_holds(text)?)?;
    }
    Ok(())
}
