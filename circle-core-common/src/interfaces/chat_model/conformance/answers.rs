//! Whole answers.

use super::{Model, Turn, TurnPart};
use crate::context::{CallOptions, CallReport};
use crate::interfaces::chat_model::{FinishReason, Usage};
use crate::suite::{Outcome, equal, holds};

/// An answer has the text that the model wrote, every byte of it.
pub async fn chat_gives_the_text(subject: Model) -> Outcome {
    let text = "Daugava, Gauja and Lielupe: „upes“ \u{1f98a} \"quoted\" \\ \u{0} \u{7f}\n\ttab";
    subject.answer(Turn::text([text]))?;
    let reply = subject.handle.chat("Name three rivers in Latvia.").await?;
    equal("the text", &reply.text(), &text)?;
    equal("why it ended", &reply.finish, &FinishReason::Stop)?;
    equal("tool calls", &reply.tool_calls().count(), &0)?;
    equal("the refusal", &reply.refusal(), &None)
}

/// A model may have nothing to say.
pub async fn chat_without_text_is_no_error(subject: Model) -> Outcome {
    subject.answer(Turn::text([""]))?;
    let reply = subject.handle.chat("Say nothing.").await?;
    equal("the text", &reply.text(), &"")?;
    equal("why it ended", &reply.finish, &FinishReason::Stop)
}

/// Why an answer ended is told.
pub async fn chat_tells_why_it_ended(subject: Model) -> Outcome {
    for reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter] {
        subject.answer(Turn::text(["So far"]).finish(reason.clone()))?;
        let reply = subject.handle.chat("Go on.").await?;
        equal("why it ended", &reply.finish, &reason)?;
        equal("the text", &reply.text(), &"So far")?;
    }
    Ok(())
}

/// A finish reason of a newer service is kept and no error, also in a stream.
pub async fn finish_reason_that_is_unknown_is_kept(subject: Model) -> Outcome {
    let reason = FinishReason::Other("solar_flare".to_owned());
    for round in 0..2 {
        subject.answer(Turn::text(["So far"]).finish(reason.clone()))?;
        let reply = match round {
            0 => subject.handle.chat("Go on.").await?,
            _ if subject.handle.capabilities().stream => subject.handle.stream("Go on.").await?.finish().await?,
            _ => return Ok(()),
        };
        equal("why it ended", &reply.finish, &reason)?;
    }
    Ok(())
}

/// Tokens are told, and the parts of the input add up.
pub async fn usage_adds_up(subject: Model) -> Outcome {
    let usage = Usage::inclusive(Some(1200), Some(1000), Some(0)).output(Some(80));
    subject.answer(Turn::text(["Yes."]).usage(usage))?;
    let told = subject.handle.chat("Is it?").await?.usage;
    equal("the input", &told.input_total(), &Some(1200))?;
    equal("the output", &told.output_total(), &Some(80))?;
    if let Some(read) = told.cache_read() {
        equal("what was read from the cache", &read, &1000)?;
    }
    if let (Some(uncached), Some(read), Some(write)) = (told.input_uncached(), told.cache_read(), told.cache_write()) {
        equal("the parts together", &Some(uncached + read + write), &told.input_total())?;
    }
    Ok(())
}

/// Tokens that the service does not tell are unknown, not zero.
pub async fn usage_that_is_not_told_is_unknown(subject: Model) -> Outcome {
    subject.answer(Turn::text(["Yes."]))?;
    let told = subject.handle.chat("Is it?").await?.usage;
    equal("the input", &told.input_total(), &None)?;
    equal("the output", &told.output_total(), &None)
}

/// The report of calls has their tokens, and an unknown part makes the sum unknown.
pub async fn report_adds_the_usage_of_calls(subject: Model) -> Outcome {
    let report = CallReport::new();
    let model = subject.handle.with(CallOptions::new().report(&report));
    for _ in 0..2 {
        subject.answer(Turn::text(["Yes."]).usage(Usage::inclusive(Some(10), Some(0), Some(0)).output(Some(3))))?;
        model.chat("Is it?").await?;
    }
    let told = report.get();
    equal("calls", &told.calls, &2)?;
    equal("the input", &told.usage.and_then(|usage| usage.input_total()), &Some(20))?;
    equal("the output", &told.usage.and_then(|usage| usage.output_total()), &Some(6))?;
    subject.answer(Turn::text(["Yes."]))?;
    model.chat("Is it?").await?;
    equal("a sum with an unknown part", &report.get().usage.and_then(|usage| usage.input_total()), &None)
}

/// What a model says in place of an answer is no answer.
pub async fn refusal_is_no_text(subject: Model) -> Outcome {
    subject.answer(Turn::new(vec![TurnPart::Refusal(vec!["I will ".to_owned(), "not.".to_owned()])]))?;
    let reply = subject.handle.chat("Do it.").await?;
    equal("the text", &reply.text(), &"")?;
    equal("the refusal", &reply.refusal().as_deref(), &Some("I will not."))
}

/// What a model tells of its reasoning is no answer.
pub async fn reasoning_is_no_text(subject: Model) -> Outcome {
    let thought = TurnPart::Reasoning(vec!["Rivers".to_owned(), " flow.".to_owned()], None);
    subject.answer(Turn::new(vec![thought, TurnPart::Text(vec!["They do.".to_owned()])]))?;
    let reply = subject.handle.chat("Do rivers flow?").await?;
    equal("the text", &reply.text(), &"They do.")?;
    equal("the reasoning", &reply.reasoning(), &"Rivers flow.")
}

/// The model of a request is the one that is asked.
pub async fn model_of_the_request_is_asked(subject: Model) -> Outcome {
    subject.answer(Turn::text(["Yes."]))?;
    let name = "model-of-this-request";
    subject.handle.chat(crate::interfaces::chat_model::ChatRequest::from("Is it?").model(name)).await?;
    holds("the request names the model", subject.last_asked_holds(name)?)
}
