//! State of other providers in a conversation.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ChatModelProvider, ChatRequest, Message, Part, Warning, WarningKind};

impl ChatRequest {
    /// Leaves out what `provider` cannot read: signatures, encrypted reasoning and opaque parts of others. A handle does so for
    /// its own provider; what stands for several does it for the one that it asks.
    pub fn leave_out_foreign_state(&mut self, provider: &dyn ChatModelProvider) -> Option<Warning> {
        leave_out(self, provider.state_owner(), |owner| provider.owns_state(owner))
    }
}

/// Leaves out of a request what belongs to another than `owner`. Texts and tool calls stay, without their state. A conversation
/// without foreign state is not touched, let alone copied.
fn leave_out(request: &mut ChatRequest, owner: &str, owns: impl Fn(&str) -> bool) -> Option<Warning> {
    let is_foreign = |part: &Part| part.state().is_some_and(|state| !owns(&state.owner));
    let (mut count, mut owners) = (0_usize, BTreeSet::new());
    for part in request.messages.iter().flat_map(|message| message.parts.iter()).filter(|part| is_foreign(part)) {
        count += 1;
        owners.extend(part.state().map(|state| Arc::clone(&state.owner)));
    }
    if count == 0 {
        return None;
    }
    let kept = |message: &Message| {
        if !message.parts.iter().any(is_foreign) {
            return Some(message.clone());
        }
        let part = |part: &Part| if is_foreign(part) { without_state(part) } else { Some(part.clone()) };
        let parts: Vec<_> = message.parts.iter().filter_map(part).collect();
        (!parts.is_empty()).then(|| Message { parts: Arc::new(parts), ..message.clone() })
    };
    request.messages = Arc::new(request.messages.iter().filter_map(kept).collect());
    let owners = owners.iter().map(|owner| format!("`{owner}`")).collect::<Vec<_>>().join(", ");
    let text = format!("state of {owners} in {count} parts of the conversation was left out: `{owner}` cannot read it");
    Some(Warning::new(WarningKind::StateDropped, text))
}

/// What is left of a part without its state.
fn without_state(part: &Part) -> Option<Part> {
    let mut part = part.clone();
    match &mut part {
        Part::Text(text) | Part::Refusal(text) => text.state = None,
        Part::ToolCall(call) => call.state = None,
        _ => return None,
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::super::{Opaque, ProviderState, Role, Text, ToolCall};
    use super::*;

    #[test]
    fn only_foreign_state_is_left_out() {
        let state = |owner: &str| ProviderState::new(owner, "sig");
        let call = || ToolCall::new("x", "f", serde_json::json!({}));
        let parts = |owner: &str| {
            vec![
                Part::Reasoning(Text::new("think").state(state(owner))),
                Part::Text(Text::new("So").state(state(owner))),
                Part::ToolCall(call().state(state(owner))),
                Part::Opaque(Opaque::new("video", state(owner))),
            ]
        };
        let only_reasoning = Message::new(Role::Assistant, vec![Part::Reasoning(Text::new("…").state(state("theirs")))]);
        let mut request = ChatRequest::new().user("Why?").message(Message::new(Role::Assistant, parts("ours")));
        let before = Arc::clone(&request.messages);
        assert_eq!(leave_out(&mut request, "ours", |owner| owner == "ours"), None);
        assert!(Arc::ptr_eq(&before, &request.messages));

        request = request.message(Message::new(Role::Assistant, parts("theirs"))).message(only_reasoning);
        let warning = leave_out(&mut request, "ours", |owner| owner == "ours").unwrap();
        assert_eq!(warning.kind, WarningKind::StateDropped);
        assert!(warning.message.contains("`theirs` in 5 parts"), "{warning}");
        assert_eq!(request.messages.len(), 3);
        assert_eq!(*request.messages[1].parts, parts("ours"));
        assert_eq!(*request.messages[2].parts, [Part::text("So"), Part::ToolCall(call())]);
    }
}
