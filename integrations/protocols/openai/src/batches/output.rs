//! The files of answers.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use circle_core_common::http::{Answer, Classify};
use circle_core_common::interfaces::chat_model::ChatResponse;
use circle_core_common::interfaces::embedding_model::Embedded;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteStream, CallContext, Detail, Error, ErrorKind, Result, Sent};
use futures_core::Stream;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::BatchError;
use super::lines::Lines;
use crate::client::{OpenAiClient, made_ids};
use crate::decoder::Decoder;
use crate::error::{Answers, Asked};
use crate::wire::{Completion, Count, Text};
use crate::{embeddings, field};

/// What a line answers; it was sent by the service itself.
// No request, and so no static: what the service says of a line is read by the rules of its answers.
const LINE: &RemoteOperation = &RemoteOperation::new("openai.BatchLine", Idempotency::Safe, "");

/// The answer to one request of a batch.
#[derive(Clone)]
#[non_exhaustive]
pub struct BatchLine {
    /// The caller's id of the request.
    pub custom_id: String,
    /// The service's id of the line.
    pub id: Option<String>,
    /// The status that the request was answered with, where it was.
    pub status: Option<u16>,
    /// The id of the request, for the service's support.
    pub request_id: Option<String>,
    body: Option<Box<RawValue>>,
    error: Option<BatchError>,
    reading: Arc<Reading>,
    /// Which line it is.
    at: u64,
}

/// What answers are read with.
struct Reading {
    /// What ids of calls that come without one begin with; differs from one reading to another.
    made_ids: String,
    state_owner: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct WireLine<'a> {
    custom_id: String,
    #[serde(default, deserialize_with = "field::text")]
    id: Option<String>,
    #[serde(borrow, default)]
    response: Option<WireResponse<'a>>,
    #[serde(default)]
    error: Option<BatchError>,
}

#[derive(Deserialize)]
struct WireResponse<'a> {
    #[serde(default)]
    status_code: Count,
    #[serde(borrow, default)]
    request_id: Text<'a>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

impl BatchLine {
    fn read(line: &[u8], reading: &Arc<Reading>, at: u64) -> Result<Self> {
        let wire: WireLine<'_> = serde_json::from_slice(line).map_err(|error| {
            let text = format!("line {at} of the answers cannot be read (column {})", error.column());
            Error::new(ErrorKind::Decode, text).with_sent(Sent::Yes)
        })?;
        let response = wire.response.as_ref();
        Ok(Self {
            custom_id: wire.custom_id,
            id: wire.id,
            status: response.and_then(|response| u16::try_from(response.status_code.0?).ok()),
            request_id: response.and_then(|response| response.request_id.owned()),
            body: response.and_then(|response| response.body).map(ToOwned::to_owned),
            error: wire.error,
            reading: Arc::clone(reading),
            at,
        })
    }

    /// The body of the answer, as it came.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref().map(RawValue::get)
    }

    /// The answer of a chat model.
    ///
    /// # Errors
    /// The request's own: what the service says of it, as if it had been sent alone, and `Timeout` or `Cancelled` for one
    /// that the batch did not come to. `Decode` for a body that is no answer of a chat model.
    pub fn chat(&self) -> Result<ChatResponse> {
        let body = self.answer()?;
        let answer: Completion<'_> = serde_json::from_str(body).map_err(|_| self.unread("answer of a chat model"))?;
        let made_ids = format!("{}{}_", self.reading.made_ids, self.at);
        Decoder::new(made_ids, self.reading.state_owner.clone(), Vec::new())
            .response(&answer, &Asked::whole(self.request_id.clone()))
    }

    /// The answer of an embedding model.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    pub fn embedded(&self) -> Result<Embedded> {
        embeddings::read(self.answer()?.as_bytes(), "")
    }

    /// Any other answer.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.answer()?).map_err(|_| self.unread("answer of the expected kind"))
    }

    fn answer(&self) -> Result<&str> {
        match (self.failure(), self.body()) {
            (Some(error), _) => Err(error),
            (None, Some(body)) => Ok(body),
            (None, None) => Err(self.unread("answer at all")),
        }
    }

    /// Why there is no answer, where there is none.
    fn failure(&self) -> Option<Error> {
        if let Some(status) = self.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            let request_id = self.request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok());
            let headers: HeaderMap =
                request_id.map(|id| (http::HeaderName::from_static("x-request-id"), id)).into_iter().collect();
            let body = self.body().unwrap_or_default();
            return Answers.classify(&Answer::new(LINE, status, &headers, body.as_bytes()));
        }
        let said = self.error.as_ref()?;
        let kind = match said.code.as_deref() {
            Some("batch_expired") => ErrorKind::Timeout,
            Some("batch_cancelled") => ErrorKind::Cancelled,
            _ => ErrorKind::Unavailable,
        };
        let mut detail = Detail::new();
        (detail.code, detail.message) = (said.code.clone(), said.message.clone());
        let text = said.message.as_deref().or(said.code.as_deref()).unwrap_or("the service does not say why");
        Some(Error::new(kind, format!("the request was not answered: {}", text.escape_debug())).with_detail(detail))
    }

    fn unread(&self, what: &str) -> Error {
        let mut detail = Detail::new();
        (detail.status, detail.request_id) = (self.status, self.request_id.clone());
        let text = format!("line {} of the answers holds no {what}", self.at);
        Error::new(ErrorKind::Decode, text).with_detail(detail).with_sent(Sent::Yes)
    }
}

/// Without the answer.
impl fmt::Debug for BatchLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLine")
            .field("custom_id", &self.custom_id)
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<ByteStream>> + Send>>;

/// The answers of a batch as they come: `Stream<Item = Result<BatchLine>> + Send`, with a `try_next` of its own.
///
/// One line is in memory at a time. A file that is cut ends it in an error.
pub struct BatchResults {
    client: OpenAiClient,
    cx: CallContext,
    reading: Arc<Reading>,
    /// Files to come.
    files: VecDeque<String>,
    opening: Option<Opening>,
    lines: Option<Lines>,
    at: u64,
}

impl BatchResults {
    /// Opens the first of these files; the others follow in turn.
    pub(super) async fn open(client: &OpenAiClient, cx: &CallContext, files: Vec<String>) -> Result<Self> {
        let reading = Arc::new(Reading { made_ids: made_ids(cx)?, state_owner: client.replayed_state() });
        let mut results =
            Self { client: client.clone(), cx: cx.clone(), reading, files: files.into(), opening: None, lines: None, at: 0 };
        if let Some(first) = results.files.pop_front() {
            results.lines = Some(Lines::new(client.file_content(cx, &first).await?));
        }
        Ok(results)
    }

    /// The next answer; `None` at the end of all files.
    ///
    /// # Errors
    /// `Decode` for a line that cannot be read; what broke the transfer; what the service says of a later file.
    pub async fn try_next(&mut self) -> Result<Option<BatchLine>> {
        poll_fn(|cx| self.poll_answer(cx)).await.transpose()
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<BatchLine>>> {
        let result = ready!(self.poll_line(cx)).transpose();
        if let Some(Err(_)) = &result {
            // After an error it is over.
            (self.lines, self.opening) = (None, None);
            self.files.clear();
        }
        Poll::Ready(result)
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<BatchLine>>> {
        loop {
            if let Some(lines) = &mut self.lines {
                match ready!(lines.poll_line(cx))? {
                    Some(line) => {
                        self.at += 1;
                        return Poll::Ready(BatchLine::read(line, &self.reading, self.at).map(Some));
                    }
                    None => self.lines = None,
                }
            }
            if let Some(opening) = &mut self.opening {
                let opened = ready!(opening.as_mut().poll(cx));
                self.opening = None;
                self.lines = Some(Lines::new(opened?));
                continue;
            }
            let Some(file) = self.files.pop_front() else { return Poll::Ready(Ok(None)) };
            let (client, call) = (self.client.clone(), self.cx.clone());
            self.opening = Some(Box::pin(async move { client.file_content(&call, &file).await }));
        }
    }
}

impl Stream for BatchResults {
    type Item = Result<BatchLine>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_answer(cx)
    }
}

impl fmt::Debug for BatchResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchResults(at line {})", self.at)
    }
}
