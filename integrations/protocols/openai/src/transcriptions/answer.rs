//! What was said.

use std::time::Duration;

use serde::Deserialize;

use crate::field;
use crate::wire::Text;

/// What was said, with what the model tells beside it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Transcription {
    /// The words.
    pub text: String,
    /// The language, as the model calls it: `english`, `en`.
    #[serde(default, deserialize_with = "field::text")]
    pub language: Option<String>,
    /// The languages that were recognised, as codes.
    #[serde(default, deserialize_with = "languages")]
    pub languages: Vec<String>,
    /// How long the recording is.
    #[serde(default, deserialize_with = "field::seconds")]
    pub duration: Option<Duration>,
    /// Words with their times.
    #[serde(default, deserialize_with = "field::list")]
    pub words: Vec<TranscriptionWord>,
    /// Segments with their times.
    #[serde(default, deserialize_with = "field::list")]
    pub segments: Vec<TranscriptionSegment>,
    /// How likely each token is.
    #[serde(default, deserialize_with = "field::list")]
    pub logprobs: Vec<TokenLogprob>,
    /// What is paid for.
    pub usage: Option<TranscriptionUsage>,
}

/// A word and its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct TranscriptionWord {
    /// The word.
    pub word: String,
    /// When it starts.
    #[serde(default, deserialize_with = "field::seconds")]
    pub start: Option<Duration>,
    /// When it ends.
    #[serde(default, deserialize_with = "field::seconds")]
    pub end: Option<Duration>,
}

/// A segment and its time.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TranscriptionSegment {
    /// The service's id of it.
    #[serde(default, deserialize_with = "field::text")]
    pub id: Option<String>,
    /// When it starts.
    #[serde(default, deserialize_with = "field::seconds")]
    pub start: Option<Duration>,
    /// When it ends.
    #[serde(default, deserialize_with = "field::seconds")]
    pub end: Option<Duration>,
    /// The words.
    #[serde(default)]
    pub text: String,
    /// Who speaks: a known name, or a letter.
    #[serde(default, deserialize_with = "field::text")]
    pub speaker: Option<String>,
    /// How freely the model chose words.
    #[serde(default, deserialize_with = "field::number")]
    pub temperature: Option<f64>,
    /// How likely its tokens are on average; below -1 they are doubtful.
    #[serde(default, deserialize_with = "field::number")]
    pub avg_logprob: Option<f64>,
    /// How well its text can be compressed; above 2.4 it repeats itself.
    #[serde(default, deserialize_with = "field::number")]
    pub compression_ratio: Option<f64>,
    /// How likely nobody speaks.
    #[serde(default, deserialize_with = "field::number")]
    pub no_speech_prob: Option<f64>,
}

/// How likely a token is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TokenLogprob {
    /// The token.
    #[serde(default)]
    pub token: String,
    /// The logarithm of its probability.
    #[serde(default, deserialize_with = "field::number")]
    pub logprob: Option<f64>,
    /// Its bytes.
    #[serde(default, deserialize_with = "field::list")]
    pub bytes: Vec<u8>,
}

/// What is paid for: time or tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct TranscriptionUsage {
    /// How long the recording is.
    #[serde(rename = "seconds", default, deserialize_with = "field::seconds")]
    pub duration: Option<Duration>,
    /// Tokens of the recording and the prompt.
    #[serde(default, deserialize_with = "field::count")]
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    #[serde(default, deserialize_with = "field::count")]
    pub output_tokens: Option<u64>,
}

fn languages<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Language<'a> {
        #[serde(borrow, default)]
        code: Text<'a>,
    }
    Ok(field::list::<_, Language<'de>>(field)?.iter().filter_map(|language| language.code.owned()).collect())
}
