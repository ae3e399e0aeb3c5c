//! A chat model that says what it is told: for tests of applications.

mod reply;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    Assembler, ChatEvent, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream,
};
use circle_core_common::{CallContext, Environment, Error, ErrorKind, Flag, Result, Sent};
use futures_core::Stream;

use crate::local::{Local, local_provider};
use reply::Ending;
pub use reply::ScriptedReply;

const NAME: &str = "scripted";

/// A chat model that gives the answers it is told, one per request, and remembers what it was asked. Clones share both.
///
/// ```
/// use circle_core_common::interfaces::chat_model::ChatModel;
/// use circle_core_common::ErrorKind;
/// use circle_core_embedded::ScriptedModel;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> circle_core_common::Result<()> {
/// let script = ScriptedModel::new().reply("42").then_error(ErrorKind::RateLimited);
/// let model = ChatModel::new(script.clone());
/// assert_eq!(model.chat("What is six times seven?").await?.text(), "42");
/// assert!(model.chat("Really?").await.unwrap_err().is(ErrorKind::RateLimited));
/// assert_eq!(script.requests()[0].messages[0].text(), "What is six times seven?");
/// # Ok(())
/// # }
/// ```
///
/// It takes everything a request can hold, and looks at none of it: what it answers is told, not found. A request that it
/// has been told no answer to is an error, so that a test does not pass by chance.
#[derive(Clone)]
pub struct ScriptedModel {
    shared: Arc<Shared>,
    capabilities: ChatModelCapabilities,
}

struct Shared {
    local: Local,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// What is answered once nothing else is left.
    always: Option<Answer>,
    requests: Vec<ChatRequest>,
}

type Answer = Result<ScriptedReply>;

impl ScriptedModel {
    /// A model that has been told nothing yet, in the default environment.
    #[must_use]
    pub fn new() -> Self {
        Self::within(Environment::default())
    }

    /// A model that has been told nothing yet, in this environment.
    #[must_use]
    pub fn within(environment: Environment) -> Self {
        let shared = Shared { local: Local::new("scripted model", NAME, "", environment), script: Mutex::default() };
        // It has no tokens to count.
        let capabilities = ChatModelCapabilities::all().without(ChatModelCapabilities::COUNT_TOKENS);
        Self { shared: Arc::new(shared), capabilities }
    }

    /// Answers the next request that has no answer yet: with a text, a tool call, a whole answer, or events.
    #[must_use]
    pub fn reply(self, reply: impl Into<ScriptedReply>) -> Self {
        self.script().answers.push_back(Ok(reply.into()));
        self
    }

    /// Refuses the next request that has no answer yet: with a kind, or a whole error.
    #[must_use]
    pub fn then_error(self, error: impl Into<ScriptedError>) -> Self {
        self.script().answers.push_back(Err(error.into().0));
        self
    }

    /// Answers every request that has no other answer.
    #[must_use]
    pub fn always(self, reply: impl Into<ScriptedReply>) -> Self {
        self.script().always = Some(Ok(reply.into()));
        self
    }

    /// The same script, seen without this capability: for tests of what an application does without it.
    #[must_use]
    pub fn without(mut self, flag: Flag<ChatModelCapabilities>) -> Self {
        flag.set(&mut self.capabilities, false);
        self
    }

    /// The same script, seen with these capabilities: for tests of limits.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: ChatModelCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// What the model was asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.script().requests.clone()
    }

    /// How many answers are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.script().answers.len()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, request: ChatRequest) -> Answer {
        self.shared.local.check_open()?;
        let mut script = self.script();
        script.requests.push(request);
        let number = script.requests.len();
        match script.answers.pop_front().or_else(|| script.always.clone()) {
            Some(answer) => answer,
            None => Err(Error::new(ErrorKind::Internal, format!("the script has no answer to request {number}"))),
        }
    }
}

impl Default for ScriptedModel {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptedModel({} answers left)", self.remaining())
    }
}

/// How a scripted model refuses: what [`ScriptedModel::then_error`] takes.
#[derive(Clone, Debug)]
pub struct ScriptedError(Error);

impl From<ErrorKind> for ScriptedError {
    fn from(kind: ErrorKind) -> Self {
        Self(Error::new(kind, "as the script says").with_sent(Sent::Yes))
    }
}

impl From<Error> for ScriptedError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

local_provider!(ScriptedModel);

#[async_trait]
impl ChatModelProvider for ScriptedModel {
    fn capabilities(&self) -> &ChatModelCapabilities {
        &self.capabilities
    }

    async fn chat(&self, _: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        let reply = self.next(request)?;
        let mut assembler = Assembler::new();
        reply.events.iter().try_for_each(|event| assembler.push(event))?;
        match reply.ending {
            Ending::Complete => assembler.finish(),
            Ending::Fails(error) => Err(error),
            Ending::Stalls => std::future::pending().await,
        }
    }

    async fn stream(&self, _: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let ScriptedReply { events, ending } = self.next(request)?;
        Ok(ChatStream::new(Playing { events: events.into_iter(), ending }))
    }
}

/// The events of a reply, and how they end.
struct Playing {
    events: std::vec::IntoIter<ChatEvent>,
    ending: Ending,
}

impl Stream for Playing {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = self.events.next() {
            return Poll::Ready(Some(Ok(event)));
        }
        match std::mem::take(&mut self.ending) {
            Ending::Complete => Poll::Ready(None),
            Ending::Fails(error) => Poll::Ready(Some(Err(error))),
            Ending::Stalls => {
                self.ending = Ending::Stalls;
                Poll::Pending
            }
        }
    }
}
