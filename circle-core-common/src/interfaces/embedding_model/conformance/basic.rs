//! Single texts.

use super::{Model, TEXTS, same};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::embedding_model::similarity;
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds};

/// An embedding has the width that is announced, and all have the same.
pub async fn embedding_has_the_announced_width(subject: Model) -> Outcome {
    let announced = subject.handle.capabilities().dimensions;
    let (one, other) = (subject.handle.embed(TEXTS[0]).await?, subject.handle.embed(TEXTS[1]).await?);
    equal("the width of another text", &other.dimensions(), &one.dimensions())?;
    if announced > 0 {
        equal("the width", &one.dimensions(), &announced)?;
    }
    holds("it is not empty", one.dimensions() > 0)
}

/// An embedding has finite numbers, and length 1 where that is announced.
pub async fn embedding_is_finite_and_of_length_one_where_announced(subject: Model) -> Outcome {
    for text in ["a", TEXTS[0], &TEXTS.join(" ")] {
        let embedding = subject.handle.embed(text).await?;
        holds("its numbers are finite", embedding.is_finite())?;
        let length = similarity::norm(&embedding);
        holds(format!("it has a direction, and not the length {length}"), length > 0.0)?;
        if subject.handle.capabilities().normalised {
            holds(format!("its length is 1, not {length}"), (length - 1.0).abs() < 1e-3)?;
        }
    }
    Ok(())
}

/// The same text has the same embedding, whenever and by whichever client.
pub async fn equal_texts_have_equal_embeddings(subject: Model) -> Outcome {
    let first = subject.handle.embed(TEXTS[0]).await?;
    same("two calls", &first, &subject.handle.embed(TEXTS[0].to_owned()).await?)?;
    let second = subject.second.as_ref().unwrap_or(&subject.handle);
    same("two clients", &first, &second.embed(TEXTS[0]).await?)
}

/// A text is nearer to one that says the same in other order than to one of another matter.
pub async fn like_texts_are_nearer_than_unlike_ones(subject: Model) -> Outcome {
    for (at, text) in TEXTS.iter().enumerate() {
        let mut words: Vec<&str> = text.trim_end_matches('.').split(' ').collect();
        words.reverse();
        let all =
            subject.handle.embed_many([(*text).to_owned(), words.join(" "), TEXTS[(at + 1) % 8].to_owned()]).await?.all()?;
        let (like, unlike) = (all[0].cosine(&all[1]), all[0].cosine(&all[2]));
        holds(format!("{text:?} is nearer to its own words, {like}, than to others, {unlike}"), like > unlike)?;
    }
    Ok(())
}

/// Text in any script, and text that is no words at all, has an embedding with a direction.
pub async fn text_in_any_script_has_a_direction(subject: Model) -> Outcome {
    for text in ["日本語の文章です", "Привет, мир", "مرحبا بالعالم", "ķēniņš", "🦀🚀", "?!", "42", "a\u{0}b", " x "]
    {
        let embedding = subject.handle.embed(text).await?;
        holds(format!("{text:?} has a direction"), similarity::norm(&embedding) > 0.0)?;
    }
    Ok(())
}

/// A text without a visible character is `InvalidInput`, and nothing is sent.
pub async fn text_without_a_visible_character_is_invalid_input(subject: Model) -> Outcome {
    let calls = async {
        for text in ["", " ", "\n\t\u{a0}"] {
            expect_kind(format!("embed {text:?}"), subject.handle.embed(text).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A text of more tokens than the model takes is `InvalidInput`, reason `ContextLength`; it is never cut.
pub async fn text_beyond_the_context_is_refused_not_cut(subject: Model) -> Outcome {
    let limit = subject.handle.capabilities().input_tokens as usize;
    if limit > subject.scale.pick(10_000, 1_000_000) {
        return Err(Failed::Skipped(format!("a text of {limit} tokens is too large for this scale")));
    }
    // No tokenizer makes fewer tokens of different numbers than there are numbers.
    let text: String = (0..=limit).map(|number| format!("{number} ")).collect();
    expect_reason("embed", subject.handle.embed(text).await, ErrorKind::InvalidInput, Reason::ContextLength).map(drop)
}

/// Calls at the same time each get the embedding of their own text.
pub async fn concurrent_calls_keep_inputs_apart(subject: Model) -> Outcome {
    let alone = subject.handle.embed_many(TEXTS).await?.all()?;
    let calls = (0..subject.scale.pick(8, 64)).map(|number| {
        let model = subject.handle.clone();
        async move { model.embed(TEXTS[number % TEXTS.len()]).await }
    });
    for (number, embedding) in at_once(calls).await?.into_iter().enumerate() {
        same(format!("those of call {number}"), &embedding?, &alone[number % TEXTS.len()])?;
    }
    Ok(())
}
