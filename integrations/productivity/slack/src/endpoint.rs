//! Events over HTTP: what Slack sends to the application's own web server.
//! <https://docs.slack.dev/apis/events-api/using-http-request-urls>

mod content;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::interfaces::webhook_verifier::WebhookVerifier;
use circle_core_common::{CallOptions, ErrorKind};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::client::SlackClient;
use crate::events::{Given, Reply, SlackDelivery, SlackEvents, SlackRedelivery, Verdict};
use crate::provider::Slack;
use crate::webhook_verifier::BODY_MAX;
use content::Content;

/// How long the application has to take what came. Slack waits 3 s for the answer, and part of them is the network's.
const TAKEN_WITHIN: Duration = Duration::from_millis(2500);
/// How many deliveries wait for the application: those of three busy seconds.
const WAITING_MAX: usize = 256;

/// Slack's word for a request that need not come again.
const NO_RETRY: HeaderName = HeaderName::from_static("x-slack-no-retry");

/// Where Slack's requests go in: events, interactions and commands alike, at one address or at several. Clones are the same endpoint.
///
/// It is no web server: it takes the requests that yours has received, as they came, and makes the answers. What was signed with the
/// app's signing secret, within five minutes, becomes a delivery of the [stream](SlackEvents) that it was made with.
///
/// ```no_run
/// # use circle_core_slack::{Slack, SlackEndpoint, SlackEvents};
/// # async fn work(_: SlackEvents) -> circle_core_common::Result<()> { Ok(()) }
/// # fn start(slack: &Slack) -> circle_core_common::Result<()> {
/// let (endpoint, events) = slack.events_over_http()?;
/// tokio::spawn(work(events)); // the same as with `slack.socket_mode()?`
///
/// // What the web server calls for `POST /slack`, with the bytes of the body as they came.
/// async fn slack_route(endpoint: SlackEndpoint, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
///     endpoint.receive(request).await
/// }
/// # let _ = slack_route(endpoint, http::Request::default());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SlackEndpoint {
    shared: Arc<Shared>,
}

struct Shared {
    client: SlackClient,
    hooks: WebhookVerifier,
    queue: mpsc::Sender<SlackDelivery>,
    given: Given,
}

impl SlackEndpoint {
    pub(crate) fn new(slack: &Slack) -> (Self, SlackEvents) {
        let (queue, deliveries) = mpsc::channel(WAITING_MAX);
        let hooks = WebhookVerifier::new(slack.clone()).with(CallOptions::new().timeout(TAKEN_WITHIN));
        let shared = Shared { client: slack.client.clone(), hooks, queue, given: Given::default() };
        (Self { shared: Arc::new(shared) }, SlackEvents::of_queue(deliveries))
    }

    /// Answers a request of Slack's: once the application has taken what it tells, or 2.5 s later without.
    ///
    /// | Status | Of |
    /// |---|---|
    /// | 200 | what was taken, with the application's answer where there is one; what was taken before; Slack's own questions, whether this address listens and its certificate is right |
    /// | 400 | what was signed and is nothing that Slack is known to send; it is asked not to come again |
    /// | 401 | what was not signed, or not within five minutes |
    /// | 405, 413 | another method; a body beyond 1 MiB |
    /// | 503 | what was not taken in time, or came while 256 deliveries wait for the application, or to a provider that is closed: an event comes again, of the rest whoever caused it sees that it failed |
    ///
    /// None says more than that. Dropping the call loses nothing: an event comes again.
    pub async fn receive(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        if head.method == Method::GET && head.uri.query().is_some_and(|query| content::checks_certificate(query.as_bytes())) {
            return empty(StatusCode::OK);
        }
        if head.method != Method::POST {
            return with(empty(StatusCode::METHOD_NOT_ALLOWED), ALLOW, "POST");
        }
        if body.len() as u64 > BODY_MAX.as_u64() {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        // Not signed everywhere; whoever sends it learns that there is an address, and knew it.
        if content::checks_certificate(&body) {
            return empty(StatusCode::OK);
        }
        self.shared.receive(&head.headers, &body).await.unwrap_or_else(empty)
    }
}

impl Shared {
    async fn receive(&self, headers: &HeaderMap, body: &Bytes) -> Result<Response<Bytes>, StatusCode> {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let cx = self.client.call(CallOptions::new().timeout(TAKEN_WITHIN));
        let redelivery = redelivery(headers);
        let verified = self.hooks.verify(headers, body).await.map_err(|error| {
            if error.is(ErrorKind::Unauthenticated) {
                tracing::debug!(target: "circle", %error, "a request that claims to be Slack's is refused");
                return StatusCode::UNAUTHORIZED;
            }
            tracing::warn!(target: "circle", %error, "Slack's requests cannot be verified");
            unavailable
        })?;
        if let Some(answer) = verified.answer {
            return Ok(with(Response::new(answer.body), CONTENT_TYPE, answer.content_type));
        }
        let Some(Content { event, accepts_answer }) = Content::read(body, verified.id.as_str()) else {
            tracing::warn!(target: "circle", "Slack sent what is no event, no interaction and no command");
            return Ok(with(empty(StatusCode::BAD_REQUEST), NO_RETRY, "1"));
        };
        // What is no event is not repeated by Slack: under what was signed, somebody replays it.
        let key = event.id().unwrap_or(verified.id.as_str()).to_owned();
        match self.given.arrived(Some(&key)) {
            Verdict::Acknowledge => return Ok(empty(StatusCode::OK)),
            Verdict::Pass => return Err(unavailable),
            Verdict::Give => {}
        }
        let (reply, mut answer) = oneshot::channel();
        let delivery = SlackDelivery::new(event, Some(key), redelivery, accepts_answer, Reply::Http(reply), &self.given);
        // One that finds no place is given up with the error, and may come again.
        self.queue.try_send(delivery).map_err(|_| unavailable)?;
        let taken = match cx.guard(async { Ok((&mut answer).await) }).await {
            Ok(taken) => taken.ok(),
            Err(_) => {
                // It may have been taken at the last moment; who takes it from here on is told that it is too late.
                answer.close();
                answer.try_recv().ok()
            }
        };
        match taken {
            Some(None) => Ok(empty(StatusCode::OK)),
            Some(Some(answer)) => {
                let json = Response::new(Bytes::from(answer.to_string()));
                Ok(with(json, CONTENT_TYPE, "application/json; charset=utf-8"))
            }
            None => Err(unavailable),
        }
    }
}

/// Which repetition it is. The headers are not signed: nothing hangs on them.
fn redelivery(headers: &HeaderMap) -> Option<SlackRedelivery> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let attempt = text("x-slack-retry-num").and_then(|number| number.parse().ok());
    SlackRedelivery::of(attempt, text("x-slack-retry-reason").map(str::to_owned))
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn with(mut response: Response<Bytes>, name: HeaderName, value: &'static str) -> Response<Bytes> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

impl fmt::Debug for SlackEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlackEndpoint({} waiting)", WAITING_MAX - self.shared.queue.capacity())
    }
}
