//! Text from speech.
//!
//! ```no_run
//! # use circle_core_protocol_openai::{FilePart, OpenAiClient};
//! # use circle_core_protocol_openai::transcriptions::{TranscriptionEvent, TranscriptionRequest};
//! # use circle_core_common::{Body, CallContext, Result};
//! # async fn example(client: &OpenAiClient, cx: &CallContext) -> Result<()> {
//! let meeting = FilePart::new("meeting.mp3", Body::from_path("meeting.mp3"));
//! let request = TranscriptionRequest::new("gpt-4o-transcribe", meeting).language("en");
//! println!("{}", client.transcribe(cx, &request).await?.text);
//!
//! let mut events = client.transcribe_stream(cx, &request).await?;
//! while let Some(event) = events.try_next().await? {
//!     if let TranscriptionEvent::Delta { text, .. } = event {
//!         print!("{text}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod events;

use circle_core_common::http::{Multipart, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteSize, CallContext, Error, ErrorKind, Result, Sent};
use serde_json::Value;

pub use answer::{TokenLogprob, Transcription, TranscriptionSegment, TranscriptionUsage, TranscriptionWord};
pub use events::TranscriptionEvent;

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint::{self, Transcriptions, Translations};
use crate::events::EventStream;
use crate::part::{Fields, FilePart};
use crate::words::words;

// They change nothing at the service: asked again they are only paid for again.
pub(crate) static TRANSCRIBE: RemoteOperation =
    RemoteOperation::new("openai.CreateTranscription", Idempotency::Idempotent, "/audio/transcriptions");
pub(crate) static TRANSLATE: RemoteOperation =
    RemoteOperation::new("openai.CreateTranslation", Idempotency::Idempotent, "/audio/translations");

/// Hours of speech with every word and its time.
const ANSWER_MAX: ByteSize = ByteSize::mib(64);

words! {
    /// A format of text without structure.
    pub enum TextFormat {
        /// The words alone.
        Text = "text",
        /// SubRip subtitles.
        Srt = "srt",
        /// WebVTT subtitles.
        Vtt = "vtt",
    }
}

words! {
    /// How much an answer tells beside the words.
    pub enum TranscriptionDetail {
        /// The words alone.
        Words = "json",
        /// Language, length, and segments with their times.
        Segments = "verbose_json",
        /// Segments with their times and speakers.
        Speakers = "diarized_json",
    }
}

words! {
    /// What gets times.
    pub enum Granularity {
        /// Words.
        Word = "word",
        /// Segments.
        Segment = "segment",
    }
}

/// What is to be written down, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TranscriptionRequest {
    /// The model.
    pub model: String,
    /// The recording; its name ends as its format does.
    pub file: FilePart,
    /// The language that is spoken: `en`.
    pub language: Option<String>,
    /// Languages that may be spoken, where the model takes several.
    pub languages: Vec<String>,
    /// Words to expect, where the model takes them.
    pub keywords: Vec<String>,
    /// A text in the style to write in, or that goes before.
    pub prompt: Option<String>,
    /// How freely the model chooses words, from 0 to 1.
    pub temperature: Option<f32>,
    /// How much the answer tells; the words alone where nothing is said.
    pub detail: Option<TranscriptionDetail>,
    /// What gets times, with [`TranscriptionDetail::Segments`].
    pub granularities: Vec<Granularity>,
    /// Whether the answer tells how likely each token is, where the model does.
    pub logprobs: bool,
    /// How a long recording is cut: `"auto"`, or an object of the service's.
    pub chunking: Option<Value>,
    /// Speakers that may speak: their names, and samples of their voices as data URLs.
    pub speakers: Vec<(String, String)>,
    /// Any other field of the form, as the service documents it.
    pub fields: Vec<(String, String)>,
}

impl TranscriptionRequest {
    /// This recording by this model.
    #[must_use]
    pub fn new(model: impl Into<String>, file: FilePart) -> Self {
        Self {
            model: model.into(),
            file,
            language: None,
            languages: Vec::new(),
            keywords: Vec::new(),
            prompt: None,
            temperature: None,
            detail: None,
            granularities: Vec::new(),
            logprobs: false,
            chunking: None,
            speakers: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Sets the language that is spoken.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Sets languages that may be spoken.
    #[must_use]
    pub fn languages(mut self, languages: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.languages = languages.into_iter().map(Into::into).collect();
        self
    }

    /// Sets words to expect.
    #[must_use]
    pub fn keywords(mut self, keywords: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.keywords = keywords.into_iter().map(Into::into).collect();
        self
    }

    /// Sets a text in the style to write in, or that goes before.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Sets how freely the model chooses words.
    #[must_use]
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets how much the answer tells.
    #[must_use]
    pub fn detail(mut self, detail: TranscriptionDetail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Sets what gets times, and with it that the answer tells of segments.
    #[must_use]
    pub fn granularities(mut self, granularities: impl IntoIterator<Item = Granularity>) -> Self {
        self.granularities = granularities.into_iter().collect();
        self.detail.get_or_insert(TranscriptionDetail::Segments);
        self
    }

    /// Asks how likely each token is.
    #[must_use]
    pub fn logprobs(mut self) -> Self {
        self.logprobs = true;
        self
    }

    /// Sets how a long recording is cut: `"auto"`, or an object of the service's.
    #[must_use]
    pub fn chunking(mut self, strategy: impl Into<Value>) -> Self {
        self.chunking = Some(strategy.into());
        self
    }

    /// Adds a speaker that may speak, with a sample of the voice as a data URL.
    #[must_use]
    pub fn speaker(mut self, name: impl Into<String>, sample: impl Into<String>) -> Self {
        self.speakers.push((name.into(), sample.into()));
        self
    }

    /// Sets any other field of the form.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn form(&self, cx: &CallContext, format: Option<&str>, stream: bool) -> Result<Multipart> {
        let names: Vec<&str> = self.speakers.iter().map(|(name, _)| &**name).collect();
        let samples: Vec<&str> = self.speakers.iter().map(|(_, sample)| &**sample).collect();
        let granularities: Vec<&str> = self.granularities.iter().map(Granularity::as_str).collect();
        let mut form = Multipart::new(cx.random())?
            .text("model", &self.model)
            .text_opt("language", self.language.as_deref())
            .texts("languages", &self.languages)
            .texts("keywords", &self.keywords)
            .text_opt("prompt", self.prompt.as_deref())
            .text_opt("temperature", self.temperature)
            .text_opt("response_format", format)
            .texts("timestamp_granularities", &granularities)
            .texts("include", if self.logprobs { &["logprobs"] } else { &[] });
        form = match &self.chunking {
            None => form,
            Some(Value::String(word)) => form.text("chunking_strategy", word),
            // As OpenAI's own clients write the fields of an object.
            Some(Value::Object(fields)) => fields.iter().fold(form, |form, (name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                form.text(&format!("chunking_strategy[{name}]"), &value)
            }),
            Some(_) => return Err(Error::new(ErrorKind::InvalidInput, "a chunking strategy is a word or an object")),
        };
        form = form.texts("known_speaker_names", &names).texts("known_speaker_references", &samples);
        form = form.text_opt("stream", stream.then_some(true));
        form = self.fields.iter().fold(form, |form, (name, value)| form.text(name, value));
        self.file.add(form, "file")
    }
}

/// What is to be translated into English, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TranslationRequest {
    /// The model.
    pub model: String,
    /// The recording; its name ends as its format does.
    pub file: FilePart,
    /// An English text in the style to write in, or that goes before.
    pub prompt: Option<String>,
    /// How freely the model chooses words, from 0 to 1.
    pub temperature: Option<f32>,
    /// How much the answer tells; the words alone where nothing is said.
    pub detail: Option<TranscriptionDetail>,
    /// Any other field of the form, as the service documents it.
    pub fields: Vec<(String, String)>,
}

impl TranslationRequest {
    /// This recording by this model.
    #[must_use]
    pub fn new(model: impl Into<String>, file: FilePart) -> Self {
        Self { model: model.into(), file, prompt: None, temperature: None, detail: None, fields: Vec::new() }
    }

    /// Sets an English text in the style to write in, or that goes before.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Sets how freely the model chooses words.
    #[must_use]
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets how much the answer tells.
    #[must_use]
    pub fn detail(mut self, detail: TranscriptionDetail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Sets any other field of the form.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn form(&self, cx: &CallContext, format: Option<&str>) -> Result<Multipart> {
        let form = Multipart::new(cx.random())?
            .text("model", &self.model)
            .text_opt("prompt", self.prompt.as_deref())
            .text_opt("temperature", self.temperature)
            .text_opt("response_format", format);
        let form = self.fields.iter().fold(form, |form, (name, value)| form.text(name, value));
        self.file.add(form, "file")
    }
}

/// # Transcriptions and translations
impl OpenAiClient {
    /// Writes down what is said. <https://platform.openai.com/docs/api-reference/audio/createTranscription>
    ///
    /// # Errors
    /// `Unsupported` for a service without transcriptions; what the service says.
    pub async fn transcribe(&self, cx: &CallContext, request: &TranscriptionRequest) -> Result<Transcription> {
        let form = request.form(cx, request.detail.as_ref().map(TranscriptionDetail::as_str), false)?;
        self.written(cx, Transcriptions, form).await?.json()
    }

    /// Writes down what is said, as words or subtitles.
    ///
    /// # Errors
    /// `Decode` for an answer that is no text; as [`transcribe`](Self::transcribe).
    pub async fn transcribe_text(&self, cx: &CallContext, request: &TranscriptionRequest, format: TextFormat) -> Result<String> {
        let form = request.form(cx, Some(format.as_str()), false)?;
        text(&self.written(cx, Transcriptions, form).await?)
    }

    /// Writes down what is said, as it is recognised. From a model that does not stream there is one event, the whole.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe): what the service refuses is refused here, and what breaks later is an error of
    /// the stream.
    pub async fn transcribe_stream(
        &self,
        cx: &CallContext,
        request: &TranscriptionRequest,
    ) -> Result<EventStream<TranscriptionEvent>> {
        let target = self.at(Transcriptions, path(Transcriptions))?;
        let form = request.form(cx, request.detail.as_ref().map(TranscriptionDetail::as_str), true)?;
        let send = Request::post(target).multipart(form).header("accept", "text/event-stream, application/json")?;
        let opened = self.http().open(cx, &TRANSCRIBE, send).await?;
        events::of(opened, ANSWER_MAX).await
    }

    /// Translates what is said into English. <https://platform.openai.com/docs/api-reference/audio/createTranslation>
    ///
    /// # Errors
    /// `Unsupported` for a service without translations; what the service says.
    pub async fn translate(&self, cx: &CallContext, request: &TranslationRequest) -> Result<Transcription> {
        let form = request.form(cx, request.detail.as_ref().map(TranscriptionDetail::as_str))?;
        self.written(cx, Translations, form).await?.json()
    }

    /// Translates what is said into English words or subtitles.
    ///
    /// # Errors
    /// `Decode` for an answer that is no text; as [`translate`](Self::translate).
    pub async fn translate_text(&self, cx: &CallContext, request: &TranslationRequest, format: TextFormat) -> Result<String> {
        let form = request.form(cx, Some(format.as_str()))?;
        text(&self.written(cx, Translations, form).await?)
    }

    async fn written(
        &self,
        cx: &CallContext,
        endpoint: OpenAiEndpoint,
        form: Multipart,
    ) -> Result<circle_core_common::http::Response> {
        let operation = if endpoint == Translations { &TRANSLATE } else { &TRANSCRIBE };
        let send = Request::post(self.at(endpoint, path(endpoint))?).multipart(form).body_limit(ANSWER_MAX);
        self.http().send(cx, operation, send).await
    }
}

fn path(endpoint: OpenAiEndpoint) -> &'static str {
    if endpoint == Translations { "/audio/translations" } else { "/audio/transcriptions" }
}

fn text(response: &circle_core_common::http::Response) -> Result<String> {
    let text = std::str::from_utf8(&response.body).map_err(|_| Error::new(ErrorKind::Decode, "the answer is no text"));
    Ok(text.map_err(|error| error.with_sent(Sent::Yes))?.to_owned())
}
