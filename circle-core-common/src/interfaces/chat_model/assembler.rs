//! From the events of an answer to the answer.

use std::fmt;

use super::{ChatEvent, ChatResponse, Part, PartKind, Text, ToolCall, Usage, Warning};
use crate::error::{Error, ErrorKind, Result};

/// Puts an answer together from its events, in time linear in their size. Handles, suites and providers all use this one.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    response: ChatResponse,
    /// Whether each part is still growing.
    open: Vec<bool>,
    started: bool,
    ended: bool,
}

impl Assembler {
    /// Nothing received yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event. The texts are copied into place; nothing else is allocated.
    ///
    /// # Errors
    /// `Decode` for an event that cannot be at this place: its provider has lost count.
    pub fn push(&mut self, event: &ChatEvent) -> Result<()> {
        if self.ended {
            return Err(misplaced("an event behind the end"));
        }
        match event {
            ChatEvent::Start { id, model, warnings } => self.start(id.as_ref(), model.as_ref(), warnings)?,
            ChatEvent::PartStart { part, kind } => self.add(*part, kind.empty())?,
            ChatEvent::TextDelta { part, text } => match self.growing(*part)? {
                Part::Text(grown) | Part::Refusal(grown) => grown.text.push_str(text),
                _ => return Err(misplaced(format_args!("text for part {part}, which is none"))),
            },
            ChatEvent::ReasoningDelta { part, text } => match self.growing(*part)? {
                Part::Reasoning(grown) => grown.text.push_str(text),
                _ => return Err(misplaced(format_args!("reasoning for part {part}, which is none"))),
            },
            ChatEvent::ToolCallStart { part, id, name } => {
                let call = ToolCall { id: id.clone(), name: name.clone(), arguments: String::new(), state: None };
                self.add(*part, Part::ToolCall(call))?;
            }
            ChatEvent::ToolCallDelta { part, arguments } => match self.growing(*part)? {
                Part::ToolCall(call) => call.arguments.push_str(arguments),
                _ => return Err(misplaced(format_args!("arguments for part {part}, which is no tool call"))),
            },
            ChatEvent::ToolCallEnd { part, state } => match self.growing(*part)? {
                Part::ToolCall(call) => {
                    call.state.clone_from(state);
                    self.close(*part);
                }
                _ => return Err(misplaced(format_args!("the end of the tool call {part}, which is none"))),
            },
            ChatEvent::PartEnd { part, state } => match self.growing(*part)? {
                Part::Text(text) | Part::Refusal(text) | Part::Reasoning(text) => {
                    text.state.clone_from(state);
                    self.close(*part);
                }
                _ => return Err(misplaced(format_args!("the end of part {part}, which is no text"))),
            },
            ChatEvent::Opaque { part, content } => {
                self.add(*part, Part::Opaque(content.clone()))?;
                self.close(*part);
            }
            ChatEvent::Source(source) => self.response.sources.push(source.clone()),
            ChatEvent::Usage(usage) => self.response.usage.update(usage),
            ChatEvent::Heartbeat => {}
            ChatEvent::End { finish } => {
                self.response.finish = finish.clone();
                self.ended = true;
                self.fill();
            }
        }
        Ok(())
    }

    /// Whether the answer is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// The tokens that are known so far.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.response.usage
    }

    /// The answer.
    ///
    /// # Errors
    /// `Decode` when it is not complete; see [`into_partial`](Self::into_partial).
    pub fn finish(self) -> Result<ChatResponse> {
        if self.ended { Ok(self.response) } else { Err(misplaced("an answer without its end")) }
    }

    /// What has been received, complete or not. Arguments of tool calls can be cut anywhere.
    #[must_use]
    pub fn into_partial(self) -> ChatResponse {
        self.response
    }

    fn start(&mut self, id: Option<&String>, model: Option<&String>, warnings: &[Warning]) -> Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Err(misplaced("a second start"));
        }
        self.response.id = id.cloned();
        self.response.model = model.cloned();
        self.response.warnings.extend_from_slice(warnings);
        Ok(())
    }

    fn add(&mut self, number: u32, part: Part) -> Result<()> {
        if number as usize != self.response.parts.len() {
            let next = self.response.parts.len();
            return Err(misplaced(format_args!("the start of part {number} where {next} is the next")));
        }
        self.response.parts.push(part);
        self.open.push(true);
        Ok(())
    }

    fn growing(&mut self, number: u32) -> Result<&mut Part> {
        match self.open.get(number as usize) {
            Some(true) => Ok(&mut self.response.parts[number as usize]),
            Some(false) => Err(misplaced(format_args!("more of part {number}, which has ended"))),
            None => Err(misplaced(format_args!("more of part {number}, which has not started"))),
        }
    }

    fn close(&mut self, number: u32) {
        self.open[number as usize] = false;
        empty_is_an_object(&mut self.response.parts[number as usize]);
    }

    /// Ends the parts that nobody ended.
    fn fill(&mut self) {
        let open = self.open.iter().zip(&mut self.response.parts).filter(|(open, _)| **open);
        open.for_each(|(_, part)| empty_is_an_object(part));
    }
}

/// A tool without parameters is called without a word.
fn empty_is_an_object(part: &mut Part) {
    if let Part::ToolCall(call) = part
        && call.arguments.trim().is_empty()
    {
        call.arguments.replace_range(.., "{}");
    }
}

fn misplaced(what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Decode, format!("the answer's events are out of order: {what}"))
}

impl PartKind {
    fn empty(self) -> Part {
        match self {
            Self::Text => Part::Text(Text::default()),
            Self::Refusal => Part::Refusal(Text::default()),
            Self::Reasoning => Part::Reasoning(Text::default()),
        }
    }
}

/// The events of a whole answer, for providers that have no other and for tests.
#[must_use]
pub fn events_of(response: &ChatResponse) -> Vec<ChatEvent> {
    let mut events =
        vec![ChatEvent::Start { id: response.id.clone(), model: response.model.clone(), warnings: response.warnings.clone() }];
    let mut next = 0;
    for part in &response.parts {
        let number = next;
        next += 1;
        match part {
            Part::Text(text) => {
                events.extend([ChatEvent::part_start(number, PartKind::Text), ChatEvent::text(number, &*text.text)]);
                events.push(ChatEvent::part_end(number, text.state.clone()));
            }
            Part::Refusal(text) => {
                events.extend([ChatEvent::part_start(number, PartKind::Refusal), ChatEvent::text(number, &*text.text)]);
                events.push(ChatEvent::part_end(number, text.state.clone()));
            }
            Part::Reasoning(text) => {
                events.extend([ChatEvent::part_start(number, PartKind::Reasoning), ChatEvent::reasoning(number, &*text.text)]);
                events.push(ChatEvent::part_end(number, text.state.clone()));
            }
            Part::ToolCall(call) => {
                events.push(ChatEvent::tool_call(number, call.id.clone(), &*call.name));
                events.push(ChatEvent::arguments(number, &*call.arguments));
                events.push(ChatEvent::tool_call_end(number, call.state.clone()));
            }
            Part::Opaque(opaque) => events.push(ChatEvent::opaque(number, opaque.clone())),
            // No answer holds these.
            Part::Image(_) | Part::Audio(_) | Part::Document(_) | Part::ToolResult(_) => next -= 1,
        }
    }
    events.extend(response.sources.iter().cloned().map(ChatEvent::Source));
    if !response.usage.is_unknown() {
        events.push(ChatEvent::Usage(response.usage));
    }
    events.push(ChatEvent::end(response.finish.clone()));
    events
}

#[cfg(test)]
mod tests {
    use super::super::{FinishReason, Opaque, ProviderState, Source};
    use super::*;

    fn assembled(events: &[ChatEvent]) -> Result<ChatResponse> {
        let mut assembler = Assembler::new();
        events.iter().try_for_each(|event| assembler.push(event))?;
        assembler.finish()
    }

    #[test]
    fn interleaved_parts_are_kept_apart() {
        let reply = assembled(&[
            ChatEvent::start(Some("a".to_owned()), None),
            ChatEvent::part_start(0, PartKind::Reasoning),
            ChatEvent::part_start(1, PartKind::Text),
            ChatEvent::tool_call(2, "x", "index"),
            ChatEvent::tool_call(3, "y", "search"),
            ChatEvent::reasoning(0, "thi"),
            ChatEvent::text(1, "So"),
            ChatEvent::arguments(3, "{\"q\""),
            ChatEvent::reasoning(0, "nk"),
            ChatEvent::Heartbeat,
            ChatEvent::arguments(2, ""),
            ChatEvent::arguments(3, ":1}"),
            ChatEvent::part_end(0, Some(ProviderState::new("p", "sig"))),
            ChatEvent::tool_call_end(3, None),
            ChatEvent::end(FinishReason::ToolCalls),
        ])
        .unwrap();
        assert_eq!((reply.reasoning().as_str(), reply.text().as_str()), ("think", "So"));
        let calls: Vec<_> = reply.tool_calls().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
        assert_eq!(calls, [("index", "{}"), ("search", "{\"q\":1}")]);
        assert_eq!(reply.parts[0].state(), Some(&ProviderState::new("p", "sig")));
    }

    #[test]
    fn events_out_of_order_are_found() {
        let start = || ChatEvent::start(None, None);
        let text = || ChatEvent::part_start(0, PartKind::Text);
        for events in [
            vec![start(), start()],
            vec![ChatEvent::text(0, "a")],
            vec![ChatEvent::part_start(1, PartKind::Text)],
            vec![text(), text()],
            vec![text(), ChatEvent::reasoning(0, "a")],
            vec![text(), ChatEvent::arguments(0, "a")],
            vec![text(), ChatEvent::part_end(0, None), ChatEvent::text(0, "a")],
            vec![text(), ChatEvent::tool_call_end(0, None)],
            vec![ChatEvent::tool_call(0, "x", "f"), ChatEvent::part_end(0, None)],
            vec![ChatEvent::end(FinishReason::Stop), ChatEvent::Heartbeat],
            vec![text()],
        ] {
            assert!(assembled(&events).unwrap_err().is(ErrorKind::Decode), "{events:?}");
        }
    }

    #[test]
    fn an_answer_is_the_sum_of_its_events() {
        let mut response = ChatResponse::new(vec![
            Part::Reasoning(Text::new("r").state(ProviderState::new("p", "s"))),
            Part::text("t"),
            Part::Refusal(Text::new("no")),
            Part::ToolCall(ToolCall::new("x", "f", serde_json::json!({ "a": 1 }))),
            Part::Opaque(Opaque::new("video", ProviderState::new("p", "{}"))),
        ]);
        (response.id, response.usage) = (Some("id".to_owned()), Usage::inclusive(Some(3), Some(1), Some(0)));
        response.sources.push(Source::new("https://example.com").part(1));
        let again = assembled(&events_of(&response)).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&response).unwrap());
    }

    #[test]
    fn assembling_is_linear() {
        let mut assembler = Assembler::new();
        assembler.push(&ChatEvent::tool_call(0, "x", "f")).unwrap();
        let delta = ChatEvent::arguments(0, "0123456789");
        // Quadratic growth would copy 5 TB, and not come to an end.
        for _ in 0..1_000_000 {
            assembler.push(&delta).unwrap();
        }
        assembler.push(&ChatEvent::end(FinishReason::ToolCalls)).unwrap();
        assert_eq!(assembler.finish().unwrap().tool_calls().next().unwrap().arguments.len(), 10_000_000);
    }
}
