//! Images, audio and documents.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Uri;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An image, a sound or a document that a message holds.
///
/// Bytes tell their media type themselves where they begin as PNG, JPEG, GIF, WebP, PDF, WAV, MP3, FLAC or Ogg do; of others
/// it must be given: `Media::new(bytes, "text/csv")`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// Where the content is.
    pub source: MediaSource,
    /// Its media type, such as `image/png`; empty where it is unknown.
    pub media_type: String,
    /// A file name, which some services show to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where the content of a [`Media`] is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// Here.
    Bytes(#[serde(with = "base64_text")] Bytes),
    /// At an address that the service fetches.
    Uri(#[serde(with = "uri_text")] Uri),
    /// A file that was uploaded to the service, by its id there.
    File(String),
}

impl Media {
    /// Content of this media type.
    #[must_use]
    pub fn new(content: impl Into<Bytes>, media_type: impl Into<String>) -> Self {
        Self { source: MediaSource::Bytes(content.into()), media_type: media_type.into(), name: None }
    }

    /// A file that was uploaded to the service.
    #[must_use]
    pub fn file(id: impl Into<String>, media_type: impl Into<String>) -> Self {
        Self { source: MediaSource::File(id.into()), media_type: media_type.into(), name: None }
    }

    /// Sets the file name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The content in Base64, where it is here: what most services take.
    #[must_use]
    pub fn base64(&self) -> Option<String> {
        match &self.source {
            MediaSource::Bytes(bytes) => Some(STANDARD.encode(bytes)),
            _ => None,
        }
    }
}

impl From<Bytes> for Media {
    fn from(bytes: Bytes) -> Self {
        let media_type = sniffed(&bytes);
        Self::new(bytes, media_type)
    }
}

impl From<Vec<u8>> for Media {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&[u8]> for Media {
    fn from(bytes: &[u8]) -> Self {
        Self::from(Bytes::copy_from_slice(bytes))
    }
}

/// The media type is guessed from the ending of the path.
impl From<Uri> for Media {
    fn from(uri: Uri) -> Self {
        let ending = uri.path().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let media_type = ENDINGS.iter().find(|(known, _)| ending.as_deref() == Some(known)).map_or("", |(_, kind)| kind);
        Self { source: MediaSource::Uri(uri), media_type: media_type.to_owned(), name: None }
    }
}

impl From<&Media> for Media {
    fn from(media: &Self) -> Self {
        media.clone()
    }
}

const ENDINGS: [(&str, &str); 10] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("pdf", "application/pdf"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
];

/// The media type that content says it has by its first bytes.
fn sniffed(bytes: &[u8]) -> &'static str {
    const SIGNATURES: [(&[u8], &str); 9] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
    ];
    match (bytes.get(..4), bytes.get(8..12)) {
        (Some(b"RIFF"), Some(b"WEBP")) => "image/webp",
        (Some(b"RIFF"), Some(b"WAVE")) => "audio/wav",
        _ => SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)).map_or("", |(_, kind)| kind),
    }
}

/// Without the content.
impl fmt::Debug for MediaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            // A query can hold a signature.
            Self::Uri(uri) => write!(f, "{}{}", uri.host().unwrap_or_default(), uri.path()),
            Self::File(id) => write!(f, "file {id}"),
        }
    }
}

mod base64_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Bytes::from).map_err(|_| serde::de::Error::custom("the content is not Base64"))
    }
}

mod uri_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(uri: &Uri, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(uri)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uri, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("the address cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_addresses_tell_their_media_type() {
        assert_eq!(Media::from(&b"\x89PNG\r\n\x1a\n...."[..]).media_type, "image/png");
        assert_eq!(Media::from(&b"RIFF....WEBPVP8 "[..]).media_type, "image/webp");
        assert_eq!(Media::from(&b"RIFF....WAVEfmt "[..]).media_type, "audio/wav");
        assert_eq!(Media::from(&b"RI"[..]).media_type, "");
        assert_eq!(Media::from(Uri::from_static("https://example.com/a/b.JPG?x=1")).media_type, "image/jpeg");
    }

    #[test]
    fn media_survive_json_and_hide_their_content() {
        for media in [
            Media::from(&b"%PDF-1.7 hunter2"[..]).name("a.pdf"),
            Media::from(Uri::from_static("https://example.com/a.png?sig=hunter2")),
            Media::file("file-1", "text/csv"),
        ] {
            let json = serde_json::to_string(&media).unwrap();
            assert_eq!(serde_json::from_str::<Media>(&json).unwrap(), media);
            assert!(!format!("{media:?}").contains("hunter2"), "{media:?}");
        }
    }
}
