//! Kinds, widths, images.

use super::{Caps, Model, TEXTS};
use crate::error::ErrorKind;
use crate::interfaces::embedding_model::{EmbedInput, EmbedOptions, similarity};
use crate::suite::{Outcome, equal, expect_kind, holds};

/// A chosen width is given, and such embeddings still tell texts apart.
pub async fn chosen_width_is_given(subject: Model) -> Outcome {
    subject.needs(Caps::DIMENSIONS_CHOICE)?;
    let announced = subject.handle.capabilities().dimensions;
    let width = if announced > 0 { announced.div_ceil(2) } else { 256 };
    let options = EmbedOptions::new().dimensions(width);
    let embeddings = subject.handle.embed_many_with(TEXTS, options.clone()).await?.all()?;
    for embedding in &embeddings {
        equal("the width", &embedding.dimensions(), &width)?;
        let length = similarity::norm(embedding);
        if subject.handle.capabilities().normalised {
            holds(format!("its length is 1, not {length}"), (length - 1.0).abs() < 1e-3)?;
        }
    }
    equal("the width of one", &subject.handle.embed_with(TEXTS[0], options).await?.dimensions(), &width)?;
    holds("two texts differ", embeddings[0].cosine(&embeddings[1]) < 0.999)
}

/// A width of 0, or above the model's, is `InvalidInput`, and nothing is sent.
pub async fn chosen_width_outside_the_limits_is_invalid_input(subject: Model) -> Outcome {
    subject.needs(Caps::DIMENSIONS_CHOICE)?;
    let announced = subject.handle.capabilities().dimensions;
    let widths = [Some(0), announced.checked_add(1).filter(|_| announced > 0)];
    let calls = async {
        for width in widths.into_iter().flatten() {
            let call = subject.handle.embed_with(TEXTS[0], EmbedOptions::new().dimensions(width)).await;
            expect_kind(format!("a width of {width}"), call, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// Embedded as a question, a text is nearest to the document that has its words.
pub async fn question_is_nearest_to_the_document_that_answers_it(subject: Model) -> Outcome {
    subject.needs(Caps::KINDS)?;
    let documents = subject.handle.embed_many_with(TEXTS, EmbedOptions::new().document()).await?.all()?;
    for (question, answer) in [
        ("From which platform does the train to Riga leave?", 3),
        ("What does a binary search need?", 4),
        ("Where do volcanoes form?", 5),
    ] {
        let question_embedding = subject.handle.embed_with(question, EmbedOptions::new().query()).await?;
        let nearness = |at: &usize| documents[*at].cosine(&question_embedding);
        let nearest = (0..documents.len()).max_by(|one, other| nearness(one).total_cmp(&nearness(other)));
        equal(format!("the document nearest to {question:?}"), &nearest, &Some(answer))?;
    }
    Ok(())
}

/// The smallest image that is one: a single grey pixel.
const PIXEL: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x80\x80\x80\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// An image has an embedding of the same width as a text; both may be in one call.
pub async fn image_has_an_embedding_of_the_same_width(subject: Model) -> Outcome {
    subject.needs(Caps::IMAGES)?;
    let image = EmbedInput::image("image/gif", PIXEL);
    let both = subject.handle.embed_many([EmbedInput::from(TEXTS[0]), image]).await?.all()?;
    equal("the width of the image", &both[1].dimensions(), &both[0].dimensions())?;
    holds("its numbers are finite", both[1].is_finite())
}
