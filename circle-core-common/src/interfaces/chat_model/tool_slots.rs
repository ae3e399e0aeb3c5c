//! Tool calls out of the deltas of a wire that numbers them badly.

use std::fmt;

use super::{ChatEvent, ProviderState};
use crate::error::{Error, ErrorKind, Result};

/// Tells which tool call a delta belongs to, for wires such as Chat Completions whose servers leave out the index, the id,
/// or say that every index is 0.
///
/// A delta belongs to the call of its index, unless it brings an id that is neither that call's nor another known one: that
/// starts a call. Without an index it belongs to the call of its id; without both, to the last call. One that names a tool
/// starts a call where its own has a name already, and it is of another index; or, of servers without ids, of another name, or
/// both have whole arguments. So calls never merge. Arguments that come ahead of the name wait for it. A call whose id has not
/// come with its name gets one made here, which serves as well: the next request holds both the call and its result.
#[derive(Clone, Debug)]
pub struct ToolSlots {
    slots: Vec<Slot>,
    /// The slots by index: small, dense or all 0.
    indices: Vec<(u64, usize)>,
    made_ids: String,
}

/// One delta of a tool call, as the wire has it. Empty is the same as missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToolDelta<'a> {
    /// The index.
    pub index: Option<u64>,
    /// The id.
    pub id: Option<&'a str>,
    /// The tool's name.
    pub name: Option<&'a str>,
    /// More of the arguments.
    pub arguments: &'a str,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    id: Option<String>,
    /// The index that it began with.
    index: Option<u64>,
    /// The name, once it has started.
    name: String,
    /// Whether it started with the whole of its arguments.
    whole: bool,
    /// The number of its part, once it has started.
    part: Option<u32>,
    /// Arguments that came ahead of the name.
    waiting: String,
    ended: bool,
}

impl ToolSlots {
    /// No calls yet. Ids that are made here begin with `prefix`, which should differ from answer to answer.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { slots: Vec::new(), indices: Vec::new(), made_ids: prefix.into() }
    }

    /// Whether any call has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes a delta; `next_part` is the number of the next part, and counts on. Gives the events to `emit`.
    pub fn delta(&mut self, delta: ToolDelta<'_>, next_part: &mut u32, mut emit: impl FnMut(ChatEvent)) {
        let id = delta.id.filter(|id| !id.is_empty());
        let at = self.slot(id, &delta);
        let made_id = |at: usize| format!("{}{at}", self.made_ids);
        let slot = &mut self.slots[at];
        if slot.id.is_none() {
            slot.id = id.map(str::to_owned);
        }
        match (slot.part, delta.name.filter(|name| !name.is_empty())) {
            (Some(part), _) => {
                if !delta.arguments.is_empty() {
                    emit(ChatEvent::arguments(part, delta.arguments));
                }
            }
            (None, Some(name)) => {
                let part = *next_part;
                *next_part += 1;
                slot.part = Some(part);
                name.clone_into(&mut slot.name);
                slot.whole = slot.waiting.is_empty() && is_whole(delta.arguments);
                emit(ChatEvent::tool_call(part, slot.id.clone().unwrap_or_else(|| made_id(at)), name));
                let mut arguments = std::mem::take(&mut slot.waiting);
                arguments.push_str(delta.arguments);
                if !arguments.is_empty() {
                    emit(ChatEvent::arguments(part, arguments));
                }
            }
            (None, None) => slot.waiting.push_str(delta.arguments),
        }
    }

    /// Ends the call of this index, where it has begun and not ended.
    ///
    /// # Errors
    /// `Decode` for a call whose name has never come.
    pub fn end_call(&mut self, index: u64, state: Option<ProviderState>, emit: impl FnOnce(ChatEvent)) -> Result<()> {
        let at = self.indices.iter().rfind(|(known, _)| *known == index).map(|(_, at)| *at);
        let Some((at, slot)) = at.and_then(|at| Some((at, self.slots.get_mut(at)?))).filter(|(_, slot)| !slot.ended) else {
            return Ok(());
        };
        let Some(part) = slot.part else { return Err(nameless(at)) };
        slot.ended = true;
        emit(ChatEvent::tool_call_end(part, state));
        Ok(())
    }

    /// Ends all calls that have not ended.
    ///
    /// # Errors
    /// `Decode` for a call whose name has never come.
    pub fn end(&mut self, state: Option<&ProviderState>, mut emit: impl FnMut(ChatEvent)) -> Result<()> {
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| !slot.ended) {
            let Some(part) = slot.part else { return Err(nameless(at)) };
            slot.ended = true;
            emit(ChatEvent::tool_call_end(part, state.cloned()));
        }
        Ok(())
    }

    /// The slot that a delta belongs to, a new one where it belongs to none.
    fn slot(&mut self, id: Option<&str>, delta: &ToolDelta<'_>) -> usize {
        let index = delta.index;
        let is = |slot: &Slot| slot.id.as_deref() == id;
        let of_index = index.and_then(|index| self.indices.iter().rfind(|(known, _)| *known == index).map(|(_, at)| *at));
        // Two calls of one id are told apart by their indices.
        let of_both = of_index.filter(|at| id.is_some() && is(&self.slots[*at]));
        let of_id = || id.and_then(|_| self.slots.iter().rposition(is));
        let found = match (of_both.or_else(of_id), of_index, id) {
            (Some(at), ..) => Some(at),
            // An id that comes late belongs to the call of the index, an id of another call starts one.
            (None, Some(at), Some(_)) => self.slots[at].id.is_none().then_some(at),
            (None, Some(at), None) => Some(at),
            (None, None, Some(_)) => None,
            (None, None, None) if index.is_none() => self.slots.len().checked_sub(1),
            (None, None, None) => None,
        };
        let at = found.filter(|at| !self.slots[*at].is_another(id, delta)).unwrap_or_else(|| {
            self.slots.push(Slot { index, ..Slot::default() });
            self.slots.len() - 1
        });
        if let Some(index) = index
            && of_index != Some(at)
        {
            self.indices.retain(|(known, _)| *known != index);
            self.indices.push((index, at));
        }
        at
    }
}

impl Slot {
    /// Whether a delta that would belong to this call names another.
    fn is_another(&self, id: Option<&str>, delta: &ToolDelta<'_>) -> bool {
        let Some(name) = delta.name.filter(|name| !name.is_empty() && self.part.is_some()) else { return false };
        let elsewhere = delta.index.zip(self.index).is_some_and(|(one, other)| one != other);
        // Some repeat the name in every delta of a call.
        elsewhere || id.is_none() && (self.name != name || self.whole && is_whole(delta.arguments))
    }
}

/// Whether arguments are a whole object, so that nothing can follow them.
fn is_whole(arguments: &str) -> bool {
    arguments.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

fn nameless(at: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Decode, format!("the tool call {at} of the answer has no name"))
}

#[cfg(test)]
mod tests {
    use super::super::{Assembler, FinishReason};
    use super::*;

    type Wire<'a> = (Option<u64>, &'a str, &'a str, &'a str);

    fn calls(wire: &[Wire<'_>]) -> Vec<(String, String, String)> {
        let (mut slots, mut assembler, mut next) = (ToolSlots::new("made-"), Assembler::new(), 0);
        for (index, id, name, arguments) in wire {
            let delta = ToolDelta { index: *index, id: Some(id), name: Some(name), arguments };
            slots.delta(delta, &mut next, |event| assembler.push(&event).unwrap());
        }
        slots.end(None, |event| assembler.push(&event).unwrap()).unwrap();
        assembler.push(&ChatEvent::end(FinishReason::ToolCalls)).unwrap();
        let reply = assembler.finish().unwrap();
        reply.tool_calls().map(|call| (call.id.as_str().to_owned(), call.name.clone(), call.arguments.clone())).collect()
    }

    fn expect(wire: &[Wire<'_>], expected: &[(&str, &str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(id, name, args)| (id.to_string(), name.to_string(), args.to_string())).collect();
        assert_eq!(calls(wire), expected, "{wire:?}");
    }

    #[test]
    fn as_the_specification_has_it() {
        expect(
            &[
                (Some(0), "a", "f", ""),
                (Some(0), "", "", "{\"x\""),
                (Some(1), "b", "g", ""),
                (Some(1), "", "", "{}"),
                (Some(0), "", "", ":1}"),
            ],
            &[("a", "f", "{\"x\":1}"), ("b", "g", "{}")],
        );
    }

    #[test]
    fn without_index_or_always_0() {
        let whole = [("a", "f", "{}"), ("b", "f", "{\"x\":2}")];
        for index in [None, Some(0)] {
            expect(&[(index, "a", "f", "{}"), (index, "b", "f", "{\"x\""), (index, "", "", ":2}")], &whole);
            // The id is there in every delta.
            expect(
                &[(index, "a", "f", "{"), (index, "b", "f", "{\"x\""), (index, "a", "", "}"), (index, "b", "", ":2}")],
                &whole,
            );
        }
    }

    #[test]
    fn one_of_many_starts_at_1() {
        expect(
            &[(Some(1), "a", "f", "1"), (Some(3), "b", "g", "2"), (Some(1), "", "", "1")],
            &[("a", "f", "11"), ("b", "g", "2")],
        );
    }

    #[test]
    fn name_and_id_may_come_late() {
        expect(&[(Some(0), "", "", "{"), (Some(0), "a", "f", ""), (Some(0), "", "", "}")], &[("a", "f", "{}")]);
        expect(&[(Some(0), "", "f", "{"), (Some(0), "a", "", "}")], &[("made-0", "f", "{}")]);
        expect(&[(None, "", "f", ""), (None, "", "", "")], &[("made-0", "f", "{}")]);
    }

    #[test]
    fn whole_calls_without_an_id_are_told_apart() {
        for index in [None, Some(0)] {
            let whole = [("made-0", "f", "{\"x\":1}"), ("made-1", "g", "{}"), ("made-2", "g", "{}")];
            expect(&[(index, "", "f", "{\"x\":1}"), (index, "", "g", "{}"), (index, "", "g", "{}")], &whole);
            // Of two names there is no doubt, however the arguments come.
            let pieces = [(index, "", "f", "{"), (index, "", "", "}"), (index, "", "g", "{"), (index, "", "", "}")];
            expect(&pieces, &[("made-0", "f", "{}"), ("made-1", "g", "{}")]);
            // The name is there in every delta.
            expect(&[(index, "", "f", "{"), (index, "", "f", "}"), (index, "", "f", "")], &[("made-0", "f", "{}")]);
        }
    }

    #[test]
    fn calls_of_one_id_are_told_apart_by_their_indices() {
        expect(
            &[(Some(0), "f", "f", "{"), (Some(1), "f", "f", "{\"x\""), (Some(0), "f", "", "}"), (Some(1), "f", "", ":2}")],
            &[("f", "f", "{}"), ("f", "f", "{\"x\":2}")],
        );
    }

    #[test]
    fn a_call_can_end_before_the_others() {
        let (mut slots, mut next, mut events) = (ToolSlots::new("made-"), 0, Vec::new());
        for index in [0, 1] {
            let delta = ToolDelta { index: Some(index), id: None, name: Some("f"), arguments: "" };
            slots.delta(delta, &mut next, |event| events.push(event));
        }
        let state = ProviderState::new("p", "s");
        for index in [1, 1, 7] {
            slots.end_call(index, Some(state.clone()), |event| events.push(event)).unwrap();
        }
        slots.end(None, |event| events.push(event)).unwrap();
        let ends = [ChatEvent::tool_call_end(1, Some(state)), ChatEvent::tool_call_end(0, None)];
        assert_eq!(events[2..], ends);
    }

    #[test]
    fn a_call_without_name_is_an_error() {
        let mut slots = ToolSlots::new("");
        slots.delta(ToolDelta { id: Some("a"), arguments: "{}", ..ToolDelta::default() }, &mut 0, |_| panic!("nothing is known"));
        assert!(slots.end(None, |_| ()).unwrap_err().is(ErrorKind::Decode));
        slots.delta(ToolDelta { index: Some(0), ..ToolDelta::default() }, &mut 0, |_| panic!("nothing is known"));
        assert!(slots.end_call(0, None, |_| ()).unwrap_err().is(ErrorKind::Decode));
    }
}
