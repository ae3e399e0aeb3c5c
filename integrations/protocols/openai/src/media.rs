//! Images, audio and documents, as both ways to ask write them.

use circle_core_common::interfaces::chat_model::{Media, MediaSource, Part};
use circle_core_common::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::profile::OpenAiProfile;

/// The bytes of a sound.
#[derive(Serialize)]
pub(crate) struct InputAudio {
    data: String,
    format: &'static str,
}

impl InputAudio {
    pub(crate) fn of(profile: &OpenAiProfile, media: &Media) -> Result<Self> {
        let format = match media.media_type.as_str() {
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
            "audio/mpeg" | "audio/mp3" => "mp3",
            _ => return Err(unsupported(profile, "audio other than WAV and MP3")),
        };
        let data = media.base64().ok_or_else(|| unsupported(profile, "the address or the id of audio; send its bytes"))?;
        Ok(Self { data, format })
    }
}

/// The address of an image: its own, or one that holds its bytes.
pub(crate) fn image_url(profile: &OpenAiProfile, media: &Media) -> Result<String> {
    match &media.source {
        MediaSource::Uri(_) if !profile.image_addresses => Err(unsupported(profile, "the address of an image; send its bytes")),
        MediaSource::Uri(uri) => Ok(uri.to_string()),
        _ => data_url(media).ok_or_else(|| unsupported(profile, "the id of a file as an image")),
    }
}

pub(crate) fn data_url(media: &Media) -> Option<String> {
    media.base64().map(|data| format!("data:{};base64,{data}", media.media_type))
}

/// The name of a document, which is refused without one.
pub(crate) fn file_name(media: &Media) -> &str {
    media.name.as_deref().unwrap_or("document")
}

/// Whether the parts that a tool gave are texts alone; other parts are for services that take them.
pub(crate) fn text_only(profile: &OpenAiProfile, takes_media: bool, parts: &[Part]) -> Result<bool> {
    let text_only = parts.iter().all(|part| matches!(part, Part::Text(_)));
    if text_only || takes_media {
        return Ok(text_only);
    }
    let text = format!("`{}` takes text from tools, and no media; send them in a message of the user", profile.name);
    Err(Error::new(ErrorKind::Unsupported, text))
}

pub(crate) fn unsupported(profile: &OpenAiProfile, what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{}` does not take {what}", profile.name))
}
