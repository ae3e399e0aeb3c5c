//! What a provider wants back: signatures, encrypted reasoning.

use super::{Caps, Model, Turn, TurnPart};
use crate::interfaces::chat_model::{
    CacheMark, ChatRequest, ChatResponse, Message, Part, ProviderState, Role, Text, ToolCall, WarningKind,
};
use crate::suite::{Failed, Outcome, equal, holds};

/// Letters that no encoding changes.
const STATE: &str = "c2lnbmF0dXJl-0123456789abcdef-ZW5jcnlwdGVk";

fn turn() -> Turn {
    let thought = TurnPart::Reasoning(vec!["Let me".to_owned(), " think.".to_owned()], Some(STATE.to_owned()));
    Turn::new(vec![thought, TurnPart::Text(vec!["Done.".to_owned()])])
}

/// An answer with state: one that was streamed, where the model streams.
async fn with_state(subject: &Model) -> Result<ChatResponse, Failed> {
    subject.answer(turn())?;
    let reply = match subject.handle.capabilities().stream {
        true => subject.handle.stream("Think.").await?.finish().await?,
        false => subject.handle.chat("Think.").await?,
    };
    let state = reply.parts.iter().find_map(Part::state);
    holds("the answer holds the state", state.is_some_and(|state| state.data.contains(STATE)))?;
    Ok(reply)
}

/// State goes back to its provider byte for byte, also after the conversation was kept as JSON.
pub async fn state_goes_back_byte_for_byte(subject: Model) -> Outcome {
    let reply = with_state(&subject).await?;
    let kept = serde_json::to_string(&reply.message()).map_err(|error| Failed::Wrong(error.to_string()))?;
    let kept: Message = serde_json::from_str(&kept).map_err(|error| Failed::Wrong(error.to_string()))?;
    equal("the message that was kept", &kept, &reply.message())?;
    for message in [reply.message(), kept] {
        subject.answer(Turn::text(["Yes."]))?;
        let reply = subject.handle.chat(ChatRequest::from("Think.").message(message).user("Sure?")).await?;
        holds("the request holds the state", subject.last_asked_holds(STATE)?)?;
        equal("warnings", &reply.warnings, &[])?;
    }
    Ok(())
}

/// State of another provider is left out, with a warning, whole or streamed; the words stay.
pub async fn state_of_another_provider_is_left_out(subject: Model) -> Outcome {
    let state = || ProviderState::new("another-provider", STATE);
    let call = ToolCall::new("call_1", "weather", serde_json::json!({}));
    let mut parts =
        vec![Part::Reasoning(Text::new("hm").state(state())), Part::Text(Text::new("words-that-stay").state(state()))];
    let mut request = ChatRequest::from("Think.");
    if subject.handle.capabilities().tools {
        parts.push(Part::ToolCall(call.clone().state(state())));
        request = request.message(Message::new(Role::Assistant, parts)).tool_result(&call, "rain");
    } else {
        request = request.message(Message::new(Role::Assistant, parts)).user("Sure?");
    }
    subject.answer(Turn::text(["Yes."]))?;
    let mut replies = vec![subject.handle.chat(&request).await?];
    if subject.handle.capabilities().stream {
        subject.answer(Turn::text(["Yes."]))?;
        replies.push(subject.handle.stream(&request).await?.finish().await?);
    }
    holds("the request holds no state", !subject.last_asked_holds(STATE)?)?;
    holds("the request holds the words", subject.last_asked_holds("words-that-stay")?)?;
    for reply in replies {
        equal("warnings", &reply.warnings.len(), &1)?;
        equal("the warning", &reply.warnings[0].kind, &WarningKind::StateDropped)?;
        holds("it names the other provider", reply.warnings[0].message.contains("another-provider"))?;
    }
    Ok(())
}

/// State is in no text that a log could show.
pub async fn state_is_not_shown(subject: Model) -> Outcome {
    let reply = with_state(&subject).await?;
    holds("Debug of the answer shows no state", !format!("{reply:?}").contains(STATE))
}

/// Marks of what to keep are accepted where the model keeps anything, whatever else it does about them.
pub async fn marks_are_accepted_where_prompts_are_kept(subject: Model) -> Outcome {
    subject.needs(Caps::PROMPT_CACHE)?;
    let mark = CacheMark::new();
    let request = ChatRequest::new().system("Be brief.").cache(mark).user("A long text.").cache(mark).user("Is it?");
    subject.answer(Turn::text(["Yes."]))?;
    equal("the text", &subject.handle.chat(request).await?.text(), &"Yes.")
}
