//! From what comes over the wire to the events of an answer.

mod items;

use std::collections::VecDeque;
use std::sync::Arc;

use circle_core_common::http::SseEvent;
use circle_core_common::interfaces::chat_model::{
    Assembler, ChatEvent, ChatResponse, FinishReason, Opaque, PartKind, ProviderState, ToolDelta, ToolSlots, Warning,
};
use circle_core_common::{Error, ErrorKind, Result, Sent};
use serde_json::value::RawValue;

use self::items::{Growing, Items, Kind, Thought, Told};
use super::wire::{Answer, Event, ItemBody, ItemContent, ItemHead, MessageState};
use crate::error::{self, Asked};
use crate::stream::Decode;

/// Makes events of an answer. Each text and each refusal of a message is one part, and so are each item of reasoning, each call
/// and each item of a kind that this version does not know.
pub(super) struct Decoder {
    events: VecDeque<ChatEvent>,
    warnings: Vec<Warning>,
    asked: Asked,
    /// Whose state the items are.
    owner: Arc<str>,
    /// Whether reasoning goes back.
    replays: bool,
    started: bool,
    next_part: u32,
    items: Items,
    calls: ToolSlots,
    finish: Option<FinishReason>,
}

impl Decoder {
    /// Nothing read yet. `made_ids` begins the ids of calls that come without, and differs from answer to answer.
    pub(super) fn new(made_ids: String, owner: Arc<str>, replays: bool, warnings: Vec<Warning>) -> Self {
        Self {
            events: VecDeque::new(),
            warnings,
            asked: Asked::default(),
            owner,
            replays,
            started: false,
            next_part: 0,
            items: Items::default(),
            calls: ToolSlots::new(made_ids),
            finish: None,
        }
    }

    /// The same, of this request.
    pub(super) fn asked_as(mut self, asked: Asked) -> Self {
        self.asked = asked;
        self
    }

    /// The answer that a whole body is.
    pub(super) fn response(mut self, answer: &Answer<'_>) -> Result<ChatResponse> {
        if answer.output().is_none() && answer.error.is_none() {
            return Err(Error::new(ErrorKind::Decode, "the answer has no output").with_sent(Sent::Yes));
        }
        self.answered(answer, "completed")?;
        self.end()?;
        let mut assembler = Assembler::new();
        self.events.iter().try_for_each(|event| assembler.push(event))?;
        assembler.finish()
    }

    fn start(&mut self, answer: &Answer<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let mut start = ChatEvent::start(answer.id.owned(), answer.model.owned());
        if let ChatEvent::Start { warnings, .. } = &mut start {
            *warnings = std::mem::take(&mut self.warnings);
        }
        self.events.push_back(start);
    }

    fn begun(&mut self) {
        if !self.started {
            self.start(&Answer::default());
        }
    }

    /// The item of an answer that is there from its beginning to its end: nothing has told of it before.
    fn added(&mut self, index: Option<u64>, raw: &RawValue) -> Result<()> {
        let head = self.head(raw)?;
        self.begun();
        let at = self.items.begin(index, head.id.filled(), Kind::of(&head));
        self.begin_call(at, &head);
        Ok(())
    }

    /// The item is complete. What came of it as it grew is not given again; what did not is given now.
    fn completed(&mut self, index: Option<u64>, raw: &RawValue) -> Result<()> {
        let head = self.head(raw)?;
        self.begun();
        let (at, told) = self.items.finish(index, head.id.filled(), Kind::of(&head));
        if told == Told::Whole {
            return Ok(());
        }
        match &self.items[at].kind {
            Kind::Message(_) => self.message_completed(at, &ItemBody::of(raw)),
            Kind::Reasoning(_) => self.reasoning_completed(at, raw),
            Kind::Call { .. } => self.call_completed(at, &head, raw)?,
            Kind::Other => {
                let part = self.next();
                let kind = head.kind.owned().unwrap_or_default();
                let state = ProviderState::new(Arc::clone(&self.owner), raw.get());
                self.events.push_back(ChatEvent::opaque(part, Opaque::new(kind, state)));
            }
        }
        Ok(())
    }

    fn head<'a>(&self, raw: &'a RawValue) -> Result<ItemHead<'a>> {
        serde_json::from_str(raw.get()).map_err(|_| {
            let error = Error::new(ErrorKind::Decode, "an item of the answer is no object").with_sent(Sent::Yes);
            error::unread(error, &self.asked)
        })
    }

    fn message_completed(&mut self, at: usize, body: &ItemBody<'_>) {
        let contents = body.content();
        let mut paired = Vec::new();
        for (place, content) in (0_u64..).zip(&contents) {
            for (kind, text) in [(PartKind::Text, content.text.filled()), (PartKind::Refusal, content.refusal.filled())] {
                let Some(text) = text else { continue };
                let grown = self.items.grown(at, place, contents.len() as u64, kind, &paired);
                let part = grown.unwrap_or_else(|| self.message_part(at, Some(place), kind));
                paired.push(part);
                if grown.is_none() {
                    self.events.push_back(ChatEvent::text(part, text));
                }
                self.cite_all(at, part, content);
            }
        }
        let phase = body.phase.filled().map(|phase| MessageState { phase: Some(phase.into()) });
        let state = phase.and_then(|phase| serde_json::to_string(&phase).ok());
        let state = state.map(|state| ProviderState::new(Arc::clone(&self.owner), state));
        let Kind::Message(parts) = &self.items[at].kind else { return };
        self.events.extend(parts.iter().map(|growing| ChatEvent::part_end(growing.part, state.clone())));
    }

    /// The sources of a content, where they did not come one by one.
    fn cite_all(&mut self, at: usize, part: u32, content: &ItemContent<'_>) {
        let cited = matches!(&self.items[at].kind, Kind::Message(parts) if parts.iter().any(|it| it.part == part && it.cited));
        if !cited {
            self.events.extend(content.annotations.iter().filter_map(|it| it.source(part)).map(ChatEvent::Source));
        }
    }

    fn reasoning_completed(&mut self, at: usize, raw: &RawValue) {
        let body = ItemBody::of(raw);
        let content = body.content();
        if matches!(self.items[at].kind, Kind::Reasoning(None)) {
            let summary = body.summary();
            let (from_summary, texts) = if summary.is_empty() { (false, &content) } else { (true, &summary) };
            for (place, text) in (0_u64..).zip(texts) {
                if let Some(text) = text.text.filled() {
                    self.think(at, from_summary, Some(place), &text);
                }
            }
        }
        // What is neither encrypted nor there in words, the service has kept, or nobody can use.
        let usable = body.encrypted_content.filled().is_some() || !content.is_empty();
        let state = (self.replays && usable).then(|| ProviderState::new(Arc::clone(&self.owner), raw.get()));
        let part = match &self.items[at].kind {
            Kind::Reasoning(Some(thought)) => thought.part,
            _ if state.is_some() => {
                let part = self.next();
                self.events.push_back(ChatEvent::part_start(part, PartKind::Reasoning));
                part
            }
            _ => return,
        };
        self.events.push_back(ChatEvent::part_end(part, state));
    }

    fn begin_call(&mut self, at: usize, head: &ItemHead<'_>) {
        if let Kind::Call { named, .. } = &mut self.items[at].kind
            && !std::mem::replace(named, head.name.filled().is_some())
        {
            let delta = ToolDelta { index: Some(at as u64), id: head.call_id(), name: head.name.filled(), arguments: "" };
            self.calls.delta(delta, &mut self.next_part, |event| self.events.push_back(event));
        }
    }

    fn call_completed(&mut self, at: usize, head: &ItemHead<'_>, raw: &RawValue) -> Result<()> {
        self.begin_call(at, head);
        if matches!(self.items[at].kind, Kind::Call { filled: false, .. }) {
            let arguments = ItemBody::of(raw).arguments.arguments();
            let delta = ToolDelta { index: Some(at as u64), id: None, name: None, arguments: &arguments };
            self.calls.delta(delta, &mut self.next_part, |event| self.events.push_back(event));
        }
        let state = head.says_more().then(|| ProviderState::new(Arc::clone(&self.owner), raw.get()));
        self.end_call(at, state)
    }

    fn end_call(&mut self, at: usize, state: Option<ProviderState>) -> Result<()> {
        let ended = self.calls.end_call(at as u64, state, |event| self.events.push_back(event));
        ended.map_err(|error| error.with_sent(Sent::Yes))
    }

    fn next(&mut self) -> u32 {
        self.next_part += 1;
        self.next_part - 1
    }

    /// The part of a message that a text belongs to, which starts if it has not.
    fn message_part(&mut self, at: usize, place: Option<u64>, kind: PartKind) -> u32 {
        if let Some(part) = self.items.part(at, place, kind) {
            return part;
        }
        let part = self.next();
        self.events.push_back(ChatEvent::part_start(part, kind));
        if let Kind::Message(parts) = &mut self.items[at].kind {
            parts.push(Growing { place, kind, part, cited: false });
        }
        part
    }

    fn text(&mut self, event: &Event<'_>, kind: PartKind) {
        let Some(text) = event.delta.filled() else { return };
        self.begun();
        let id = event.item_id.filled();
        let Some(at) = self.items.growing(event.output_index.0, id, Kind::message) else { return };
        let part = self.message_part(at, event.content_index.0, kind);
        self.events.push_back(ChatEvent::text(part, text));
    }

    fn reasoning(&mut self, event: &Event<'_>, from_summary: bool) {
        let Some(text) = event.delta.filled() else { return };
        self.begun();
        let id = event.item_id.filled();
        let Some(at) = self.items.growing(event.output_index.0, id, Kind::reasoning) else { return };
        let place = if from_summary { event.summary_index.0 } else { event.content_index.0 };
        self.think(at, from_summary, place, &text);
    }

    /// Adds to an item of reasoning, which is one part: what goes back goes with all of it.
    fn think(&mut self, at: usize, from_summary: bool, place: Option<u64>, text: &str) {
        let Kind::Reasoning(thought) = &mut self.items[at].kind else { return };
        let thought = thought.get_or_insert_with(|| {
            let part = self.next_part;
            self.next_part += 1;
            self.events.push_back(ChatEvent::part_start(part, PartKind::Reasoning));
            Thought { part, from_summary, place }
        });
        // Some servers send the same words as a summary and as content.
        if thought.from_summary != from_summary {
            return;
        }
        if place.is_some() && thought.place != place && std::mem::replace(&mut thought.place, place).is_some() {
            self.events.push_back(ChatEvent::reasoning(thought.part, "\n\n"));
        }
        self.events.push_back(ChatEvent::reasoning(thought.part, text));
    }

    fn arguments(&mut self, event: &Event<'_>) {
        let Some(arguments) = event.delta.filled() else { return };
        self.begun();
        let id = event.item_id.filled();
        let Some(at) = self.items.growing(event.output_index.0, id, Kind::call) else { return };
        if let Kind::Call { filled, .. } = &mut self.items[at].kind {
            *filled = true;
        }
        let delta = ToolDelta { index: Some(at as u64), id: None, name: None, arguments: &arguments };
        self.calls.delta(delta, &mut self.next_part, |event| self.events.push_back(event));
    }

    fn cite(&mut self, event: &Event<'_>) {
        let Some(citation) = event.annotation.0.as_ref() else { return };
        let id = event.item_id.filled();
        let Some(at) = self.items.growing(event.output_index.0, id, Kind::message) else { return };
        // What has no text yet is cited when it is complete.
        let Some(part) = self.items.part(at, event.content_index.0, PartKind::Text) else { return };
        if let Kind::Message(parts) = &mut self.items[at].kind {
            parts.iter_mut().filter(|growing| growing.part == part).for_each(|growing| growing.cited = true);
        }
        self.events.extend(citation.source(part).map(ChatEvent::Source));
    }

    /// The answer has ended, as it says or as the event that holds it does.
    fn answered(&mut self, answer: &Answer<'_>, status: &str) -> Result<()> {
        let status = answer.status.filled().unwrap_or(status);
        if status == "failed" || answer.error.is_some() {
            let error = answer.error.map_or("null", RawValue::get);
            return Err(error::midway(error, &self.asked));
        }
        self.start(answer);
        self.complete_items(answer)?;
        let usage = answer.usage();
        if !usage.is_unknown() {
            self.events.push_back(ChatEvent::Usage(usage));
        }
        self.finish = Some(match status {
            "completed" if !self.calls.is_empty() => FinishReason::ToolCalls,
            "completed" => FinishReason::Stop,
            "incomplete" => match answer.incomplete_reason() {
                Some("max_output_tokens" | "max_tokens") => FinishReason::Length,
                Some("content_filter") => FinishReason::ContentFilter,
                reason => FinishReason::Other(reason.unwrap_or("incomplete").to_owned()),
            },
            other => FinishReason::Other(other.to_owned()),
        });
        Ok(())
    }

    /// Ends the items that have not ended. The answer holds all of them, except where it leaves them out.
    fn complete_items(&mut self, answer: &Answer<'_>) -> Result<()> {
        let unseen = self.items.is_empty();
        if unseen || self.items.any_open() {
            for (index, raw) in (0_u64..).zip(answer.output().unwrap_or_default()) {
                let id = self.head(raw)?.id;
                if unseen || self.items.is_open(index, id.filled()) {
                    self.completed(Some(index), raw)?;
                }
            }
        }
        for at in 0..self.items.len() {
            if !self.items.close(at) {
                continue;
            }
            match &self.items[at].kind {
                Kind::Message(parts) => self.events.extend(parts.iter().map(|it| ChatEvent::part_end(it.part, None))),
                Kind::Reasoning(thought) => self.events.extend(thought.iter().map(|it| ChatEvent::part_end(it.part, None))),
                Kind::Call { .. } => self.end_call(at, None)?,
                Kind::Other => {}
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, kind: &str, text: &str) -> Result<bool> {
        match kind {
            "response.output_text.delta" => self.text(&event, PartKind::Text),
            "response.refusal.delta" => self.text(&event, PartKind::Refusal),
            "response.function_call_arguments.delta" => self.arguments(&event),
            "response.reasoning_summary_text.delta" => self.reasoning(&event, true),
            "response.reasoning_text.delta" => self.reasoning(&event, false),
            "response.output_text.annotation.added" => self.cite(&event),
            "response.output_item.added" => {
                if let Some(raw) = event.item {
                    self.added(event.output_index.0, raw)?;
                }
            }
            "response.output_item.done" => {
                if let Some(raw) = event.item {
                    self.completed(event.output_index.0, raw)?;
                }
            }
            "response.created" | "response.queued" | "response.in_progress" => self.start(&self.answer(&event)?),
            "response.completed" => return self.answered(&self.answer(&event)?, "completed").map(|()| true),
            "response.incomplete" => return self.answered(&self.answer(&event)?, "incomplete").map(|()| true),
            "response.failed" => return self.answered(&self.answer(&event)?, "failed").map(|()| true),
            "error" => return Err(error::midway(text, &self.asked)),
            // Without a type: a gateway in front of the service.
            "message" if event.error.is_some() => return Err(error::midway(text, &self.asked)),
            // What a tool of the service does, what comes again as a whole, what is new.
            _ => {}
        }
        Ok(false)
    }

    fn answer<'a>(&self, event: &Event<'a>) -> Result<Answer<'a>> {
        let Some(raw) = event.response else { return Ok(Answer::default()) };
        serde_json::from_str(raw.get()).map_err(|_| {
            let error = Error::new(ErrorKind::Decode, "the answer within an event is no object");
            error::unread(error, &self.asked)
        })
    }
}

impl Decode for Decoder {
    fn take(&mut self, event: SseEvent<'_>) -> Result<bool> {
        // Chat Completions end so, and some servers end everything so: the last event has come, or comes not.
        if event.data.starts_with(b"[DONE]") {
            return Ok(false);
        }
        let mut read: Event<'_> = event.json().map_err(|error| error::unread(error, &self.asked))?;
        let kind = std::mem::take(&mut read.kind).0.unwrap_or(event.event.into());
        let text = if kind == "error" || kind == "message" { event.text() } else { Default::default() };
        self.event(read, &kind, &text)
    }

    fn end(&mut self) -> Result<()> {
        self.begun();
        let finish = self.finish.take().unwrap_or_else(|| FinishReason::Other(String::new()));
        self.events.push_back(ChatEvent::end(finish));
        Ok(())
    }

    fn events(&mut self) -> &mut VecDeque<ChatEvent> {
        &mut self.events
    }
}

#[cfg(test)]
mod tests;
