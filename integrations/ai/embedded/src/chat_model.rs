//! Answers that are quotations.

mod passages;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, FinishReason, Part, Source,
    TokenCount, Usage, Warning, WarningKind, events_of,
};
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Integration, Result, Service};

use crate::config::EmbeddedAnswersConfig;
use crate::embedding_model::Lexical;
use crate::local::{Local, local_provider};
use crate::text::{sentences, words};
use passages::Passage;

/// The model's name.
const MODEL: &str = "extractive-1";
/// How alike question and sentence must be for the sentence to be an answer.
const ALIKE: f32 = 0.12;
/// How much of a sentence's weight is that of the passage around it.
const PASSAGE_SHARE: f32 = 0.3;
/// What is said where nothing fits.
const NOTHING_FITS: &str = "The documents of this request do not answer that.";
const NOTHING_GIVEN: &str = "This request has no documents to quote from.";

/// A chat model without weights: it answers with the sentences of the request's own documents that are most like the
/// question, each with its source, word for word. It writes nothing of its own, and says so where nothing fits.
///
/// The question is the last message of the user. Documents are its attached texts, and every paragraph, of the system or
/// of the user, that begins with its source in brackets: `[guide.md] …`.
///
/// ```
/// use circle_core_common::interfaces::chat_model::{ChatModel, ChatRequest, Media};
/// use circle_core_embedded::EmbeddedAnswers;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> circle_core_common::Result<()> {
/// let model = ChatModel::new(EmbeddedAnswers::new());
/// let timetable = Media::new("Trains to Riga leave from platform four. Trains to Vilnius do not.", "text/plain").name("timetable");
/// let reply = model.chat(ChatRequest::new().document(timetable).user("Where do the Riga trains leave?")).await?;
/// assert!(reply.text().starts_with("\"Trains to Riga leave from platform four.\" (timetable)"));
/// assert_eq!(reply.sources[0].title.as_deref(), Some("timetable"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EmbeddedAnswers {
    shared: Arc<Shared>,
}

struct Shared {
    local: Local,
    capabilities: ChatModelCapabilities,
    sentences: usize,
}

impl EmbeddedAnswers {
    /// The model with its defaults, in the default environment.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&EmbeddedAnswersConfig::new(), &Environment::default())
    }

    /// The model of this config.
    #[must_use]
    pub fn with(config: &EmbeddedAnswersConfig, cx: impl Into<BuildContext>) -> Self {
        let capabilities = ChatModelCapabilities::none()
            .with(ChatModelCapabilities::STREAM)
            .with(ChatModelCapabilities::DOCUMENTS)
            .with(ChatModelCapabilities::COUNT_TOKENS)
            .with(ChatModelCapabilities::STOP);
        let local = Local::new("answering model", Self::NAME, MODEL, cx.into().environment().clone());
        Self { shared: Arc::new(Shared { local, capabilities, sentences: config.sentences.max(1) as usize }) }
    }

    async fn answer(&self, request: ChatRequest) -> Result<ChatResponse> {
        self.shared.local.check_open()?;
        let sentences = self.shared.sentences;
        // Reading documents takes a while.
        let task = tokio::task::spawn_blocking(move || answer(&request, sentences));
        task.await.map_err(|error| Error::new(ErrorKind::Internal, "the answer broke off").with_source(error))?
    }
}

impl Default for EmbeddedAnswers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EmbeddedAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddedAnswers({MODEL})")
    }
}

/// A sentence, how well it fits, and where it is from.
struct Quotation<'a> {
    score: f32,
    sentence: String,
    source: &'a str,
}

fn answer(request: &ChatRequest, most: usize) -> Result<ChatResponse> {
    let (question, passages) = passages::read(request)?;
    let found = best(&question, &passages, most);
    let mut response = ChatResponse::default();
    let lines: Vec<String> = match (passages.is_empty(), found.is_empty()) {
        (true, _) => vec![NOTHING_GIVEN.to_owned()],
        (_, true) => vec![NOTHING_FITS.to_owned()],
        _ => found.iter().map(|found| format!("\"{}\" {}", found.sentence, cited(found.source))).collect(),
    };
    // One by one, so that a sentence is quoted whole or not at all.
    let limit = request.max_output_tokens.map_or(usize::MAX, |tokens| tokens as usize);
    let (mut text, mut output) = (String::new(), 0);
    response.finish = FinishReason::Stop;
    for (at, line) in lines.iter().enumerate() {
        let count = words(line).len();
        if output + count > limit {
            response.finish = FinishReason::Length;
            break;
        }
        output += count;
        if at > 0 {
            text.push('\n');
        }
        text.push_str(line);
        response.sources.extend(found.get(at).map(|found| Source::default().part(0).title(found.source).quote(&found.sentence)));
    }
    if let Some(end) = request.stop.iter().filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(end);
    }
    if !text.is_empty() {
        response.parts.push(Part::text(text));
    }
    response.model = Some(MODEL.to_owned());
    response.usage = Usage::inclusive(Some(tokens(request)), Some(0), Some(0)).output(Some(output as u64));
    for (hint, given) in [("temperature", request.temperature.is_some()), ("top_p", request.top_p.is_some())] {
        if given {
            response.warnings.push(Warning::new(WarningKind::HintIgnored, format!("quotations have no `{hint}`")));
        }
    }
    Ok(response)
}

/// How a source is cited: a number as a reference is, `[2]`.
fn cited(source: &str) -> String {
    match source.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("[{source}]"),
        false => format!("({source})"),
    }
}

/// The sentences that are most like the question, the best first, each once.
fn best<'a>(question: &str, passages: &'a [Passage], most: usize) -> Vec<Quotation<'a>> {
    if question.trim().is_empty() {
        return Vec::new();
    }
    let asked = Lexical::question(question);
    let mut found: Vec<Quotation<'a>> = Vec::new();
    for passage in passages {
        let around = asked.nearness(&passage.text);
        for sentence in sentences(&passage.text) {
            let alike = asked.nearness(&sentence);
            if alike >= ALIKE && !found.iter().any(|found| found.sentence == sentence) {
                let score = alike * (1.0 - PASSAGE_SHARE) + around * PASSAGE_SHARE;
                found.push(Quotation { score, sentence, source: &passage.source });
            }
        }
    }
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    found.truncate(most);
    found
}

/// Words, which is what this model counts.
fn tokens(request: &ChatRequest) -> u64 {
    let system = request.system.iter().map(|text| words(&text.text).len());
    let parts = request.messages.iter().flat_map(|message| message.parts.iter());
    let messages = parts.map(|part| match part {
        Part::Text(text) => words(&text.text).len(),
        Part::Document(media) => passages::text_of(media).map_or(0, |text| words(text).len()),
        _ => 0,
    });
    system.chain(messages).sum::<usize>() as u64
}

local_provider!(EmbeddedAnswers);

#[async_trait]
impl ChatModelProvider for EmbeddedAnswers {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.shared.capabilities
    }

    async fn chat(&self, _: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        self.answer(request).await
    }

    async fn stream(&self, _: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        Ok(ChatStream::from_events(events_of(&self.answer(request).await?)))
    }

    async fn count_tokens(&self, _: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        self.shared.local.check_open()?;
        Ok(TokenCount::exact(tokens(&request)))
    }
}

impl Integration for EmbeddedAnswers {
    type Config = EmbeddedAnswersConfig;

    const NAME: &'static str = "embedded-answers";
    const INTERFACES: &'static [&'static str] = &["ChatModel"];

    async fn build(config: EmbeddedAnswersConfig, cx: BuildContext) -> Result<Service> {
        let provider = Arc::new(Self::with(&config, cx));
        let model: Arc<dyn ChatModelProvider> = provider.clone();
        Ok(Service::new(provider).offer::<ChatModel>(model))
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::interfaces::chat_model::Media;

    use super::*;

    const NOTES: &str = "[guide.md] The hub reads the file at the start. A mistake in it stops the start.\n\n\
        [errors.md] A call that takes too long is a timeout.\nRetries are bounded by a budget, e.g. one of ten calls.";

    async fn ask(request: ChatRequest) -> ChatResponse {
        ChatModel::new(EmbeddedAnswers::new()).chat(request).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_a_sentence_of_a_document_with_its_source() {
        let reply = ask(ChatRequest::new().system(NOTES).user("What stops the start?")).await;
        assert!(reply.text().starts_with("\"A mistake in it stops the start.\" (guide.md)"), "{}", reply.text());
        let reply = ask(ChatRequest::new().user(format!("{NOTES}\n\nWhat are retries bounded by?"))).await;
        assert!(
            reply.text().starts_with("\"Retries are bounded by a budget, e.g. one of ten calls.\" (errors.md)"),
            "{}",
            reply.text()
        );
        for source in &reply.sources {
            assert!(NOTES.replace('\n', " ").contains(source.quote.as_deref().unwrap()), "{source:?}");
        }
        assert_eq!((reply.finish, reply.usage.input_total().is_some()), (FinishReason::Stop, true));
    }

    #[tokio::test]
    async fn a_numbered_source_is_cited_as_a_reference() {
        let request = ChatRequest::new().user("[12] A mistake in the file stops the start.").user("What stops the start?");
        assert_eq!(ask(request).await.text(), "\"A mistake in the file stops the start.\" [12]");
    }

    #[tokio::test]
    async fn what_no_document_says_is_not_made_up() {
        assert_eq!(ask(ChatRequest::new().system(NOTES).user("Who won the cup?")).await.text(), NOTHING_FITS);
        assert_eq!(ask("What stops the start?".into()).await.text(), NOTHING_GIVEN);
        let reply =
            ask(ChatRequest::new().system("Answer from the notes, and stop the start.").user("What stops the start?")).await;
        assert_eq!((reply.text().as_str(), reply.sources.len()), (NOTHING_GIVEN, 0), "an instruction is no document");
    }

    #[tokio::test]
    async fn limits_stops_and_hints() {
        let request = || ChatRequest::new().system(NOTES).user("What stops the start?");
        let cut = ask(request().max_output_tokens(3)).await;
        assert_eq!((cut.text().as_str(), cut.finish), ("", FinishReason::Length));
        assert_eq!(ask(request().stop(" stops")).await.text(), "\"A mistake in it");
        let warned = ask(request().temperature(0.5)).await;
        assert_eq!(warned.warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>(), [WarningKind::HintIgnored]);
    }

    #[tokio::test]
    async fn a_stream_is_the_same_answer_and_what_is_no_text_is_refused() {
        let model = ChatModel::new(EmbeddedAnswers::new());
        let request = ChatRequest::new().system(NOTES).user("What stops the start?");
        let streamed = model.stream(&request).await.unwrap().finish().await.unwrap();
        assert_eq!((streamed.text(), streamed.sources), (ask(request.clone()).await.text(), ask(request).await.sources));
        for media in [Media::new(&b"%PDF-1.7"[..], "application/pdf"), Media::new(&b"\xff\xfe"[..], "text/plain")] {
            let error = model.chat(ChatRequest::new().document(media).user("What?")).await.unwrap_err();
            assert!(error.is(ErrorKind::Unsupported) || error.is(ErrorKind::InvalidInput), "{error}");
        }
    }
}
