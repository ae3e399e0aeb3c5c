//! What a service that fails does to calls.

use std::time::Duration;

use super::Idp;
use crate::error::ErrorKind;
use crate::interfaces::identity_provider::{LoginRequest, LoginState};
use crate::suite::{Fault, Outcome, holds, is_cancelled, times_out, with_deadline};

/// A login that could not be finished is an error and no session, and does not blame the user.
pub async fn login_that_fails_is_no_session(subject: Idp) -> Outcome {
    for fault in [Fault::CutBefore, Fault::Unavailable, Fault::Throttle { retry_after: Duration::from_millis(50) }] {
        let (login, answer) = subject.agreed().await?;
        let kept = login.state.to_secret();
        subject.faults()?.inject(fault);
        match subject.handle.finish_login(login.state, &answer).await {
            Ok(_) => holds("a login that failed is no session", false)?,
            Err(error) => holds(format!("{error} blames the user"), !error.is(ErrorKind::Unauthenticated))?,
        }
        // Nothing was redeemed.
        subject.handle.finish_login(LoginState::from_secret(&kept)?, &answer).await?;
    }
    Ok(())
}

/// A service that never answers is `Timeout` at the deadline.
pub async fn silent_service_is_a_timeout_at_the_deadline(subject: Idp) -> Outcome {
    let session = subject.logged_in().await?;
    let (client, faults) = (subject.handle.with(with_deadline()), subject.faults()?);
    times_out("start_login", faults, || client.start_login(LoginRequest::default())).await?;
    if client.capabilities().user_info {
        times_out("user_info", faults, || client.user_info(&session)).await?;
    }
    Ok(())
}

/// A call to a service that never answers ends at once when its scope is cancelled.
pub async fn silent_service_is_cancelled_at_once(subject: Idp) -> Outcome {
    subject.user()?;
    is_cancelled("start_login", subject.faults()?, |options| {
        let client = subject.handle.with(options);
        async move { client.start_login(LoginRequest::default()).await }
    })
    .await
}

/// A call that is dropped while the service is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Idp) -> Outcome {
    subject.user()?;
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.start_login(LoginRequest::default());
        holds("a silent service does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // One that was dropped before it was made has left its fault.
    subject.faults()?.clear();
    subject.logged_in().await.map(drop)
}
