//! Images as they come back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use circle_core_common::http::{Response, SseEvent};
use circle_core_common::{Error, ErrorKind, Result, Sent, Timestamp};
use serde::Deserialize;

use crate::events::Read;
use crate::field;
use crate::wire::{Count, Text};

/// Images, and how they were made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Images {
    /// The images.
    pub images: Vec<Image>,
    /// When they were made.
    pub created: Option<Timestamp>,
    /// What is behind them.
    pub background: Option<String>,
    /// How they are written.
    pub output_format: Option<String>,
    /// Their size.
    pub size: Option<String>,
    /// How much work went into them.
    pub quality: Option<String>,
    /// What they took.
    pub usage: Option<ImageUsage>,
}

/// An image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Image {
    /// The image itself, or where it is.
    pub content: ImageContent,
    /// The words that it was made from, where the model changed them.
    pub revised_prompt: Option<String>,
}

/// An image itself, or where it is.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ImageContent {
    /// The image.
    Bytes(Bytes),
    /// Its address, which whoever knows it can open; it is good for an hour.
    Url(String),
}

/// Without the address, which gives access.
impl fmt::Debug for ImageContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Url(_) => f.write_str("Url(…)"),
        }
    }
}

/// What images took, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WireUsage")]
#[non_exhaustive]
pub struct ImageUsage {
    /// Tokens of words and images that went in.
    pub input_tokens: Option<u64>,
    /// Those of them that were words.
    pub input_text_tokens: Option<u64>,
    /// Those of them that were images.
    pub input_image_tokens: Option<u64>,
    /// Tokens that came out.
    pub output_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "field::count")]
    input_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<WireDetails>,
    #[serde(default, deserialize_with = "field::count")]
    output_tokens: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
struct WireDetails {
    #[serde(default, deserialize_with = "field::count")]
    text_tokens: Option<u64>,
    #[serde(default, deserialize_with = "field::count")]
    image_tokens: Option<u64>,
}

impl From<WireUsage> for ImageUsage {
    fn from(wire: WireUsage) -> Self {
        Self {
            input_tokens: wire.input_tokens,
            input_text_tokens: wire.input_tokens_details.and_then(|details| details.text_tokens),
            input_image_tokens: wire.input_tokens_details.and_then(|details| details.image_tokens),
            output_tokens: wire.output_tokens,
        }
    }
}

#[derive(Deserialize)]
struct WireImages<'a> {
    #[serde(default, deserialize_with = "field::moment")]
    created: Option<Timestamp>,
    #[serde(borrow, default, deserialize_with = "field::list")]
    data: Vec<WireImage<'a>>,
    #[serde(default, deserialize_with = "field::text")]
    background: Option<String>,
    #[serde(default, deserialize_with = "field::text")]
    output_format: Option<String>,
    #[serde(default, deserialize_with = "field::text")]
    size: Option<String>,
    #[serde(default, deserialize_with = "field::text")]
    quality: Option<String>,
    #[serde(default)]
    usage: Option<ImageUsage>,
}

#[derive(Deserialize)]
struct WireImage<'a> {
    #[serde(borrow, default)]
    b64_json: Text<'a>,
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(default, deserialize_with = "field::text")]
    revised_prompt: Option<String>,
}

fn undecodable(text: &'static str) -> Error {
    Error::new(ErrorKind::Decode, text).with_sent(Sent::Yes)
}

fn decoded(text: &str) -> Result<Bytes> {
    STANDARD.decode(text).map(Bytes::from).map_err(|_| undecodable("an image of the answer is not Base64"))
}

/// The images of a whole answer.
pub(super) fn read(response: &Response) -> Result<Images> {
    let answer: WireImages<'_> = field::borrowed(response, "list of images")?;
    let image = |image: WireImage<'_>| {
        let content = match (image.b64_json.filled(), image.url.owned()) {
            (Some(text), _) => ImageContent::Bytes(decoded(text)?),
            (None, Some(url)) => ImageContent::Url(url),
            (None, None) => return Err(undecodable("an image of the answer has neither content nor address")),
        };
        Ok(Image { content, revised_prompt: image.revised_prompt })
    };
    let images = answer.data.into_iter().map(image).collect::<Result<Vec<_>>>()?;
    if images.is_empty() {
        return Err(undecodable("the answer has no image"));
    }
    Ok(Images {
        images,
        created: answer.created,
        background: answer.background,
        output_format: answer.output_format,
        size: answer.size,
        quality: answer.quality,
        usage: answer.usage,
    })
}

/// A step on the way to an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ImageEvent {
    /// A sketch.
    #[non_exhaustive]
    Partial {
        /// Which it is, the first being 0.
        index: u64,
        /// The sketch.
        content: ImageContent,
    },
    /// An image is complete.
    #[non_exhaustive]
    Completed {
        /// The image.
        content: ImageContent,
        /// What it took.
        usage: Option<ImageUsage>,
    },
    /// What only a newer service knows, by its type.
    Other(String),
}

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    b64_json: Text<'a>,
    #[serde(default)]
    partial_image_index: Count,
    #[serde(default)]
    usage: Option<ImageUsage>,
}

pub(super) fn event(event: &SseEvent<'_>) -> Result<Read<ImageEvent>> {
    let wire: WireEvent<'_> = event.json()?;
    let content = || wire.b64_json.filled().map(|text| decoded(text).map(ImageContent::Bytes));
    let missing = || undecodable("an image of the answer has no content");
    let event = match wire.kind.filled() {
        Some("image_generation.partial_image" | "image_edit.partial_image") => {
            ImageEvent::Partial { index: wire.partial_image_index.0.unwrap_or(0), content: content().ok_or_else(missing)?? }
        }
        Some("image_generation.completed" | "image_edit.completed") => {
            ImageEvent::Completed { content: content().ok_or_else(missing)??, usage: wire.usage }
        }
        other => ImageEvent::Other(other.unwrap_or_default().to_owned()),
    };
    Ok(Read { last: matches!(event, ImageEvent::Completed { .. }), event })
}
