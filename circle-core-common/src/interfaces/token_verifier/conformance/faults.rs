//! What a verifier that fails does to calls.

use std::time::Duration;

use super::{Gate, ToIssue};
use crate::error::ErrorKind;
use crate::suite::{Fault, Outcome, holds, is_cancelled, times_out};

/// A verification that could not be made is an error, and never a claim: nothing is open by failing.
pub async fn verification_that_fails_verifies_nothing(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let faults = subject.faults()?;
    for fault in
        [Fault::LoseAnswer, Fault::CutBefore, Fault::Unavailable, Fault::Throttle { retry_after: Duration::from_millis(50) }]
    {
        faults.inject(fault);
        match subject.handle.verify(&token, subject.expect()?).await {
            Ok(_) => holds("a verification that failed is no claim", false)?,
            Err(error) => holds(format!("{error} blames the token"), !error.is(ErrorKind::Unauthenticated))?,
        }
    }
    subject.verify(&token).await.map(drop)
}

/// A verification that never ends is `Timeout` at its deadline.
pub async fn silent_authority_is_a_timeout_at_the_deadline(subject: Gate) -> Outcome {
    let (token, expect) = (subject.issue(&ToIssue::new()).await?, subject.expect()?);
    let gate = subject.handle.with(crate::suite::with_deadline());
    times_out("verify", subject.faults()?, || gate.verify(&token, expect.clone())).await?;
    if gate.capabilities().introspect {
        times_out("introspect", subject.faults()?, || gate.introspect(&token, None)).await?;
    }
    Ok(())
}

/// A verification that never ends ends at once when its scope is cancelled.
pub async fn silent_authority_is_cancelled_at_once(subject: Gate) -> Outcome {
    let (token, expect) = (subject.issue(&ToIssue::new()).await?, subject.expect()?);
    is_cancelled("verify", subject.faults()?, |options| {
        let (gate, token, expect) = (subject.handle.with(options), token.clone(), expect.clone());
        async move { gate.verify(&token, expect).await }
    })
    .await
}

/// A call that is dropped leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.verify(&token, subject.expect()?);
        holds("a silent verifier does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // One that was dropped before it was made has left its fault.
    subject.faults()?.clear();
    subject.verify(&token).await.map(drop)
}
