//! A workspace of Slack that speaks its Web API: what is written to it is there, and is answered as Slack does.

mod files;
mod messages;
mod people;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use circle_core_common::{Error, ErrorKind, Result};
use circle_core_testkit::{FaultServer, Received, Reply};
use serde_json::{Value, json};

pub(crate) const GENERAL: &str = "C024BE91L";
pub(crate) const RANDOM: &str = "C061EG9SL";
pub(crate) const ANA: &str = "U024BE7LH";
pub(crate) const BEN: &str = "U061F7AUR";
pub(crate) const DEACTIVATED: &str = "U0DEACTIV8";
pub(crate) const HIDDEN: &str = "U0HIDDEN77";

/// The server; dropped, it is gone.
pub(crate) struct Workspace {
    server: Arc<FaultServer>,
}

/// What the workspace has.
#[derive(Default)]
struct State {
    messages: BTreeMap<String, Vec<messages::Message>>,
    files: BTreeMap<String, files::Uploaded>,
    last: u64,
}

/// What a method answers: the fields of a success, or the code of a refusal.
type Answer = std::result::Result<Value, &'static str>;

impl State {
    /// A moment that nothing else happened at, in microseconds.
    fn moment(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        self.last = now.max(self.last + 1);
        self.last
    }
}

/// The arguments of a call, whichever way they came.
pub(crate) struct Arguments(Value);

impl Arguments {
    fn of(request: &Received) -> Option<Self> {
        let content_type = request.header("content-type").unwrap_or_default();
        match content_type {
            "application/json; charset=utf-8" => serde_json::from_slice(&request.body).ok().map(Self),
            "application/x-www-form-urlencoded" => Some(Self(form(std::str::from_utf8(&request.body).ok()?))),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        let value = self.0.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    fn is_true(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Bool(true))) || self.text(name) == Some("true")
    }

    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }
}

fn form(body: &str) -> Value {
    let decoded = |text: &str| {
        let (text, mut bytes) = (text.replace('+', " "), Vec::new());
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let hex = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16)).unwrap_or_default() as u8;
            bytes.push(if byte == b'%' { hex(rest.next()) * 16 + hex(rest.next()) } else { byte });
        }
        String::from_utf8(bytes).unwrap_or_default()
    };
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), Value::String(decoded(value)))).collect::<serde_json::Map<_, _>>().into()
}

impl Workspace {
    /// Starts it on a free port; it takes this token and no other.
    ///
    /// # Errors
    /// Why no port can be had.
    pub(crate) async fn start(token: &str) -> Result<Self> {
        let server = FaultServer::start().await.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let server = Arc::new(server);
        let state = Arc::new(Mutex::new(State::default()));
        let (authorization, origin) = (format!("Bearer {token}"), server.origin());
        let uploads = Arc::clone(&state);
        server
            .when(|request| request.path().starts_with("/upload/v1/"))
            .always_with(move |request| files::receive(&mut locked(&uploads), request));
        server.when(|request| request.path().starts_with("/api/")).always_with(move |request| {
            let answer = match request.header("authorization") {
                Some(given) if given == authorization => answer(&mut locked(&state), request, &origin),
                Some(_) => Err("invalid_auth"),
                None => Err("not_authed"),
            };
            let body = match answer {
                Ok(mut fields) => {
                    fields["ok"] = true.into();
                    fields
                }
                Err(code) => json!({ "ok": false, "error": code }),
            };
            Reply::json(body.to_string()).header("x-slack-req-id", "req-1")
        });
        Ok(Self { server })
    }

    /// Where it listens.
    pub(crate) fn origin(&self) -> String {
        self.server.origin()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &mut State, request: &Received, origin: &str) -> Answer {
    let arguments = Arguments::of(request).ok_or("invalid_post_type")?;
    match request.path().trim_start_matches("/api/") {
        "auth.test" => Ok(json!({ "url": "https://example.slack.com/", "team_id": "T1", "user_id": "U0BOT", "bot_id": "B1" })),
        "chat.postMessage" => state.post(&arguments),
        "chat.update" => state.update(&arguments),
        "chat.delete" => state.delete(&arguments),
        "reactions.add" => state.react(&arguments, true),
        "reactions.remove" => state.react(&arguments, false),
        "conversations.history" => state.history(&arguments),
        "conversations.replies" => state.replies(&arguments),
        "conversations.list" => people::channels(&arguments),
        "conversations.open" => people::open(&arguments),
        "users.list" => people::users(&arguments),
        "users.lookupByEmail" => people::by_email(&arguments),
        "files.getUploadURLExternal" => state.upload_url(&arguments, origin),
        "files.completeUploadExternal" => state.complete_upload(&arguments),
        "files.info" => state.file(&arguments),
        _ => Err("unknown_method"),
    }
}

/// A page of a list whose cursor is how many were before.
fn page(all: &[Value], arguments: &Arguments) -> std::result::Result<(Vec<Value>, String), &'static str> {
    let cursor = arguments.text("cursor").unwrap_or("0");
    let from: usize = cursor.trim_end_matches('=').parse().map_err(|_| "invalid_cursor")?;
    let size = arguments.number("limit").unwrap_or(100) as usize;
    let next = from.saturating_add(size);
    let cursor = if next < all.len() { format!("{next}=") } else { String::new() };
    Ok((all.iter().skip(from).take(size).cloned().collect(), cursor))
}
