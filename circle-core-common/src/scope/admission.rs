//! What a call must pass before it is made: access control, and the record of its intent.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::call::{taken, unrecorded};
use super::{Call, HandleCore, Resources};
use crate::access::{AccessRequest, Decision, Verdict};
use crate::audit::{AuditEvent, AuditMode, Recording};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::operation::Class;
use crate::random::Random;

impl HandleCore {
    /// Asks the access control and writes the intent, within the deadline and the cancellation of the call.
    pub(super) async fn admit(&self, call: &mut Call<'_>, resources: Resources<'_>) -> Result<()> {
        let allowed = match self.decide(&call.cx, resources) {
            Some(decided) => decided,
            None => Box::pin(call.cx.guard(self.ask(&call.cx, resources))).await,
        };
        let Some((sink, mode)) = self.shared.environment.audit() else { return allowed };
        call.id = next_call_id()?;
        call.at = call.cx.clock().timestamp();
        let event = if allowed.is_ok() { AuditEvent::Intent } else { AuditEvent::Refused };
        // Handed over, the intent is on record, so that a drop from here on must leave an outcome.
        let recording = sink.record(call.audit_record(event));
        call.open = allowed.is_ok();
        let written = match (recording, mode) {
            // The deadline's error and the sink's: past the deadline the intent may still be written, so such a call
            // stays open and ends with an outcome.
            (Recording::Pending(wait), AuditMode::Required) => match Box::pin(call.cx.guard(async { Ok(wait.await) })).await {
                Ok(written) => written,
                Err(interrupted) => return allowed.and(Err(interrupted)),
            },
            (recording, _) => taken(recording),
        };
        match (written, mode) {
            (Err(error), AuditMode::Required) if allowed.is_ok() => {
                call.open = false;
                Err(unrecorded(error))
            }
            // A refusal stands, whatever became of its record.
            (Err(error), _) => {
                self.shared.lost.note(1, &error);
                allowed
            }
            (Ok(()), _) => allowed,
        }
    }

    /// What the access control says at once; `None` when a policy engine must be asked.
    fn decide(&self, cx: &CallContext, resources: Resources<'_>) -> Option<Result<()>> {
        let Some(access) = self.shared.environment.access() else { return Some(Ok(())) };
        for (class, resource) in resources.classed(cx.operation().class()) {
            let request = self.access_request(cx, class, resource);
            match access.decide(&request) {
                Verdict::Allow => {}
                Verdict::Deny(reason) => return Some(Err(denied(&request, &reason))),
                Verdict::Ask(_) => return None,
            }
        }
        Some(Ok(()))
    }

    async fn ask(&self, cx: &CallContext, resources: Resources<'_>) -> Result<()> {
        let Some(access) = self.shared.environment.access() else { return Ok(()) };
        for (class, resource) in resources.classed(cx.operation().class()) {
            let request = self.access_request(cx, class, resource);
            let decision = match access.decide(&request) {
                Verdict::Allow => Decision::Allow,
                Verdict::Deny(reason) => Decision::Deny(reason),
                Verdict::Ask(decision) => decision.await?,
            };
            if let Decision::Deny(reason) = decision {
                return Err(denied(&request, &reason));
            }
        }
        Ok(())
    }

    fn access_request<'a>(&'a self, cx: &'a CallContext, class: Class, resource: &'a str) -> AccessRequest<'a> {
        AccessRequest {
            principal: cx.principal().map(|name| &**name),
            tenant: cx.tenant().map(|name| &**name),
            service: &self.shared.service,
            provider: self.shared.provider,
            operation: cx.operation(),
            class,
            resource,
        }
    }
}

fn denied(request: &AccessRequest<'_>, reason: &str) -> Error {
    let who = request.principal.unwrap_or("a caller without principal");
    let text = format!("{who} may not {} `{}`: {reason}", request.class, request.resource);
    Error::new(ErrorKind::PermissionDenied, text).with_reason(Reason::AccessRules)
}

/// The id of the next audited call. The first of a process is random, because its records may be appended to those of
/// an earlier one; below 2^53, so that every JSON reader keeps it exact.
fn next_call_id() -> Result<u64> {
    static CALLS: OnceLock<AtomicU64> = OnceLock::new();
    let calls = match CALLS.get() {
        Some(calls) => calls,
        None => {
            let first = (Random::System.bits()? >> 76) as u64;
            CALLS.get_or_init(|| AtomicU64::new(first))
        }
    };
    Ok(calls.fetch_add(1, Ordering::Relaxed))
}
