//! Compare-and-swap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{Caps, Store, number};
use crate::context::CallOptions;
use crate::error::{Error, ErrorKind, Reason};
use crate::identifier::Version;
use crate::interfaces::key_value_store::{DeleteOptions, Write};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds, written_down};

/// A version that the entry had and has no more.
async fn stale(subject: &Store, key: &str) -> Result<Version, Failed> {
    subject.handle.put(key, "old").await?;
    let old = subject.entry(key).await?.version;
    subject.handle.put(key, "current").await?;
    Ok(old)
}

/// `create` succeeds once; then it is `AlreadyExists`, and the first value stays.
pub async fn create_of_the_present_is_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.handle.create(&key, "first").await?;
    let error = expect_kind("the second create", subject.handle.create(&key, "second").await, ErrorKind::AlreadyExists)?;
    equal("the key in the error", &error.resource(), &Some(key.as_str()))?;
    equal("the value", &subject.entry(&key).await?.value, &"first")
}

/// What was deleted can be created again.
pub async fn create_of_the_deleted_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.handle.create(&key, "first").await?;
    subject.handle.delete(&key).await?;
    subject.handle.create(&key, "second").await?;
    equal("the value", &subject.entry(&key).await?.value, &"second")
}

/// Of 32 writers that create the same key, exactly one succeeds, and its value is served.
pub async fn create_race_has_one_winner(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let results = at_once((0..32).map(|writer| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move { store.create(key, writer.to_string()).await.map(|_| writer) }
    }))
    .await?;
    let (winners, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    equal("the number of winners", &winners.len(), &1)?;
    for loser in losers {
        expect_kind("a loser", loser, ErrorKind::AlreadyExists)?;
    }
    for winner in winners {
        equal("the value", &subject.entry(&key).await?.value, winner?.to_string().as_bytes())?;
    }
    Ok(())
}

/// `replace` of the current version succeeds and makes another version.
pub async fn replace_of_the_current_version_makes_another(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.handle.put(&key, "first").await?;
    let first = subject.entry(&key).await?.version;
    subject.handle.replace(&key, "second", &first).await?;
    let second = subject.entry(&key).await?;
    equal("the value", &second.value, &"second")?;
    holds("the version changes", second.version != first)
}

/// `replace` of a stale version is `Conflict`, reason `VersionMismatch`, and changes nothing.
pub async fn replace_of_a_stale_version_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    let before = subject.entry(&key).await?;
    let result = subject.handle.replace(&key, "lost", old).await;
    expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("the entry", &subject.entry(&key).await?, &before)
}

/// `replace` of what is absent is `Conflict`, reason `VersionMismatch`, and makes nothing.
pub async fn replace_of_the_absent_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    subject.handle.delete(&key).await?;
    let result = subject.handle.replace(&key, "lost", old).await;
    expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("get", &subject.handle.get(&key).await?, &None)
}

/// A version that the store cannot have made is `InvalidInput`, and changes nothing.
pub async fn replace_with_a_malformed_version_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let before = subject.entry(&key).await?;
    let malformed = Version::new("no version of any store", "nor this");
    expect_kind("replace", subject.handle.replace(&key, "lost", &malformed).await, ErrorKind::InvalidInput)?;
    let result = subject.handle.delete_with(&key, DeleteOptions::new().if_match(malformed)).await;
    expect_kind("delete", result, ErrorKind::InvalidInput)?;
    equal("the entry", &subject.entry(&key).await?, &before)
}

/// A version is good after it was written down and read again.
pub async fn replace_with_a_version_that_was_serialised_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    subject.handle.put(&key, "first").await?;
    let version = subject.entry(&key).await?.version;
    let read = written_down(&version)?;
    subject.handle.replace(&key, "second", read).await?;
    equal("the value", &subject.entry(&key).await?.value, &"second")
}

/// Of 32 writers that try 20 times each to count up, none is lost: the number is the number of successes.
pub async fn replace_race_loses_no_success(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let (writers, tries) = (subject.scale.pick(8, 32), subject.scale.pick(5, 20));
    let key = subject.name("counter");
    subject.handle.put(&key, "0").await?;
    let successes = Arc::new(AtomicU64::new(0));
    let results = at_once((0..writers).map(|_| {
        let (store, key, successes) = (subject.handle.clone(), key.clone(), Arc::clone(&successes));
        async move {
            for _ in 0..tries {
                let entry = store.get(&key).await?.ok_or_else(|| Failed::Wrong("the counter is absent".to_owned()))?;
                // Lets the others read the same version, however fast the store is.
                tokio::task::yield_now().await;
                match store.replace(&key, (number(&entry.value)? + 1).to_string(), entry.version).await {
                    Ok(_) => successes.fetch_add(1, Ordering::SeqCst),
                    Err(error) if error.reason() == Some(Reason::VersionMismatch) => continue,
                    Err(error) => return Err(error.into()),
                };
            }
            Ok(())
        }
    }))
    .await?;
    results.into_iter().collect::<Outcome>()?;
    let successes = successes.load(Ordering::SeqCst);
    holds("somebody succeeds", successes > 0)?;
    equal("the number", &number(&subject.entry(&key).await?.value)?, &(successes as i64))
}

/// `update` from many sides at once applies every change, from the absent on.
pub async fn update_under_race_applies_every_change(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let (writers, updates) = (8, subject.scale.pick(4, 10));
    let key = subject.name("counter");
    let results = at_once((0..writers).map(|_| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move {
            let next = |old: Option<Bytes>| Ok((old.map_or(Ok(0), |old| number(&old))? + 1).to_string());
            for _ in 0..updates {
                store.update(&key, next).await?;
            }
            Ok(())
        }
    }))
    .await?;
    results.into_iter().collect::<Result<(), Error>>()?;
    equal("the number", &number(&subject.entry(&key).await?.value)?, &((writers * updates) as i64))
}

/// `update` answers with the entry that it made.
pub async fn update_gives_the_new_entry(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    for expected in ["None", "Some(b\"None\")"] {
        let entry = subject.handle.update(&key, |old| Ok(format!("{old:?}"))).await?;
        equal("the value", &entry.value, expected.as_bytes())?;
        equal("the version", &entry.version, &subject.entry(&key).await?.version)?;
    }
    Ok(())
}

/// `delete` with `if_match` deletes that version only; of the absent it is a conflict.
pub async fn delete_if_match_deletes_only_that_version(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    let result = subject.handle.delete_with(&key, DeleteOptions::new().if_match(&old)).await;
    expect_reason("a stale version", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    let current = subject.entry(&key).await?;
    equal("the value", &current.value, &"current")?;
    subject.handle.delete_with(&key, DeleteOptions::new().if_match(&current.version)).await?;
    equal("get", &subject.handle.get(&key).await?, &None)?;
    let result = subject.handle.delete_with(&key, DeleteOptions::new().if_match(&current.version)).await;
    expect_reason("a version of the absent", result, ErrorKind::Conflict, Reason::VersionMismatch).map(drop)
}

/// A condition that can never help is `InvalidInput`, and nothing is sent: deleting or touching what must be absent.
pub async fn condition_without_sense_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let call = async {
        let deleted = subject.handle.put_many([Write::delete(&key).if_absent()]).await;
        expect_kind("a delete of the absent", deleted, ErrorKind::InvalidInput)?;
        let touched = subject.handle.put_many([Write::touch(&key, None).if_absent()]).await;
        expect_kind("a touch of the absent", touched, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// A create that is repeated with its own id after its answer was lost is no `AlreadyExists`.
pub async fn create_repeated_with_its_id_is_not_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let store = subject.handle.with(CallOptions::new().idempotency_key(format!("{key}-id")));
    store.create(&key, "mine").await?;
    if subject.entry(&key).await?.operation.is_none() {
        return Err(Failed::Skipped("the store keeps no operation ids".to_owned()));
    }
    store.create(&key, "mine").await?;
    expect_kind("another's create", subject.handle.create(&key, "other").await, ErrorKind::AlreadyExists)?;
    equal("the value", &subject.entry(&key).await?.value, &"mine")
}

/// An update that is repeated with its own id, after its answer was lost, does not apply its change again.
pub async fn update_repeated_with_its_id_is_applied_once(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let key = subject.name("a");
    let store = subject.handle.with(CallOptions::new().idempotency_key(format!("{key}-id")));
    let double = |old: Option<Bytes>| Ok(format!("{0}{0}", String::from_utf8_lossy(&old.unwrap_or_default())));
    subject.handle.put(&key, "ab").await?;
    let first = store.update(&key, double).await?;
    if subject.entry(&key).await?.operation.is_none() {
        return Err(Failed::Skipped("the store keeps no operation ids".to_owned()));
    }
    let second = store.update(&key, double).await?;
    equal("the version of the repetition", &second.version, &first.version)?;
    equal("the value", &subject.entry(&key).await?.value, &"abab")?;
    subject.handle.update(&key, double).await?;
    equal("the value after another update", &subject.entry(&key).await?.value, &"abababab")
}
