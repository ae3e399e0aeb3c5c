//! When a request was signed.

use std::time::Duration;

use super::{Caps, Gate, SignedRequest, now};
use crate::context::CallContext;
use crate::error::{ErrorKind, Reason, Result};
use crate::interfaces::webhook_verifier::{VERIFY, Verified, VerifyOptions, VerifyRequest, WebhookVerifier};
use crate::suite::{Outcome, equal, expect_kind, expect_reason};
use crate::units::Timestamp;

/// What the provider says of a request at a moment of the case's own choice.
async fn verify_at(gate: &WebhookVerifier, request: &SignedRequest, now: Timestamp) -> Result<Verified> {
    let provider = gate.provider()?;
    let cx = CallContext::new(provider.environment(), &VERIFY, None);
    let request = VerifyRequest::new(request.headers.clone(), request.body.clone(), now, VerifyOptions::new());
    provider.verify(&cx, request).await
}

fn moved(moment: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_unix(moment.unix_seconds() + seconds, 0)
}

fn tolerance(subject: &Gate) -> i64 {
    i64::try_from(subject.handle.capabilities().tolerance.as_secs()).unwrap_or(i64::MAX / 2)
}

/// A request that was signed as long ago as is tolerated, or will be signed so soon, is accepted.
pub async fn moment_within_the_tolerance_is_accepted_both_ways(subject: Gate) -> Outcome {
    subject.needs(Caps::TIMESTAMP)?;
    let to_sign = subject.to_sign("a");
    let request = subject.sign(&to_sign)?;
    for seconds in [-tolerance(&subject), -1, 0, 1, tolerance(&subject)] {
        verify_at(&subject.handle, &request, moved(to_sign.at, seconds)).await?;
    }
    Ok(())
}

/// One that is a second beyond that is `SignatureExpired` or `SignatureInFuture`; so is one through the handle and its clock.
pub async fn moment_beyond_the_tolerance_is_refused_both_ways(subject: Gate) -> Outcome {
    subject.needs(Caps::TIMESTAMP)?;
    let to_sign = subject.to_sign("a");
    let (request, beyond) = (subject.sign(&to_sign)?, tolerance(&subject) + 1);
    for (seconds, reason) in [(beyond, Reason::SignatureExpired), (-beyond, Reason::SignatureInFuture)] {
        let verified = verify_at(&subject.handle, &request, moved(to_sign.at, seconds)).await;
        expect_reason("the provider", verified, ErrorKind::Unauthenticated, reason)?;
        // Ten minutes more, so that what the case takes does not count.
        let mut late = to_sign.clone();
        late.at = moved(to_sign.at, -seconds - 600 * seconds.signum());
        let verified = subject.verify(&subject.sign(&late)?).await;
        expect_reason("the handle", verified, ErrorKind::Unauthenticated, reason)?;
    }
    Ok(())
}

/// The event tells when it was signed.
pub async fn moment_is_that_of_signing(subject: Gate) -> Outcome {
    subject.needs(Caps::TIMESTAMP)?;
    let mut to_sign = subject.to_sign("a");
    to_sign.at = moved(to_sign.at, -tolerance(&subject) / 2);
    equal("the moment", &subject.verify(&subject.sign(&to_sign)?).await?.at, &Some(to_sign.at))
}

/// A caller that tolerates less is not given more; and cannot tolerate more than the verifier.
pub async fn max_age_refuses_what_is_tolerated(subject: Gate) -> Outcome {
    subject.needs(Caps::TIMESTAMP)?;
    let mut to_sign = subject.to_sign("a");
    let half = tolerance(&subject) / 2;
    to_sign.at = moved(now(), -half);
    let request = subject.sign(&to_sign)?;
    let verify = |seconds: i64| {
        let age = Duration::from_secs(seconds.unsigned_abs());
        subject.handle.verify_with(&request.headers, &request.body, VerifyOptions::new().max_age(age))
    };
    verify(tolerance(&subject)).await?;
    expect_reason("a short age", verify(half / 2).await, ErrorKind::Unauthenticated, Reason::SignatureExpired)?;
    let refused = async { expect_kind("a long age", verify(tolerance(&subject) + 1).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(refused).await.map(drop)
}

/// Of a request that was not signed it is not told that it is old: the signature comes first.
pub async fn moment_is_told_of_signed_requests_alone(subject: Gate) -> Outcome {
    subject.needs(Caps::TIMESTAMP)?;
    let mut to_sign = subject.to_sign("a").secrets([subject.signer()?.secrets()]);
    to_sign.at = moved(to_sign.at, -2 * tolerance(&subject));
    let verified = subject.verify(&subject.sign(&to_sign)?).await;
    expect_reason("verify", verified, ErrorKind::Unauthenticated, Reason::SignatureInvalid).map(drop)
}
