//! JSON of a schema, from a model that can only call tools.

use super::{
    Caps, ChatEvent, ChatModelCapabilities, ChatRequest, ChatResponse, FinishReason, Part, PartKind, Text, Tool, ToolChoice,
};

/// The documented emulation of `output_schema`: the schema becomes that of a tool, which the model must call, and the
/// arguments of the call become the text of the answer.
#[derive(Clone, Debug)]
pub(super) struct Emulated;

impl Emulated {
    /// Whether a request can be emulated: the model must be free to be made to call this one tool.
    pub(super) fn is_possible(request: &ChatRequest, capabilities: &ChatModelCapabilities) -> bool {
        request.tools.is_empty() && Caps::TOOLS.is_on(capabilities) && Caps::TOOL_CHOICE.is_on(capabilities)
    }

    /// Turns the schema of a request, where it has one, into a tool.
    pub(super) fn of(request: &mut ChatRequest) -> Option<Self> {
        let output = request.output.take()?;
        let mut tool = Tool::new(output.name.clone(), "Gives the answer. Call it once, with the whole answer.", output.schema);
        tool.strict = output.strict;
        request.tools = vec![tool].into();
        request.tool_choice = ToolChoice::Tool(output.name);
        Some(Self)
    }

    /// An event of the answer as if the model had written text. There is no other tool that it could have called.
    pub(super) fn event(&self, event: ChatEvent) -> ChatEvent {
        match event {
            ChatEvent::ToolCallStart { part, .. } => ChatEvent::part_start(part, PartKind::Text),
            ChatEvent::ToolCallDelta { part, arguments } => ChatEvent::text(part, arguments),
            ChatEvent::ToolCallEnd { part, .. } => ChatEvent::part_end(part, None),
            ChatEvent::End { finish } => ChatEvent::end(finished(finish)),
            event => event,
        }
    }

    /// An answer as if the model had written text.
    pub(super) fn response(&self, mut response: ChatResponse) -> ChatResponse {
        for part in &mut response.parts {
            if let Part::ToolCall(call) = part {
                *part = Part::Text(Text::new(std::mem::take(&mut call.arguments)));
            }
        }
        response.finish = finished(response.finish);
        response
    }
}

fn finished(reason: FinishReason) -> FinishReason {
    if reason == FinishReason::ToolCalls { FinishReason::Stop } else { reason }
}
