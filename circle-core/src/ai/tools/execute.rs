//! One call of a tool.

use std::sync::Arc;

use circle_core_common::interfaces::chat_model::ToolOutput;
use circle_core_common::resilience::Idempotency;
use circle_core_common::scope::{HandleCore, Resources};
use circle_core_common::{CallOptions, Class, Error, ErrorKind, Operation, Reason, Sent, Tick};
use serde_json::Value;

use super::Tool;
use super::running::{Panicked, caught};

circle_core_common::operations! {
    "Tools" => {
        /// A run.
        RUN = "tools.run", Write;
        /// A call of a tool that reads.
        READ = "tools.read", Read;
        /// A call of a tool that writes.
        WRITE = "tools.write", Write;
        /// A call of a tool that deletes.
        DELETE = "tools.delete", Delete;
        /// A call of a tool that changes configuration or rights.
        ADMIN = "tools.admin", Admin;
        /// A call of a tool that moves money.
        MONEY = "tools.money", Money;
    }
}

fn operation(class: Class) -> &'static Operation {
    match class {
        Class::Read => &READ,
        Class::Write => &WRITE,
        Class::Delete => &DELETE,
        Class::Admin => &ADMIN,
        Class::Money => &MONEY,
    }
}

/// What the model is told of a call that was begun, and whose end nobody saw.
pub(super) const UNKNOWN: &str =
    "this call was begun and interrupted: whether it had its effect is unknown. Find out before you make it again.";

/// Whether a call may be made again where nobody knows what became of the first.
pub(super) fn is_repeatable(tool: &dyn Tool) -> bool {
    tool.idempotency() != Idempotency::NonIdempotent
}

/// How a call ended.
pub(super) enum CallEnd {
    /// With something to tell the model.
    Output(ToolOutput),
    /// Before it was made; the run ends.
    Refused(Error),
    /// Somehow; the run ends.
    Failed(Error),
}

/// Makes one call in a scope of its own: access control, span, metrics, audit, timeout, cancellation.
pub(super) async fn call(
    core: HandleCore,
    tool: Arc<dyn Tool>,
    arguments: Value,
    options: CallOptions,
    deadline: Option<Tick>,
) -> CallEnd {
    let core = core.with(options);
    let name: Arc<str> = tool.definition().name.as_str().into();
    let mut call = core.open(operation(tool.class()));
    match call.start(Resources::One(&name), || Ok(())).await {
        Ok(()) => {}
        // The access rules' word is for the model; anything else is no matter of this call.
        Err(error) if error.is(ErrorKind::PermissionDenied) => return CallEnd::Output(told(&error, &*tool)),
        Err(error) => return CallEnd::Refused(error),
    }
    let mut panicked = false;
    let made = call.guard(async {
        caught(async { tool.call(call.cx(), arguments).await }).await.unwrap_or_else(|Panicked| {
            panicked = true;
            Err(Error::new(ErrorKind::Internal, "the tool panicked").with_sent(Sent::Maybe))
        })
    });
    let made = made.await;
    match call.finish(made).await {
        Ok(output) => CallEnd::Output(output),
        Err(error) if panicked || ends_run(&error) => CallEnd::Failed(error),
        // The run's own deadline, not that of the call.
        Err(error) if error.is(ErrorKind::Timeout) && deadline.is_some_and(|end| core.environment().clock().now() >= end) => {
            CallEnd::Failed(error)
        }
        Err(error) => CallEnd::Output(told(&error, &*tool)),
    }
}

/// Whether an error is not the model's to deal with: somebody wants it all to end, or what was done must be on record.
fn ends_run(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed) || error.reason() == Some(Reason::AuditUnavailable)
}

/// An error in words for the model: without places, which are not its business.
fn told(error: &Error, tool: &dyn Tool) -> ToolOutput {
    let open = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Connection | ErrorKind::Unavailable);
    let unknown = error.is(ErrorKind::OutcomeUnknown) || open && error.sent() != Sent::No;
    let rest = if unknown && !is_repeatable(tool) { "; whether it had its effect is unknown" } else { "" };
    ToolOutput::error(format!("{}: {}{rest}", error.kind().title(), error.message()))
}
