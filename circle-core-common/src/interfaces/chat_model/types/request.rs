//! What a model is asked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    CacheMark, ChatResponse, Media, Message, ModelName, OutputSchema, Part, ReasoningOptions, Role, Text, Tool, ToolCall,
    ToolChoice, ToolOutput, ToolResult,
};
use crate::extension::Extensions;

/// A conversation, and how to go on with it. Cloning one copies no content.
///
/// ```
/// # use circle_core_common::interfaces::chat_model::ChatRequest;
/// let request = ChatRequest::new().system("Answer from the notes.").user("Who wrote this?").max_output_tokens(800);
/// ```
///
/// As JSON it can be kept and read again. Providers' own options are no part of that: they are code, and have to be added again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The model; the one that the provider is configured with by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// What the model is told ahead of everything else.
    #[serde(skip_serializing_if = "is_empty")]
    pub system: Arc<Vec<Text>>,
    /// Has the service keep the tools and the system texts for later requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_cache: Option<CacheMark>,
    /// The conversation so far.
    pub messages: Arc<Vec<Message>>,
    /// What the model may call.
    #[serde(skip_serializing_if = "is_empty")]
    pub tools: Arc<Vec<Tool>>,
    /// Has the service keep the tools for later requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools_cache: Option<CacheMark>,
    /// Whether, and which tool, to call.
    #[serde(skip_serializing_if = "ToolChoice::is_auto")]
    pub tool_choice: ToolChoice,
    /// Whether several tools may be called in one answer; the service's choice by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tools: Option<bool>,
    /// What JSON to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputSchema>,
    /// How much to reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<ReasoningOptions>,
    /// The most tokens of the answer, those of reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// From 0, the likeliest words, to 2. A hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The share of likely words to choose from, from 0 to 1. A hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Texts that end the answer and are not part of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Makes equal requests get equal answers, as far as the service can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Providers' own options.
    #[serde(skip)]
    pub extensions: Extensions,
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

impl ChatRequest {
    /// An empty conversation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    extension_setter!();

    /// Sets the model.
    #[must_use]
    pub fn model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Adds to what the model is told ahead of everything else.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.system).push(Text::new(text));
        self
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        Arc::make_mut(&mut self.messages).push(message);
        self
    }

    /// Adds messages: a conversation that was kept.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        Arc::make_mut(&mut self.messages).extend(messages);
        self
    }

    /// Adds a message of the user.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// Adds a message of the model, to show it how to answer.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::assistant(text))
    }

    /// Adds an image to the user's last message.
    #[must_use]
    pub fn image(self, image: impl Into<Media>) -> Self {
        self.part(Role::User, Part::Image(image.into()))
    }

    /// Adds a sound to the user's last message.
    #[must_use]
    pub fn audio(self, audio: impl Into<Media>) -> Self {
        self.part(Role::User, Part::Audio(audio.into()))
    }

    /// Adds a document to the user's last message.
    #[must_use]
    pub fn document(self, document: impl Into<Media>) -> Self {
        self.part(Role::User, Part::Document(document.into()))
    }

    /// Adds an answer to the conversation.
    #[must_use]
    pub fn reply(self, reply: &ChatResponse) -> Self {
        self.message(reply.message())
    }

    /// Adds what a tool gave; the results of one answer's calls are one message.
    #[must_use]
    pub fn tool_result(self, call: &ToolCall, output: impl Into<ToolOutput>) -> Self {
        self.part(Role::Tool, Part::ToolResult(ToolResult::new(call, output)))
    }

    /// Adds a part to the last message where that is of this role, else to a new one.
    fn part(mut self, role: Role, part: Part) -> Self {
        let messages = Arc::make_mut(&mut self.messages);
        match messages.last_mut() {
            Some(last) if last.role == role => Arc::make_mut(&mut last.parts).push(part),
            _ => messages.push(Message::new(role, vec![part])),
        }
        self
    }

    /// Adds a tool that the model may call.
    #[must_use]
    pub fn tool(mut self, tool: impl Into<Tool>) -> Self {
        Arc::make_mut(&mut self.tools).push(tool.into());
        self
    }

    /// Adds tools that the model may call.
    #[must_use]
    pub fn tools<T: Into<Tool>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        Arc::make_mut(&mut self.tools).extend(tools.into_iter().map(Into::into));
        self
    }

    /// Sets whether, and which tool, to call.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }

    /// Sets whether several tools may be called in one answer.
    #[must_use]
    pub fn parallel_tools(mut self, parallel: bool) -> Self {
        self.parallel_tools = Some(parallel);
        self
    }

    /// Has the model answer JSON.
    #[must_use]
    pub fn output(mut self, output: impl Into<OutputSchema>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Sets how much to reason: `.reasoning(Effort::Low)`.
    #[must_use]
    pub fn reasoning(mut self, reasoning: impl Into<ReasoningOptions>) -> Self {
        self.reasoning = Some(reasoning.into());
        self
    }

    /// Sets the most tokens of the answer.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u32) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the share of likely words to choose from.
    #[must_use]
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.top_p = Some(top_p);
        self
    }

    /// Adds a text that ends the answer.
    #[must_use]
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Has the service keep everything up to here for later requests: the messages so far, or where there are none the
    /// system texts, or the tools.
    #[must_use]
    pub fn cache(mut self, mark: CacheMark) -> Self {
        match Arc::make_mut(&mut self.messages).last_mut() {
            Some(last) => last.cache = Some(mark),
            None if !self.system.is_empty() => self.system_cache = Some(mark),
            None => self.tools_cache = Some(mark),
        }
        self
    }

    /// Whether anything is marked to be kept.
    pub(in crate::interfaces::chat_model) fn is_marked(&self) -> bool {
        let message = |message: &Message| message.cache.is_some();
        self.system_cache.is_some() || self.tools_cache.is_some() || self.messages.iter().any(message)
    }
}

impl From<&str> for ChatRequest {
    fn from(text: &str) -> Self {
        Self::new().user(text)
    }
}

impl From<String> for ChatRequest {
    fn from(text: String) -> Self {
        Self::new().user(text)
    }
}

impl From<&String> for ChatRequest {
    fn from(text: &String) -> Self {
        Self::new().user(text)
    }
}

impl From<&ChatRequest> for ChatRequest {
    fn from(request: &Self) -> Self {
        request.clone()
    }
}

impl From<Message> for ChatRequest {
    fn from(message: Message) -> Self {
        Self::new().message(message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Effort, ProviderState};
    use super::*;

    #[test]
    fn a_request_survives_as_json() {
        let thought = Part::Reasoning(Text::new("hm").state(ProviderState::new("ours", "{\"sig\": \"ÄÖ \\u0041\"}")));
        let call = ToolCall::from_text("c1", "look", "{ \"b\":1.0, \"a\": [] }");
        let request = ChatRequest::new()
            .model("m")
            .system("Be brief.")
            .user("Hi")
            .message(Message::new(Role::Assistant, vec![thought, Part::ToolCall(call.clone())]))
            .tool_result(&call, ToolOutput::error("no"))
            .tool(Tool::new("look", "Looks.", json!({ "type": "object" })))
            .tool_choice(ToolChoice::Tool("look".to_owned()))
            .output(OutputSchema::new("answer", json!({ "type": "object" })))
            .reasoning(Effort::Other("extreme".to_owned()))
            .temperature(0.7)
            .cache(CacheMark::new())
            .stop("END");
        let text = serde_json::to_string(&request).unwrap();
        let again: ChatRequest = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{again:?}"), format!("{request:?}"));
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!((&again.messages, &again.tools), (&request.messages, &request.tools));
        assert_eq!(serde_json::to_value(ChatRequest::new()).unwrap(), json!({ "messages": [] }));
    }
}
