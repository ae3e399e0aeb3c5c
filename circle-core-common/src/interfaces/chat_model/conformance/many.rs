//! Several requests, and counting their tokens.

use super::{Caps, Model, Turn};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::ErrorKind;
use crate::interfaces::chat_model::{ChatManyOptions, ChatRequest, Media};
use crate::suite::{Fault, Outcome, equal, expect_kind, expect_unsupported, holds};

/// Answers to many requests are in the order of the requests.
pub async fn chat_many_is_in_order(subject: Model) -> Outcome {
    let numbers: Vec<String> = (0..5).map(|number| number.to_string()).collect();
    for number in &numbers {
        subject.answer(Turn::text([number.as_str()]))?;
    }
    // One at a time, so that the model's answers are in that order, too.
    let replies = subject.handle.chat_many_with(&numbers, ChatManyOptions::new().concurrency(1)).await?.all()?;
    equal("the texts", &replies.iter().map(|reply| reply.text()).collect::<Vec<_>>(), &numbers)
}

/// Many requests at a time are each answered once.
pub async fn chat_many_answers_every_request(subject: Model) -> Outcome {
    let count = subject.scale.pick(10, 40);
    for number in 0..count {
        subject.answer(Turn::text([format!("{number:02}")]))?;
    }
    let replies = subject.handle.chat_many((0..count).map(|_| "Count.")).await?.all()?;
    let mut texts: Vec<_> = replies.iter().map(|reply| reply.text()).collect();
    texts.sort_unstable();
    equal("the texts", &texts, &(0..count).map(|number| format!("{number:02}")).collect::<Vec<_>>())
}

/// A request that fails marks its own entry only.
pub async fn chat_many_with_a_failure_marks_only_it(subject: Model) -> Outcome {
    let faults = subject.faults()?;
    subject.answer(Turn::text(["One."]))?;
    subject.answer(Turn::text(["Two."]))?;
    faults.inject(Fault::Delay { by: std::time::Duration::ZERO });
    faults.inject(Fault::Unavailable);
    let replies = subject.handle.chat_many_with(["a", "b", "c"], ChatManyOptions::new().concurrency(1)).await?;
    let failed: Vec<_> = replies.failures().map(|(at, error)| (at, error.kind())).collect();
    holds(format!("at most the second fails: {failed:?}"), failed.is_empty() || failed == [(1, ErrorKind::Unavailable)])
}

/// A request that cannot be right is found before any is sent.
pub async fn chat_many_with_an_invalid_request_sends_nothing(subject: Model) -> Outcome {
    let calls = async {
        let result = subject.handle.chat_many([ChatRequest::from("a"), ChatRequest::new()]).await;
        let error = expect_kind("chat_many", result, ErrorKind::InvalidInput)?;
        holds("the error names the request", error.message().contains("request 1"))?;
        equal("no requests", &subject.handle.chat_many(Vec::<String>::new()).await?.len(), &0)
    };
    subject.sends_nothing(calls).await
}

/// The tokens of a request are counted without an answer.
pub async fn count_tokens_counts(subject: Model) -> Outcome {
    subject.needs(Caps::COUNT_TOKENS)?;
    let short = subject.handle.count_tokens("One word.").await?;
    let long = subject.handle.count_tokens("Many words. ".repeat(50)).await?;
    holds(format!("{short:?} is less than {long:?}"), 0 < short.tokens && short.tokens < long.tokens)
}

/// Where the caller allows it, tokens are estimated: marked as such, and nothing is sent.
pub async fn count_tokens_is_emulated_by_an_estimate(subject: Model) -> Outcome {
    let report = CallReport::new();
    let model = subject.with_capabilities(|capabilities| {
        (capabilities.count_tokens, capabilities.images) = (false, true);
    })?;
    let model = model.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report));
    let calls = async {
        let count = model.count_tokens("The quick brown fox jumps over the lazy dog. ".repeat(10)).await?;
        holds("it says that it is an estimate", count.estimated)?;
        holds(format!("100 tokens are estimated as {}", count.tokens), (50..=200).contains(&count.tokens))?;
        equal("what was emulated", &report.get().emulated, &["count_tokens"])?;
        // What an image costs cannot be guessed.
        let image = ChatRequest::from("What is it?").image(Media::new("x", "image/png"));
        expect_unsupported(model.count_tokens(image).await, "count_tokens")
    };
    subject.sends_nothing(calls).await
}
