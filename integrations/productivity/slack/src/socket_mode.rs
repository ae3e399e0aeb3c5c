//! Socket Mode: what happens in a workspace, over WebSockets that the app opens.
//! <https://docs.slack.dev/apis/events-api/using-socket-mode>

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core_common::{CallOptions, Error, ErrorKind, Result};
use circle_core_protocol_websocket::{Disconnect, Event, Reconnecting, Sender, SocketId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::SlackClient;
use crate::seen::{Seen, Verdict};

/// What happens in the workspace: events, interactions and commands, each to be acknowledged.
///
/// It connects again by itself, and opens the next connection when Slack announces the end of one. An event is given again
/// until it was [acknowledged](SlackDelivery::acknowledge), and not after that.
///
/// Slack takes an event that is not acknowledged within 3 s for lost, and sends it up to three times more within minutes. So
/// take it first, into a queue say, acknowledge it, and work on it then; and ask for the next one meanwhile: what keeps the
/// connection open happens while [`next`](Self::next) is waited for.
///
/// ```no_run
/// # use circle_core_slack::{Slack, SlackEvent};
/// # async fn example(slack: &Slack) -> circle_core_common::Result<()> {
/// let mut events = slack.socket_mode()?;
/// while let Some(delivery) = events.next().await? {
///     if let SlackEvent::Event { event, .. } = delivery.event() {
///         println!("{} in {}", event["type"], event["channel"]);
///     }
///     delivery.acknowledge().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct SlackSocketMode {
    sockets: Reconnecting,
    /// The newest connection, and what writes on those that there are.
    open: Vec<(SocketId, Sender)>,
    seen: Arc<Mutex<Seen>>,
    ended: bool,
}

/// One thing that happened, for the application to take.
///
/// Dropped without an acknowledgement, an event is given again when Slack repeats it.
#[must_use = "what is not acknowledged comes again"]
pub struct SlackDelivery {
    envelope: String,
    event: SlackEvent,
    redelivery: Option<SlackRedelivery>,
    accepts_answer: bool,
    sender: Sender,
    seen: Arc<Mutex<Seen>>,
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
        /// The type of the envelope.
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
    /// Why: `timeout`.
    pub reason: Option<String>,
}

/// What comes on a connection.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    accepts_response_payload: bool,
    retry_attempt: Option<u32>,
    retry_reason: Option<String>,
    /// Of `disconnect`.
    reason: Option<String>,
}

#[derive(Serialize)]
struct Acknowledgement<'a> {
    envelope_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Value>,
}

impl SlackSocketMode {
    pub(crate) fn new(app: &SlackClient) -> Self {
        let (cx, app) = (app.call(CallOptions::new()), app.clone());
        let sockets = Reconnecting::new(&cx, move || {
            let app = app.clone();
            async move { app.connect().await }
        });
        Self { sockets, open: Vec::new(), seen: Arc::default(), ended: false }
    }

    /// What happens next; `None` after an error. Dropping the call loses nothing that Slack does not send again.
    ///
    /// # Errors
    /// What connecting again does not help against: a token that Slack does not take, Socket Mode switched off for the app
    /// (`ConfigInvalid`), a client that is closed.
    pub async fn next(&mut self) -> Result<Option<SlackDelivery>> {
        while !self.ended {
            match self.sockets.next().await {
                Ok(Some(Event::Connected { id, sender })) => self.open.push((id, sender)),
                Ok(Some(Event::Disconnected { id, why })) => {
                    self.open.retain(|(open, _)| *open != id);
                    if let Disconnect::Failed(error) = why {
                        tracing::warn!(target: "circle", %error, "a connection of Slack's Socket Mode failed");
                    }
                }
                Ok(Some(Event::Message { id, message })) => {
                    let Ok(envelope) = serde_json::from_slice::<Envelope>(message.as_bytes()) else {
                        tracing::warn!(target: "circle", "Slack sent what is no envelope of Socket Mode");
                        continue;
                    };
                    if let Some(delivery) = self.received(id, envelope).await? {
                        return Ok(Some(delivery));
                    }
                }
                Ok(Some(Event::Waiting { error, wait })) => {
                    if let Some(error) = error {
                        tracing::warn!(target: "circle", %error, ?wait, "Slack's Socket Mode cannot be reached");
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    async fn received(&mut self, socket: SocketId, envelope: Envelope) -> Result<Option<SlackDelivery>> {
        let newest = self.open.last().is_some_and(|(id, _)| *id == socket);
        let Some(envelope_id) = envelope.envelope_id else {
            match (&*envelope.kind, envelope.reason.as_deref()) {
                ("disconnect", Some("link_disabled")) => {
                    self.ended = true;
                    let text = "Socket Mode is switched off for the app; switch it on where the app is managed";
                    return Err(Error::new(ErrorKind::ConfigInvalid, text));
                }
                // An announcement on a connection that has its successor already is old.
                ("disconnect", _) if newest => self.sockets.refresh(),
                _ => {}
            }
            return Ok(None);
        };
        let Some((_, sender)) = self.open.iter().find(|(id, _)| *id == socket) else { return Ok(None) };
        let event = SlackEvent::of(&envelope.kind, envelope.payload, &envelope_id);
        let verdict = event.id().map_or(Verdict::Give, |id| lock(&self.seen).arrived(id));
        let attempt = envelope.retry_attempt.filter(|attempt| *attempt > 0);
        let reason = envelope.retry_reason.filter(|reason| !reason.is_empty());
        let delivery = SlackDelivery {
            envelope: envelope_id,
            event,
            redelivery: attempt.map(|attempt| SlackRedelivery { attempt, reason }),
            accepts_answer: envelope.accepts_response_payload,
            sender: sender.clone(),
            seen: Arc::clone(&self.seen),
        };
        match verdict {
            Verdict::Give => Ok(Some(delivery)),
            Verdict::Acknowledge => {
                // Where it does not arrive, the event comes again.
                let _ = delivery.send(None).await;
                Ok(None)
            }
            Verdict::Pass => {
                delivery.keep();
                Ok(None)
            }
        }
    }
}

impl SlackEvent {
    fn of(kind: &str, mut payload: Value, envelope_id: &str) -> Self {
        match kind {
            "events_api" => {
                let text = |payload: &Value, name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
                let id = text(&payload, "event_id").unwrap_or_else(|| envelope_id.to_owned());
                let team = text(&payload, "team_id");
                Self::Event { id, team, event: payload.get_mut("event").map(Value::take).unwrap_or_default() }
            }
            "interactive" => Self::Interactive(payload),
            "slash_commands" => Self::Command(payload),
            kind => Self::Other { kind: kind.to_owned(), payload },
        }
    }

    /// By which a repetition is known. Slack repeats nothing but events.
    fn id(&self) -> Option<&str> {
        if let Self::Event { id, .. } = self { Some(id) } else { None }
    }
}

impl SlackDelivery {
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
        self.take(Some(&answer)).await
    }

    async fn take(self, answer: Option<&Value>) -> Result<()> {
        let Some(id) = self.event.id() else { return self.send(answer).await };
        // Before it is sent: Slack may repeat it while the acknowledgement is on its way.
        lock(&self.seen).taken(id);
        if let Err(error) = self.send(answer).await {
            tracing::debug!(target: "circle", %error, "an acknowledgement is left to the repetition of the event");
        }
        Ok(())
    }

    async fn send(&self, payload: Option<&Value>) -> Result<()> {
        let text = serde_json::to_string(&Acknowledgement { envelope_id: &self.envelope, payload })
            .map_err(|error| Error::new(ErrorKind::Internal, "an acknowledgement is no JSON").with_source(error))?;
        self.sender.send(text).await
    }

    /// Leaves the event with the delivery that the application has.
    fn keep(mut self) {
        self.seen = Arc::default();
    }
}

impl Drop for SlackDelivery {
    fn drop(&mut self) {
        if let Some(id) = self.event.id() {
            lock(&self.seen).given_up(id);
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
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

impl fmt::Debug for SlackSocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlackSocketMode({:?})", self.sockets)
    }
}
