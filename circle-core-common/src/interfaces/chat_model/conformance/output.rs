//! Answers that are JSON of a schema.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Caps, Model, Turn, TurnPart};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::chat_model::{ChatRequest, FinishReason, OutputSchema, Received};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Invoice {
    number: String,
    total_cents: u64,
}

const JSON: [&str; 3] = ["{\"number\":\"A-", "7\",\"total", "_cents\":1250}"];

/// An answer is a value of the type, whose schema the model was told.
pub async fn extract_gives_a_value(subject: Model) -> Outcome {
    subject.needs(Caps::OUTPUT_SCHEMA)?;
    subject.answer(Turn::text(JSON))?;
    let invoice: Invoice = subject.handle.extract("Read this invoice: …").await?;
    equal("the value", &invoice, &Invoice { number: "A-7".to_owned(), total_cents: 1250 })?;
    holds("the request holds the schema", subject.last_asked_holds("total_cents")?)
}

/// An answer that is none of the type is `Decode` and holds what it was; nobody asks the model again in secret.
pub async fn extract_of_another_type_holds_the_answer(subject: Model) -> Outcome {
    subject.needs(Caps::OUTPUT_SCHEMA)?;
    for text in ["{\"number\":7}", "Here you are: {}", ""] {
        subject.answer(Turn::text([text]))?;
        let before = subject.traffic.calls();
        let error = expect_kind("extract", subject.handle.extract::<Invoice>("Read this.").await, ErrorKind::Decode)?;
        equal("calls", &(subject.traffic.calls() - before), &1)?;
        equal("what was received", &Received::of(&error).map(|reply| reply.text()).as_deref(), &Some(text))?;
    }
    Ok(())
}

/// A refusal is no value: `ContentFiltered`, and it holds what the model said.
pub async fn extract_of_a_refusal_is_content_filtered(subject: Model) -> Outcome {
    subject.needs(Caps::OUTPUT_SCHEMA)?;
    subject.answer(Turn::new(vec![TurnPart::Refusal(vec!["No.".to_owned()])]))?;
    let error = expect_kind("extract", subject.handle.extract::<Invoice>("Read this.").await, ErrorKind::ContentFiltered)?;
    equal("the refusal", &Received::of(&error).and_then(|reply| reply.refusal()).as_deref(), &Some("No."))
}

/// An answer that met the most tokens is no value: `Decode`, reason `Truncated`, and it holds what there is.
pub async fn extract_that_is_too_long_is_truncated(subject: Model) -> Outcome {
    subject.needs(Caps::OUTPUT_SCHEMA)?;
    subject.answer(Turn::text([JSON[0]]).finish(FinishReason::Length))?;
    let extracted = subject.handle.extract::<Invoice>("Read this.").await;
    let error = expect_reason("extract", extracted, ErrorKind::Decode, Reason::Truncated)?;
    equal("what was received", &Received::of(&error).map(|reply| reply.text()).as_deref(), &Some(JSON[0]))
}

/// The JSON of a schema streams as text.
pub async fn output_of_a_schema_streams(subject: Model) -> Outcome {
    subject.needs(Caps::OUTPUT_SCHEMA)?;
    subject.needs(Caps::STREAM)?;
    subject.answer(Turn::text(JSON))?;
    let request = ChatRequest::from("Read this.").output(OutputSchema::of::<Invoice>());
    let reply = subject.handle.stream(request).await?.finish().await?;
    equal("the value", &reply.json::<Invoice>()?, &Invoice { number: "A-7".to_owned(), total_cents: 1250 })
}

/// Where the model can only call tools, and the caller allows it, a tool call takes the place of the schema; the answer looks
/// as if there were none, and the report says so.
pub async fn output_schema_is_emulated_by_a_tool_call(subject: Model) -> Outcome {
    subject.needs(Caps::TOOLS)?;
    subject.needs(Caps::TOOL_CHOICE)?;
    let report = CallReport::new();
    let model = subject.with_capabilities(|capabilities| capabilities.output_schema = false)?;
    let model = model.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report));
    let output = OutputSchema::new("invoice", json!({ "type": "object", "properties": { "number": { "type": "string" } } }));
    let request = ChatRequest::from("Read this.").output(output);
    let expected = Invoice { number: "A-7".to_owned(), total_cents: 1250 };
    subject.answer(Turn::new(vec![TurnPart::tool_call("call_1", "invoice", &JSON)]))?;
    let mut replies = vec![model.chat(&request).await?];
    if model.capabilities().stream {
        subject.answer(Turn::new(vec![TurnPart::tool_call("call_1", "invoice", &JSON)]))?;
        replies.push(model.stream(&request).await?.finish().await?);
    }
    for reply in &replies {
        equal("the value", &reply.json::<Invoice>()?, &expected)?;
        equal("tool calls", &reply.tool_calls().count(), &0)?;
        equal("why it ended", &reply.finish, &FinishReason::Stop)?;
    }
    equal("what was emulated", &report.get().emulated, &vec!["output_schema"; replies.len()])
}
