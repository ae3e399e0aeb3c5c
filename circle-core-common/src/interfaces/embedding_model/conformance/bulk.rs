//! Many inputs in one call.

use std::sync::Arc;

use super::{Model, TEXTS, same};
use crate::error::ErrorKind;
use crate::interfaces::embedding_model::EmbedOptions;
use crate::suite::{Fault, Outcome, equal, expect_kind, holds};

/// `embed_many` gives what single calls give, in the order of the inputs, repetitions included.
pub async fn embed_many_is_in_the_order_of_the_inputs(subject: Model) -> Outcome {
    let texts = [TEXTS[3], TEXTS[0], TEXTS[3], TEXTS[7]];
    let many = subject.handle.embed_many(texts).await?.all()?;
    equal("embeddings", &many.len(), &4)?;
    for (text, embedding) in texts.iter().zip(&many) {
        same(format!("those of {text:?}"), embedding, &subject.handle.embed(*text).await?)?;
    }
    Ok(())
}

/// All embeddings of one `embed_many` are rows of one block, however many calls it took.
pub async fn embed_many_is_rows_of_one_block(subject: Model) -> Outcome {
    let split = subject.with_capabilities(|capabilities| capabilities.batch_max = 3)?;
    for model in [&subject.handle, &split] {
        let many = model.embed_many(TEXTS).await?.all()?;
        holds("the rows share their block", many.iter().all(|row| Arc::ptr_eq(row.block(), many[0].block())))?;
        let width = many[0].len();
        equal("the length of the block", &many[0].block().len(), &(width * TEXTS.len()))?;
        for (at, row) in many.iter().enumerate() {
            equal(format!("row {at}"), &**row, &many[0].block()[at * width..(at + 1) * width])?;
        }
    }
    Ok(())
}

/// No call has more inputs than the model takes, none is needless, and the order is kept.
pub async fn embed_many_is_split_by_count(subject: Model) -> Outcome {
    let whole = subject.handle.embed_many(TEXTS).await?.all()?;
    let model = subject.with_capabilities(|capabilities| capabilities.batch_max = 3)?;
    let before = subject.traffic.calls();
    let split = model.embed_many(TEXTS).await?.all()?;
    equal("calls", &(subject.traffic.calls() - before), &3)?;
    for (at, (one, other)) in whole.iter().zip(&split).enumerate() {
        same(format!("those of input {at}"), one, other)?;
    }
    Ok(())
}

/// No call has more tokens, by estimate, than the model takes; an input that is above it alone goes alone.
pub async fn embed_many_is_split_by_tokens(subject: Model) -> Outcome {
    let whole = subject.handle.embed_many(TEXTS).await?.all()?;
    // Each of the texts is estimated at 18 to 28 tokens.
    for (tokens, calls) in [(1, 8), (60, 4), (100_000, 1)] {
        let model = subject.with_capabilities(|capabilities| capabilities.batch_tokens_max = tokens)?;
        let before = subject.traffic.calls();
        let split = model.embed_many(TEXTS).await?.all()?;
        equal(format!("calls of at most {tokens} tokens"), &(subject.traffic.calls() - before), &calls)?;
        for (at, (one, other)) in whole.iter().zip(&split).enumerate() {
            same(format!("those of input {at}"), one, other)?;
        }
    }
    Ok(())
}

/// Nothing to do sends nothing.
pub async fn embed_many_of_nothing_sends_nothing(subject: Model) -> Outcome {
    let calls = async {
        equal("embed_many", &subject.handle.embed_many([""; 0]).await?.len(), &0)?;
        equal("embed_all", &subject.handle.embed_all([""; 0], EmbedOptions::new()).await?.embeddings.len(), &0)
    };
    subject.sends_nothing(calls).await
}

/// An input that is not valid stops the whole call before anything is sent.
pub async fn embed_many_with_an_invalid_input_sends_nothing(subject: Model) -> Outcome {
    let call = async { expect_kind("embed_many", subject.handle.embed_many([TEXTS[0], " "]).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(call).await.map(drop)
}

/// A call that fails marks its own inputs; the others have their embeddings, in their places.
pub async fn embed_many_with_a_failed_call_marks_its_own_inputs(subject: Model) -> Outcome {
    let whole = subject.handle.embed_many(TEXTS).await?.all()?;
    let model = subject.with_capabilities(|capabilities| capabilities.batch_max = 4)?;
    subject.faults()?.inject(Fault::Unavailable);
    let results = model.embed_many(TEXTS).await?;
    equal("results", &results.len(), &TEXTS.len())?;
    let failed: Vec<usize> = results.failures().map(|(at, _)| at).collect();
    // A provider with a retry policy overcomes it.
    holds(format!("{failed:?} are those of the first call, or none"), failed == [0, 1, 2, 3] || failed.is_empty())?;
    for (at, result) in results.into_iter().enumerate() {
        match result {
            Ok(embedding) => same(format!("those of input {at}"), &embedding, &whole[at])?,
            Err(error) => holds(format!("{error} is retryable"), error.is_retryable())?,
        }
    }
    Ok(())
}

/// `embed_all` names the model, and tells the tokens of all calls or that they are unknown.
pub async fn embed_all_tells_the_model_and_what_it_took(subject: Model) -> Outcome {
    let whole = subject.handle.embed_all(TEXTS, EmbedOptions::new()).await?;
    holds("the model has a name", !whole.model.is_empty())?;
    equal("embeddings", &whole.embeddings.len(), &TEXTS.len())?;
    let model = subject.with_capabilities(|capabilities| capabilities.batch_max = 3)?;
    let split = model.embed_all(TEXTS, EmbedOptions::new()).await?;
    equal("the model of several calls", &split.model, &whole.model)?;
    if let (Some(one), Some(other)) = (whole.usage.input_tokens, split.usage.input_tokens) {
        holds("texts have tokens", one > 0)?;
        // Some services count a few more for every call.
        holds(format!("{one} and {other} tokens are about the same"), one.abs_diff(other) <= one / 4 + 16)?;
    }
    Ok(())
}
