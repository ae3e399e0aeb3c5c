//! What holds for each capability that is off.

use super::{Caps, Model};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::interfaces::embedding_model::{EmbedInput, EmbedOptions, EmbeddingModel};
use crate::suite::Outcome;

/// The model without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Model, flag: Flag<Caps>) -> Result<EmbeddingModel> {
    subject.without(flag)
}

crate::suite::negatives! {
    EmbeddingModel, Caps;
    /// Embedding questions otherwise than documents.
    without_kinds: KINDS, |model, text| [
        model.embed_with(&text, EmbedOptions::new().query()).await,
        model.embed_with(&text, EmbedOptions::new().document()).await,
        model.embed_many_with([&text], EmbedOptions::new().document()).await,
    ];
    /// Choosing a width.
    without_dimensions_choice: DIMENSIONS_CHOICE, |model, text| [
        model.embed_with(&text, EmbedOptions::new().dimensions(8)).await,
        model.embed_all([&text], EmbedOptions::new().dimensions(8)).await,
    ];
    /// Embedding images.
    without_images: IMAGES, |model, text| [
        model.embed(EmbedInput::image("image/png", text.clone())).await,
        model.embed_many([EmbedInput::from(&text), EmbedInput::image("image/png", text.clone())]).await,
    ];
}
