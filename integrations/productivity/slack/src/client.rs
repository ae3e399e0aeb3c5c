//! The native client: one method per request of the Web API.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use circle_core_common::http::{Auth, BaseUrl, Guard, HttpClient, Origin, Request, Response, Target, paging};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{
    Body, BuildContext, ByteSize, CallContext, CallOptions, Class, Environment, Error, ErrorKind, Listing, Operation, Page,
    Result, SecretRef, Sent,
};
use circle_core_protocol_websocket::{Socket, SocketOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::WebApi;
use crate::wire::{
    Conversations, FileOf, Files, Messages, OneConversation, OneFile, OneUser, SlackConversation, SlackIdentity, SlackUser,
    UploadUrl, Users, Written, next, read,
};

// Slack limits every method by itself, per workspace and app (<https://docs.slack.dev/apis/web-api/rate-limits>).
const fn method(name: &'static str, idempotency: Idempotency, path: &'static str) -> RemoteOperation {
    RemoteOperation::new(name, idempotency, path).apart()
}

// Slack recognises no repetition: sent twice, it is two messages.
static POST: RemoteOperation = method("slack.chat.postMessage", Idempotency::NonIdempotent, "/chat.postMessage");
static UPDATE: RemoteOperation = method("slack.chat.update", Idempotency::Idempotent, "/chat.update");
static DELETE: RemoteOperation = method("slack.chat.delete", Idempotency::Idempotent, "/chat.delete");
static PERMALINK: RemoteOperation = method("slack.chat.getPermalink", Idempotency::Safe, "/chat.getPermalink");
static REACT: RemoteOperation = method("slack.reactions.add", Idempotency::Idempotent, "/reactions.add");
static UNREACT: RemoteOperation = method("slack.reactions.remove", Idempotency::Idempotent, "/reactions.remove");
static HISTORY: RemoteOperation = method("slack.conversations.history", Idempotency::Safe, "/conversations.history");
static REPLIES: RemoteOperation = method("slack.conversations.replies", Idempotency::Safe, "/conversations.replies");
static LIST: RemoteOperation = method("slack.conversations.list", Idempotency::Safe, "/conversations.list");
static INFO: RemoteOperation = method("slack.conversations.info", Idempotency::Safe, "/conversations.info");
// Opened again, it is the conversation that there is.
static OPEN: RemoteOperation = method("slack.conversations.open", Idempotency::Idempotent, "/conversations.open");
static USERS: RemoteOperation = method("slack.users.list", Idempotency::Safe, "/users.list");
static USER: RemoteOperation = method("slack.users.info", Idempotency::Safe, "/users.info");
static USER_BY_EMAIL: RemoteOperation = method("slack.users.lookupByEmail", Idempotency::Safe, "/users.lookupByEmail");
static AUTH_TEST: RemoteOperation = method("slack.auth.test", Idempotency::Safe, "/auth.test");
// An address that nobody uploads to leads to no file.
static UPLOAD_URL: RemoteOperation =
    method("slack.files.getUploadURLExternal", Idempotency::Idempotent, "/files.getUploadURLExternal");
// The address is that of one file. It is at another host, which has an endpoint of its own.
static UPLOAD: RemoteOperation = RemoteOperation::new("slack.upload", Idempotency::Idempotent, "/{upload}");
static COMPLETE: RemoteOperation =
    method("slack.files.completeUploadExternal", Idempotency::Idempotent, "/files.completeUploadExternal");
static FILE: RemoteOperation = method("slack.files.info", Idempotency::Safe, "/files.info");
// An address that nobody connects to is forgotten.
static CONNECTION: RemoteOperation = method("slack.apps.connections.open", Idempotency::Safe, "/apps.connections.open");
static SOCKET: RemoteOperation = RemoteOperation::new("slack.socket", Idempotency::Safe, "/link");

/// Every request that is made of the Web API.
pub(crate) const OPERATIONS: &[&RemoteOperation] = &[
    &POST,
    &UPDATE,
    &DELETE,
    &PERMALINK,
    &REACT,
    &UNREACT,
    &HISTORY,
    &REPLIES,
    &LIST,
    &INFO,
    &OPEN,
    &USERS,
    &USER,
    &USER_BY_EMAIL,
    &AUTH_TEST,
    &UPLOAD_URL,
    &UPLOAD,
    &COMPLETE,
    &FILE,
    &CONNECTION,
    &SOCKET,
];

/// A call of the native client, which no interface knows more of.
static NATIVE: Operation = Operation::new("Slack", "slack.native", Class::Write, 0);

/// The most entries that Slack gives at once.
pub(crate) const PAGE_MAX: u32 = 999;
/// How many it recommends.
const PAGE: u32 = 200;
/// How long opening a connection of Socket Mode may take, repetitions included.
const CONNECT: Duration = Duration::from_secs(30);
/// 999 messages with 50 blocks each are larger than what answers usually are.
const LIST_LIMIT: ByteSize = ByteSize::mib(64);

/// A client of the Web API, with the retries, limits and timeouts of its service. Clones share all of it.
#[derive(Clone)]
pub struct SlackClient {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    base: BaseUrl,
    http: HttpClient,
    guard: Guard,
    closed: AtomicBool,
}

impl SlackClient {
    pub(crate) fn new(token: SecretRef, api_base: &str, cx: &BuildContext) -> Result<Self> {
        let mut base = cx.base_url(api_base).map_err(|error| error.context("api_base"))?;
        if base.path.is_empty() {
            "/api".clone_into(&mut base.path);
        }
        let http = cx.http(Arc::clone(&base.origin)).auth(Auth::Bearer(token)).classify(WebApi).build();
        let guard = cx.public_guard();
        let inner = Inner { environment: cx.environment().clone(), base, http, guard, closed: AtomicBool::new(false) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The environment that it was built in.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    /// The host that it asks.
    #[must_use]
    pub fn host(&self) -> &str {
        self.inner.base.origin.host()
    }

    /// A call of this client, starting now, with these options: its timeout bounds all requests that are made with it.
    #[must_use]
    pub fn call(&self, options: CallOptions) -> CallContext {
        CallContext::new(&self.inner.environment, &NATIVE, Some(Arc::new(options)))
    }

    /// Ends the client: calls after it are `Closed`.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the client is closed"));
        }
        Ok(())
    }

    /// Any method with arguments as a form: every method takes one. The path of the operation is that of the method, behind
    /// `/api`: `RemoteOperation::new("slack.pins.add", Idempotency::Idempotent, "/pins.add").apart()`.
    ///
    /// # Errors
    /// `Decode` for an answer that is no `T`; what Slack says.
    pub async fn form<T: DeserializeOwned>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        arguments: &(impl Serialize + Sync),
    ) -> Result<T> {
        let request = Request::post(self.target(operation)?).form(arguments)?.body_limit(LIST_LIMIT);
        self.inner.http.send(cx, operation, request.accept_compressed()).await?.json()
    }

    /// Any method with arguments as JSON: those that write take it.
    ///
    /// # Errors
    /// As [`form`](Self::form).
    pub async fn json<T: DeserializeOwned>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        arguments: &(impl Serialize + Sync + ?Sized),
    ) -> Result<T> {
        self.write(cx, operation, arguments).await?.json()
    }

    async fn write(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        arguments: &(impl Serialize + Sync + ?Sized),
    ) -> Result<Response> {
        // Without a charset Slack warns in every answer.
        let request = Request::post(self.target(operation)?).json(arguments)?;
        let request = request.header("content-type", "application/json; charset=utf-8")?;
        self.inner.http.send(cx, operation, request).await
    }

    fn target(&self, operation: &'static RemoteOperation) -> Result<Target> {
        self.check_open()?;
        Ok(self.inner.base.target(operation.template()))
    }

    /// Whose token it is. <https://docs.slack.dev/reference/methods/auth.test>
    ///
    /// # Errors
    /// `Unauthenticated` for a token that Slack does not take; what Slack says.
    pub async fn auth_test(&self, cx: &CallContext) -> Result<SlackIdentity> {
        self.form(cx, &AUTH_TEST, &[("", ""); 0]).await
    }

    /// The address of a message. <https://docs.slack.dev/reference/methods/chat.getPermalink>
    ///
    /// # Errors
    /// `NotFound`; what Slack says.
    pub async fn permalink(&self, cx: &CallContext, channel: &str, ts: &str) -> Result<String> {
        #[derive(serde::Deserialize)]
        struct Permalink {
            permalink: String,
        }
        let arguments = [("channel", channel), ("message_ts", ts)];
        Ok(self.form::<Permalink>(cx, &PERMALINK, &arguments).await?.permalink)
    }

    /// A conversation. <https://docs.slack.dev/reference/methods/conversations.info>
    ///
    /// # Errors
    /// `NotFound`; what Slack says.
    pub async fn conversation(&self, cx: &CallContext, id: &str) -> Result<SlackConversation> {
        Ok(self.form::<OneConversation>(cx, &INFO, &[("channel", id)]).await?.channel)
    }

    /// The direct conversation with a user, opened where there is none yet.
    /// <https://docs.slack.dev/reference/methods/conversations.open>
    ///
    /// # Errors
    /// `NotFound` for a user that there is not; what Slack says.
    pub async fn open_conversation(&self, cx: &CallContext, user: &str) -> Result<SlackConversation> {
        Ok(self.form::<OneConversation>(cx, &OPEN, &[("users", user)]).await?.channel)
    }

    /// The conversations of these types: `public_channel`, `private_channel`, `mpim`, `im`.
    /// <https://docs.slack.dev/reference/methods/conversations.list>
    pub fn conversations(&self, cx: &CallContext, types: &[&str]) -> Listing<SlackConversation> {
        let (client, cx, types) = (self.clone(), cx.part(cx.deadline()), types.join(","));
        Listing::new(&format!("conversations {types}"), move |page| {
            let (client, cx, types) = (client.clone(), cx.part(cx.deadline()), types.clone());
            async move {
                let cursor = page.cursor.as_ref().map(|cursor| cursor.token());
                let (values, next) = client.conversations_page(&cx, &types, cursor, page.size).await?;
                let items = values.iter().map(|value| read("a channel", value)).collect::<Result<_>>()?;
                Ok(Page::new(items, paging::token(next.as_deref())))
            }
        })
    }

    pub(crate) async fn conversations_page(
        &self,
        cx: &CallContext,
        types: &str,
        cursor: Option<&str>,
        size: Option<u32>,
    ) -> Result<(Vec<Value>, Option<String>)> {
        #[derive(Serialize)]
        struct Arguments<'a> {
            types: &'a str,
            limit: u32,
            cursor: Option<&'a str>,
        }
        let answer: Conversations = self.form(cx, &LIST, &Arguments { types, limit: limit(size), cursor }).await?;
        let cursor = next(answer.response_metadata.as_ref()).map(str::to_owned);
        Ok((answer.channels, cursor))
    }

    /// The users of the workspace. <https://docs.slack.dev/reference/methods/users.list>
    pub fn users(&self, cx: &CallContext) -> Listing<SlackUser> {
        let (client, cx) = (self.clone(), cx.part(cx.deadline()));
        Listing::new("users", move |page| {
            let (client, cx) = (client.clone(), cx.part(cx.deadline()));
            async move {
                let cursor = page.cursor.as_ref().map(|cursor| cursor.token());
                let (users, next) = client.users_page(&cx, cursor, page.size).await?;
                Ok(Page::new(users, paging::token(next.as_deref())))
            }
        })
    }

    pub(crate) async fn users_page(
        &self,
        cx: &CallContext,
        cursor: Option<&str>,
        size: Option<u32>,
    ) -> Result<(Vec<SlackUser>, Option<String>)> {
        #[derive(Serialize)]
        struct Arguments<'a> {
            limit: u32,
            cursor: Option<&'a str>,
        }
        let answer: Users = self.form(cx, &USERS, &Arguments { limit: limit(size), cursor }).await?;
        let cursor = next(answer.response_metadata.as_ref()).map(str::to_owned);
        Ok((answer.members, cursor))
    }

    /// A user. <https://docs.slack.dev/reference/methods/users.info>
    ///
    /// # Errors
    /// `NotFound`; what Slack says.
    pub async fn user(&self, cx: &CallContext, id: &str) -> Result<SlackUser> {
        Ok(self.form::<OneUser>(cx, &USER, &[("user", id)]).await?.user)
    }

    /// The user with this address. <https://docs.slack.dev/reference/methods/users.lookupByEmail>
    ///
    /// # Errors
    /// `NotFound`; what Slack says.
    pub async fn user_by_email(&self, cx: &CallContext, email: &str) -> Result<SlackUser> {
        Ok(self.form::<OneUser>(cx, &USER_BY_EMAIL, &[("email", email)]).await?.user)
    }

    pub(crate) async fn post_message(&self, cx: &CallContext, message: &(impl Serialize + Sync)) -> Result<Written> {
        let response = self.write(cx, &POST, message).await?;
        // It says that it is there, wherever that is.
        response.json().map_err(|error| error.with_sent(Sent::Maybe))
    }

    pub(crate) async fn update(&self, cx: &CallContext, message: &(impl Serialize + Sync)) -> Result<Written> {
        self.json(cx, &UPDATE, message).await
    }

    pub(crate) async fn delete(&self, cx: &CallContext, channel: &str, ts: &str) -> Result<()> {
        let arguments = std::collections::BTreeMap::from([("channel", channel), ("ts", ts)]);
        self.json::<crate::wire::Done>(cx, &DELETE, &arguments).await.map(drop)
    }

    pub(crate) async fn react(&self, cx: &CallContext, channel: &str, ts: &str, name: &str, add: bool) -> Result<()> {
        let operation = if add { &REACT } else { &UNREACT };
        let arguments = [("channel", channel), ("timestamp", ts), ("name", name)];
        self.form::<crate::wire::Done>(cx, operation, &arguments).await.map(drop)
    }

    /// A page of a channel, or of a thread where the arguments name one.
    pub(crate) async fn messages(&self, cx: &CallContext, part: &Part<'_>) -> Result<Messages> {
        self.form(cx, if part.ts.is_some() { &REPLIES } else { &HISTORY }, part).await
    }

    pub(crate) async fn upload_url(&self, cx: &CallContext, file: &NewFile<'_>) -> Result<UploadUrl> {
        self.form(cx, &UPLOAD_URL, file).await
    }

    /// Opens a connection of Socket Mode; for a client with an app-level token. The token stays here: the address has a
    /// ticket, for one connection.
    pub(crate) async fn connect(&self) -> Result<Socket> {
        #[derive(serde::Deserialize)]
        struct Connection {
            url: String,
        }
        let cx = self.call(CallOptions::new().timeout(CONNECT));
        let connection: Connection = self.form(&cx, &CONNECTION, &[("", ""); 0]).await?;
        let target = circle_core_protocol_websocket::target(&connection.url, self.inner.guard.clone())?;
        Socket::connect(&cx, &self.inner.http, &SOCKET, Request::get(target).anonymous(), SocketOptions::new()).await
    }

    /// Sends content to an address that Slack gave. The token is not for that host, and does not go there.
    pub(crate) async fn upload(&self, cx: &CallContext, url: &str, content: Body) -> Result<()> {
        self.check_open()?;
        let request = Request::post(self.upload_target(url)?).anonymous().body(content);
        let request = request.header("content-type", "application/octet-stream")?;
        self.inner.http.send(cx, &UPLOAD, request).await.map(drop)
    }

    fn upload_target(&self, url: &str) -> Result<Target> {
        // The address lets anybody upload: an error does not repeat it.
        let unusable = || Error::new(ErrorKind::Decode, "the address to upload to is none that may be used").with_sent(Sent::Yes);
        let host = url.find("://").map(|at| at + 3).ok_or_else(unusable)?;
        let path = url[host..].find('/').map(|at| host + at).ok_or_else(unusable)?;
        let origin = Origin::parse_guarded(&url[..path], self.inner.guard.clone()).map_err(|_| unusable())?;
        Ok(Target::new(&Arc::new(origin), &url[path..]))
    }

    /// Ends uploads. Shared with no channel, files are seen by the app alone.
    pub(crate) async fn complete_upload(&self, cx: &CallContext, files: &[(String, String)]) -> Result<Vec<FileOf>> {
        #[derive(Serialize)]
        struct Uploaded<'a> {
            id: &'a str,
            title: &'a str,
        }
        let files: Vec<_> = files.iter().map(|(id, title)| Uploaded { id, title }).collect();
        let list = serde_json::to_string(&files)
            .map_err(|error| Error::new(ErrorKind::Internal, "a list of files is no JSON").with_source(error))?;
        Ok(self.form::<Files>(cx, &COMPLETE, &[("files", list)]).await?.files)
    }

    pub(crate) async fn file(&self, cx: &CallContext, id: &str) -> Result<FileOf> {
        Ok(self.form::<OneFile>(cx, &FILE, &[("file", id)]).await?.file)
    }
}

/// Which part of a history.
#[derive(Default, Serialize)]
pub(crate) struct Part<'a> {
    pub(crate) channel: &'a str,
    pub(crate) ts: Option<&'a str>,
    pub(crate) oldest: Option<String>,
    pub(crate) latest: Option<String>,
    pub(crate) inclusive: Option<bool>,
    pub(crate) include_all_metadata: Option<bool>,
    pub(crate) limit: u32,
    pub(crate) cursor: Option<&'a str>,
}

/// A file that is to come.
#[derive(Serialize)]
pub(crate) struct NewFile<'a> {
    pub(crate) filename: &'a str,
    pub(crate) length: u64,
    pub(crate) alt_txt: Option<&'a str>,
}

/// How many entries are asked for.
pub(crate) fn limit(size: Option<u32>) -> u32 {
    size.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

impl fmt::Debug for SlackClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlackClient({})", self.host())
    }
}
