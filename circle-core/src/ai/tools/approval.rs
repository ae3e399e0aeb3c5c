//! Who must agree to a call before it is made.

use std::future::Future;
use std::pin::Pin;

use circle_core_common::interfaces::chat_model::ToolCall;
use circle_core_common::{Class, OperationId, Result};
use serde_json::Value;

/// A call that needs approval: what the hook of [`ToolSet::approve`](super::ToolSet::approve) gets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProposedCall {
    /// The run that it belongs to.
    pub run: OperationId,
    /// The call as the model made it.
    pub call: ToolCall,
    /// Its arguments, checked against the schema.
    pub arguments: Value,
    /// What it does to the other side.
    pub class: Class,
}

impl ProposedCall {
    pub(super) fn new(run: OperationId, call: ToolCall, arguments: Value, class: Class) -> Self {
        Self { run, call, arguments, class }
    }
}

/// What is decided about a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// Make it.
    Approve,
    /// Do not make it; the model is told why.
    Deny(String),
    /// Make it with other arguments; the model is told them.
    Edit(Value),
    /// Decide later: the run is given back, nothing of this answer is called before all of it is decided.
    Suspend,
}

impl Decision {
    /// Does not make the call, for this reason.
    #[must_use]
    pub fn deny(why: impl Into<String>) -> Self {
        Self::Deny(why.into())
    }
}

pub(super) type Hook = dyn Fn(ProposedCall) -> Pin<Box<dyn Future<Output = Result<Decision>> + Send>> + Send + Sync;

/// Whether a name fits a pattern, in which `*` stands for any letters.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = name.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for piece in between {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, name, fit) in [
            ("search_*", "search_web", true),
            ("search_*", "search_", true),
            ("search_*", "research_web", false),
            ("search", "search", true),
            ("search", "searches", false),
            ("*", "", true),
            ("*_read", "file_read", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("", "", true),
            ("", "x", false),
            ("**", "x", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
