//! Where a run stands: plain data and its transitions, without any I/O.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use circle_core_common::interfaces::chat_model::{
    ChatRequest, ChatResponse, FinishReason, Message, Part, Role, ToolCall, ToolCallId, ToolChoice, ToolOutput, ToolResult,
};
use circle_core_common::{Error, ErrorKind, Extension, OperationId, Result, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::interrupted::Interrupted;
use super::{Decision, Spent};

/// A run of a model with tools, at one of its steps. As JSON it can be stored there, and driven on in another process.
///
/// [`ToolLoop::run`](super::ToolLoop::run) drives one. Whoever wants to drive it by hand looks at [`step`](Self::step), does
/// what it says, and tells the outcome:
///
/// ```
/// use circle_core::ai::tools::{Decision, Step, ToolRun};
/// use circle_core::chat_model::{ChatResponse, Part, ToolCall};
///
/// # fn main() -> circle_core::Result<()> {
/// let mut run = ToolRun::from("What is in the drawer?");
/// assert_eq!(run.step(), Step::Model); // send `run.request()`, with the tools
/// let call = ToolCall::new("c1", "open", serde_json::json!({ "what": "drawer" }));
/// run.answered(ChatResponse::new(vec![Part::ToolCall(call.clone())]))?;
///
/// assert_eq!(run.step(), Step::Decide);
/// run.decide(&call.id, Decision::Approve)?;
/// let stored = serde_json::to_string(&run).expect("a run is JSON");
/// let mut run: ToolRun = serde_json::from_str(&stored).expect("and reads back");
///
/// assert_eq!(run.step(), Step::Execute);
/// run.started(&call.id)?;
/// run.finished(&call.id, "a key")?;
/// assert_eq!(run.step(), Step::Model); // its result is part of the request now
/// run.answered(ChatResponse::new(vec![Part::text("A key.")]))?;
/// assert_eq!(run.answer().map(ChatResponse::text).as_deref(), Some("A key."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct ToolRun {
    format: Format,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<OperationId>,
    request: ChatRequest,
    /// What providers' own options the request has, which JSON has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<String>,
    /// Those of the last answer, as long as one of them has no result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<RunCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<ChatResponse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partial: Option<ChatResponse>,
    spent: Spent,
    /// How often each call was wanted, by its digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<u64, u32>,
    /// As what it was stored last.
    #[serde(skip)]
    pub(super) version: Option<Version>,
}

/// What a run needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The model is to be asked.
    Model,
    /// Calls are to be decided about.
    Decide,
    /// Calls are to be made.
    Execute,
    /// Nothing: there is an answer.
    Finished,
}

/// A call that the model wants made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunCall {
    /// The call as the model made it. Where it gave two calls of one answer the same id, the second has another here.
    pub call: ToolCall,
    /// How far it is.
    pub state: CallState,
    /// The arguments that it is made with, where they are not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Value>,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallState {
    /// It waits for a decision.
    Undecided,
    /// It may be made.
    Approved,
    /// It was begun. Of a run that nobody drives: whether it had its effect is unknown.
    Started,
    /// It gave this, or was refused like this.
    Finished(ToolOutput),
}

/// The only form there is; a later one is not mistaken for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Format;

impl From<Format> for u32 {
    fn from(_: Format) -> Self {
        1
    }
}

impl TryFrom<u32> for Format {
    type Error = String;

    fn try_from(number: u32) -> std::result::Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("a run of format {number}; this version reads format 1")) }
    }
}

impl ToolRun {
    /// A run that begins with this request.
    #[must_use]
    pub fn new(request: impl Into<ChatRequest>) -> Self {
        let request = request.into();
        Self {
            format: Format,
            id: None,
            extensions: request.extensions.names().map(str::to_owned).collect(),
            request,
            calls: Vec::new(),
            answer: None,
            partial: None,
            spent: Spent::default(),
            seen: BTreeMap::new(),
            version: None,
        }
    }

    /// Sets its id, under which it is stored; else the loop gives it one. With checkpoints a second run of one id is refused.
    #[must_use]
    pub fn named(mut self, id: impl Into<OperationId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Adds a provider's own option, which a run that was JSON has lost.
    #[must_use]
    pub fn extension<E: Extension<ChatRequest>>(mut self, extension: E) -> Self {
        self.request.extensions.put::<ChatRequest, E>(extension);
        // What else was lost is still missed.
        let names: Vec<&str> = self.request.extensions.names().collect();
        let new = names.into_iter().filter(|name| !self.extensions.iter().any(|known| known == name)).map(str::to_owned);
        self.extensions.extend(new.collect::<Vec<_>>());
        self
    }

    /// Its id, once it has one.
    #[must_use]
    pub fn id(&self) -> Option<&OperationId> {
        self.id.as_ref()
    }

    /// What it needs next.
    #[must_use]
    pub fn step(&self) -> Step {
        if self.answer.is_some() {
            Step::Finished
        } else if self.calls.is_empty() {
            Step::Model
        } else if self.calls.iter().any(|call| call.state == CallState::Undecided) {
            Step::Decide
        } else {
            Step::Execute
        }
    }

    /// What the model is asked next: the conversation so far. The tools are the loop's.
    #[must_use]
    pub fn request(&self) -> &ChatRequest {
        &self.request
    }

    /// The conversation with the answer in it, to go on with: `run.conversation().user("And tomorrow?")`.
    #[must_use]
    pub fn conversation(&self) -> ChatRequest {
        let parts = self.answer.iter().flat_map(|answer| &answer.parts);
        // A call that a content policy ended has no result, without which no service takes it.
        let parts: Vec<Part> = parts.filter(|part| !matches!(part, Part::ToolCall(_))).cloned().collect();
        let request = self.request.clone();
        if parts.is_empty() { request } else { request.message(Message::new(Role::Assistant, parts)) }
    }

    /// The calls of the last answer, as long as one of them has no result.
    #[must_use]
    pub fn calls(&self) -> &[RunCall] {
        &self.calls
    }

    /// The answer, once there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&ChatResponse> {
        self.answer.as_ref()
    }

    /// What there is of an answer that broke off; the model is asked for it again.
    #[must_use]
    pub fn partial(&self) -> Option<&ChatResponse> {
        self.partial.as_ref()
    }

    /// How far it has gone.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// The run that an error ended, as far as it had come.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.provider_error::<Interrupted>().map(|interrupted| &interrupted.run)
    }

    /// Takes an answer of the model.
    ///
    /// # Errors
    /// `Conflict` when none is needed.
    pub fn answered(&mut self, response: ChatResponse) -> Result<()> {
        if self.step() != Step::Model {
            return Err(Error::new(ErrorKind::Conflict, "the run needs no answer of the model now"));
        }
        self.partial = None;
        self.spent.model_requests = self.spent.model_requests.saturating_add(1);
        self.spent.usage = self.spent.usage.plus(&response.usage);
        let stopped = matches!(response.finish, FinishReason::ContentFilter | FinishReason::Refusal);
        if !stopped && response.tool_calls().next().is_some() {
            self.take_calls(response);
        } else if response.finish == FinishReason::Paused && !response.parts.is_empty() {
            self.request = std::mem::take(&mut self.request).reply(&response);
        } else {
            self.answer = Some(response);
        }
        Ok(())
    }

    /// Takes the calls of an answer, whatever the service says of why it ended: some say `stop`.
    fn take_calls(&mut self, response: ChatResponse) {
        let cut = response.finish == FinishReason::Length;
        let mut parts = response.parts;
        let last = parts.len().saturating_sub(1);
        let mut ids = HashMap::new();
        for (at, part) in parts.iter_mut().enumerate() {
            let Part::ToolCall(call) = part else { continue };
            // Results are told apart by these ids.
            make_unique(&mut call.id, &mut ids);
            let state = if cut && at == last {
                // What is there of its arguments can be JSON by chance.
                let text = "the answer met the most tokens before this call was complete; it was not made";
                CallState::Finished(ToolOutput::error(text))
            } else {
                CallState::Undecided
            };
            self.spent.tool_calls = self.spent.tool_calls.saturating_add(1);
            let seen = self.seen.entry(digest(call)).or_default();
            *seen = seen.saturating_add(1);
            self.calls.push(RunCall { call: call.clone(), state, edited: None });
        }
        // A tool that must be called would have to be called for ever.
        if matches!(self.request.tool_choice, ToolChoice::Required | ToolChoice::Tool(_)) {
            self.request.tool_choice = ToolChoice::Auto;
        }
        self.request = std::mem::take(&mut self.request).message(Message::new(Role::Assistant, parts));
        self.fold();
    }

    /// Decides about a call that was not begun; the last decision counts. `Suspend` takes a decision back.
    ///
    /// # Errors
    /// `NotFound` where the last answer has no such call; `Conflict` for one that was begun.
    pub fn decide(&mut self, id: &ToolCallId, decision: Decision) -> Result<()> {
        let call = self.call(id)?;
        if !matches!(call.state, CallState::Undecided | CallState::Approved) {
            return Err(Error::new(ErrorKind::Conflict, format!("the call `{}` was begun", id.as_str())));
        }
        call.edited = None;
        call.state = match decision {
            Decision::Approve => CallState::Approved,
            Decision::Suspend => CallState::Undecided,
            Decision::Deny(why) => CallState::Finished(denied(&why)),
            Decision::Edit(arguments) => {
                call.edited = Some(arguments);
                CallState::Approved
            }
        };
        self.fold();
        Ok(())
    }

    /// Notes that an approved call is about to be made.
    ///
    /// # Errors
    /// `NotFound` where the last answer has no such call; `Conflict` for one that may not be made, or was begun.
    pub fn started(&mut self, id: &ToolCallId) -> Result<()> {
        let call = self.call(id)?;
        if call.state != CallState::Approved {
            return Err(Error::new(ErrorKind::Conflict, format!("the call `{}` may not be begun", id.as_str())));
        }
        call.state = CallState::Started;
        Ok(())
    }

    /// Notes that a call was not made after all, or may be made again.
    pub(super) fn not_started(&mut self, id: &ToolCallId) {
        if let Ok(call) = self.call(id)
            && call.state == CallState::Started
        {
            call.state = CallState::Approved;
        }
    }

    /// Takes what a call gave: made, refused, or found out about afterwards where its outcome was unknown. Once all calls of
    /// the answer have their results, these are part of the request, in the order of the calls.
    ///
    /// # Errors
    /// `NotFound` where the last answer has no such call; `Conflict` for one that has its result.
    pub fn finished(&mut self, id: &ToolCallId, output: impl Into<ToolOutput>) -> Result<()> {
        let call = self.call(id)?;
        if matches!(call.state, CallState::Finished(_)) {
            return Err(Error::new(ErrorKind::Conflict, format!("the call `{}` has its result", id.as_str())));
        }
        let mut output: ToolOutput = output.into();
        if let Some(edited) = &call.edited {
            let text = format!("The call was made with other arguments, as was decided: {edited}\n");
            output.parts.insert(0, Part::text(text));
        }
        call.state = CallState::Finished(output);
        self.fold();
        Ok(())
    }

    /// Keeps what there is of an answer that broke off.
    pub(super) fn broke_off(&mut self, partial: Option<ChatResponse>) {
        self.partial = partial.or(self.partial.take());
    }

    pub(super) fn spent_mut(&mut self) -> &mut Spent {
        &mut self.spent
    }

    /// The first call that is wanted more often than this.
    pub(super) fn repeated(&self, most: u32) -> Option<&RunCall> {
        self.calls.iter().find(|call| self.seen.get(&digest(&call.call)).is_some_and(|seen| *seen > most))
    }

    /// The first option of the request that was lost on the way through JSON.
    pub(super) fn lost_extension(&self) -> Option<&str> {
        let lost = |name: &&String| !self.request.extensions.names().any(|there| there == *name);
        self.extensions.iter().find(lost).map(String::as_str)
    }

    /// The id of a call as a write: the same whenever it is made.
    pub(super) fn operation_id(&self, at: usize) -> OperationId {
        let run = self.id.as_ref().map(ToString::to_string).unwrap_or_default();
        OperationId::from(format!("{run}/{}/{at}", self.spent.model_requests))
    }

    fn call(&mut self, id: &ToolCallId) -> Result<&mut RunCall> {
        let found = self.calls.iter_mut().find(|call| call.call.id == *id);
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the run waits for no call `{}`", id.as_str())))
    }

    /// Makes the results part of the request, once all are there.
    fn fold(&mut self) {
        if self.calls.is_empty() || !self.calls.iter().all(|call| matches!(call.state, CallState::Finished(_))) {
            return;
        }
        let results = std::mem::take(&mut self.calls).into_iter().filter_map(|call| match call.state {
            CallState::Finished(output) => Some(Part::ToolResult(ToolResult::new(&call.call, output))),
            _ => None,
        });
        let message = Message::new(Role::Tool, results.collect());
        self.request = std::mem::take(&mut self.request).message(message);
    }
}

/// What the model is told of a call that was denied.
pub(super) fn denied(why: &str) -> ToolOutput {
    ToolOutput::error(format!("the call was denied: {why}"))
}

/// Makes an id one that no call of the answer had before; `ids` has how often each was met.
fn make_unique(id: &mut ToolCallId, ids: &mut HashMap<ToolCallId, u64>) {
    if id.as_str().is_empty() {
        *id = "call".into();
    }
    let stem = id.clone();
    while ids.contains_key(id) {
        let met = ids.entry(stem.clone()).or_default();
        *met += 1;
        *id = format!("{}-{met}", stem.as_str()).into();
    }
    ids.insert(id.clone(), 1);
}

/// A number for a tool and its arguments, however these are written; the same in every process and version, as it is stored
/// (FNV-1a).
fn digest(call: &ToolCall) -> u64 {
    let canonical = serde_json::from_str::<Value>(&call.arguments).map(|mut arguments| {
        arguments.sort_all_objects();
        arguments.to_string()
    });
    let arguments = canonical.as_deref().unwrap_or(&call.arguments);
    let bytes = call.name.bytes().chain([0]).chain(arguments.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Without the content.
impl fmt::Debug for ToolRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_ref().map_or_else(|| "unnamed".to_owned(), ToString::to_string);
        let Spent { model_requests, tool_calls, .. } = self.spent;
        write!(f, "ToolRun({id}: {:?} after {model_requests} answers and {tool_calls} calls)", self.step())
    }
}

macro_rules! from_requests {
    ($($request:ty),+) => {
        $(impl From<$request> for ToolRun {
            fn from(request: $request) -> Self {
                Self::new(request)
            }
        })+
    };
}

from_requests!(ChatRequest, &ChatRequest, &str, String, &String, Message);
