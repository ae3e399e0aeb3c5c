//! When the keys of the authority are read.

use super::{Forgery, Gate, IssuesTokens, ToIssue};
use crate::error::ErrorKind;
use crate::suite::{Failed, Outcome, at_once, equal, holds};

fn reads(authority: &dyn IssuesTokens) -> Result<u64, Failed> {
    authority.key_reads().ok_or_else(|| Failed::Skipped("nobody counts how often the keys are read".to_owned()))
}

/// Tokens of keys that are not known have the keys read again once, however many they are and whoever waits.
pub async fn unknown_keys_have_the_keys_read_once(subject: Gate) -> Outcome {
    let authority = subject.authority()?;
    subject.verify(&subject.issue(&ToIssue::new()).await?).await?;
    // So long that they may be read again.
    authority.let_pass(120)?;
    let before = reads(authority)?;
    let forged = subject.issue(&ToIssue::forged(Forgery::UnknownKey)).await?;
    let calls = (0..subject.scale.pick(20, 200)).map(|_| {
        let (gate, token, expect) = (subject.handle.clone(), forged.clone(), subject.expect());
        async move { Ok::<_, Failed>(gate.verify(&token, expect?).await) }
    });
    for verified in at_once(calls).await? {
        let refused = verified?.err().map(|error| error.kind());
        equal("the kind of the refusal", &refused, &Some(ErrorKind::Unauthenticated))?;
    }
    equal("how often the keys were read", &(reads(authority)? - before), &1)
}

/// A token of a known key has nothing read.
pub async fn known_key_reads_nothing(subject: Gate) -> Outcome {
    let authority = subject.authority()?;
    let token = subject.issue(&ToIssue::new()).await?;
    subject.verify(&token).await?;
    let before = reads(authority)?;
    for _ in 0..20 {
        subject.verify(&token).await?;
    }
    equal("how often the keys were read", &(reads(authority)? - before), &0)
}

/// A token that is signed with a key which was published since is verified, with one more reading.
pub async fn rotated_key_is_found(subject: Gate) -> Outcome {
    let authority = subject.authority()?;
    subject.verify(&subject.issue(&ToIssue::new()).await?).await?;
    authority.rotate().await?;
    authority.let_pass(120)?;
    let before = authority.key_reads();
    let token = subject.issue(&ToIssue::new()).await?;
    subject.verify(&token).await?;
    subject.verify(&token).await?;
    match (before, authority.key_reads()) {
        (Some(before), Some(after)) => holds("the keys were read once", after - before == 1),
        _ => Ok(()),
    }
}
