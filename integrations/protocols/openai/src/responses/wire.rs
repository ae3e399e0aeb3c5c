//! What comes over the wire: tolerant readers that borrow from what they read.

use std::borrow::Cow;

use circle_core_common::interfaces::chat_model::{Source, Usage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{Count, List, Object, ResponseUsage, Text, Words};

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
    pub(super) delta: Words<'a>,
    #[serde(borrow, default)]
    pub(super) item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) annotation: Object<Citation<'a>>,
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
    incomplete_details: Object<IncompleteDetails<'a>>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(default)]
    usage: Object<ResponseUsage>,
}

#[derive(Deserialize)]
struct IncompleteDetails<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
}

impl<'a> Answer<'a> {
    /// What it is made of, where it tells.
    pub(super) fn output(&self) -> Option<Vec<&'a RawValue>> {
        read(self.output)
    }

    /// Why it is incomplete.
    pub(super) fn incomplete_reason(&self) -> Option<&str> {
        self.incomplete_details.0.as_ref().and_then(|details| details.reason.filled())
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage.0.map_or_else(Usage::unknown, |usage| usage.usage())
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
    /// Of a call: a text; from some servers an object.
    #[serde(borrow, default)]
    pub(super) arguments: Words<'a>,
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

    pub(super) fn summary(&self) -> Vec<ItemContent<'a>> {
        contents(self.summary)
    }
}

/// A list of contents; a text alone is one.
fn contents(raw: Option<&RawValue>) -> Vec<ItemContent<'_>> {
    let text: Words<'_> = read(raw).unwrap_or_default();
    let one = || text.filled().map(|_| vec![ItemContent { text, ..ItemContent::default() }]);
    read(raw).or_else(one).unwrap_or_default()
}

#[derive(Default, Deserialize)]
pub(super) struct ItemContent<'a> {
    #[serde(borrow, default)]
    pub(super) text: Words<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Words<'a>,
    #[serde(borrow, default)]
    pub(super) annotations: List<Citation<'a>>,
}

/// What a text cites: an address or a file.
#[derive(Deserialize)]
pub(super) struct Citation<'a> {
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(borrow, default)]
    title: Text<'a>,
    #[serde(borrow, default)]
    file_id: Text<'a>,
    #[serde(borrow, default)]
    filename: Text<'a>,
}

impl Citation<'_> {
    pub(super) fn source(&self, part: u32) -> Option<Source> {
        let mut source = Source::default();
        source.part = Some(part);
        source.location = Some(self.url.owned().or_else(|| self.file_id.owned())?);
        source.title = self.title.owned().or_else(|| self.filename.owned());
        Some(source)
    }
}

/// What of a message goes back with its text.
#[derive(Serialize, Deserialize)]
pub(super) struct MessageState<'a> {
    #[serde(borrow, default)]
    pub(super) phase: Option<Cow<'a, str>>,
}
