//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::Gate;
use crate::context::CallOptions;
use crate::error::{Error, ErrorKind};
use crate::interfaces::webhook_verifier::{VERIFY, VerifyOptions};
use crate::suite::{Canary, Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    subject.verify(&request).await?;
    subject.closes_twice(&VERIFY).await?;
    expect_kind("verify", subject.verify(&request).await, ErrorKind::Closed)?;
    subject.stays_closed(&VERIFY).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Gate) -> Outcome {
    subject.is_healthy(&VERIFY).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Gate) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Gate) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and no handler runs.
pub async fn cancelled_before_the_call_sends_nothing(subject: Gate) -> Outcome {
    let (request, event) = (subject.signed("a")?, subject.event("a").await?);
    let gate = subject.handle.with(cancelled());
    let calls = async {
        expect_kind("verify", gate.verify(&request.headers, &request.body).await, ErrorKind::Cancelled)?;
        let mut has_run = false;
        let handler = || {
            has_run = true;
            async { Ok(()) }
        };
        expect_kind("once", gate.once(&event, handler).await, ErrorKind::Cancelled)?;
        equal("whether the handler has run", &has_run, &false)
    };
    subject.sends_nothing(calls).await
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let calls = async {
        let options = VerifyOptions::new().extension(Foreign);
        subject.refuses_foreign("verify", subject.handle.verify_with(&request.headers, &request.body, options).await)
    };
    subject.sends_nothing(calls).await
}

/// Every call of the handle leaves exactly one span of its own, named by its operation.
pub async fn every_call_has_exactly_one_span(subject: Gate) -> Outcome {
    let (telemetry, request) = (Telemetry::new(), subject.signed("a")?);
    telemetry
        .within(async {
            let event = subject.verify(&request).await?;
            subject.handle.once(&event, || async { Ok(()) }).await?;
            subject.handle.once(&event, || async { Ok(()) }).await?;
            Ok::<_, Failed>(())
        })
        .await?;
    let operations = ["webhook_verifier.verify", "webhook_verifier.once", "webhook_verifier.once"];
    // Where events are marked in a store, its calls have spans of their own.
    let calls = telemetry.calls().into_iter().filter(|call| call.starts_with("webhook_verifier.")).collect::<Vec<_>>();
    equal("the spans", &calls, &operations.map(str::to_owned).to_vec())
}

/// No span, log, error or `Debug` shows what events say, signatures, or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Gate) -> Outcome {
    let (telemetry, payload) = (Telemetry::new(), Canary::new());
    let request = subject.sign(&subject.to_sign("a").text(payload.secret()))?;
    let mut changed = request.body.to_vec();
    changed.push(b' ');
    let changed = request.clone().body(changed);
    let mut texts = Vec::new();
    telemetry
        .within(async {
            let event = subject.verify(&request).await?;
            texts.push(format!("{event:?}"));
            texts.push(format!("{:?}", event.json::<Vec<u8>>()));
            texts.push(format!("{:?}", subject.verify(&changed).await));
            let failed = || async { Err::<(), _>(Error::new(ErrorKind::Internal, "the handler has failed")) };
            texts.push(format!("{:?}", subject.handle.once(&event, failed).await));
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)?;
    let shown = format!("{:?} {texts:?}", telemetry.records());
    equal("whether the payload is shown", &payload.is_in(&shown), &false)
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout_or_done(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let gate = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    is_late_or_done("verify", gate.verify(&request.headers, &request.body).await)?;
    subject.verify(&request).await?;
    Ok(())
}
