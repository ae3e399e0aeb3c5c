//! Drives a run: does what its next step needs, and tells it the outcome.

use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::{
    ChatModel, ChatRequest, ChatResponse, Received, ToolCall, ToolOutput, events_of,
};
use circle_core_common::scope::HandleCore;
use circle_core_common::{CallContext, CallOptions, Error, ErrorKind, OperationId, Result, Tick};
use serde_json::Value;

use super::execute::{self, CallEnd, RUN, UNKNOWN, is_repeatable};
use super::run::denied;
use super::running::Running;
use super::stream::{Outlet, SharedRun, locked};
use super::tool_loop::Parts;
use super::{CallState, Decision, LimitReached, ProposedCall, RunEnd, Step, Tool, ToolEvent};

const PROVIDER: &str = "tool-loop";

/// How long the last state may take to be stored, of a run whose time is over.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(super) struct Drive {
    parts: Arc<Parts>,
    run: SharedRun,
    outlet: Outlet,
    /// The run as a call: what the hook and the store are waited for within.
    cx: CallContext,
    model: ChatModel,
    core: HandleCore,
    /// How long the run was driven before.
    before: Duration,
    /// When the limit of time is reached.
    time_over: Option<Tick>,
    /// Whether the store has an older state.
    unsaved: bool,
}

/// A call that can be made.
struct Prepared {
    call: ToolCall,
    tool: Arc<dyn Tool>,
    arguments: Value,
    id: OperationId,
}

impl Drive {
    pub(super) fn new(parts: Arc<Parts>, run: SharedRun, outlet: Outlet) -> Result<Self> {
        let environment = match &parts.environment {
            Some(environment) => environment.clone(),
            None => parts.model.provider()?.environment().clone(),
        };
        let before = locked(&run).spent().time;
        let limit = parts.limits.time.map(|limit| limit.saturating_sub(before));
        let asked = CallContext::new(&environment, &RUN, Some(Arc::new(parts.options.clone())));
        let time_over = limit.map(|left| asked.started().after(left));
        let mut options = parts.options.clone();
        options.timeout = None;
        options.deadline = asked.deadline().into_iter().chain(time_over).min();
        // One key for many writes would make them one.
        options.idempotency_key = None;
        let core = HandleCore::new(environment.clone(), Arc::clone(&parts.name), PROVIDER).with(options.clone());
        let model = parts.model.with(options.clone());
        let cx = CallContext::new(&environment, &RUN, Some(Arc::new(options)));
        Ok(Self { parts, run, outlet, cx, model, core, before, time_over, unsaved: false })
    }

    pub(super) async fn finish(mut self) -> Result<RunEnd> {
        let ended = match self.steps().await {
            Err(error) if error.is(ErrorKind::Timeout) => self.time_limit().map(RunEnd::Limit).ok_or(error),
            ended => ended,
        };
        if !self.unsaved {
            return ended;
        }
        let cx = self.cx.detached(&RUN, LAST_WORDS);
        let saved = cx.guard(self.save()).await;
        match (ended, saved) {
            // What ended the run says more than that its last state is not stored.
            (Err(error), _) => Err(error),
            (Ok(_), Err(error)) => Err(error),
            (ended, Ok(())) => ended,
        }
    }

    async fn steps(&mut self) -> Result<RunEnd> {
        self.prepare()?;
        // From here on: what is no run is not stored.
        self.unsaved = true;
        loop {
            if let Some(reached) = self.limit() {
                return Ok(RunEnd::Limit(reached));
            }
            let step = locked(&self.run).step();
            match step {
                Step::Finished => return Ok(RunEnd::Answered),
                Step::Model => {
                    self.save_if_needed().await?;
                    self.ask().await?;
                }
                Step::Decide => {
                    if self.decide().await? {
                        return Ok(RunEnd::Suspended);
                    }
                }
                Step::Execute => self.execute().await?,
            }
        }
    }

    /// Makes ready a run that may have been JSON, and may have been interrupted anywhere.
    fn prepare(&mut self) -> Result<()> {
        let mut run = locked(&self.run);
        let invalid = |text: String| Err(Error::new(ErrorKind::InvalidInput, text));
        if let Some(lost) = run.lost_extension() {
            return invalid(format!("the run was stored without its option `{lost}`: add it again, with `ToolRun::extension`"));
        }
        if !run.request().tools.is_empty() {
            return invalid("the tools of a run are those of its loop; the request has some of its own".to_owned());
        }
        if run.id().is_none() {
            *run = run.clone().named(OperationId::generated(self.cx.random().bits()?));
        }
        let begun: Vec<ToolCall> =
            run.calls().iter().filter(|call| call.state == CallState::Started).map(|call| call.call.clone()).collect();
        for call in begun {
            match self.parts.tools.find(&call.name) {
                Some(tool) if is_repeatable(&**tool) => run.not_started(&call.id),
                _ => run.finished(&call.id, ToolOutput::error(UNKNOWN))?,
            }
        }
        Ok(())
    }

    /// The limit that keeps the run from its next step.
    fn limit(&mut self) -> Option<LimitReached> {
        let run = locked(&self.run);
        let (limits, spent) = (&self.parts.limits, run.spent());
        match run.step() {
            Step::Finished => return None,
            Step::Model => limits.before_request(spent),
            Step::Decide | Step::Execute => limits.before_calls(spent).or_else(|| {
                let limit = limits.repeats?;
                run.repeated(limit).map(|call| LimitReached::Repeats { limit, tool: call.call.name.clone() })
            }),
        }
        .or_else(|| self.time_limit())
    }

    fn time_limit(&self) -> Option<LimitReached> {
        let limit = self.parts.limits.time?;
        let now = self.cx.clock().now();
        self.time_over.filter(|over| *over <= now).map(|_| LimitReached::Time { limit })
    }

    async fn ask(&mut self) -> Result<()> {
        let mut request = locked(&self.run).request().clone();
        request.tools = Arc::clone(&self.parts.definitions);
        let answered = if !self.outlet.is_open() {
            self.model.chat(request).await
        } else if self.model.capabilities().stream {
            self.streamed(request).await
        } else {
            self.unstreamed(request).await
        };
        self.unsaved = true;
        match answered {
            Ok(response) => locked(&self.run).answered(response),
            Err(error) => {
                locked(&self.run).broke_off(Received::of(&error).cloned());
                Err(error)
            }
        }
    }

    async fn streamed(&self, request: ChatRequest) -> Result<ChatResponse> {
        let mut stream = self.model.stream(request).await?;
        while let Some(event) = stream.try_next().await? {
            self.outlet.give(|| ToolEvent::Chat(event)).await;
        }
        stream.finish().await
    }

    /// The events of a model that does not stream.
    async fn unstreamed(&self, request: ChatRequest) -> Result<ChatResponse> {
        let response = self.model.chat(request).await?;
        for event in events_of(&response) {
            self.outlet.give(|| ToolEvent::Chat(event)).await;
        }
        Ok(response)
    }

    /// Has calls decided about; says whether one has to wait.
    async fn decide(&mut self) -> Result<bool> {
        let parts = Arc::clone(&self.parts);
        let mut waits = false;
        for call in self.calls_in(&CallState::Undecided) {
            let (tool, arguments) = match parts.tools.prepare(&call, self.most_bytes()) {
                Ok(prepared) => prepared,
                Err(wrong) => {
                    self.finish_call(call, ToolOutput::error(wrong)).await?;
                    continue;
                }
            };
            let decision = match parts.tools.approver(&**tool) {
                None => Decision::Approve,
                Some(hook) => {
                    // A person may take their time.
                    self.save_if_needed().await?;
                    self.outlet.give(|| ToolEvent::ApprovalNeeded(call.clone())).await;
                    let run = locked(&self.run).id().cloned().unwrap_or_else(|| OperationId::from(""));
                    self.cx.guard(hook(ProposedCall::new(run, call.clone(), arguments, tool.class()))).await?
                }
            };
            self.unsaved = true;
            match decision {
                Decision::Suspend => waits = true,
                Decision::Deny(why) => self.finish_call(call, denied(&why)).await?,
                Decision::Edit(edited) => {
                    self.fits(&call, &edited)?;
                    locked(&self.run).decide(&call.id, Decision::Edit(edited))?;
                }
                decision => locked(&self.run).decide(&call.id, decision)?,
            }
        }
        Ok(waits)
    }

    fn fits(&self, call: &ToolCall, edited: &Value) -> Result<()> {
        let fits = self.parts.tools.check(&call.name, edited);
        fits.map_err(|wrong| Error::new(ErrorKind::InvalidInput, format!("decided on for a call of `{}`: {wrong}", call.name)))
    }

    /// Makes the calls that may be made, side by side.
    async fn execute(&mut self) -> Result<()> {
        let mut running = Running::new();
        let mut failed = None;
        loop {
            let free = if failed.is_none() { self.parts.concurrency.get() - running.len() } else { 0 };
            if let Err(error) = self.start(&mut running, free).await {
                failed = failed.or(Some(error));
            }
            if running.len() == 0 {
                // What could not be prepared has its result already, and may have made room.
                let more = failed.is_none() && !self.calls_in(&CallState::Approved).is_empty();
                if more {
                    continue;
                }
                return failed.map_or(Ok(()), Err);
            }
            let mut lasting = false;
            for (call, end) in running.next().await {
                self.unsaved = true;
                lasting |= self.parts.tools.find(&call.name).is_some_and(|tool| !is_repeatable(&**tool));
                match end {
                    CallEnd::Output(output) => self.finish_call(call, output).await?,
                    CallEnd::Refused(error) => {
                        locked(&self.run).not_started(&call.id);
                        failed = failed.or(Some(error));
                    }
                    CallEnd::Failed(error) => failed = failed.or(Some(error)),
                }
            }
            // What cannot be found out again is kept; behind the last call it is with the next step.
            if lasting && running.len() > 0 {
                let saved = running.beside(self.save_if_needed()).await;
                failed = failed.or(saved.err());
            }
        }
    }

    /// Begins calls, as many as there is room for; first of all the store learns of those that must not be made twice.
    async fn start(&mut self, running: &mut Running<CallEnd>, free: usize) -> Result<()> {
        let mut ready = Vec::new();
        for (at, call) in self.approved(free) {
            match self.prepared(at, &call)? {
                Ok(prepared) => ready.push(prepared),
                Err(wrong) => self.finish_call(call, ToolOutput::error(wrong)).await?,
            }
        }
        let mut lasting = false;
        for prepared in &ready {
            locked(&self.run).started(&prepared.call.id)?;
            self.unsaved = true;
            lasting |= !is_repeatable(&*prepared.tool);
        }
        if lasting && let Err(error) = running.beside(self.save_if_needed()).await {
            let mut run = locked(&self.run);
            ready.iter().for_each(|prepared| run.not_started(&prepared.call.id));
            self.unsaved = true;
            return Err(error);
        }
        for Prepared { call, tool, arguments, id } in ready {
            self.outlet.give(|| ToolEvent::CallStarted(call.clone())).await;
            let timeout = tool.timeout().unwrap_or(self.parts.call_timeout);
            let options = CallOptions::new().timeout(timeout).idempotency_key(id);
            running.push(call, execute::call(self.core.clone(), tool, arguments, options, self.cx.deadline()));
        }
        Ok(())
    }

    /// The next calls that may be made, and their places.
    fn approved(&self, most: usize) -> Vec<(usize, ToolCall)> {
        let run = locked(&self.run);
        let approved = run.calls().iter().enumerate().filter(|(_, call)| call.state == CallState::Approved);
        approved.take(most).map(|(at, call)| (at, call.call.clone())).collect()
    }

    /// A call, with what it is made with; or why it cannot be made, for the model: the tools may have changed since.
    fn prepared(&self, at: usize, call: &ToolCall) -> Result<std::result::Result<Prepared, String>> {
        let (id, edited) = {
            let run = locked(&self.run);
            (run.operation_id(at), run.calls().get(at).and_then(|call| call.edited.clone()))
        };
        let tools = &self.parts.tools;
        if let (Some(edited), Some(tool)) = (edited, tools.find(&call.name)) {
            self.fits(call, &edited)?;
            return Ok(Ok(Prepared { call: call.clone(), tool: Arc::clone(tool), arguments: edited, id }));
        }
        let prepared = tools.prepare(call, self.most_bytes());
        Ok(prepared.map(|(tool, arguments)| Prepared { call: call.clone(), tool: Arc::clone(tool), arguments, id }))
    }

    async fn finish_call(&mut self, call: ToolCall, output: ToolOutput) -> Result<()> {
        self.unsaved = true;
        locked(&self.run).finished(&call.id, output.clone())?;
        self.outlet.give(|| ToolEvent::CallFinished { call, output }).await;
        Ok(())
    }

    fn calls_in(&self, state: &CallState) -> Vec<ToolCall> {
        let run = locked(&self.run);
        run.calls().iter().filter(|call| call.state == *state).map(|call| call.call.clone()).collect()
    }

    fn most_bytes(&self) -> usize {
        self.parts.argument_bytes.as_usize()
    }

    async fn save_if_needed(&mut self) -> Result<()> {
        if !self.unsaved {
            return Ok(());
        }
        let cx = self.cx.clone();
        cx.guard(self.save()).await
    }

    /// Stores the run as it is.
    async fn save(&mut self) -> Result<()> {
        let snapshot = {
            let mut run = locked(&self.run);
            run.spent_mut().time = self.before.saturating_add(self.cx.clock().now().since(self.cx.started()));
            run.clone()
        };
        if let Some(checkpoints) = &self.parts.checkpoints {
            let version = checkpoints.put(&snapshot).await?;
            locked(&self.run).version = Some(version);
        }
        self.unsaved = false;
        Ok(())
    }
}
