//! What a model is told to answer, so that a suite knows it.

use bytes::Bytes;

use super::super::{ChatEvent, FinishReason, PartKind, ProviderState, Usage};
use crate::error::{Error, ErrorKind, Reason};
use crate::suite::Failed;

/// Tells the model behind a subject what to answer: a scripted model, or a server that speaks a service's protocol.
pub trait ScriptedAnswers: Send + Sync {
    /// Has the next request that is not told an answer yet be answered so.
    ///
    /// # Errors
    /// `Skipped` where the protocol has no way to say it.
    fn answer(&self, turn: Turn) -> Result<(), Failed>;

    /// The requests so far, in order, as bytes that are equal only where what was sent is.
    fn asked(&self) -> Vec<Bytes>;
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Turn {
    /// What it is made of.
    pub parts: Vec<TurnPart>,
    /// Why it ends.
    pub finish: FinishReason,
    /// What it costs; `None` where the service does not say.
    pub usage: Option<Usage>,
    /// Whether the pieces of the parts come by turns; else one part after the other.
    pub interleaved: bool,
    /// Whether, and where, it breaks off when it streams. Whole answers do not.
    pub ending: Ending,
}

/// A part of an answer, in the pieces in which it streams.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnPart {
    /// Text.
    Text(Vec<String>),
    /// A refusal.
    Refusal(Vec<String>),
    /// Reasoning, and the state that the service wants back with it.
    Reasoning(Vec<String>, Option<String>),
    /// A tool call.
    ToolCall {
        /// The id.
        id: String,
        /// The tool.
        name: String,
        /// The arguments; there may be no piece.
        arguments: Vec<String>,
    },
}

/// How an answer that streams ends. The numbers are pieces that come before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// As it should.
    #[default]
    Complete,
    /// The connection breaks.
    Cut(usize),
    /// The stream ends, as if it were complete, without its last event.
    Early(usize),
    /// The service says in the stream that it is unavailable.
    Fails(usize),
    /// Nothing more comes.
    Stalls(usize),
}

impl Turn {
    /// An answer of these parts.
    #[must_use]
    pub fn new(parts: Vec<TurnPart>) -> Self {
        let calls = parts.iter().any(|part| matches!(part, TurnPart::ToolCall { .. }));
        let finish = if calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        Self { parts, finish, usage: None, interleaved: false, ending: Ending::Complete }
    }

    /// A text, in these pieces.
    #[must_use]
    pub fn text<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::new(vec![TurnPart::Text(pieces.into_iter().map(Into::into).collect())])
    }

    /// Sets why it ends.
    #[must_use]
    pub fn finish(mut self, finish: FinishReason) -> Self {
        self.finish = finish;
        self
    }

    /// Sets what it costs.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Has the pieces of the parts come by turns.
    #[must_use]
    pub fn interleaved(mut self) -> Self {
        self.interleaved = true;
        self
    }

    /// Sets how it ends when it streams.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// How many pieces it has.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.parts.iter().map(|part| part.pieces().len()).sum()
    }

    /// The pieces in the order in which they stream: each with its part.
    #[must_use]
    pub fn order(&self) -> Vec<(usize, &str)> {
        let pieces = |at: usize, part: &TurnPart| (0..part.pieces().len()).map(move |piece| (piece, at)).collect::<Vec<_>>();
        let mut order: Vec<(usize, usize)> = self.parts.iter().enumerate().flat_map(|(at, part)| pieces(at, part)).collect();
        if self.interleaved {
            // Stable: the parts in their order, piece by piece.
            order.sort_by_key(|(piece, _)| *piece);
        }
        order.into_iter().map(|(piece, at)| (at, self.parts[at].pieces()[piece].as_str())).collect()
    }

    /// The events of it, and how they end where they do not as they should; for models that speak no protocol. `owner` is whose
    /// the state is.
    #[must_use]
    pub fn events(&self, owner: &str) -> (Vec<ChatEvent>, Ending) {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut events = vec![ChatEvent::start(Some("scripted".to_owned()), Some("scripted".to_owned()))];
        for (at, part) in self.parts.iter().enumerate() {
            events.push(match part {
                TurnPart::Text(_) => ChatEvent::part_start(number(at), PartKind::Text),
                TurnPart::Refusal(_) => ChatEvent::part_start(number(at), PartKind::Refusal),
                TurnPart::Reasoning(..) => ChatEvent::part_start(number(at), PartKind::Reasoning),
                TurnPart::ToolCall { id, name, .. } => ChatEvent::tool_call(number(at), id.as_str(), name),
            });
        }
        let cut = match self.ending {
            Ending::Complete => None,
            Ending::Cut(after) | Ending::Early(after) | Ending::Fails(after) | Ending::Stalls(after) => Some(after),
        };
        for (at, piece) in self.order().into_iter().take(cut.unwrap_or(usize::MAX)) {
            events.push(match &self.parts[at] {
                TurnPart::Text(_) | TurnPart::Refusal(_) => ChatEvent::text(number(at), piece),
                TurnPart::Reasoning(..) => ChatEvent::reasoning(number(at), piece),
                TurnPart::ToolCall { .. } => ChatEvent::arguments(number(at), piece),
            });
        }
        if cut.is_some() {
            return (events, self.ending);
        }
        for (at, part) in self.parts.iter().enumerate() {
            events.push(match part {
                TurnPart::ToolCall { .. } => ChatEvent::tool_call_end(number(at), None),
                TurnPart::Reasoning(_, Some(state)) => {
                    ChatEvent::part_end(number(at), Some(ProviderState::new(owner, state.as_str())))
                }
                _ => ChatEvent::part_end(number(at), None),
            });
        }
        events.extend(self.usage.map(ChatEvent::Usage));
        events.push(ChatEvent::end(self.finish.clone()));
        (events, Ending::Complete)
    }
}

impl TurnPart {
    /// A tool call whose arguments come in these pieces.
    #[must_use]
    pub fn tool_call(id: &str, name: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|piece| (*piece).to_owned()).collect();
        Self::ToolCall { id: id.to_owned(), name: name.to_owned(), arguments }
    }

    /// The pieces.
    #[must_use]
    pub fn pieces(&self) -> &[String] {
        match self {
            Self::Text(pieces) | Self::Refusal(pieces) | Self::Reasoning(pieces, _) => pieces,
            Self::ToolCall { arguments, .. } => arguments,
        }
    }
}

impl Ending {
    /// The error of a stream that ends so; `None` where it just ends, or does not.
    #[must_use]
    pub fn error(self) -> Option<Error> {
        match self {
            Self::Cut(_) => {
                Some(Error::new(ErrorKind::Connection, "the connection was cut (scripted)").with_reason(Reason::Truncated))
            }
            Self::Fails(_) => Some(Error::new(ErrorKind::Unavailable, "the service is overloaded (scripted)")),
            _ => None,
        }
    }
}
