//! Speech from text.
//!
//! ```no_run
//! # use circle_core_protocol_openai::OpenAiClient;
//! # use circle_core_protocol_openai::speech::{SpeechFormat, SpeechRequest};
//! # use circle_core_common::{CallContext, Result};
//! # async fn example(client: &OpenAiClient, cx: &CallContext) -> Result<()> {
//! let request = SpeechRequest::new("gpt-4o-mini-tts", "alloy", "Good morning.").format(SpeechFormat::Opus);
//! let mut speech = client.speak(cx, &request).await?;
//! while let Some(chunk) = speech.audio.try_next().await? {
//!     println!("{} bytes", chunk.len());
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use circle_core_common::http::Request;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteStream, CallContext, Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::Value;

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint::Speech as Endpoint;
use crate::words::words;

// It changes nothing at the service: asked again it is only paid for again.
pub(crate) static SPEAK: RemoteOperation = RemoteOperation::new("openai.CreateSpeech", Idempotency::Idempotent, "/audio/speech");

words! {
    /// How speech is written.
    pub enum SpeechFormat {
        /// MP3.
        Mp3 = "mp3",
        /// Opus.
        Opus = "opus",
        /// AAC.
        Aac = "aac",
        /// FLAC.
        Flac = "flac",
        /// WAV.
        Wav = "wav",
        /// Samples without a header: 24 kHz, 16 bits, little-endian.
        Pcm = "pcm",
    }
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Voice {
    /// A voice of the service, such as `alloy`.
    Named(String),
    /// A voice of the account's own, by its id.
    Custom {
        /// The id.
        id: String,
    },
}

impl Voice {
    /// A voice of the account's own.
    #[must_use]
    pub fn custom(id: impl Into<String>) -> Self {
        Self::Custom { id: id.into() }
    }
}

impl From<&str> for Voice {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for Voice {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

/// What is to be said, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpeechRequest {
    /// The model.
    pub model: String,
    /// The text, of at most 4096 characters at OpenAI.
    pub input: String,
    /// Who speaks.
    pub voice: Voice,
    /// How it is to sound, where the model takes that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// How it is written; MP3 where nothing is said.
    #[serde(rename = "response_format", skip_serializing_if = "Option::is_none")]
    pub format: Option<SpeechFormat>,
    /// How fast, 1 being usual; 0.25 to 4 at OpenAI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Any other field of the request body, as the service documents it.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Value>,
}

impl SpeechRequest {
    /// This text in this voice.
    #[must_use]
    pub fn new(model: impl Into<String>, voice: impl Into<Voice>, input: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            input: input.into(),
            voice: voice.into(),
            instructions: None,
            format: None,
            speed: None,
            fields: BTreeMap::new(),
        }
    }

    /// Sets how it is to sound.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets how it is written.
    #[must_use]
    pub fn format(mut self, format: SpeechFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets how fast it is.
    #[must_use]
    pub fn speed(mut self, speed: f32) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Sets any other field of the request body.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}

/// Speech, as it comes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Speech {
    /// The media type that the service gives it.
    pub content_type: Option<String>,
    /// The id of the request, for the service's support.
    pub request_id: Option<String>,
    /// The sound; one that is cut ends in an error.
    pub audio: ByteStream,
}

/// # Speech
impl OpenAiClient {
    /// Speaks a text. <https://platform.openai.com/docs/api-reference/audio/createSpeech>
    ///
    /// # Errors
    /// `InvalidInput` for a speed that is no number; `Unsupported` for a service without speech; what the service says.
    pub async fn speak(&self, cx: &CallContext, request: &SpeechRequest) -> Result<Speech> {
        let target = self.at(Endpoint, "/audio/speech")?;
        if request.speed.is_some_and(|speed| !speed.is_finite()) {
            return Err(Error::new(ErrorKind::InvalidInput, "the speed is no number"));
        }
        let send = Request::post(target).json(request)?.header("accept", "*/*")?;
        let opened = self.http().open(cx, &SPEAK, send).await?;
        Ok(Speech {
            content_type: opened.header("content-type").map(str::to_owned),
            request_id: opened.request_id().map(str::to_owned),
            audio: opened.body,
        })
    }
}
