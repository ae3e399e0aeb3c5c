//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Forgery, Gate, ToIssue};
use crate::context::CallOptions;
use crate::error::ErrorKind;
use crate::interfaces::token_verifier::VERIFY;
use crate::suite::{Canary, Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    subject.verify(&token).await?;
    subject.closes_twice(&VERIFY).await?;
    expect_kind("verify", subject.handle.verify(&token, subject.expect()?).await, ErrorKind::Closed)?;
    if subject.handle.capabilities().introspect {
        expect_kind("introspect", subject.handle.introspect(&token, None).await, ErrorKind::Closed)?;
    }
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

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let gate = subject.handle.with(cancelled());
    let calls = async {
        expect_kind("verify", gate.verify(&token, subject.expect()?).await, ErrorKind::Cancelled)?;
        if gate.capabilities().introspect {
            expect_kind("introspect", gate.introspect(&token, None).await, ErrorKind::Cancelled)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let calls = async {
        let expect = subject.expect()?.extension(Foreign);
        subject.refuses_foreign("verify", subject.handle.verify(&token, expect).await)
    };
    subject.sends_nothing(calls).await
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Gate) -> Outcome {
    let (telemetry, token) = (Telemetry::new(), subject.issue(&ToIssue::new()).await?);
    let mut operations = vec!["verify", "verify"];
    telemetry
        .within(async {
            subject.verify(&token).await?;
            subject.refuses("no token", &"a.b.c".into(), None).await?;
            if subject.handle.capabilities().introspect {
                operations.push("introspect");
                subject.handle.introspect(&token, None).await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    let operations: Vec<String> = operations.iter().map(|verb| format!("token_verifier.{verb}")).collect();
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log, error or `Debug` shows a token, what it says of people, or a secret of the client.
pub async fn no_token_in_spans_logs_and_errors(subject: Gate) -> Outcome {
    let (telemetry, said) = (Telemetry::new(), Canary::new());
    let token = subject.issue(&ToIssue::new().text(said.secret())).await?;
    let forged = subject.issue(&ToIssue::forged(Forgery::UnknownKey)).await?;
    let mut texts = Vec::new();
    telemetry
        .within(async {
            texts.push(format!("{:?}", subject.verify(&token).await?));
            texts.push(format!("{:?}", subject.refuses("a forged token", &forged, None).await?));
            texts.push(format!("{:?}", subject.handle.verify(&token, subject.expect()?.scope("no-such-scope")).await));
            if subject.handle.capabilities().introspect {
                texts.push(format!("{:?}", subject.handle.introspect(&token, None).await?));
            }
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)?;
    let shown = format!("{:?} {texts:?}", telemetry.records());
    holds("what the token says is not shown", !said.is_in(&shown))?;
    for token in [&token, &forged] {
        let mut parts = token.expose_secret().split('.').filter(|part| part.len() > 8);
        holds("no part of a token is shown", !parts.any(|part| shown.contains(part)))?;
    }
    Ok(())
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout_or_done(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let gate = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    is_late_or_done("verify", gate.verify(&token, subject.expect()?).await)?;
    subject.verify(&token).await.map(drop)
}
