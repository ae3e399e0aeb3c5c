//! A network in which every address is one server, and what sees the calls go by.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use circle_core_common::audit::{AuditRecord, AuditSink, Recording};
use circle_core_common::http::{
    self, Guard, HttpTransport, Interceptor, Origin, Outgoing, Resolve, Transport, TransportRequest, TransportResponse,
    TransportUpgrade,
};
use circle_core_common::resilience::{Observer, PolicyEvent};
use circle_core_common::{Error, Result};

use super::outcome::End;
use crate::{Capture, Certificate, FaultServer, Http2Server};

/// Takes requests to one server, wherever they go.
#[derive(Clone)]
pub(super) struct Network(Arc<Parts>);

struct Parts {
    transport: HttpTransport,
    place: Arc<Origin>,
    sent: AtomicUsize,
    /// They answer for as long as they are held.
    _servers: (FaultServer, Option<Http2Server>),
}

/// Knows no name.
struct Nobody;

#[async_trait]
impl Resolve for Nobody {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Network {
    pub(super) async fn start(end: &End) -> io::Result<Self> {
        let server = FaultServer::start().await?;
        end.script(&server);
        let mut other = None;
        let place = match end {
            End::Untrusted => {
                let untrusted = Http2Server::start_with(&Certificate::of("localhost")?).await?;
                let origin = untrusted.origin();
                other = Some(untrusted);
                origin
            }
            End::Nameless => "https://nobody.test".to_owned(),
            _ => server.origin(),
        };
        let connections = HttpTransport::builder();
        let connections = if *end == End::Nameless { connections.resolver(Nobody) } else { connections };
        let place = Origin::parse_guarded(&place, Guard::new().loopback(true)).map_err(io::Error::other)?;
        let parts =
            Parts { transport: connections.build(), place: place.into(), sent: AtomicUsize::new(0), _servers: (server, other) };
        Ok(Self(Arc::new(parts)))
    }

    /// How many requests went out.
    pub(super) fn sent(&self) -> usize {
        self.0.sent.load(Ordering::SeqCst)
    }

    fn rerouted(&self, mut request: TransportRequest) -> TransportRequest {
        self.0.sent.fetch_add(1, Ordering::SeqCst);
        // As an application's own transport would log it.
        tracing::trace!(?request, address = ?request.target, "sent");
        request.target.origin = Arc::clone(&self.0.place);
        request
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let answer = self.0.transport.send(self.rerouted(request)).await;
        tracing::trace!(?answer, "received");
        answer
    }

    async fn upgrade(&self, request: TransportRequest) -> Result<TransportUpgrade> {
        self.0.transport.upgrade(self.rerouted(request)).await
    }
}

/// What an application hangs into its environment, and looks at all that it is shown.
pub(super) struct Watcher {
    capture: Capture,
    panics: bool,
}

impl Watcher {
    pub(super) fn new(capture: Capture, panics: bool) -> Self {
        Self { capture, panics }
    }
}

impl Interceptor for Watcher {
    fn before(&self, outgoing: &mut Outgoing<'_>) -> Result<()> {
        self.capture.debug("what an interceptor sees before", &*outgoing);
        assert!(!self.panics, "{outgoing:?}");
        Ok(())
    }

    fn after(&self, outcome: &http::Outcome<'_>) {
        self.capture.debug("what an interceptor sees after", outcome);
        if let Some(error) = outcome.error {
            self.capture.error(error);
        }
    }
}

impl Observer for Watcher {
    fn event(&self, event: &PolicyEvent<'_>) {
        self.capture.debug("a policy's event", event);
    }
}

impl AuditSink for Watcher {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        self.capture.debug("an audit record", &record);
        self.capture.text("an audit record", serde_json::to_string(&record).unwrap_or_default());
        Recording::Done(Ok(()))
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
