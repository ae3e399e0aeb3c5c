//! What the provider sends, byte for byte, and what it makes of what Slack answers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]

mod failures;
mod http_events;
mod names;
mod requests;
mod slack_sockets;
mod socket_mode;
mod socket_storms;
mod uploads;
mod webhooks;

use std::time::Duration;

use circle_core_common::interfaces::messenger::Messenger;
use circle_core_common::resilience::{BackoffSettings, Resilience, Retry};
use circle_core_common::{BuildContext, Environment, SecretRef};
use circle_core_slack::{Slack, SlackConfig};
use circle_core_testkit::{FaultServer, Reply};

const TOKEN: &str = "xoxb-contract-token";
const CHANNEL: &str = "C024BE91L";

/// A service on this machine, whose retries wait for nothing.
fn context_in(environment: Environment) -> BuildContext {
    let soon = Duration::from_millis(1);
    let backoff = BackoffSettings::new().initial_interval(soon).max_interval(soon);
    let retry = Retry::new().max_attempts(3).backoff(backoff.clone()).throttle_backoff(backoff);
    let resilience = Resilience::new().attempt_timeout(Duration::from_millis(500)).retry(retry);
    BuildContext::new(environment, "team").allow_loopback(true).resilience(resilience)
}

fn context() -> BuildContext {
    context_in(Environment::default())
}

fn config(origin: &str, token: &str) -> SlackConfig {
    SlackConfig::new(SecretRef::literal(token.to_owned())).api_base(origin)
}

/// Without the id of the write, so that every byte of a message is known.
fn slack(origin: &str) -> Slack {
    Slack::new(config(origin, TOKEN).operation_metadata(false), context()).unwrap()
}

fn team(origin: &str) -> Messenger {
    Messenger::new(slack(origin))
}

/// A server that answers every request so.
async fn answering(reply: Reply) -> FaultServer {
    let server = FaultServer::start().await.unwrap();
    server.always(reply.header("x-slack-req-id", "req-1"));
    server
}

fn refusal(code: &str) -> Reply {
    Reply::json(format!(r#"{{"ok":false,"error":"{code}"}}"#))
}

const POSTED: &str = r#"{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247","message":{"text":"Q3 is out","bot_id":"B19LU7CSY",
    "type":"message","ts":"1503435956.000247"}}"#;
