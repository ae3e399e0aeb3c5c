//! From what comes over the wire to the events of an answer.

mod repeats;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use circle_core_common::http::{SseEvent, SseStream};
use circle_core_common::interfaces::chat_model::{
    Assembler, ChatEvent, ChatResponse, FinishReason, PartKind, ProviderState, Source, ToolDelta, ToolSlots, Warning,
};
use circle_core_common::{ByteStream, Clock, Error, ErrorKind, Result, Sent};

use self::repeats::{Place, Repeats};
use crate::error::{self, Asked};
use crate::stream::{Decode, Events};
use crate::wire::{CallDelta, Choice, Completion, Delta, Words, content_parts};

/// Makes events of chunks. Each kind of text is one part, in the order in which they start; each tool call is one.
pub(crate) struct Decoder {
    events: VecDeque<ChatEvent>,
    warnings: Vec<Warning>,
    started: bool,
    next_part: u32,
    text: Option<u32>,
    refusal: Option<u32>,
    reasoning: Option<u32>,
    /// The reasoning so far, and whose it is, for a service that must have it back.
    thought: Option<(Arc<str>, String)>,
    calls: ToolSlots,
    finish: Option<FinishReason>,
    repeats: Repeats,
}

impl Decoder {
    /// Nothing read yet. `made_ids` begins the ids of calls that come without, and differs from answer to answer.
    pub(crate) fn new(made_ids: String, state_owner: Option<Arc<str>>, warnings: Vec<Warning>) -> Self {
        Self {
            events: VecDeque::new(),
            warnings,
            started: false,
            next_part: 0,
            text: None,
            refusal: None,
            reasoning: None,
            thought: state_owner.map(|owner| (owner, String::new())),
            calls: ToolSlots::new(made_ids),
            finish: None,
            repeats: Repeats::default(),
        }
    }

    /// Takes the data of the next event of a stream.
    pub(crate) fn event(&mut self, event: &SseEvent<'_>, asked: &Asked) -> Result<()> {
        if let Some((place, text)) = self.repeats.read(event.data) {
            self.more(place, text);
            return Ok(());
        }
        let chunk = event.json::<Completion<'_>>().map_err(|error| error::unread(error, asked))?;
        let before = self.events.len();
        self.chunk(&chunk, asked)?;
        let place = self.events.back().and_then(Place::of).filter(|_| self.events.len() == before + 1);
        match place.zip(chunk.only_text()) {
            Some((place, text)) => self.repeats.remember(event.data, text, place),
            // Something began or ended.
            None => self.repeats.forget(),
        }
        Ok(())
    }

    fn more(&mut self, place: Place, text: Cow<'_, str>) {
        let event = match place {
            Place::Text(part) => ChatEvent::text(part, text),
            Place::Reasoning(part) => {
                self.keep_thought(&text);
                ChatEvent::reasoning(part, text)
            }
            Place::Arguments(part) => ChatEvent::arguments(part, text),
        };
        self.events.push_back(event);
    }

    /// Takes the next chunk of a stream.
    fn chunk(&mut self, chunk: &Completion<'_>, asked: &Asked) -> Result<()> {
        let choice = chunk.choices.first.as_ref().filter(|choice| choice.index.0.unwrap_or(0) == 0);
        if let Some(raw) = chunk.error.or(choice.and_then(|choice| choice.error)) {
            return Err(error::midway(raw.get(), asked));
        }
        // Azure's first chunk holds what its filters say of the request, and nothing of the answer.
        if choice.is_some() || chunk.id.filled().is_some() {
            self.start(chunk);
        }
        if let Some(choice) = choice {
            if let Some(delta) = choice.said() {
                self.delta(delta, |_, call| call.index.0);
            }
            self.finished(choice);
        }
        self.usage(chunk);
        Ok(())
    }

    /// Takes a whole answer.
    fn whole(&mut self, answer: &Completion<'_>, asked: &Asked) -> Result<()> {
        let Some(choice) = &answer.choices.first else {
            return Err(Error::new(ErrorKind::Decode, "the answer has no choice").with_sent(Sent::Yes));
        };
        if let Some(raw) = choice.error {
            return Err(error::midway(raw.get(), asked));
        }
        self.start(answer);
        if let Some(message) = choice.message.0.as_deref().or(choice.delta.0.as_ref()) {
            // Every entry is a call of its own here, whatever its index says.
            self.delta(message, |at, _| Some(at));
        }
        self.finished(choice);
        self.usage(answer);
        self.end()
    }

    fn start(&mut self, chunk: &Completion<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let mut start = ChatEvent::start(chunk.id.owned(), chunk.model.owned());
        if let ChatEvent::Start { warnings, .. } = &mut start {
            *warnings = std::mem::take(&mut self.warnings);
        }
        self.events.push_back(start);
    }

    fn delta(&mut self, delta: &Delta<'_>, index: impl Fn(u64, &CallDelta<'_>) -> Option<u64>) {
        // Some send the same words under both names.
        if let Some(text) = delta.reasoning_content.filled().or_else(|| delta.reasoning.filled()) {
            self.think(text);
        }
        self.content(delta.content);
        if let Some(text) = delta.refusal.filled() {
            let part = self.part(PartKind::Refusal);
            self.events.push_back(ChatEvent::text(part, text));
        }
        for (at, call) in (0..).zip(delta.tool_calls.iter()).filter(|(_, call)| !call.is_foreign()) {
            let function = call.function.0.as_ref();
            let arguments = function.map_or(Cow::Borrowed(""), |function| function.arguments.arguments());
            let name = function.and_then(|function| function.name.filled());
            let delta = ToolDelta { index: index(at, call), id: call.id.filled(), name, arguments: &arguments };
            self.calls.delta(delta, &mut self.next_part, |event| self.events.push_back(event));
        }
        for citation in delta.annotations.iter().filter_map(|annotation| annotation.url_citation.0.as_ref()) {
            let mut source = Source::default();
            (source.part, source.location, source.title) = (self.text, citation.url.owned(), citation.title.owned());
            self.events.push_back(ChatEvent::Source(source));
        }
    }

    fn content(&mut self, content: Words<'_>) {
        if let Some(text) = content.filled() {
            self.say(text);
        }
        for part in content_parts(content).iter() {
            if let Some(text) = part.thinking.filled() {
                self.think(text);
            }
            for text in content_parts(part.thinking).iter().filter_map(|thought| thought.text.filled()) {
                self.think(text);
            }
            if let Some(text) = part.text.filled() {
                self.say(text);
            }
        }
    }

    fn say(&mut self, text: Cow<'_, str>) {
        let part = self.part(PartKind::Text);
        self.events.push_back(ChatEvent::text(part, text));
    }

    fn think(&mut self, text: Cow<'_, str>) {
        self.keep_thought(&text);
        let part = self.part(PartKind::Reasoning);
        self.events.push_back(ChatEvent::reasoning(part, text));
    }

    fn keep_thought(&mut self, text: &str) {
        if let Some((_, thought)) = &mut self.thought {
            thought.push_str(text);
        }
    }

    /// The part of this kind, which starts if it has not.
    fn part(&mut self, kind: PartKind) -> u32 {
        let place = match kind {
            PartKind::Refusal => &mut self.refusal,
            PartKind::Reasoning => &mut self.reasoning,
            _ => &mut self.text,
        };
        *place.get_or_insert_with(|| {
            let part = self.next_part;
            self.next_part += 1;
            self.events.push_back(ChatEvent::part_start(part, kind));
            part
        })
    }

    fn finished(&mut self, choice: &Choice<'_>) {
        if let Some(reason) = choice.finish_reason.filled() {
            self.finish = Some(match reason {
                "stop" => FinishReason::Stop,
                // Mistral tells a full context apart.
                "length" | "model_length" => FinishReason::Length,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::ContentFilter,
                other => FinishReason::Other(other.to_owned()),
            });
        }
    }

    fn usage(&mut self, chunk: &Completion<'_>) {
        let groq = || chunk.x_groq.0.as_ref()?.usage.0.as_ref();
        if let Some(usage) = chunk.usage.0.as_deref().or_else(groq).map(|usage| usage.usage()).filter(|usage| !usage.is_unknown())
        {
            // What has not started has no place for it yet.
            self.start(chunk);
            self.events.push_back(ChatEvent::Usage(usage));
        }
    }

    /// Ends the answer.
    fn end(&mut self) -> Result<()> {
        self.start(&Completion::default());
        let state = self.thought.take().map(|(owner, thought)| ProviderState::new(owner, thought));
        let mut open: Vec<(u32, Option<ProviderState>)> =
            [self.text, self.refusal].into_iter().flatten().map(|part| (part, None)).collect();
        open.extend(self.reasoning.map(|part| (part, state)));
        open.sort_unstable_by_key(|(part, _)| *part);
        self.events.extend(open.into_iter().map(|(part, state)| ChatEvent::part_end(part, state)));
        self.calls.end(None, |event| self.events.push_back(event)).map_err(|error| error.with_sent(Sent::Yes))?;
        // Gateways say `stop` where tools are called; empty is what nobody said.
        let finish = match self.finish.take() {
            Some(FinishReason::Stop) if !self.calls.is_empty() => FinishReason::ToolCalls,
            Some(finish) => finish,
            None => FinishReason::Other(String::new()),
        };
        self.events.push_back(ChatEvent::end(finish));
        Ok(())
    }

    /// The answer that a whole body is.
    pub(crate) fn response(mut self, answer: &Completion<'_>, asked: &Asked) -> Result<ChatResponse> {
        self.whole(answer, asked)?;
        let mut assembler = Assembler::new();
        self.events.iter().try_for_each(|event| assembler.push(event))?;
        assembler.finish()
    }
}

/// Chunks as they come.
pub(crate) struct Chunks {
    decoder: Decoder,
    asked: Asked,
}

/// The events of a stream that was opened.
pub(crate) fn events(body: ByteStream, asked: Asked, clock: Clock, decoder: Decoder) -> Events<Chunks> {
    Events::new(SseStream::new(body), clock, Chunks { decoder, asked })
}

impl Decode for Chunks {
    fn take(&mut self, event: SseEvent<'_>) -> Result<bool> {
        if event.data.starts_with(b"[DONE]") {
            return Ok(true);
        }
        if event.event == "error" {
            return Err(error::midway(&event.text(), &self.asked));
        }
        self.decoder.event(&event, &self.asked).map(|()| false)
    }

    fn end(&mut self) -> Result<()> {
        self.decoder.end()
    }

    fn events(&mut self) -> &mut VecDeque<ChatEvent> {
        &mut self.decoder.events
    }
}

#[cfg(test)]
mod newer_servers;
#[cfg(test)]
mod tests;
