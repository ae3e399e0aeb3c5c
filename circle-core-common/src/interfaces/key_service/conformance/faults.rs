//! What a broken connection or service does to calls.

use std::time::Duration;

use super::{Caps, Keys};
use crate::secret::ExposeSecret as _;
use crate::suite::{Fault, Outcome, holds, is_cancelled, times_out, with_deadline};

/// A service that is busy, unavailable or cut off gives an error that may pass, never `Corrupt`.
pub async fn busy_unavailable_and_cut_calls_are_retryable(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let encrypted = keys.encrypt(key, "a", &context).await?.ciphertext;
    for fault in [Fault::Throttle { retry_after: Duration::from_millis(50) }, Fault::Unavailable, Fault::CutBefore] {
        subject.faults()?.inject(fault.clone());
        if let Err(error) = keys.decrypt(key, encrypted.clone(), &context).await {
            holds(format!("after {fault:?}, {error} is retryable"), error.is_retryable())?;
        }
        holds("it decrypts", keys.decrypt(key, encrypted.clone(), &context).await?.expose_secret() == b"a")?;
    }
    Ok(())
}

/// A service that never answers is `Timeout` at the deadline.
pub async fn silent_service_is_a_timeout_at_the_deadline(subject: Keys) -> Outcome {
    let (keys, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    let capabilities = keys.capabilities();
    if capabilities.encrypt {
        let key = subject.key()?;
        times_out("encrypt", faults, || keys.encrypt(key, "a", ())).await?;
        times_out("decrypt", faults, || keys.decrypt(key, "a", ())).await?;
    }
    if capabilities.sign {
        let (key, algorithm) = &subject.signing_keys()?[0];
        times_out("sign", faults, || keys.sign(key, algorithm.clone(), "a")).await?;
        times_out("verify", faults, || keys.verify(key, algorithm.clone(), "a", "b")).await?;
    }
    Ok(())
}

/// A call to a service that never answers ends at once when its scope is cancelled.
pub async fn silent_service_is_cancelled_at_once(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let key = subject.key()?;
    is_cancelled("encrypt", subject.faults()?, |options| {
        let (keys, key) = (subject.handle.with(options), key.clone());
        async move { keys.encrypt(key, "a", ()).await }
    })
    .await
}

/// A call that is dropped while the service is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key) = (&subject.handle, subject.key()?);
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = keys.encrypt(key, "a", ());
        holds("a silent service does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // One that was dropped before it was made has left its fault.
    subject.faults()?.clear();
    keys.encrypt(key, "a", ()).await?;
    Ok(())
}
