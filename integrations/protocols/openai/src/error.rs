//! What services of this API answer when they refuse, and what that means: one table.

use circle_core_common::http::{Answer, Classify, Opened, RateLimit, Rule, Said, Secrets};
use circle_core_common::{ByteStream, Detail, Error, ErrorKind, Reason, Sent};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The longest text of a service that is kept, in characters.
const TEXT_MAX: usize = 1024;
/// The largest success that is looked at for an error inside it, in bytes: such answers are short.
const ERROR_WITHIN: usize = 64 * 1024;
/// How many headers are kept.
const HEADERS_MAX: usize = 64;

/// What the service said; [`Error::provider_error`] finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", .code.as_deref().or(.kind.as_deref()).unwrap_or("error"), .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
#[non_exhaustive]
pub struct OpenAiError {
    /// The status of the answer; 200 where the error came in the middle of a stream.
    pub status: u16,
    /// The service's code, such as `context_length_exceeded`.
    pub code: Option<String>,
    /// The service's type of error, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The field of the request that it is about.
    pub param: Option<String>,
    /// The service's message.
    pub message: Option<String>,
    /// The id of the request, for the service's support.
    pub request_id: Option<String>,
    /// What is left of the rate limits, where the answer tells.
    pub rate_limit: Option<RateLimit>,
    /// The headers of the answer that tell of limits, times and ids, as they came.
    pub headers: Vec<(String, String)>,
}

const fn rule(kind: ErrorKind) -> Rule {
    Rule::new(kind)
}

/// What a code or a type of error means, whatever the status. What is in no row means what its status means.
const MEANINGS: &[(&str, Rule)] = &[
    // https://platform.openai.com/docs/guides/error-codes
    ("context_length_exceeded", rule(ErrorKind::InvalidInput).reason(Reason::ContextLength)),
    ("insufficient_quota", rule(ErrorKind::QuotaExceeded)),
    ("billing_hard_limit_reached", rule(ErrorKind::QuotaExceeded)),
    ("billing_not_active", rule(ErrorKind::QuotaExceeded)),
    ("content_policy_violation", rule(ErrorKind::ContentFiltered)),
    ("rate_limit_exceeded", rule(ErrorKind::RateLimited)),
    ("invalid_api_key", rule(ErrorKind::Unauthenticated)),
    ("model_not_found", rule(ErrorKind::NotFound)),
    ("server_is_overloaded", rule(ErrorKind::Unavailable)),
    // https://platform.openai.com/docs/api-reference/responses/object: `error.code`, where no status says it.
    ("invalid_prompt", rule(ErrorKind::InvalidInput)),
    ("data_residency_mismatch", rule(ErrorKind::InvalidInput)),
    ("bio_policy", rule(ErrorKind::ContentFiltered)),
    ("image_content_policy_violation", rule(ErrorKind::ContentFiltered)),
    ("invalid_image", rule(ErrorKind::InvalidInput)),
    ("invalid_image_format", rule(ErrorKind::InvalidInput)),
    ("invalid_base64_image", rule(ErrorKind::InvalidInput)),
    ("invalid_image_url", rule(ErrorKind::InvalidInput)),
    ("image_too_large", rule(ErrorKind::InvalidInput)),
    ("image_too_small", rule(ErrorKind::InvalidInput)),
    ("image_parse_error", rule(ErrorKind::InvalidInput)),
    ("invalid_image_mode", rule(ErrorKind::InvalidInput)),
    ("image_file_too_large", rule(ErrorKind::InvalidInput)),
    ("unsupported_image_media_type", rule(ErrorKind::InvalidInput)),
    ("empty_image_file", rule(ErrorKind::InvalidInput)),
    ("failed_to_download_image", rule(ErrorKind::InvalidInput)),
    ("image_file_not_found", rule(ErrorKind::InvalidInput)),
    // Azure: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    ("content_filter", rule(ErrorKind::ContentFiltered)),
    ("ResponsibleAIPolicyViolation", rule(ErrorKind::ContentFiltered)),
    ("DeploymentNotFound", rule(ErrorKind::NotFound)),
    // llama.cpp: tools/server
    ("exceed_context_size_error", rule(ErrorKind::InvalidInput).reason(Reason::ContextLength)),
    ("unavailable_error", rule(ErrorKind::Unavailable)),
    ("not_supported_error", rule(ErrorKind::Unsupported)),
    // Services behind gateways.
    ("overloaded_error", rule(ErrorKind::Unavailable)),
    ("overloaded", rule(ErrorKind::Unavailable)),
    ("rate_limit_error", rule(ErrorKind::RateLimited)),
    ("rate_limit_reached_error", rule(ErrorKind::RateLimited)),
    ("authentication_error", rule(ErrorKind::Unauthenticated)),
];

/// What a type means in the middle of a stream, where there is no status to say it.
const MIDWAY: &[(&str, Rule)] = &[
    ("invalid_request_error", rule(ErrorKind::InvalidInput)),
    ("permission_error", rule(ErrorKind::PermissionDenied)),
    ("not_found_error", rule(ErrorKind::NotFound)),
    ("tokens", rule(ErrorKind::RateLimited)),
    ("requests", rule(ErrorKind::RateLimited)),
];

/// Requests that are too long, where only the words say so: OpenAI's embeddings, vLLM, DeepSeek, Mistral, Ollama.
const TOO_LONG: &[&str] = &["maximum context length", "exceeds the context length"];

impl OpenAiError {
    /// Reads the body of a failure, in the shapes that the services use:
    /// `{"error": {"message", "type", "param", "code"}}`, `{"error": "…"}`, `{"message", "type", "code"}`, `{"detail": …}`.
    fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(outer)) = serde_json::from_slice(body) else { return Self::default() };
        let inner = match outer.get("error") {
            Some(Value::Object(inner)) => inner,
            Some(Value::String(message)) => return Self { message: Some(shortened(message)), ..Self::default() },
            _ => &outer,
        };
        let text = |name: &str| inner.get(name).and_then(plain);
        let message = text("message").or_else(|| inner.get("detail").or(outer.get("detail")).map(spoken));
        // The type of an event of the Responses API says no more than that it is an error.
        let kind = text("type").filter(|kind| kind != "error");
        let mut error = Self { code: text("code"), kind, param: text("param"), message, ..Self::default() };
        // OpenRouter tells by its metadata that a moderation refused the request.
        if inner.get("metadata").is_some_and(|metadata| metadata.get("flagged_input").is_some()) {
            error.kind.get_or_insert_with(|| "content_policy_violation".to_owned());
        }
        error
    }

    fn with_headers(mut self, headers: &HeaderMap) -> Self {
        let kept = headers.iter().filter(|(name, _)| {
            let name = name.as_str();
            name.contains("ratelimit")
                || name.contains("request-id")
                || name.starts_with("retry-after")
                || matches!(name, "openai-processing-ms" | "x-should-retry" | "mistral-correlation-id" | "cf-ray")
        });
        let pairs = kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), shortened(value.to_str().ok()?))));
        self.headers = pairs.take(HEADERS_MAX).collect();
        self
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        [self.code.as_deref(), self.kind.as_deref()].into_iter().flatten()
    }

    fn meaning(&self) -> Option<Rule> {
        let by_word = |word: &str| MEANINGS.iter().find(|(known, _)| *known == word).map(|(_, rule)| *rule);
        let too_long = || {
            let message = self.message.as_deref().unwrap_or_default();
            let said = TOO_LONG.iter().any(|words| message.contains(words));
            (said && matches!(self.status, 200 | 400 | 413 | 422))
                .then_some(rule(ErrorKind::InvalidInput).reason(Reason::ContextLength))
        };
        self.words().find_map(by_word).or_else(too_long)
    }

    fn said(&self) -> Said {
        let mut said = Said::new();
        said.code = self.code.clone().or_else(|| self.kind.clone());
        said.message.clone_from(&self.message);
        said.request_id.clone_from(&self.request_id);
        said
    }

    /// The status that a code is, where it is one: OpenRouter, llama.cpp and vLLM write it there.
    fn status_in_code(&self) -> Option<StatusCode> {
        let code: u16 = self.code.as_deref()?.parse().ok()?;
        StatusCode::from_u16(code).ok().filter(|status| status.is_client_error() || status.is_server_error())
    }
}

/// What is known of a request whose answer is read piece by piece, for the errors in it.
#[derive(Default)]
pub(crate) struct Asked {
    /// The service's id of it.
    pub(crate) request_id: Option<String>,
    secrets: Secrets,
}

impl Asked {
    /// Of an answer that is here as a whole.
    pub(crate) fn whole(request_id: Option<String>) -> Self {
        Self { request_id, secrets: Secrets::default() }
    }

    /// Of an answer that is still on its way, and its body.
    pub(crate) fn of(opened: Opened) -> (Self, ByteStream) {
        let request_id = opened.request_id().map(str::to_owned);
        (Self { request_id, secrets: opened.secrets }, opened.body)
    }

    fn redacted(&self, text: Option<String>) -> Option<String> {
        text.map(|text| self.secrets.redact(&text))
    }
}

/// The error of a refusal in the middle of an answer whose status said success.
pub(crate) fn midway(body: &str, asked: &Asked) -> Error {
    // An event holds the error itself, or an object that holds it.
    let mut said = OpenAiError::read(body.as_bytes());
    if said.message.is_none()
        && let Ok(Value::String(message)) = serde_json::from_str(body)
    {
        said.message = Some(shortened(&message));
    }
    // A service that says the key back must not get it into an error.
    said.message = asked.redacted(said.message);
    said.code = asked.redacted(said.code);
    said.kind = asked.redacted(said.kind);
    said.param = asked.redacted(said.param);
    let request_id = asked.request_id.as_deref();
    (said.status, said.request_id) = (200, request_id.map(str::to_owned));
    let by_type = || said.words().find_map(|word| MIDWAY.iter().find(|(known, _)| *known == word)).map(|(_, rule)| *rule);
    let by_code = || said.status_in_code().map(Rule::of_status);
    // Whatever it was, the answer was not given, and may be the next time.
    let rule = said.meaning().or_else(by_code).or_else(by_type).unwrap_or(rule(ErrorKind::Unavailable));
    let mut detail = Detail::new();
    (detail.status, detail.request_id) = (Some(200), said.request_id.clone());
    detail.code = said.code.clone().or_else(|| said.kind.clone());
    detail.message.clone_from(&said.message);
    let text = match &said.message {
        Some(message) => format!("the service broke its answer off: {message}"),
        None => "the service broke its answer off".to_owned(),
    };
    let error = Error::new(rule.kind, text).with_detail(detail).with_sent(Sent::Yes);
    let error = rule.reason.into_iter().fold(error, Error::with_reason);
    rule.retryable.into_iter().fold(error, Error::with_retryable).with_source(said)
}

/// Adds the id of the request to the error of an event that cannot be read.
pub(crate) fn unread(error: Error, asked: &Asked) -> Error {
    let mut detail = error.detail().cloned().unwrap_or_default();
    (detail.status, detail.request_id) = (Some(200), asked.request_id.clone());
    error.with_detail(detail).with_sent(Sent::Yes)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(shortened(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What FastAPI has to say: a text, or a list of faults.
fn spoken(detail: &Value) -> String {
    match detail {
        Value::String(text) => shortened(text),
        Value::Array(faults) => {
            let messages = faults.iter().filter_map(|fault| fault.get("msg").and_then(Value::as_str));
            shortened(&messages.collect::<Vec<_>>().join("; "))
        }
        _ => String::new(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(TEXT_MAX).collect()
}

/// Reads every answer, also those that say 200 and mean an error.
pub(crate) struct Answers;

impl Classify for Answers {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        if answer.status.is_success() && !holds_an_error(answer.body) {
            return None;
        }
        let mut said = OpenAiError::read(answer.body).with_headers(answer.headers);
        said.rate_limit = answer.rate_limit();
        said.status = answer.status.as_u16();
        let text = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        said.request_id = text("x-request-id").or_else(|| text("mistral-correlation-id")).map(str::to_owned);
        let status = if answer.status.is_success() { said.status_in_code() } else { Some(answer.status) };
        let by_status = || match status {
            Some(status) => Rule::of_status(status),
            None => rule(ErrorKind::Unavailable),
        };
        let mut rule = said.meaning().unwrap_or_else(by_status);
        // https://help.openai.com/en/articles/5955604: what is beyond the limit is not carried out, and is to be sent again. So even
        // what must not be done twice may be; the other refusals of this status do not say as much.
        if answer.status == StatusCode::TOO_MANY_REQUESTS && said.code.as_deref() == Some("rate_limit_exceeded") {
            rule = rule.unprocessed();
        }
        // https://github.com/openai/openai-python: the service's word counts before the status.
        match text("x-should-retry") {
            Some("true") => rule = rule.retryable(true),
            Some("false") => rule = rule.retryable(false),
            _ => {}
        }
        // The message of the error has gone through what keeps the key out of it; so must what is kept beside it.
        let error = answer.error(rule, said.said());
        let detail = error.detail();
        said.message = detail.and_then(|detail| detail.message.clone());
        said.request_id = detail.and_then(|detail| detail.request_id.clone());
        if said.code.is_some() {
            said.code = detail.and_then(|detail| detail.code.clone());
        }
        Some(error.with_source(said))
    }
}

/// Whether a body is an error, although its status says otherwise: OpenRouter, once the model was asked.
fn holds_an_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Failure {
        #[serde(default)]
        error: Option<IgnoredAny>,
        #[serde(default)]
        choices: Option<IgnoredAny>,
        #[serde(default)]
        data: Option<IgnoredAny>,
    }
    let named = body.len() <= ERROR_WITHIN && body.windows(7).any(|window| window == b"\"error\"");
    let failure = || serde_json::from_slice::<Failure>(body).ok();
    named && failure().is_some_and(|body| body.error.is_some() && body.choices.is_none() && body.data.is_none())
}

#[cfg(test)]
mod tests;
