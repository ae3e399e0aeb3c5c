//! An assistant that may refund orders when a person agrees, in a process that does not wait for the person.
//!
//! The model is a script, so that the example needs no account; put any other [`ChatModel`] in its place.

use circle_core::ai::tools::{Checkpoints, Decision, RunEnd, ToolLoop, ToolRun, ToolSet, tool};
use circle_core::chat_model::{Role, ToolCall};
use circle_core::embedded::ScriptedModel;
use circle_core::prelude::*;
use circle_core::{Class, Result};
use serde_json::json;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Order {
    /// The number of the order.
    number: u64,
}

/// What a customer asks: the run goes as far as it can without a person. Says what it came to.
///
/// # Errors
/// What the store says; `AlreadyExists` for a ticket that was asked before.
pub async fn ask(store: ObjectStore, ticket: &str, question: &str) -> Result<String> {
    let run = ToolRun::from(question).named(ticket);
    go_on(store, run).await
}

/// What a person decides about all calls that wait.
///
/// # Errors
/// `NotFound` for a ticket that nobody asked; what the store says.
pub async fn decide(store: ObjectStore, ticket: &str, decision: Decision) -> Result<String> {
    let stored = Checkpoints::new(store.clone()).get(ticket).await?;
    let mut run = stored.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no ticket `{ticket}`")))?;
    let waiting: Vec<_> = run.calls().iter().map(|call| call.call.id.clone()).collect();
    waiting.iter().try_for_each(|id| run.decide(id, decision.clone()))?;
    go_on(store, run).await
}

async fn go_on(store: ObjectStore, run: ToolRun) -> Result<String> {
    let outcome = assistant(&run).checkpoint(Checkpoints::new(store)).run(run).await?;
    if outcome.end == RunEnd::Suspended {
        let calls = outcome.run.calls().iter().map(|call| format!("{} {}", call.call.name, call.call.arguments));
        return Ok(format!("waits for a person: {}", calls.collect::<Vec<_>>().join(", ")));
    }
    Ok(outcome.answer()?.text())
}

fn assistant(run: &ToolRun) -> ToolLoop {
    let find = tool("find_order", "Finds an order.", |order: Order| async move {
        Ok(json!({ "number": order.number, "total": "49.90 EUR", "state": "delivered broken" }))
    });
    let refund =
        tool("refund", "Refunds an order.", |order: Order| async move { Ok(format!("refunded order {}", order.number)) });
    let tools = ToolSet::new([find.class(Class::Read), refund.class(Class::Money)]);
    ToolLoop::new(model(run), tools.approve(|_| async { Ok(Decision::Suspend) }))
}

/// A script that goes on where the conversation is; a model sees that for itself.
fn model(run: &ToolRun) -> ChatModel {
    let said = run.request().messages.iter().filter(|message| message.role == Role::Assistant).count();
    let script = ScriptedModel::new();
    let script = if said < 1 { script.reply(ToolCall::new("1", "find_order", json!({ "number": 7 }))) } else { script };
    let script = if said < 2 { script.reply(ToolCall::new("2", "refund", json!({ "number": 7 }))) } else { script };
    ChatModel::new(script.reply("I have looked after order 7."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use circle_core::memory::Memory;

    #[tokio::test]
    async fn a_ticket_waits_for_a_person_and_is_answered_once() {
        let store = ObjectStore::new(Memory::new());
        let waits = ask(store.clone(), "t1", "Order 7 came broken.").await.unwrap();
        assert_eq!(waits, "waits for a person: refund {\"number\":7}");
        assert!(ask(store.clone(), "t1", "Again!").await.unwrap_err().is(ErrorKind::AlreadyExists));
        let answer = decide(store.clone(), "t1", Decision::Approve).await.unwrap();
        assert_eq!(answer, "I have looked after order 7.");
        let run = Checkpoints::new(store.clone()).get("t1").await.unwrap().unwrap();
        assert!(serde_json::to_string(run.request()).unwrap().contains("refunded order 7"));
        assert!(decide(store, "t2", Decision::Approve).await.unwrap_err().is(ErrorKind::NotFound));
    }
}
