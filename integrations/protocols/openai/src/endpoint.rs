//! Which requests a service takes beyond chat, embeddings and the list of models.

use std::fmt;

use circle_core_common::{Error, ErrorKind, Result};

use crate::profile::OpenAiProfile;

/// A group of requests that not every service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenAiEndpoint {
    /// Files: upload, list, delete and download.
    Files,
    /// Uploads in parts.
    Uploads,
    /// Batches of requests.
    Batches,
    /// Images from words.
    Images,
    /// Images from images and words.
    ImageEdits,
    /// Variations of an image.
    ImageVariations,
    /// Speech from text.
    Speech,
    /// Text from speech.
    Transcriptions,
    /// English text from speech.
    Translations,
    /// Moderation of texts and images.
    Moderations,
    /// The deletion of a model of one's own.
    ModelDeletion,
}

impl OpenAiEndpoint {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Files,
        Self::Uploads,
        Self::Batches,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
        Self::Moderations,
        Self::ModelDeletion,
    ];

    /// The name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Uploads => "uploads in parts",
            Self::Batches => "batches",
            Self::Images => "image generation",
            Self::ImageEdits => "image edits",
            Self::ImageVariations => "image variations",
            Self::Speech => "speech",
            Self::Transcriptions => "transcriptions",
            Self::Translations => "translations",
            Self::Moderations => "moderation",
            Self::ModelDeletion => "deletion of models",
        }
    }

    pub(crate) fn check(self, profile: &OpenAiProfile) -> Result<()> {
        if profile.endpoints.contains(&self) {
            return Ok(());
        }
        let text = format!("`{}` has no {self} as OpenAI has them", profile.name);
        Err(Error::new(ErrorKind::Unsupported, text))
    }
}

impl fmt::Display for OpenAiEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
