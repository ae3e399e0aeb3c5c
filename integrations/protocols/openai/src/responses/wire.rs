//! What comes over the wire: tolerant readers that borrow from what they read.

use std::borrow::Cow;

use circle_core_common::interfaces::chat_model::{Source, Usage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{Count, Text};

/// One event of a stream. What an event of its type does not have is missing.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(default)]
    pub(super) output_index: Count,
    #[serde(borrow, default)]
    pub(super) item_id: Text<'a>,
    #[serde(default)]
    pub(super) content_index: Count,
    #[serde(default)]
    pub(super) summary_index: Count,
    #[serde(borrow, default)]
    pub(super) delta: Text<'a>,
    #[serde(borrow, default)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) annotation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// An answer: whole, or as the events around a stream hold it.
#[derive(Default, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(borrow, default)]
    pub(super) status: Text<'a>,
    #[serde(borrow, default)]
    pub(super) service_tier: Text<'a>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    incomplete_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl<'a> Answer<'a> {
    /// What it is made of, where it tells.
    pub(super) fn output(&self) -> Option<Vec<&'a RawValue>> {
        read(self.output)
    }

    /// Why it is incomplete.
    pub(super) fn incomplete_reason(&self) -> Text<'a> {
        #[derive(Deserialize)]
        struct Details<'a> {
            #[serde(borrow, default)]
            reason: Text<'a>,
        }
        read::<Details<'_>>(self.incomplete_details).map(|details| details.reason).unwrap_or_default()
    }

    pub(super) fn usage(&self) -> Usage {
        read::<WireUsage>(self.usage).map_or_else(Usage::unknown, |usage| usage.usage())
    }
}

/// Reads what can be read: what is of another shape is as if it were not there.
fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// An item of an answer, of which it is known only what all have.
#[derive(Deserialize)]
pub(super) struct ItemHead<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) call_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    /// Who called a tool, where it was not the model, and what the tool's name is within: they go back with the call.
    #[serde(borrow, default)]
    caller: Option<&'a RawValue>,
    #[serde(borrow, default)]
    namespace: Option<&'a RawValue>,
}

impl ItemHead<'_> {
    /// The id that the result of a call must bear.
    pub(super) fn call_id(&self) -> Option<&str> {
        self.call_id.filled().or(self.id.filled())
    }

    /// Whether a call says more than its id, its tool and its arguments.
    pub(super) fn says_more(&self) -> bool {
        self.caller.is_some() || self.namespace.is_some()
    }
}

/// What an item holds: of a message, or of reasoning.
#[derive(Default, Deserialize)]
pub(super) struct ItemBody<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) encrypted_content: Text<'a>,
    #[serde(borrow, default)]
    pub(super) phase: Text<'a>,
}

impl<'a> ItemBody<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Self {
        read(Some(raw)).unwrap_or_default()
    }

    pub(super) fn content(&self) -> Vec<ItemContent<'a>> {
        contents(self.content)
    }

    /// Of a call: a text; from some servers an object.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        let Some(raw) = self.arguments else { return Cow::Borrowed("") };
        match raw.get() {
            text if text.starts_with('"') => read::<Text<'_>>(Some(raw)).and_then(|text| text.0).unwrap_or_default(),
            object => Cow::Borrowed(object),
        }
    }

    pub(super) fn summary(&self) -> Vec<ItemContent<'a>> {
        contents(self.summary)
    }
}

/// A list of contents; a text alone is one.
fn contents(raw: Option<&RawValue>) -> Vec<ItemContent<'_>> {
    let text = || read::<Text<'_>>(raw).filter(|text| text.filled().is_some());
    let one = || text().map(|text| vec![ItemContent { text, ..ItemContent::default() }]);
    read(raw).or_else(one).unwrap_or_default()
}

#[derive(Default, Deserialize)]
pub(super) struct ItemContent<'a> {
    #[serde(borrow, default)]
    pub(super) text: Text<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
}

impl<'a> ItemContent<'a> {
    pub(super) fn sources(&self, part: u32) -> impl Iterator<Item = Source> {
        let annotations: Vec<&'a RawValue> = read(self.annotations).unwrap_or_default();
        annotations.into_iter().filter_map(move |raw| source(raw, part))
    }
}

/// What an annotation cites: an address or a file.
pub(super) fn source(raw: &RawValue, part: u32) -> Option<Source> {
    #[derive(Deserialize)]
    struct Annotation<'a> {
        #[serde(borrow, default)]
        url: Text<'a>,
        #[serde(borrow, default)]
        title: Text<'a>,
        #[serde(borrow, default)]
        file_id: Text<'a>,
        #[serde(borrow, default)]
        filename: Text<'a>,
    }
    let annotation: Annotation<'_> = read(Some(raw))?;
    let mut source = Source::default();
    source.part = Some(part);
    source.location = Some(annotation.url.owned().or_else(|| annotation.file_id.owned())?);
    source.title = annotation.title.owned().or_else(|| annotation.filename.owned());
    Some(source)
}

/// What of a message goes back with its text.
#[derive(Serialize, Deserialize)]
pub(super) struct MessageState<'a> {
    #[serde(borrow, default)]
    pub(super) phase: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}

impl WireUsage {
    /// `input_tokens` includes what was read from the cache, `output_tokens` the reasoning.
    fn usage(&self) -> Usage {
        let details = self.input_tokens_details.as_ref();
        let read = details.and_then(|details| details.cached_tokens.0);
        // Who tells what was read and not what was written does not bill writing.
        let written = details.and_then(|details| details.cache_write_tokens.0).or(read.map(|_| 0));
        let reasoning = self.output_tokens_details.as_ref().and_then(|details| details.reasoning_tokens.0);
        Usage::inclusive(self.input_tokens.0, read, written).output(self.output_tokens.0).reasoning(reasoning)
    }
}
