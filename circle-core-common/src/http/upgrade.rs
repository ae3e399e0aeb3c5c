//! Requests that ask to leave HTTP on their connection.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use tracing::Span;

use super::attempt::Exchange;
use super::client::HttpClient;
use super::measure::Measure;
use super::request::Request;
use super::transport::{RawConnection, TransportUpgrade};
use super::{headers, said};
use crate::context::CallContext;
use crate::error::{Detail, Error, ErrorKind, Result, Sent};
use crate::resilience::{Attempt, Attempts, RemoteOperation};

/// A connection that has left HTTP.
#[derive(Debug)]
#[non_exhaustive]
pub struct Upgraded {
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// What comes after them. It is under no policy and no deadline any more, and holds no place at the endpoint.
    pub connection: RawConnection,
}

impl HttpClient {
    /// Sends a request that asks to go on in another protocol, `websocket` say, and gives the connection.
    ///
    /// `each` adds what every attempt has of its own, a nonce say, before the attempt is signed.
    ///
    /// # Errors
    /// As [`send`](Self::send) when the service refuses; `Decode` when it answers without switching to the protocol;
    /// `Unsupported` when the environment's transport cannot do this.
    pub async fn upgrade(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: Request,
        protocol: &'static str,
        each: &(dyn Fn(&mut HeaderMap) -> Result<()> + Sync),
    ) -> Result<Upgraded> {
        let inner = &*self.inner;
        let other = inner.other_endpoint(&request.target.origin, operation);
        let endpoint = other.as_ref().unwrap_or(&inner.endpoint);
        let work =
            Switching { exchange: Exchange { inner, cx, operation, request: &request, endpoint, added: None }, protocol, each };
        Ok(inner.policy.execute(cx, operation, endpoint, &work).await?.output)
    }
}

/// Answers that give the connection away.
struct Switching<'a> {
    exchange: Exchange<'a>,
    protocol: &'static str,
    each: &'a (dyn Fn(&mut HeaderMap) -> Result<()> + Sync),
}

impl Attempts for Switching<'_> {
    type Output = Upgraded;

    async fn attempt(&self, attempt: Attempt) -> Result<Upgraded> {
        let measure = self.exchange.measure(attempt);
        let result = self.switched(attempt, &measure).await;
        measure.end(result.as_ref().err());
        result
    }

    fn span(&self, _: &'static RemoteOperation, attempt: Attempt) -> Span {
        self.exchange.span(attempt)
    }

    fn limited_as(&self) -> Option<&str> {
        self.exchange.request.part.as_deref()
    }

    fn replayable(&self) -> bool {
        self.exchange.request.body.is_available()
    }

    async fn repair(&self, error: &Error) -> bool {
        self.exchange.repair(error).await
    }
}

impl Switching<'_> {
    async fn switched(&self, attempt: Attempt, measure: &Measure<'_>) -> Result<Upgraded> {
        let exchange = &self.exchange;
        let mut outgoing = exchange.outgoing();
        // Before the request is signed: a signature may cover them.
        outgoing.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        outgoing.headers.insert(UPGRADE, HeaderValue::from_static(self.protocol));
        (self.each)(&mut outgoing.headers).map_err(Error::while_preparing)?;
        let mut signed = exchange.prepare(attempt, &mut outgoing).await.map_err(Error::while_preparing)?;
        match exchange.inner.transport.upgrade(outgoing).await? {
            TransportUpgrade::Answered(answer) if exchange.is_failure(&answer) => {
                signed.refused(self.exchange.cx.clock());
                let apart = measure.received(None, (answer.status, answer.version), &answer.headers);
                Err(Box::pin(exchange.failed(answer, &signed)).await.limited_apart(apart))
            }
            TransportUpgrade::Answered(answer) => {
                measure.received(None, (answer.status, answer.version), &answer.headers);
                Err(stayed(answer.status, &answer.headers))
            }
            TransportUpgrade::Switched { headers, connection } => {
                measure.received(None, (StatusCode::SWITCHING_PROTOCOLS, Some(Version::HTTP_11)), &headers);
                let agreed = headers::text(&headers, UPGRADE.as_str());
                match agreed.is_some_and(|name| name.eq_ignore_ascii_case(self.protocol)) {
                    true => Ok(Upgraded { headers, connection }),
                    false => Err(stayed(StatusCode::SWITCHING_PROTOCOLS, &headers)),
                }
            }
        }
    }
}

fn stayed(status: StatusCode, headers: &HeaderMap) -> Error {
    let mut detail = Detail::new();
    detail.status = Some(status.as_u16());
    detail.request_id = said::request_id(headers).map(str::to_owned);
    Error::new(ErrorKind::Decode, format!("the service answered {status} and did not switch to the protocol it was asked for"))
        .with_detail(detail)
        .with_sent(Sent::Yes)
}
