//! The tool loop, over a scripted model.

mod approval;
mod calls;
mod checkpoints;
mod interrupted;
mod limits;
mod many;
mod streams;

use circle_core::ai::tools::ToolRun;
use circle_core::chat_model::{ChatModel, Message, Part, Role, ToolCall, ToolResult};
use circle_core_embedded::{ScriptedModel, ScriptedReply};
use serde_json::{Value, json};

/// A call of a tool with one number.
fn call(id: &str, name: &str, number: u64) -> ToolCall {
    ToolCall::new(id, name, json!({ "number": number }))
}

fn calls<const N: usize>(calls: [ToolCall; N]) -> ScriptedReply {
    ScriptedReply::tool_calls(calls)
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Numbered {
    number: u64,
}

/// A script, and the model that follows it.
fn scripted(script: ScriptedModel) -> (ScriptedModel, ChatModel) {
    (script.clone(), ChatModel::new(script))
}

/// All results of a conversation, in order.
fn results(messages: &[Message]) -> Vec<ToolResult> {
    let tools = messages.iter().filter(|message| message.role == Role::Tool);
    let result = |part: &Part| if let Part::ToolResult(result) = part { Some(result.clone()) } else { None };
    tools.flat_map(|message| message.parts.iter()).filter_map(result).collect()
}

/// What the model was told, in order, and whether it was told as an error.
fn told(run: &ToolRun) -> Vec<(String, bool)> {
    results(&run.request().messages).iter().map(|result| (result.output.text(), result.output.is_error)).collect()
}

/// The run as another process would have it.
fn through_json(run: &ToolRun) -> ToolRun {
    let text = serde_json::to_string(run).unwrap();
    let again: ToolRun = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    again
}

/// A run as JSON, without what differs between equal runs.
fn comparable(run: &ToolRun) -> Value {
    let mut value = serde_json::to_value(run).unwrap();
    value["spent"]["time"] = Value::Null;
    value["id"] = Value::Null;
    value
}
