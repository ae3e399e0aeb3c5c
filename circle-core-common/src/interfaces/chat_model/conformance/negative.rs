//! What holds for each capability that is off.

use serde_json::json;

use super::{Caps, Model};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::interfaces::chat_model::{CacheMark, ChatModel, ChatRequest, Effort, Media, OutputSchema, Schema, Tool, ToolChoice};
use crate::suite::Outcome;

/// The model without this capability: as it is where it lacks it, else masked. What else the calls need is there.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Model, flag: Flag<Caps>) -> Result<ChatModel> {
    subject.with_capabilities(|capabilities| {
        for other in Caps::FLAGS.iter().filter(|other| **other != flag) {
            other.set(capabilities, true);
        }
        flag.set(capabilities, false);
    })
}

fn tool(name: &str) -> Tool {
    Tool::new(name, "Looks something up.", json!({ "type": "object" }))
}

fn schema() -> OutputSchema {
    Schema::from(json!({ "type": "object" })).into()
}

crate::suite::negatives! {
    ChatModel, Caps;
    /// Streaming.
    without_stream: STREAM, |model, text| [model.stream(&text).await];
    /// Tools.
    without_tools: TOOLS, |model, text| [
        model.chat(ChatRequest::from(&text).tool(tool("look_up"))).await.map(drop),
        model.stream(ChatRequest::from(&text).tool(tool("look_up"))).await.map(drop),
    ];
    /// Several tools at a time.
    without_parallel_tools: PARALLEL_TOOLS, |model, text| [
        model.chat(ChatRequest::from(&text).tool(tool("look_up")).parallel_tools(true)).await,
    ];
    /// Choosing a tool for the model.
    without_tool_choice: TOOL_CHOICE, |model, text| [
        model.chat(ChatRequest::from(&text).tool(tool("look_up")).tool_choice(ToolChoice::Required)).await,
        model.chat(ChatRequest::from(&text).tool(tool("look_up")).tool_choice(ToolChoice::None)).await,
        model.chat(ChatRequest::from(&text).tool(tool("look_up")).tool_choice(ToolChoice::Tool("look_up".to_owned()))).await,
    ];
    /// JSON of a schema, without the leave to emulate it.
    without_output_schema: OUTPUT_SCHEMA, |model, text| [
        model.chat(ChatRequest::from(&text).output(schema())).await.map(drop),
        model.extract::<Vec<u8>>(&text).await.map(drop),
    ];
    /// JSON of a schema, and tools.
    without_output_schema_with_tools: OUTPUT_SCHEMA_WITH_TOOLS, |model, text| [
        model.chat(ChatRequest::from(&text).output(schema()).tool(tool("look_up"))).await,
    ];
    /// Images.
    without_images: IMAGES, |model, text| [model.chat(ChatRequest::from(&text).image(Media::new("x", "image/png"))).await];
    /// Audio.
    without_audio: AUDIO, |model, text| [model.chat(ChatRequest::from(&text).audio(Media::new("x", "audio/wav"))).await];
    /// Documents.
    without_documents: DOCUMENTS, |model, text| [
        model.chat(ChatRequest::from(&text).document(Media::new("x", "application/pdf"))).await,
    ];
    /// Saying how much to reason.
    without_reasoning: REASONING, |model, text| [model.chat(ChatRequest::from(&text).reasoning(Effort::Low)).await];
    /// Marking what to keep.
    without_prompt_cache: PROMPT_CACHE, |model, text| [
        model.chat(ChatRequest::from(&text).cache(CacheMark::new())).await,
        model.chat(ChatRequest::new().system("Be brief.").cache(CacheMark::new()).user(&text)).await,
    ];
    /// Counting tokens, without the leave to estimate.
    without_count_tokens: COUNT_TOKENS, |model, text| [model.count_tokens(&text).await];
    /// A seed.
    without_seed: SEED, |model, text| [model.chat(ChatRequest::from(&text).seed(7)).await];
    /// Texts that end the answer.
    without_stop: STOP, |model, text| [model.chat(ChatRequest::from(&text).stop("END")).await];
}
