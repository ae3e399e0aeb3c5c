//! One answer of a script.

use circle_core_common::Error;
use circle_core_common::interfaces::chat_model::{ChatEvent, ChatResponse, FinishReason, Part, ToolCall, Usage, events_of};

/// One answer of a [`ScriptedModel`](super::ScriptedModel). A text comes word by word when it streams; see
/// [`in_chunks_of`](Self::in_chunks_of).
#[derive(Clone, Debug)]
pub struct ScriptedReply {
    pub(super) events: Vec<ChatEvent>,
    pub(super) ending: Ending,
}

/// How an answer ends behind its events.
#[derive(Clone, Debug, Default)]
pub(super) enum Ending {
    /// It just ends: complete where the last event was `End`.
    #[default]
    Complete,
    Fails(Error),
    Stalls,
}

impl ScriptedReply {
    /// An answer of these events, as they are: also of ones that no model should give.
    #[must_use]
    pub fn events(events: impl IntoIterator<Item = ChatEvent>) -> Self {
        Self { events: events.into_iter().collect(), ending: Ending::Complete }
    }

    /// An answer of these tool calls.
    #[must_use]
    pub fn tool_calls(calls: impl IntoIterator<Item = ToolCall>) -> Self {
        let mut response = ChatResponse::new(calls.into_iter().map(Part::ToolCall).collect());
        response.finish = FinishReason::ToolCalls;
        Self::from(response)
    }

    /// Sets what it costs, in tokens.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.events.retain(|event| !matches!(event, ChatEvent::Usage(_)));
        let before_end = self.events.len() - usize::from(matches!(self.events.last(), Some(ChatEvent::End { .. })));
        self.events.insert(before_end, ChatEvent::Usage(usage));
        self
    }

    /// Sets why it ends.
    #[must_use]
    pub fn finish(mut self, reason: FinishReason) -> Self {
        self.events.retain(|event| !matches!(event, ChatEvent::End { .. }));
        self.events.push(ChatEvent::end(reason));
        self
    }

    /// Has texts, reasoning and arguments come in pieces of so many characters when it streams.
    #[must_use]
    pub fn in_chunks_of(mut self, characters: usize) -> Self {
        self.events = rechunked(self.events, |text| pieces_of(text, characters.max(1)));
        self
    }

    /// Breaks it off, after so many events, with this error.
    #[must_use]
    pub fn fails_after(mut self, events: usize, error: Error) -> Self {
        self.events.truncate(events);
        self.ending = Ending::Fails(error);
        self
    }

    /// Ends it after so many events, as if it were complete.
    #[must_use]
    pub fn ends_after(mut self, events: usize) -> Self {
        self.events.truncate(events);
        self.ending = Ending::Complete;
        self
    }

    /// Has nothing more come after so many events.
    #[must_use]
    pub fn stalls_after(mut self, events: usize) -> Self {
        self.events.truncate(events);
        self.ending = Ending::Stalls;
        self
    }
}

impl From<&str> for ScriptedReply {
    fn from(text: &str) -> Self {
        Self::from(ChatResponse::new(vec![Part::text(text)]))
    }
}

impl From<String> for ScriptedReply {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<ToolCall> for ScriptedReply {
    fn from(call: ToolCall) -> Self {
        Self::tool_calls([call])
    }
}

impl From<ChatResponse> for ScriptedReply {
    fn from(response: ChatResponse) -> Self {
        let words = |text: &str| text.split_inclusive(' ').map(str::to_owned).collect();
        Self { events: rechunked(events_of(&response), words), ending: Ending::Complete }
    }
}

/// The events with their texts cut into pieces; what was cut before is put together first.
fn rechunked(events: Vec<ChatEvent>, pieces: impl Fn(&str) -> Vec<String>) -> Vec<ChatEvent> {
    let mut cut: Vec<ChatEvent> = Vec::with_capacity(events.len());
    let mut whole: Vec<ChatEvent> = Vec::with_capacity(events.len());
    for event in events {
        let grown = match (whole.last_mut(), &event) {
            (Some(ChatEvent::TextDelta { part, text, .. }), ChatEvent::TextDelta { part: same, text: more, .. })
            | (Some(ChatEvent::ReasoningDelta { part, text, .. }), ChatEvent::ReasoningDelta { part: same, text: more, .. })
            | (
                Some(ChatEvent::ToolCallDelta { part, arguments: text, .. }),
                ChatEvent::ToolCallDelta { part: same, arguments: more, .. },
            ) if part == same => {
                text.push_str(more);
                true
            }
            _ => false,
        };
        if !grown {
            whole.push(event);
        }
    }
    for event in whole {
        match event {
            ChatEvent::TextDelta { part, text, .. } => {
                cut.extend(pieces(&text).into_iter().map(|text| ChatEvent::text(part, text)))
            }
            ChatEvent::ReasoningDelta { part, text, .. } => {
                cut.extend(pieces(&text).into_iter().map(|text| ChatEvent::reasoning(part, text)));
            }
            ChatEvent::ToolCallDelta { part, arguments, .. } => {
                cut.extend(pieces(&arguments).into_iter().map(|text| ChatEvent::arguments(part, text)));
            }
            event => cut.push(event),
        }
    }
    cut
}

fn pieces_of(text: &str, characters: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(characters).map(|piece| piece.iter().collect()).collect()
}
