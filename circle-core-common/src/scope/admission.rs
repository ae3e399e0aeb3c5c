//! What a call must pass before it is made: access control, and the record of its intent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::call::{taken, unrecorded};
use super::{Call, Resources};
use crate::access::{AccessRequest, Decision, Verdict};
use crate::audit::{AuditEvent, AuditMode, Recording};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::operation::Class;
use crate::random::Random;

impl Call<'_> {
    /// Gives what the call is made with, once it may be made; refused, it ends here and nothing is sent.
    ///
    /// # Errors
    /// `Closed` after shutdown, `Cancelled`, `Timeout` when the deadline has passed already, `InvalidInput` for a
    /// repetition of what has no id, `PermissionDenied` by the access control, `Unavailable` when audit is required and
    /// cannot be written; why there is no provider.
    pub async fn start<P>(&mut self, resources: Resources<'_>, provider: impl FnOnce() -> Result<P>) -> Result<P> {
        self.source = resources.source().cloned();
        self.resource = resources.first().cloned();
        self.resources = resources.count();
        let mut admitted = self.ready();
        if self.core.shared.guarded && admitted.is_ok() {
            admitted = self.admit(resources).await;
        }
        match admitted.and_then(|()| provider()) {
            Ok(provider) => {
                self.open = true;
                self.cx.report(|report| report.calls += 1);
                Ok(provider)
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// What keeps any call from being made.
    fn ready(&self) -> Result<()> {
        let cx = &self.cx;
        if self.core.environment().is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the hub has shut down"));
        }
        if cx.cancel().is_some_and(crate::Cancel::is_cancelled) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled before it started"));
        }
        // Once polled, a call to a provider that answers at once would be made in spite of its deadline.
        if cx.deadline().is_some_and(|deadline| deadline <= cx.started()) {
            return Err(Error::new(ErrorKind::Timeout, "the deadline had passed before it started"));
        }
        if cx.options().is_some_and(|options| options.unrepeatable) {
            let text = "the error given to `CallOptions::repeat` names no operation id: the call would be a second write";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(())
    }

    /// Asks the access control and writes the intent, within the deadline and the cancellation of the call.
    async fn admit(&mut self, resources: Resources<'_>) -> Result<()> {
        let allowed = match self.decide(resources) {
            Some(decided) => decided,
            None => {
                let mut policy = None;
                let asked = Box::pin(self.cx.guard(self.ask(resources, &mut policy))).await;
                self.policy = policy;
                asked
            }
        };
        let Some((sink, mode)) = self.core.shared.environment.audit() else { return allowed };
        self.id = next_call_id()?;
        self.at = self.cx.clock().timestamp();
        let event = if allowed.is_ok() { AuditEvent::Intent } else { AuditEvent::Refused };
        // Handed over, the intent is on record, so that a drop from here on must leave an outcome.
        let recording = sink.record(self.audit_record(event));
        self.open = allowed.is_ok();
        let written = match (recording, mode) {
            // The deadline's error and the sink's: past the deadline the intent may still be written, so such a call
            // stays open and ends with an outcome.
            (Recording::Pending(wait), AuditMode::Required) => match Box::pin(self.cx.guard(async { Ok(wait.await) })).await {
                Ok(written) => written,
                Err(interrupted) => return allowed.and(Err(interrupted)),
            },
            (recording, _) => taken(recording),
        };
        match (written, mode) {
            (Err(error), AuditMode::Required) if allowed.is_ok() => {
                self.open = false;
                Err(unrecorded(error))
            }
            // A refusal stands, whatever became of its record.
            (Err(error), _) => {
                self.core.shared.lost.note(1, &error);
                allowed
            }
            (Ok(()), _) => allowed,
        }
    }

    /// What the access control says at once; `None` when a policy engine must be asked.
    fn decide(&mut self, resources: Resources<'_>) -> Option<Result<()>> {
        let mut policy = None;
        let decided = self.decide_all(resources, &mut policy);
        self.policy = policy;
        decided
    }

    fn decide_all(&self, resources: Resources<'_>, policy: &mut Option<Arc<str>>) -> Option<Result<()>> {
        // The call that needs a credential was asked for before the credential is.
        let Some(access) = self.core.shared.environment.access().filter(|_| !self.is_load()) else { return Some(Ok(())) };
        for (class, resource) in resources.classed(self.cx.operation().class()) {
            let request = self.access_request(class, resource);
            match access.decide(&request) {
                Verdict::Decided(decision) => match heed(&request, decision, policy) {
                    Ok(()) => {}
                    Err(denied) => return Some(Err(denied)),
                },
                Verdict::Ask(_) => return None,
            }
        }
        Some(Ok(()))
    }

    async fn ask(&self, resources: Resources<'_>, policy: &mut Option<Arc<str>>) -> Result<()> {
        let Some(access) = self.core.shared.environment.access() else { return Ok(()) };
        *policy = None;
        for (class, resource) in resources.classed(self.cx.operation().class()) {
            let request = self.access_request(class, resource);
            let decision = match access.decide(&request) {
                Verdict::Decided(decision) => decision,
                Verdict::Ask(decision) => decision.await?,
            };
            heed(&request, decision, policy)?;
        }
        Ok(())
    }

    fn access_request<'a>(&'a self, class: Class, resource: &'a str) -> AccessRequest<'a> {
        let cx = &self.cx;
        AccessRequest {
            principal: cx.principal().map(|name| &**name),
            tenant: cx.tenant().map(|name| &**name),
            service: &self.core.shared.service,
            provider: self.core.shared.provider,
            operation: cx.operation(),
            class,
            resource,
        }
    }
}

/// Keeps the policy of the first thing, or of the one that is denied.
fn heed(request: &AccessRequest<'_>, decision: Decision, policy: &mut Option<Arc<str>>) -> Result<()> {
    let denied = decision.reason().map(|reason| denied(request, reason));
    if policy.is_none() || denied.is_some() {
        *policy = decision.policy().cloned();
    }
    denied.map_or(Ok(()), Err)
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
