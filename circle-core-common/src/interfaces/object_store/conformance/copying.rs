//! Copies within the store.

use super::metadata::{check_described, described};
use super::{Caps, Store, bytes};
use crate::error::ErrorKind;
use crate::interfaces::object_store::{CopyOptions, PutOptions};
use crate::suite::{Outcome, at_once, equal, expect_kind, holds};

/// A copy has the content and the metadata of its source, and a source stays what it was.
pub async fn copy_has_content_and_metadata(subject: Store) -> Outcome {
    subject.needs(Caps::COPY)?;
    let (from, to) = (subject.name("from"), subject.name("to/deep"));
    let options = if subject.handle.capabilities().put_metadata { described() } else { PutOptions::new() };
    subject.handle.put_with(&from, bytes(100_000, 7), options).await?;
    let copied = subject.handle.copy(&from, &to).await?;
    equal("the key of the copy", &copied.key, &to.as_str())?;
    equal("the size of the copy", &copied.size, &100_000)?;
    holds("the content of the copy", subject.content(&to).await? == bytes(100_000, 7))?;
    holds("the content of the source", subject.content(&from).await? == bytes(100_000, 7))?;
    if subject.handle.capabilities().put_metadata {
        check_described("the copy", &subject.handle.head(&to).await?)?;
    }
    Ok(())
}

/// A copy replaces what is at its target.
pub async fn copy_replaces_its_target(subject: Store) -> Outcome {
    subject.needs(Caps::COPY)?;
    let (from, to) = (subject.name("from"), subject.name("to"));
    subject.handle.put(&from, "new").await?;
    let old = subject.handle.put(&to, "a longer old content").await?;
    let new = subject.handle.copy(&from, &to).await?;
    equal("the content", &subject.content(&to).await?, "new".as_bytes())?;
    holds("the version changes", old.version.is_none() || old.version != new.version)
}

/// Copying what is not there is `NotFound`, names the source, and leaves the target.
pub async fn copy_of_missing_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::COPY)?;
    let (from, to) = (subject.name("missing"), subject.name("to"));
    subject.handle.put(&to, "old").await?;
    let error = expect_kind("copy", subject.handle.copy(&from, &to).await, ErrorKind::NotFound)?;
    equal("the key in the error", &error.resource(), &Some(from.as_str()))?;
    equal("the target", &subject.content(&to).await?, "old".as_bytes())
}

/// A copy shares nothing with its source: changing or deleting one leaves the other.
pub async fn copy_does_not_alias_its_source(subject: Store) -> Outcome {
    subject.needs(Caps::COPY)?;
    let (from, to) = (subject.name("from"), subject.name("to"));
    let keeps = subject.handle.capabilities().put_metadata;
    let options = if keeps { described() } else { PutOptions::new() };
    subject.handle.put_with(&from, "shared", options).await?;
    subject.handle.copy(&from, &to).await?;
    let other = if keeps { PutOptions::new().metadata("other", "1") } else { PutOptions::new() };
    subject.handle.put_with(&from, "changed", other).await?;
    equal("the copy after its source changed", &subject.content(&to).await?, "shared".as_bytes())?;
    if keeps {
        check_described("the copy after its source changed", &subject.handle.head(&to).await?)?;
    }
    subject.handle.delete(&from).await?;
    equal("the copy after its source was deleted", &subject.content(&to).await?, "shared".as_bytes())
}

/// `copy` with `if_absent` succeeds once; then it is `AlreadyExists`, and the target stays.
pub async fn copy_if_absent_of_the_present_is_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::COPY_IF_ABSENT)?;
    let (from, to) = (subject.name("from"), subject.name("to"));
    subject.handle.put(&from, "first").await?;
    subject.handle.copy_with(&from, &to, CopyOptions::new().if_absent()).await?;
    subject.handle.put(&from, "second").await?;
    let result = subject.handle.copy_with(&from, &to, CopyOptions::new().if_absent()).await;
    expect_kind("the second copy", result, ErrorKind::AlreadyExists)?;
    equal("the target", &subject.content(&to).await?, "first".as_bytes())
}

/// Of many copies onto one absent key, exactly one succeeds.
pub async fn copy_if_absent_race_has_one_winner(subject: Store) -> Outcome {
    subject.needs(Caps::COPY_IF_ABSENT)?;
    let to = subject.name("to");
    let mut copies = Vec::new();
    for source in 0..8 {
        let (store, from, to) = (subject.handle.clone(), subject.name(&format!("from-{source}")), to.clone());
        store.put(&from, from.as_str()).await?;
        copies.push(async move { store.copy_with(&from, &to, CopyOptions::new().if_absent()).await.map(|_| from) });
    }
    let (winners, losers): (Vec<_>, Vec<_>) = at_once(copies).await?.into_iter().partition(Result::is_ok);
    equal("the number of winners", &winners.len(), &1)?;
    for loser in losers {
        expect_kind("a loser", loser, ErrorKind::AlreadyExists)?;
    }
    for winner in winners {
        equal("the target", &subject.content(&to).await?, winner?.as_bytes())?;
    }
    Ok(())
}

/// An older version can be copied.
pub async fn copy_of_an_older_version_has_its_content(subject: Store) -> Outcome {
    subject.needs(Caps::COPY)?;
    subject.needs(Caps::GET_VERSION)?;
    let (from, to) = (subject.name("from"), subject.name("to"));
    let old = subject.handle.put(&from, "old").await?;
    subject.handle.put(&from, "new").await?;
    subject.handle.copy_with(&from, &to, CopyOptions::new().source_version(old.version()?)).await?;
    equal("the copy", &subject.content(&to).await?, "old".as_bytes())
}
