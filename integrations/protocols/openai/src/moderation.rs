//! Moderation: whether texts and images are harmful, and how.

use std::collections::BTreeMap;

use circle_core_common::http::Request;
use circle_core_common::interfaces::chat_model::Media;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result, Sent};
use serde::{Deserialize, Serialize};

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint::Moderations;
use crate::media;
use crate::profile::OpenAiProfile;

pub(crate) static MODERATE: RemoteOperation = RemoteOperation::new("openai.CreateModeration", Idempotency::Safe, "/moderations");

/// A piece of what is to be judged as one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModerationInput {
    /// A text.
    Text(String),
    /// An image: its bytes, or its address.
    Image(Media),
}

impl From<&str> for ModerationInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ModerationInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Media> for ModerationInput {
    fn from(image: Media) -> Self {
        Self::Image(image)
    }
}

/// What the service thinks of a text, or of texts and images together.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "WireModeration")]
#[non_exhaustive]
pub struct OpenAiModeration {
    /// Whether any category is met.
    pub flagged: bool,
    /// Whether each category is met: `violence/graphic`.
    pub categories: BTreeMap<String, bool>,
    /// How surely each category is met, from 0 to 1.
    pub category_scores: BTreeMap<String, f64>,
    /// Which kinds of input each category was judged by: `text`, `image`.
    pub category_applied_input_types: BTreeMap<String, Vec<String>>,
}

/// Of each category; null is one that the model does not know.
type Categories<T> = BTreeMap<String, Option<T>>;

#[derive(Deserialize)]
struct WireModeration {
    /// Mistral tells the categories only.
    #[serde(default)]
    flagged: Option<bool>,
    categories: Categories<bool>,
    #[serde(default)]
    category_scores: Categories<f64>,
    #[serde(default)]
    category_applied_input_types: Option<Categories<Vec<String>>>,
}

fn known<T>(categories: Categories<T>) -> BTreeMap<String, T> {
    categories.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl From<WireModeration> for OpenAiModeration {
    fn from(wire: WireModeration) -> Self {
        let categories = known(wire.categories);
        Self {
            flagged: wire.flagged.unwrap_or_else(|| categories.values().any(|met| *met)),
            categories,
            category_scores: known(wire.category_scores),
            category_applied_input_types: known(wire.category_applied_input_types.unwrap_or_default()),
        }
    }
}

#[derive(Serialize)]
struct ModerationRequest<'a> {
    input: Input<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Texts(&'a [&'a str]),
    Pieces(Vec<Piece<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Address },
}

#[derive(Serialize)]
struct Address {
    url: String,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<OpenAiModeration>,
}

fn piece<'a>(profile: &OpenAiProfile, input: &'a ModerationInput) -> Result<Piece<'a>> {
    Ok(match input {
        ModerationInput::Text(text) => Piece::Text { text },
        ModerationInput::Image(image) => Piece::ImageUrl { image_url: Address { url: media::image_url(profile, image)? } },
    })
}

/// # Moderation
impl OpenAiClient {
    /// What the service thinks of each text; `model` is its choice by default.
    /// <https://platform.openai.com/docs/api-reference/moderations/create>
    ///
    /// # Errors
    /// `Decode` when there is not one result for each text; `Unsupported` for a service without moderation; what the service
    /// says.
    pub async fn moderate(&self, cx: &CallContext, texts: &[&str], model: Option<&str>) -> Result<Vec<OpenAiModeration>> {
        self.judged(cx, Input::Texts(texts), model, texts.len()).await
    }

    /// What the service thinks of texts and images as one.
    ///
    /// # Errors
    /// `Unsupported` for an image that is the id of a file; as [`moderate`](Self::moderate).
    pub async fn moderate_content(
        &self,
        cx: &CallContext,
        inputs: &[ModerationInput],
        model: Option<&str>,
    ) -> Result<OpenAiModeration> {
        let pieces = inputs.iter().map(|input| piece(self.profile(), input)).collect::<Result<_>>()?;
        let mut results = self.judged(cx, Input::Pieces(pieces), model, 1).await?;
        // There is one, as was asked for.
        Ok(results.pop().unwrap_or_default())
    }

    async fn judged(
        &self,
        cx: &CallContext,
        input: Input<'_>,
        model: Option<&str>,
        expected: usize,
    ) -> Result<Vec<OpenAiModeration>> {
        let send = Request::post(self.at(Moderations, "/moderations")?).json(&ModerationRequest { input, model })?;
        let results = self.http().send(cx, &MODERATE, send).await?.json::<Answer>()?.results;
        if results.len() == expected {
            return Ok(results);
        }
        let text = format!("the answer has {} results where {expected} were asked for", results.len());
        Err(Error::new(ErrorKind::Decode, text).with_sent(Sent::Yes))
    }
}
