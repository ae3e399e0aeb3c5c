//! A workspace of Slack that speaks as much of its Web API as the program asks for: a name is looked up, a message is posted.

use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server};

/// The bot token of the app that is installed there.
pub(crate) const TOKEN: &str = "xoxb-contract";
/// The id of the channel `docs`, which the app is in. It is not in `finance`.
pub(crate) const DOCS: &str = "C0DOCS001";
const FINANCE: &str = "C0FINANCE";

pub(crate) const POST: &str = "/api/chat.postMessage";

pub(crate) fn start() -> Server {
    Server::start(|asked| {
        let is_ours = asked.authorization == format!("Bearer {TOKEN}");
        let answer = if is_ours { answer(asked) } else { Err("invalid_auth") };
        // Refusals come with status 200 too.
        let body = match answer {
            Ok(mut fields) => {
                fields["ok"] = true.into();
                fields
            }
            Err(code) => json!({ "ok": false, "error": code }),
        };
        Answer::Json(body.to_string())
    })
}

/// The message that was posted.
pub(crate) fn posted(server: &Server) -> Value {
    let posted = server.asked(POST);
    assert_eq!(posted.len(), 1, "{posted:?}");
    serde_json::from_slice(&posted[0].body).unwrap()
}

fn answer(asked: &Asked) -> Result<Value, &'static str> {
    match (asked.path.as_str(), asked.content_type.as_str()) {
        ("/api/auth.test", _) => {
            Ok(json!({ "url": "https://example.slack.com/", "team_id": "T1", "user_id": "U0BOT", "bot_id": "B1" }))
        }
        ("/api/conversations.list", "application/x-www-form-urlencoded") => Ok(channels(&asked.body)),
        (POST, "application/json; charset=utf-8") => post(&serde_json::from_slice(&asked.body).unwrap()),
        (path, kind) => panic!("nobody should ask for {path} with {kind}"),
    }
}

/// Channels in pages, that of the documents on the second.
fn channels(form: &[u8]) -> Value {
    let channel = |id: &str, name: &str| json!({ "id": id, "name": name, "name_normalized": name, "is_channel": true });
    match String::from_utf8_lossy(form).contains("cursor=second") {
        false => json!({ "channels": [channel(FINANCE, "finance")], "response_metadata": { "next_cursor": "second" } }),
        true => json!({ "channels": [channel(DOCS, "docs")], "response_metadata": { "next_cursor": "" } }),
    }
}

fn post(message: &Value) -> Result<Value, &'static str> {
    match message["channel"].as_str() {
        Some(DOCS) => Ok(json!({ "channel": DOCS, "ts": "1503435956.000247", "message": { "text": message["text"] } })),
        Some(FINANCE) => Err("not_in_channel"),
        _ => Err("channel_not_found"),
    }
}
