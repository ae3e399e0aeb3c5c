//! A conversation that was written down, played again.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use circle_core_common::{ByteStream, Error, ErrorKind, Result};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::body;
use super::cassette::{self, Entry, Heading, Request, Response, kept_target};

/// A transport that answers as a [`RecordingTransport`](super::RecordingTransport) heard it, and sends nothing.
///
/// A request is taken for the one that was recorded when method, path, query and body are the same; of a query parameter
/// whose value was not kept, its name. Requests have to come in the order of the recording, unless
/// [`in_any_order`](Self::in_any_order) says otherwise. Clones are the same replay.
#[derive(Clone)]
pub struct ReplayTransport {
    state: Arc<Mutex<State>>,
}

struct State {
    heading: Heading,
    /// Those that were played are `None`.
    entries: Vec<Option<Entry>>,
    any_order: bool,
}

impl ReplayTransport {
    /// Reads a recording.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot be read or is none.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let (heading, entries) = cassette::read(path.as_ref())?;
        let state = State { heading, entries: entries.into_iter().map(Some).collect(), any_order: false };
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// Lets requests come in any order, for calls that run at the same time. Equal ones get their answers in the order of
    /// the recording.
    #[must_use]
    pub fn in_any_order(self) -> Self {
        self.state().any_order = true;
        self
    }

    /// How many exchanges were not played: 0 when everything that was recorded was asked for.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.state().entries.iter().flatten().count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, asked: &Request) -> Result<Response> {
        let mut left = self.entries.iter_mut().enumerate().filter(|(_, entry)| entry.is_some());
        let is_asked = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.request.is(asked));
        let found = if self.any_order { left.find(|(_, entry)| is_asked(entry)) } else { left.next() };
        let expected = match found {
            Some((_, entry)) if is_asked(entry) => match entry.take() {
                Some(entry) => return Ok(entry.response),
                None => String::new(),
            },
            Some((number, Some(entry))) => format!("exchange {} of the recording is {}", number + 1, entry.request.described()),
            _ if self.any_order => "the recording has no such exchange left".to_owned(),
            _ => "the recording has ended".to_owned(),
        };
        Err(Error::new(ErrorKind::Internal, format!("{expected}, but {} was sent", asked.described())))
    }
}

fn malformed() -> Error {
    Error::new(ErrorKind::InvalidInput, "the recorded response is malformed")
}

#[async_trait]
impl Transport for ReplayTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let sent = body(request.body).await?;
        let response = {
            let mut state = self.state();
            let queries = &state.heading.queries;
            let target = kept_target(&request.target.path_and_query, |name| queries.iter().any(|query| query == name));
            state.answer(&Request::new(request.method.as_str(), target, Vec::new(), &sent))?
        };
        let content = Bytes::from(response.body.bytes().ok_or_else(malformed)?);
        let mut headers = HeaderMap::new();
        for (name, value) in &response.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| malformed())?);
        }
        let status = StatusCode::from_u16(response.status).map_err(|_| malformed())?;
        Ok(TransportResponse::new(status, headers, ByteStream::from(content)))
    }
}

impl fmt::Debug for ReplayTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplayTransport({} exchanges left)", self.remaining())
    }
}
