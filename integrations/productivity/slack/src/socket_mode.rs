//! Socket Mode: what happens in a workspace, over WebSockets that the app opens.
//! <https://docs.slack.dev/apis/events-api/using-socket-mode>

use std::fmt;

use circle_core_common::{CallOptions, Error, ErrorKind, Result};
use circle_core_protocol_websocket::{Disconnect, Event, Reconnecting, Sender, SocketId};
use serde::Deserialize;
use serde_json::Value;

use crate::client::SlackClient;
use crate::events::{Given, Reply, SlackDelivery, SlackEvent, SlackRedelivery, Verdict};

/// What comes through Socket Mode. It connects again by itself, and opens the next connection when Slack announces the end of one.
pub(crate) struct SocketMode {
    sockets: Reconnecting,
    /// The newest connection, and what writes on those that there are.
    open: Vec<(SocketId, Sender)>,
    given: Given,
    ended: bool,
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

impl SocketMode {
    pub(crate) fn new(app: &SlackClient) -> Self {
        let (cx, app) = (app.call(CallOptions::new()), app.clone());
        let sockets = Reconnecting::new(&cx, move || {
            let app = app.clone();
            async move { app.connect().await }
        });
        Self { sockets, open: Vec::new(), given: Given::default(), ended: false }
    }

    pub(crate) async fn next(&mut self) -> Result<Option<SlackDelivery>> {
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
        let event = event(&envelope.kind, envelope.payload, &envelope_id);
        let reply = Reply::Socket { envelope: envelope_id, sender: sender.clone() };
        match self.given.arrived(event.id()) {
            Verdict::Give => {
                let redelivery = SlackRedelivery::of(envelope.retry_attempt, envelope.retry_reason);
                let accepts_answer = envelope.accepts_response_payload;
                let key = event.id().map(str::to_owned);
                Ok(Some(SlackDelivery::new(event, key, redelivery, accepts_answer, reply, &self.given)))
            }
            Verdict::Acknowledge => {
                // Where it does not arrive, the event comes again.
                let _ = reply.send(None).await;
                Ok(None)
            }
            Verdict::Pass => Ok(None),
        }
    }
}

fn event(kind: &str, payload: Value, envelope_id: &str) -> SlackEvent {
    match kind {
        "events_api" => SlackEvent::of_callback(payload, envelope_id),
        "interactive" => SlackEvent::Interactive(payload),
        "slash_commands" => SlackEvent::Command(payload),
        kind => SlackEvent::Other { kind: kind.to_owned(), payload },
    }
}

impl fmt::Debug for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.sockets)
    }
}
