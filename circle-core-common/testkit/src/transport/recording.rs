//! A conversation with a service, written down.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::http::{Transport, TransportBody, TransportRequest, TransportResponse, is_shown};
use circle_core_common::{ByteStream, Error, ErrorKind, Result};
use http::{HeaderMap, HeaderName};

use super::cassette::{self, Content, Entry, Heading, Request, Response, kept_target};
use super::secrets::Secrets;
use super::{LONGEST_BODY, body};

/// A transport that sends through another one and keeps what was said, for a
/// [`ReplayTransport`](super::ReplayTransport).
///
/// Of headers it keeps those that are harmless by name ([`is_shown`]) or were [allowed](Self::allow_header), of query
/// parameters the names, and the values of those that were [allowed](Self::allow_query). Response bodies are kept whole,
/// of request bodies length and SHA-256. [`save`](Self::save) refuses to write anything that shows a
/// [registered secret](Self::secret), in any encoding, or looks like a token or a key.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use circle_core_common::{Environment, Result, http::HttpTransport};
/// # use circle_core_testkit::RecordingTransport;
/// # fn f(api_key: &str) -> Result<()> {
/// let transport = Arc::new(HttpTransport::builder().build());
/// let recording = RecordingTransport::over(transport).secret(api_key).allow_query("page");
/// let environment = Environment::builder().transport(recording.clone()).build();
/// // … calls of a provider of that environment …
/// recording.save("tests/cassettes/list.jsonl")
/// # }
/// ```
///
/// Clones are the same recording.
#[derive(Clone)]
pub struct RecordingTransport {
    transport: Arc<dyn Transport>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    secrets: Secrets,
    headers: Vec<HeaderName>,
    queries: Vec<String>,
}

impl RecordingTransport {
    /// Records what goes through this transport.
    #[must_use]
    pub fn over(transport: Arc<dyn Transport>) -> Self {
        Self { transport, state: Arc::default() }
    }

    /// Registers a secret that is used in the conversation; one of less than four characters is found where it is not.
    #[must_use]
    pub fn secret(self, secret: &str) -> Self {
        self.state().secrets.add(secret);
        self
    }

    /// Keeps the values of this header too. Names are written in small letters.
    #[must_use]
    pub fn allow_header(self, name: &'static str) -> Self {
        self.state().headers.push(HeaderName::from_static(name));
        self
    }

    /// Keeps the values of this query parameter.
    #[must_use]
    pub fn allow_query(self, name: &str) -> Self {
        self.state().queries.push(name.to_owned());
        self
    }

    /// How many answers were kept.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.state().entries.len()
    }

    /// Writes what was kept, whole or not at all.
    ///
    /// # Errors
    /// `InvalidInput` when it shows a secret, with the place and what kind of secret, and when the file cannot be
    /// written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let state = self.state();
        for (number, entry) in state.entries.iter().enumerate() {
            for (place, text) in cassette::texts(entry) {
                if let Some(what) = state.secrets.in_text(text) {
                    // Not even the path: the secret may be in it.
                    let text = format!("nothing is written: {place} in exchange {} shows {what}", number + 1);
                    return Err(Error::new(ErrorKind::InvalidInput, text));
                }
            }
        }
        cassette::write(path.as_ref(), &Heading::new(state.queries.clone()), &state.entries)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn kept(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let kept = headers
            .iter()
            .filter(|(name, value)| is_shown(name, value) || (self.headers.contains(*name) && !value.is_sensitive()));
        let text = kept.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let mut text: Vec<_> = text.collect();
        // The map's own order changes from run to run.
        text.sort_by(|(one, _), (other, _)| one.cmp(other));
        text
    }
}

#[async_trait]
impl Transport for RecordingTransport {
    async fn send(&self, mut request: TransportRequest) -> Result<TransportResponse> {
        let sent = body(std::mem::replace(&mut request.body, TransportBody::Empty)).await?;
        if !sent.is_empty() {
            request.body = TransportBody::Bytes(sent.clone());
        }
        let asked = {
            let state = self.state();
            let target = kept_target(&request.target.path_and_query, |name| state.queries.iter().any(|query| query == name));
            Request::new(request.method.as_str(), target, state.kept(&request.headers), &sent)
        };
        let TransportResponse { status, headers, body, version } = self.transport.send(request).await?;
        let content: Bytes = body.collect(Some(LONGEST_BODY)).await?;
        let mut state = self.state();
        let kept = state.kept(&headers);
        let response = Response { status: status.as_u16(), headers: kept, body: Content::of(&content) };
        state.entries.push(Entry { request: asked, response });
        Ok(TransportResponse { status, headers, body: ByteStream::from(content), version })
    }
}

impl fmt::Debug for RecordingTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordingTransport({} exchanges)", self.recorded())
    }
}
