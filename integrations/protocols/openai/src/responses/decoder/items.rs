//! The items of an answer, told apart: by id, and by index where the ids are no help.
//!
//! The specification has both in every event. Servers leave either out, say that every index is 0, or give an item another id
//! in each event.

use std::ops::{Index, IndexMut};

use circle_core_common::interfaces::chat_model::PartKind;

use super::ItemHead;

/// The items so far, in the order in which they began.
#[derive(Default)]
pub(super) struct Items {
    items: Vec<Item>,
}

pub(super) struct Item {
    index: Option<u64>,
    id: Option<String>,
    done: bool,
    pub(super) kind: Kind,
}

/// What an item is, and what has come of it.
pub(super) enum Kind {
    Message(Vec<Growing>),
    Reasoning(Option<Thought>),
    Call {
        named: bool,
        filled: bool,
    },
    /// Whatever a tool of the service did, and what is new.
    Other,
}

/// A text or a refusal of a message.
pub(super) struct Growing {
    pub(super) place: Option<u64>,
    pub(super) kind: PartKind,
    pub(super) part: u32,
    /// Whether sources of it have come.
    pub(super) cited: bool,
}

/// What an item of reasoning tells.
pub(super) struct Thought {
    pub(super) part: u32,
    pub(super) from_summary: bool,
    pub(super) place: Option<u64>,
}

/// How much of an item had been told when it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All: it was complete before.
    Whole,
    /// Some, or nothing.
    Partly,
}

impl Kind {
    pub(super) fn of(head: &ItemHead<'_>) -> Self {
        match head.kind.filled() {
            Some("message") => Self::message(),
            Some("reasoning") => Self::reasoning(),
            Some("function_call") => Self::call(),
            _ => Self::Other,
        }
    }

    pub(super) fn message() -> Self {
        Self::Message(Vec::new())
    }

    pub(super) fn reasoning() -> Self {
        Self::Reasoning(None)
    }

    pub(super) fn call() -> Self {
        Self::Call { named: false, filled: false }
    }

    fn is(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Items {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn any_open(&self) -> bool {
        self.items.iter().any(|item| !item.done)
    }

    /// Ends an item; whether it had not ended.
    pub(super) fn close(&mut self, at: usize) -> bool {
        !std::mem::replace(&mut self.items[at].done, true)
    }

    /// Whether one that has not ended is of this id, or of this index.
    pub(super) fn is_open(&self, index: u64, id: Option<&str>) -> bool {
        match self.of_id(id) {
            Some(at) => !self.items[at].done,
            None => self.items.iter().any(|item| !item.done && item.index == Some(index)),
        }
    }

    /// The item that begins.
    pub(super) fn begin(&mut self, index: Option<u64>, id: Option<&str>, kind: Kind) -> usize {
        // Text can come ahead of the beginning, and the beginning twice.
        let known = self.of_id(id).or_else(|| {
            let same = |item: &Item| item.index == index && (item.id.is_none() || id.is_none());
            self.items.iter().rposition(|item| !item.done && index.is_some() && same(item) && item.kind.is(&kind))
        });
        match known {
            Some(at) => {
                self.name(at, id);
                at
            }
            None => self.push(index, id, kind),
        }
    }

    /// The item that is complete, which ends here, and what had been told of it.
    pub(super) fn finish(&mut self, index: Option<u64>, id: Option<&str>, kind: Kind) -> (usize, Told) {
        let open = |item: &Item| !item.done && item.kind.is(&kind);
        let of_index = || self.items.iter().rposition(|item| open(item) && index.is_some() && item.index == index);
        // Without either it can only be the last.
        let last = || self.items.iter().rposition(|item| open(item) && index.is_none() && id.is_none());
        let known = self.of_id(id).or_else(of_index).or_else(last);
        let at = known.unwrap_or_else(|| self.push(index, id, kind));
        let told = if self.close(at) { Told::Partly } else { Told::Whole };
        (at, told)
    }

    /// The item that more has come of; `None` where it is complete already. One whose beginning was not told begins here.
    pub(super) fn growing(&mut self, index: Option<u64>, id: Option<&str>, kind: fn() -> Kind) -> Option<usize> {
        if let Some(at) = self.of_id(id).filter(|at| self.items[*at].kind.is(&kind())) {
            return (!self.items[at].done).then_some(at);
        }
        let fits = |item: &Item| item.kind.is(&kind()) && (index.is_none() || item.index == index);
        let found = match index.is_none() && id.is_some() {
            // An id that nobody knows, and nothing else.
            true => None,
            false => self.items.iter().rposition(fits),
        };
        match found {
            Some(at) if !self.items[at].done => Some(at),
            Some(_) if id.is_none() => None,
            _ => Some(self.push(index, id, kind())),
        }
    }

    /// The part of a message that a text of this place belongs to, where it has started.
    pub(super) fn part(&self, at: usize, place: Option<u64>, kind: PartKind) -> Option<u32> {
        let Kind::Message(parts) = &self.items[at].kind else { return None };
        let fits = |it: &&Growing| it.kind == kind && (place.is_none() || it.place.is_none() || it.place == place);
        parts.iter().rev().find(fits).map(|it| it.part)
    }

    /// The part that came of a content of a complete message: that of its place, or one whose place is no content's.
    pub(super) fn grown(&self, at: usize, place: u64, count: u64, kind: PartKind, paired: &[u32]) -> Option<u32> {
        let Kind::Message(parts) = &self.items[at].kind else { return None };
        let mut free = parts.iter().filter(|it| it.kind == kind && !paired.contains(&it.part));
        let exact = free.clone().find(|it| it.place == Some(place));
        exact.or_else(|| free.find(|it| it.place.is_none_or(|place| place >= count))).map(|it| it.part)
    }

    fn of_id(&self, id: Option<&str>) -> Option<usize> {
        let id = id?;
        self.items.iter().rposition(|item| item.id.as_deref() == Some(id))
    }

    fn name(&mut self, at: usize, id: Option<&str>) {
        let item = &mut self.items[at];
        if item.id.is_none() {
            item.id = id.map(str::to_owned);
        }
    }

    fn push(&mut self, index: Option<u64>, id: Option<&str>, kind: Kind) -> usize {
        self.items.push(Item { index, id: id.map(str::to_owned), done: false, kind });
        self.items.len() - 1
    }
}

impl Index<usize> for Items {
    type Output = Item;

    fn index(&self, at: usize) -> &Item {
        &self.items[at]
    }
}

impl IndexMut<usize> for Items {
    fn index_mut(&mut self, at: usize) -> &mut Item {
        &mut self.items[at]
    }
}
