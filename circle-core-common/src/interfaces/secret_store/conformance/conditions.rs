//! Writing on a condition.

use super::{Caps, Store};
use crate::context::CallOptions;
use crate::error::{ErrorKind, Reason};
use crate::interfaces::secret_store::SecretFields;
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds};

fn single(value: &str) -> SecretFields {
    SecretFields::single(value)
}

/// `create` succeeds once; then it is `AlreadyExists`, and the first stays.
pub async fn create_of_the_present_is_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let name = subject.name("a");
    let version = subject.handle.create(&name, single("first")).await?;
    let error = expect_kind("create", subject.handle.create(&name, single("second")).await, ErrorKind::AlreadyExists)?;
    equal("the name in the error", &error.resource(), &Some(name.as_str()))?;
    equal("the version", &subject.handle.get(&name).await?.version, &version)?;
    subject.says(&name, "first").await
}

/// What was deleted can be created again.
pub async fn create_of_the_deleted_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    subject.needs(Caps::DELETE)?;
    let name = subject.name("a");
    subject.handle.create(&name, single("first")).await?;
    subject.handle.delete(&name).await?;
    subject.handle.create(&name, single("second")).await?;
    subject.says(&name, "second").await
}

/// Of 16 who create the same secret, exactly one succeeds, and what it wrote is there.
pub async fn create_race_has_one_winner(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let name = subject.name("a");
    let results = at_once((0..16).map(|writer| {
        let (store, name) = (subject.handle.clone(), name.clone());
        async move { store.create(name, SecretFields::single(writer.to_string())).await.map(|_| writer) }
    }))
    .await?;
    let (winners, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    equal("the number of winners", &winners.len(), &1)?;
    for loser in losers {
        expect_kind("a loser", loser, ErrorKind::AlreadyExists)?;
    }
    for winner in winners {
        subject.says(&name, &winner?.to_string()).await?;
    }
    Ok(())
}

/// A create that is repeated with its own id after its answer was lost is no `AlreadyExists`.
pub async fn create_repeated_with_its_id_is_not_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let name = subject.name("a");
    let store = subject.handle.with(CallOptions::new().idempotency_key(format!("{name}-id")));
    let version = store.create(&name, single("mine")).await?;
    if subject.handle.get(&name).await?.operation.is_none() {
        return Err(Failed::Skipped("the store keeps no operation ids".to_owned()));
    }
    equal("the version of the repetition", &store.create(&name, single("mine")).await?, &version)?;
    expect_kind("another's create", subject.handle.create(&name, single("other")).await, ErrorKind::AlreadyExists)?;
    subject.says(&name, "mine").await
}

/// `replace` of the current version succeeds and makes another.
pub async fn replace_of_the_current_version_makes_another(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let name = subject.name("a");
    let first = subject.handle.put(&name, single("first")).await?;
    let second = subject.handle.replace(&name, single("second"), &first).await?;
    holds("the version changes", second != first)?;
    subject.says(&name, "second").await
}

/// `replace` of a stale version is `Conflict`, reason `VersionMismatch`, and changes nothing.
pub async fn replace_of_a_stale_version_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let name = subject.name("a");
    let stale = subject.handle.put(&name, single("stale")).await?;
    let current = subject.handle.put(&name, single("current")).await?;
    let result = subject.handle.replace(&name, single("lost"), stale).await;
    expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("the version", &subject.handle.get(&name).await?.version, &current)?;
    subject.says(&name, "current").await
}

/// `replace` of what is absent is `Conflict`, reason `VersionMismatch`, and makes nothing.
pub async fn replace_of_the_absent_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let (name, absent) = (subject.name("a"), subject.name("absent"));
    let version = subject.handle.put(&name, single("a")).await?;
    let result = subject.handle.replace(&absent, single("lost"), version).await;
    expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    expect_kind("get", subject.handle.get(&absent).await, ErrorKind::NotFound).map(drop)
}

/// Of 16 who replace the same version, exactly one succeeds.
pub async fn replace_race_has_one_winner(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let name = subject.name("a");
    let version = subject.handle.put(&name, single("old")).await?;
    let results = at_once((0..16).map(|writer| {
        let (store, name, version) = (subject.handle.clone(), name.clone(), version.clone());
        async move { store.replace(name, SecretFields::single(writer.to_string()), version).await.map(|_| writer) }
    }))
    .await?;
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    equal("the number of winners", &winners.len(), &1)?;
    for winner in winners {
        subject.says(&name, &winner.to_string()).await?;
    }
    for loser in results.into_iter().filter(Result::is_err) {
        expect_kind("a loser", loser, ErrorKind::Conflict)?;
    }
    Ok(())
}
