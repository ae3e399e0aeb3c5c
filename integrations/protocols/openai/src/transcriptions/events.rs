//! What is said, as it is recognised.

use circle_core_common::http::{Opened, Response, SseEvent};
use circle_core_common::{ByteSize, Result};
use serde::Deserialize;

use super::answer::{TokenLogprob, Transcription, TranscriptionSegment};
use crate::events::{EventStream, Read};
use crate::field;
use crate::wire::Text;

/// A piece of what is said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TranscriptionEvent {
    /// More words.
    #[non_exhaustive]
    Delta {
        /// The words.
        text: String,
        /// The segment that they are of, where speakers are told apart.
        segment: Option<String>,
        /// How likely each token is, where that was asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// A segment is complete.
    Segment(TranscriptionSegment),
    /// All is said: the whole.
    Done(Transcription),
    /// What only a newer service knows, by its type.
    Other(String),
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct Delta {
    delta: String,
    #[serde(default, deserialize_with = "field::text")]
    segment_id: Option<String>,
    #[serde(default, deserialize_with = "field::list")]
    logprobs: Vec<TokenLogprob>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default, deserialize_with = "field::list")]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<ChunkDelta<'a>>,
}

#[derive(Deserialize)]
struct ChunkDelta<'a> {
    #[serde(borrow, default)]
    content: Text<'a>,
}

/// The events of an answer; from a model that does not stream, the answer.
pub(super) async fn of(opened: Opened, limit: ByteSize) -> Result<EventStream<TranscriptionEvent>> {
    if opened.header("content-type").is_some_and(|media_type| media_type.starts_with("application/json")) {
        let (status, headers) = (opened.status, opened.headers);
        let whole = Response::new(status, headers, opened.body.collect(Some(limit)).await?);
        return Ok(EventStream::whole(TranscriptionEvent::Done(whole.json()?), read));
    }
    Ok(EventStream::new(opened, 1, read))
}

fn read(event: &SseEvent<'_>) -> Result<Read<TranscriptionEvent>> {
    let kind = event.json::<Kind<'_>>()?.kind;
    let event = match kind.filled() {
        Some("transcript.text.delta") => {
            let Delta { delta, segment_id, logprobs } = event.json()?;
            TranscriptionEvent::Delta { text: delta, segment: segment_id, logprobs }
        }
        Some("transcript.text.segment") => TranscriptionEvent::Segment(event.json()?),
        Some("transcript.text.done") => TranscriptionEvent::Done(event.json()?),
        Some(other) => TranscriptionEvent::Other(other.to_owned()),
        // vLLM sends the chunks of its chats, and `[DONE]` at their end.
        None => {
            let text = event.json::<Chunk<'_>>()?.choices.into_iter().next().and_then(|choice| choice.delta?.content.0);
            match text {
                Some(text) => TranscriptionEvent::Delta { text: text.into_owned(), segment: None, logprobs: Vec::new() },
                None => TranscriptionEvent::Other(String::new()),
            }
        }
    };
    Ok(Read { last: matches!(event, TranscriptionEvent::Done(_)), event })
}
