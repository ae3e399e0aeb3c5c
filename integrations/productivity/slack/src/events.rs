//! What happens in a workspace, whichever way it comes, and what tells Slack that it was taken.

mod seen;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core_common::{Error, ErrorKind, Result};
use circle_core_protocol_websocket::Sender;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::socket_mode::SocketMode;
use seen::Seen;
pub(crate) use seen::Verdict;

/// What happens in the workspace: events, interactions and commands, each to be acknowledged.
///
/// They come [through Socket Mode](crate::Slack::socket_mode) or [to a web server](crate::Slack::events_over_http), and are the same
/// either way. An event is given again until it was [acknowledged](SlackDelivery::acknowledge), and not after that.
///
/// Slack takes an event that is not acknowledged within 3 s for lost, and sends it up to three times more within minutes. So
/// take it first, into a queue say, acknowledge it, and work on it then.
///
/// ```no_run
/// # use circle_core_slack::{SlackEvent, SlackEvents};
/// # async fn example(mut events: SlackEvents) -> circle_core_common::Result<()> {
/// while let Some(delivery) = events.next().await? {
///     if let SlackEvent::Event { event, .. } = delivery.event() {
///         println!("{} in {}", event["type"], event["channel"]);
///     }
///     delivery.acknowledge().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct SlackEvents {
    source: Source,
}

enum Source {
    SocketMode(Box<SocketMode>),
    Http(mpsc::Receiver<SlackDelivery>),
}

/// One thing that happened, for the application to take.
///
/// Dropped without an acknowledgement, an event is given again when Slack repeats it.
#[must_use = "what is not acknowledged comes again"]
pub struct SlackDelivery {
    event: SlackEvent,
    key: Option<String>,
    redelivery: Option<SlackRedelivery>,
    accepts_answer: bool,
    /// Until it has answered.
    reply: Option<Reply>,
    given: Given,
}

/// What happened.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SlackEvent {
    /// Something that the app subscribed to. <https://docs.slack.dev/apis/events-api>
    Event {
        /// Its id, the same when it is repeated.
        id: String,
        /// The workspace.
        team: Option<String>,
        /// The event itself: `{"type": "message", "channel": …}`.
        event: Value,
    },
    /// A button, a menu, a shortcut, a form. <https://docs.slack.dev/interactivity/handling-user-interaction>
    Interactive(Value),
    /// A slash command. <https://docs.slack.dev/interactivity/implementing-slash-commands>
    Command(Value),
    /// What this version does not know.
    Other {
        /// The type of what came.
        kind: String,
        /// Its content.
        payload: Value,
    },
}

/// That Slack sends something again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlackRedelivery {
    /// Which repetition, from 1.
    pub attempt: u32,
    /// Why: `timeout`, `http_timeout`.
    pub reason: Option<String>,
}

/// The way back to Slack.
pub(crate) enum Reply {
    /// On the connection that it came on.
    Socket { envelope: String, sender: Sender },
    /// With the answer to its request: `None` is one without content.
    Http(oneshot::Sender<Option<Value>>),
}

/// What the application has of one stream, by the keys that repetitions are known by.
#[derive(Clone, Default)]
pub(crate) struct Given(Arc<Mutex<Seen>>);

#[derive(Serialize)]
struct Acknowledgement<'a> {
    envelope_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Value>,
}

impl SlackEvents {
    pub(crate) fn of_socket_mode(source: SocketMode) -> Self {
        Self { source: Source::SocketMode(Box::new(source)) }
    }

    pub(crate) fn of_queue(source: mpsc::Receiver<SlackDelivery>) -> Self {
        Self { source: Source::Http(source) }
    }

    /// What happens next. Dropping the call loses nothing that Slack does not send again.
    ///
    /// Through Socket Mode it is also what keeps the connection open: ask for the next while you work on the last. To a web server it is
    /// `None` once its [endpoint](crate::SlackEndpoint) and all clones of it are gone, and what had come is given.
    ///
    /// # Errors
    /// Of Socket Mode what connecting again does not help against: a token that Slack does not take, Socket Mode switched off for the
    /// app (`ConfigInvalid`), a client that is closed. It is `None` after that.
    pub async fn next(&mut self) -> Result<Option<SlackDelivery>> {
        match &mut self.source {
            Source::SocketMode(sockets) => sockets.next().await,
            Source::Http(queue) => Ok(queue.recv().await),
        }
    }
}

impl SlackEvent {
    /// A callback of the Events API; `id` stands in for an id that it lacks.
    pub(crate) fn of_callback(mut payload: Value, id: &str) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let (id, team) = (text("event_id").unwrap_or_else(|| id.to_owned()), text("team_id"));
        Self::Event { id, team, event: payload.get_mut("event").map(Value::take).unwrap_or_default() }
    }

    /// By which a repetition is known. Slack repeats nothing but events.
    pub(crate) fn id(&self) -> Option<&str> {
        if let Self::Event { id, .. } = self { Some(id) } else { None }
    }
}

impl SlackRedelivery {
    pub(crate) fn of(attempt: Option<u32>, reason: Option<String>) -> Option<Self> {
        let attempt = attempt.filter(|attempt| *attempt > 0)?;
        Some(Self { attempt, reason: reason.filter(|reason| !reason.is_empty()) })
    }
}

impl Given {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done with what comes under a key. What is to be given is the application's until its delivery is gone.
    pub(crate) fn arrived(&self, key: Option<&str>) -> Verdict {
        key.map_or(Verdict::Give, |key| self.seen().arrived(key))
    }
}

impl Reply {
    pub(crate) async fn send(self, answer: Option<Value>) -> Result<()> {
        match self {
            Self::Socket { envelope, sender } => {
                let acknowledgement = Acknowledgement { envelope_id: &envelope, payload: answer.as_ref() };
                let text = serde_json::to_string(&acknowledgement)
                    .map_err(|error| Error::new(ErrorKind::Internal, "an acknowledgement is no JSON").with_source(error))?;
                sender.send(text).await
            }
            Self::Http(request) => request.send(answer).map_err(|_| {
                let text = "Slack's request is answered or gone already: what it asked for was not taken within 3 s";
                Error::new(ErrorKind::Closed, text)
            }),
        }
    }
}

impl SlackDelivery {
    /// A delivery of what [`Given`] lets through under this key.
    pub(crate) fn new(
        event: SlackEvent,
        key: Option<String>,
        redelivery: Option<SlackRedelivery>,
        accepts_answer: bool,
        reply: Reply,
        given: &Given,
    ) -> Self {
        Self { event, key, redelivery, accepts_answer, reply: Some(reply), given: given.clone() }
    }

    /// What happened.
    #[must_use]
    pub fn event(&self) -> &SlackEvent {
        &self.event
    }

    /// Which repetition it is, where it is one.
    #[must_use]
    pub fn redelivery(&self) -> Option<&SlackRedelivery> {
        self.redelivery.as_ref()
    }

    /// Whether Slack takes an answer with the acknowledgement.
    #[must_use]
    pub fn accepts_answer(&self) -> bool {
        self.accepts_answer
    }

    /// Tells Slack that the application has taken it. From then on it is not given again, even where the acknowledgement is
    /// lost: a repetition is acknowledged without the application.
    ///
    /// # Errors
    /// `Closed`, `Connection` and `Timeout` for interactions and commands, which Slack does not repeat: whoever caused them
    /// sees that the app did not answer.
    pub async fn acknowledge(self) -> Result<()> {
        self.take(None).await
    }

    /// As [`acknowledge`](Self::acknowledge), with an answer: a message for a command, errors of a form.
    ///
    /// # Errors
    /// As [`acknowledge`](Self::acknowledge); `Unsupported` where Slack takes no answer, and nothing is acknowledged then;
    /// `InvalidInput` for an answer that is no JSON.
    pub async fn answer(self, answer: &(impl Serialize + Sync)) -> Result<()> {
        if !self.accepts_answer {
            return Err(Error::new(ErrorKind::Unsupported, "Slack takes no answer to this; acknowledge it, and send a message"));
        }
        let answer = serde_json::to_value(answer)
            .map_err(|error| Error::new(ErrorKind::InvalidInput, "the answer is no JSON").with_source(error))?;
        self.take(Some(answer)).await
    }

    async fn take(mut self, answer: Option<Value>) -> Result<()> {
        // Before it is sent: Slack may repeat it while the acknowledgement is on its way.
        if let Some(key) = &self.key {
            self.given.seen().taken(key);
        }
        let Some(reply) = self.reply.take() else { return Ok(()) };
        match reply.send(answer).await {
            Err(error) if self.event.id().is_some() => {
                tracing::debug!(target: "circle", %error, "an acknowledgement is left to the repetition of the event");
                Ok(())
            }
            result => result,
        }
    }
}

impl Drop for SlackDelivery {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            // Before the request that it came with is answered: Slack may repeat it at once.
            self.given.seen().given_up(key);
        }
    }
}

/// What people wrote is left out.
impl fmt::Debug for SlackEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { id, event, .. } => write!(f, "Event({} {id})", event["type"].as_str().unwrap_or_default()),
            Self::Interactive(_) => f.write_str("Interactive"),
            Self::Command(_) => f.write_str("Command"),
            Self::Other { kind, .. } => write!(f, "Other({kind})"),
        }
    }
}

impl fmt::Debug for SlackDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlackDelivery({:?})", self.event)
    }
}

impl fmt::Debug for SlackEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::SocketMode(sockets) => write!(f, "SlackEvents({sockets:?})"),
            Source::Http(queue) => write!(f, "SlackEvents({} waiting)", queue.len()),
        }
    }
}
