//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Decision, Idp};
use crate::context::CallOptions;
use crate::error::ErrorKind;
use crate::interfaces::identity_provider::{DeviceRequest, LoginRequest, LoginState, START_LOGIN, Session};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Idp) -> Outcome {
    let session = subject.logged_in().await?;
    let (login, answer) = subject.agreed().await?;
    let (client, capabilities) = (&subject.handle, subject.handle.capabilities());
    subject.closes_twice(&START_LOGIN).await?;
    expect_kind("start_login", client.start_login(LoginRequest::default()).await, ErrorKind::Closed)?;
    expect_kind("finish_login", client.finish_login(login.state, &answer).await, ErrorKind::Closed)?;
    if capabilities.user_info {
        expect_kind("user_info", client.user_info(&session).await, ErrorKind::Closed)?;
    }
    if capabilities.refresh && session.tokens().refresh_token.is_some() {
        expect_kind("refresh", client.refresh(&session).await, ErrorKind::Closed)?;
    }
    if capabilities.logout {
        expect_kind("logout_url", client.logout_url(&session).await.map(drop), ErrorKind::Closed)?;
    }
    if capabilities.device {
        expect_kind("start_device", client.start_device(DeviceRequest::new()).await, ErrorKind::Closed)?;
    }
    if capabilities.revoke {
        expect_kind("revoke", client.revoke(session).await, ErrorKind::Closed)?;
    }
    subject.stays_closed(&START_LOGIN).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Idp) -> Outcome {
    subject.is_healthy(&START_LOGIN).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Idp) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Idp) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let client = subject.handle.with(cancelled());
    let calls = async {
        expect_kind("start_login", client.start_login(LoginRequest::default()).await, ErrorKind::Cancelled)?;
        expect_kind("finish_login", client.finish_login(login.state, &answer).await, ErrorKind::Cancelled)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Idp) -> Outcome {
    let calls = async {
        let client = &subject.handle;
        subject.refuses_foreign("start_login", client.start_login(LoginRequest::default().extension(Foreign)).await)?;
        match client.capabilities().device {
            true => subject.refuses_foreign("start_device", client.start_device(DeviceRequest::new().extension(Foreign)).await),
            false => Ok(()),
        }
    };
    subject.sends_nothing(calls).await
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Idp) -> Outcome {
    let (telemetry, client) = (Telemetry::new(), &subject.handle);
    let mut operations = vec!["start_login", "finish_login", "finish_login"];
    let user = subject.user()?;
    telemetry
        .within(async {
            let login = client.start_login(LoginRequest::default()).await?;
            let kept = login.state.to_secret();
            let answer = user.browse(&login.url, Decision::Agree).await?;
            let session = client.finish_login(login.state, &answer).await?;
            let other = client.finish_login(LoginState::from_secret(&kept)?, "state=another").await;
            expect_kind("another answer", other, ErrorKind::Unauthenticated)?;
            if client.capabilities().user_info {
                operations.push("user_info");
                client.user_info(&session).await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    let operations: Vec<String> = operations.iter().map(|verb| format!("identity_provider.{verb}")).collect();
    let calls: Vec<String> = telemetry.calls().into_iter().filter(|call| call.starts_with("identity_provider.")).collect();
    equal("the spans", &calls, &operations)
}

/// The secrets of a session, as they stand in texts.
fn secrets(session: &Session) -> Vec<String> {
    let tokens = session.tokens();
    let others = [tokens.refresh_token.as_ref(), tokens.id_token.as_ref()].into_iter().flatten();
    let all = std::iter::once(tokens.access_token.secret()).chain(others);
    all.map(|secret| secret.expose_secret().to_owned()).collect()
}

/// No span, log, error or `Debug` shows a token, a code, what was kept of a login, or a secret of the client.
pub async fn no_token_in_spans_logs_and_errors(subject: Idp) -> Outcome {
    let (telemetry, client, user) = (Telemetry::new(), &subject.handle, subject.user()?);
    let (mut texts, mut hidden) = (Vec::new(), Vec::new());
    telemetry
        .within(async {
            let login = client.start_login(LoginRequest::default()).await?;
            let kept = login.state.to_secret();
            hidden.push(login.state.verifier.expose_secret().to_owned());
            texts.push(format!("{:?}", login.state));
            let answer = user.browse(&login.url, Decision::Agree).await?;
            let code = answer.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("code="));
            hidden.extend(code.map(str::to_owned));
            let session = client.finish_login(login.state, &answer).await?;
            texts.push(format!("{session:?} {session:#?}"));
            texts.push(format!("{:?}", client.finish_login(LoginState::from_secret(&kept)?, &answer).await));
            hidden.extend(secrets(&session));
            if client.capabilities().refresh && session.tokens().refresh_token.is_some() {
                let refreshed = client.refresh(&session).await;
                texts.push(format!("{refreshed:?} {:?}", client.refresh(&session).await));
                hidden.extend(refreshed.iter().flat_map(secrets));
            }
            if client.capabilities().user_info {
                texts.push(format!("{:?}", client.user_info(&session).await));
            }
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)?;
    let shown = format!("{:?} {texts:?}", telemetry.records());
    for secret in hidden.iter().filter(|secret| secret.len() > 8) {
        holds("no secret of a login or a session is shown", !shown.contains(secret.as_str()))?;
    }
    Ok(())
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout_or_done(subject: Idp) -> Outcome {
    subject.user()?;
    let client = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    is_late_or_done("start_login", client.start_login(LoginRequest::default()).await)?;
    subject.logged_in().await.map(drop)
}
