//! Turning a node into a typed struct, with all problems instead of the first.
//!
//! serde stops at the first error. So decoding runs in rounds: an error is recorded, the key that it belongs to is left
//! out, and the next round finds the next error. Keys that the struct does not have never reach serde, and the JSON
//! Schema knows which other keys are missing once serde has named the first.

mod deserializer;
mod fault;
mod variant;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::deserializer::{NodeDeserializer, name_of};
use self::fault::{Fault, Kind};
use super::problem::MAX_PROBLEMS;
use super::schema::{required_with, schema_of};
use super::suggest::{list, nearest};
use super::tree::unknown_key;
use super::{KeyPath, Node, Origin, Problem, Problems, Segment};

/// What [`decode`] made of a node.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The typed value, or all problems.
    pub value: Result<T, Problems>,
    /// Where the value refers to other services; known even when there are problems.
    pub references: Vec<Reference>,
    /// Where the value refers to secrets; known even when there are problems.
    pub secrets: Vec<SecretUse>,
}

/// A key that names another service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// The key.
    pub path: KeyPath,
    /// Where it is set.
    pub origin: Origin,
    /// The name of the service that is meant.
    pub service: String,
    /// The interface that the service must offer.
    pub interface: &'static str,
}

/// A key that refers to a secret. The reference itself is not here: it may be a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretUse {
    /// The key.
    pub path: KeyPath,
    /// Where it is set.
    pub origin: Origin,
}

/// Decodes a node; `path` is where it stands in the tree, for messages.
///
/// `common` are keys that are valid beside those of `T` but were taken out before ([`Common::KEYS`](super::Common::KEYS)):
/// a mistyped one is suggested too.
///
/// [`Decoded::value`] holds every unknown key, every missing key and every value of a wrong type. A key that is wrong is
/// not reported as missing as well.
pub fn decode<T: DeserializeOwned + JsonSchema>(node: &Node, path: &KeyPath, common: &[&str]) -> Decoded<T> {
    let cx = Context { root: path, common, left_out: RefCell::default(), found: RefCell::default() };
    let mut problems = Problems::new();
    let value = loop {
        let fault = match NodeDeserializer::new(node, path, &cx).decode(std::marker::PhantomData::<T>) {
            Ok(value) => break Some(value),
            Err(fault) => fault,
        };
        let mut at = cx.record(fault, node, &mut problems, schema_of::<T>);
        // The content of an enum's variant cannot be left out alone: its fault comes back, and the key around it goes.
        while at != *path && !cx.left_out.borrow_mut().insert(at.clone()) {
            at = at.parent();
        }
        if at == *path || problems.len() >= MAX_PROBLEMS {
            break None;
        }
    };
    let found = cx.found.into_inner();
    problems.extend(found.unknown.into_values().take(MAX_PROBLEMS));
    // Without a value there is at least one problem: a fault goes unrecorded only as the consequence of another.
    let value = value.map_or_else(|| Err(Problems::new()), Ok);
    let value = problems.or(()).and(value);
    Decoded { value, references: found.references.into_values().collect(), secrets: found.secrets.into_values().collect() }
}

/// What the rounds of one decoding share.
struct Context<'c> {
    root: &'c KeyPath,
    common: &'c [&'c str],
    /// Keys that had a fault in an earlier round.
    left_out: RefCell<BTreeSet<KeyPath>>,
    found: RefCell<Found>,
}

/// What was seen on the way; by path, because every round sees it again.
#[derive(Default)]
struct Found {
    unknown: BTreeMap<KeyPath, Problem>,
    references: BTreeMap<KeyPath, Reference>,
    secrets: BTreeMap<KeyPath, SecretUse>,
}

impl Context<'_> {
    fn is_left_out(&self, path: &KeyPath) -> bool {
        self.left_out.borrow().contains(path)
    }

    /// Whether something below `path` was left out, so that a fault of the whole may only be the consequence.
    fn is_incomplete(&self, path: &KeyPath) -> bool {
        let below = |other: &KeyPath| other != path && other.below(path).is_some();
        self.left_out.borrow().range(path.clone()..).take_while(|other| other.below(path).is_some()).any(below)
            || self.found.borrow().unknown.range(path.clone()..).any(|(other, _)| below(other))
    }

    fn unknown(&self, path: KeyPath, origin: &Origin, key: &str, own: &[&str]) {
        // The common keys are valid in the service's own table only.
        let shared = if path.segments().len() == self.root.segments().len() + 1 { self.common } else { &[] };
        let unknown = &mut self.found.borrow_mut().unknown;
        // Looking for the nearest key is the dear part, and every round comes here.
        if unknown.len() < MAX_PROBLEMS && !unknown.contains_key(&path) {
            unknown.insert(path.clone(), unknown_key(path, origin.clone(), key, own, shared));
        }
    }

    /// Adds what the fault says to the problems, once, and gives the key to leave out in the next round.
    fn record(&self, fault: Fault, root: &Node, problems: &mut Problems, schema: impl FnOnce() -> serde_json::Value) -> KeyPath {
        let (path, origin) = match &fault.place {
            Some(place) => (place.path.clone(), place.origin.clone()),
            None => (self.root.clone(), root.origin.clone()),
        };
        match &fault.kind {
            _ if self.is_left_out(&path) => path,
            Kind::Missing(field) => {
                let below = path.below(self.root).unwrap_or_default();
                let table = lookup(root, below);
                for key in required_with(&schema(), below, field) {
                    if key == *field || !table.is_some_and(|table| has_key(table, &key)) {
                        self.missing(path.key(&key), &key, &origin, problems);
                    }
                }
                path
            }
            Kind::UnknownField { field, valid } => {
                let field_path = path.key(field);
                let below = field_path.below(self.root).unwrap_or_default();
                let origin = lookup(root, below).map_or(&origin, |node| &node.origin);
                self.unknown(field_path.clone(), origin, field, valid);
                field_path
            }
            Kind::UnknownVariant { variant, valid } => {
                let found = fault.found();
                let message = format!("expected one of {}, found {found}", list(valid.iter().copied()));
                let meant = nearest(variant, valid.iter().copied()).filter(|_| fault.shown().is_some());
                problems.push(Problem::new(path.clone(), origin, message).with_suggestion(meant));
                path
            }
            Kind::Mismatch { .. } | Kind::Other(_) | Kind::Repeated(_) => {
                if !self.is_incomplete(&path) {
                    problems.push(Problem::new(path.clone(), origin, fault.message()));
                }
                path
            }
        }
    }

    fn missing(&self, path: KeyPath, key: &str, origin: &Origin, problems: &mut Problems) {
        // `buckt = "…"` is one mistake: the unknown key already says that `bucket` is meant.
        let meant = self
            .found
            .borrow()
            .unknown
            .iter()
            .any(|(unknown, problem)| problem.suggestion.as_deref() == Some(key) && path.parent() == unknown.parent());
        if !meant && !self.is_left_out(&path) {
            problems.push(Problem::new(path, origin.clone(), "missing key"));
        }
    }
}

/// Whether a table has the key, in a spelling that decoding accepts.
fn has_key(table: &Node, key: &str) -> bool {
    let mut entries = table.as_table().into_iter().flatten();
    entries.any(|(given, node)| name_of(given, &node.origin, &[key]).is_some())
}

fn lookup<'n>(root: &'n Node, below: &[Segment]) -> Option<&'n Node> {
    below.iter().try_fold(root, |node, segment| match segment {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => match &node.value {
            super::Value::List(list) => list.get(*index),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests;
