//! Files within forms.

use circle_core_common::http::Multipart;
use circle_core_common::{Body, Result};

/// Content that is sent as a file, with the name and the media type that the service sees.
///
/// Bytes and files are sent again when an attempt is repeated; of a stream there is one attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FilePart {
    /// The name. Services tell formats by its ending.
    pub name: String,
    /// The media type.
    pub content_type: String,
    /// The content.
    pub body: Body,
}

/// Endings, and the media types that services know files of them by.
const TYPES: &[(&str, &str)] = &[
    ("jsonl", "application/jsonl"),
    ("json", "application/json"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("mp3", "audio/mpeg"),
    ("mpga", "audio/mpeg"),
    ("mpeg", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("mp4", "audio/mp4"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("webm", "audio/webm"),
];

impl FilePart {
    /// Content of this name, whose ending tells the media type.
    #[must_use]
    pub fn new(name: impl Into<String>, body: impl Into<Body>) -> Self {
        let name = name.into();
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        let known = TYPES.iter().find(|(known, _)| *known == ending);
        let content_type = known.map_or("application/octet-stream", |(_, media_type)| media_type).to_owned();
        Self { name, content_type, body: body.into() }
    }

    /// Sets the media type.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Adds it to a form.
    pub(crate) fn add(&self, form: Multipart, field: &str) -> Result<Multipart> {
        form.file(field, &self.name, &self.content_type, &self.body)
    }
}

/// Fields of a form.
pub(crate) trait Fields: Sized {
    /// Adds a field where there is a value.
    fn text_opt(self, name: &str, value: Option<impl ToString>) -> Self;

    /// Adds the fields of a list, which are named as OpenAI's own clients name them.
    fn texts(self, name: &str, values: &[impl AsRef<str>]) -> Self;
}

impl Fields for Multipart {
    fn text_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(name, &value.to_string()),
            None => self,
        }
    }

    fn texts(self, name: &str, values: &[impl AsRef<str>]) -> Self {
        let name = format!("{name}[]");
        values.iter().fold(self, |form, value| form.text(&name, value.as_ref()))
    }
}
