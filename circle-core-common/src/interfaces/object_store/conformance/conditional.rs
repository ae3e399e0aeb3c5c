//! Conditions: compare-and-swap, and the checksum.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Caps, Store, bytes};
use crate::body::Body;
use crate::context::CallOptions;
use crate::error::{Error, ErrorKind, Reason};
use crate::identifier::Version;
use crate::interfaces::object_store::{Checksum, DeleteOptions, GetOptions, PutOptions};
use crate::suite::{Outcome, at_once, equal, expect_kind, expect_reason, holds, written_down};

/// The CRC-32C of "123456789", the check value of its specification.
const NINE_DIGITS_CRC32C: u32 = 0xE306_9283;
/// The SHA-256 of "abc", from FIPS 180-4's examples.
const ABC_SHA256: [u8; 32] = [
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96,
    0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
];

/// A version that the object had and has no more.
async fn stale(subject: &Store, key: &str) -> Result<Version, Error> {
    let old = subject.handle.put(key, "old").await?;
    subject.handle.put(key, "current").await?;
    old.version().cloned()
}

/// `create` succeeds once; then it is `AlreadyExists`, and the first content stays.
pub async fn create_of_the_present_is_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.handle.create(&key, "first").await?;
    let error = expect_kind("the second create", subject.handle.create(&key, "second").await, ErrorKind::AlreadyExists)?;
    equal("the key in the error", &error.resource(), &Some(key.as_str()))?;
    equal("the content", &subject.content(&key).await?, "first".as_bytes())
}

/// What was deleted can be created again.
pub async fn create_of_the_deleted_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.handle.create(&key, "first").await?;
    subject.handle.delete(&key).await?;
    subject.handle.create(&key, "second").await?;
    equal("the content", &subject.content(&key).await?, "second".as_bytes())
}

/// Of 32 writers that create the same key, exactly one succeeds, 31 get `AlreadyExists`, and its content is served.
pub async fn create_race_has_one_winner(subject: Store) -> Outcome {
    const WRITERS: u8 = 32;
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    let results = at_once((0..WRITERS).map(|writer| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move { store.create(key, bytes(20_000, writer)).await }
    }))
    .await?;
    let winners: Vec<_> = (0..WRITERS).zip(&results).filter(|(_, result)| result.is_ok()).map(|(writer, _)| writer).collect();
    equal("the number of winners", &winners.len(), &1)?;
    for result in results.into_iter().filter(Result::is_err) {
        expect_kind("a loser", result, ErrorKind::AlreadyExists)?;
    }
    holds("the winner's content is served", subject.content(&key).await? == bytes(20_000, winners[0]))
}

/// `replace` of the current version succeeds and makes another version.
pub async fn replace_of_the_current_version_makes_another(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let first = subject.handle.put(&key, "first").await?;
    let second = subject.handle.replace(&key, "second", first.version()?).await?;
    holds("the version changes", first.version()? != second.version()?)?;
    equal("the content", &subject.content(&key).await?, "second".as_bytes())?;
    equal("the version in head", &subject.handle.head(&key).await?.version, &second.version)
}

/// `replace` of a stale version is `Conflict`, reason `VersionMismatch`, and changes nothing.
pub async fn replace_of_a_stale_version_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    let result = subject.handle.replace(&key, "lost", old).await;
    expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("the content", &subject.content(&key).await?, "current".as_bytes())
}

/// `replace` of what is absent is `Conflict`, reason `VersionMismatch`, and makes nothing.
pub async fn replace_of_the_absent_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let gone = subject.handle.put(&key, "gone").await?;
    subject.handle.delete(&key).await?;
    let result = subject.handle.replace(&key, "lost", gone.version()?).await;
    expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// A version is good after it was written down and read again.
pub async fn replace_with_a_version_that_was_serialised_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let version = subject.handle.put(&key, "first").await?.version()?.clone();
    let read = written_down(&version)?;
    equal("the version", &read, &version)?;
    subject.handle.replace(&key, "second", read).await?;
    Ok(())
}

/// Of 32 writers that try 20 times each to count up, none is lost: the number is the number of successes.
pub async fn replace_race_loses_no_success(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_MATCH)?;
    let (writers, tries) = (subject.scale.pick(8, 32), subject.scale.pick(5, 20));
    let key = subject.name("counter");
    subject.handle.put(&key, "0").await?;
    let successes = Arc::new(AtomicU64::new(0));
    let results = at_once((0..writers).map(|_| {
        let (store, key, successes) = (subject.handle.clone(), key.clone(), Arc::clone(&successes));
        async move {
            for _ in 0..tries {
                let object = store.get(&key).await?;
                let version = object.meta.version()?.clone();
                let number: u64 = object.json().await?;
                // Lets the others read the same version, however fast the store is.
                tokio::task::yield_now().await;
                match store.replace(&key, (number + 1).to_string(), version).await {
                    Ok(_) => successes.fetch_add(1, Ordering::SeqCst),
                    Err(error) if error.reason() == Some(Reason::VersionMismatch) => continue,
                    Err(error) => return Err(error),
                };
            }
            Ok(())
        }
    }))
    .await?;
    results.into_iter().collect::<Result<(), Error>>()?;
    let successes = successes.load(Ordering::SeqCst);
    holds("somebody succeeds", successes > 0)?;
    equal("the number", &subject.handle.get(&key).await?.json::<u64>().await?, &successes)
}

/// `update` from many sides at once applies every change.
pub async fn update_under_race_applies_every_change(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    subject.needs(Caps::PUT_IF_MATCH)?;
    let (writers, updates) = (8, subject.scale.pick(4, 10));
    let key = subject.name("counter");
    let results = at_once((0..writers).map(|_| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move {
            for _ in 0..updates {
                let next = |old: Option<bytes::Bytes>| {
                    let old = old.map_or(Ok(0), |old| serde_json::from_slice::<u64>(&old));
                    Ok((old.map_err(|error| Error::new(ErrorKind::Decode, error.to_string()))? + 1).to_string())
                };
                store.update(&key, next).await?;
            }
            Ok(())
        }
    }))
    .await?;
    results.into_iter().collect::<Result<(), Error>>()?;
    equal("the number", &subject.handle.get(&key).await?.json::<usize>().await?, &(writers * updates))
}

/// `update` gives `None` for what is absent, and an error of the function changes nothing.
pub async fn update_gives_none_for_the_absent(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let refuse = |_| Err::<Body, _>(Error::new(ErrorKind::Corrupt, "the function refuses"));
    expect_kind("update", subject.handle.update(&key, refuse).await, ErrorKind::Corrupt)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    let describe = |old: Option<bytes::Bytes>| Ok(format!("{old:?}"));
    subject.handle.update(&key, describe).await?;
    equal("the first content", &subject.content(&key).await?, "None".as_bytes())?;
    subject.handle.update(&key, describe).await?;
    equal("the second content", &subject.content(&key).await?, "Some(b\"None\")".as_bytes())?;
    expect_kind("update", subject.handle.update(&key, refuse).await, ErrorKind::Corrupt)?;
    equal("the content after a refusal", &subject.content(&key).await?, "Some(b\"None\")".as_bytes())
}

/// A create that is repeated with its own id after its answer was lost is no `AlreadyExists`.
pub async fn create_repeated_with_its_id_is_not_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    let store = subject.handle.with(CallOptions::new().idempotency_key(format!("{key}-id")));
    store.create(&key, "mine").await?;
    if subject.handle.head(&key).await?.operation.is_none() {
        return Err(crate::suite::Failed::Skipped("the store keeps no operation ids".to_owned()));
    }
    store.create(&key, "mine").await?;
    expect_kind("another's create", subject.handle.create(&key, "other").await, ErrorKind::AlreadyExists)?;
    equal("the content", &subject.content(&key).await?, "mine".as_bytes())
}

/// `get` with `if_match` gives that version, and is `Conflict`, reason `VersionMismatch`, for another.
pub async fn get_if_match_gives_only_that_version(subject: Store) -> Outcome {
    subject.needs(Caps::GET_IF_MATCH)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    let current = subject.handle.head(&key).await?.version()?.clone();
    let object = subject.handle.get_with(&key, GetOptions::new().if_match(current)).await?;
    equal("the content", &object.text().await?, "current")?;
    let result = subject.handle.get_with(&key, GetOptions::new().if_match(old)).await;
    expect_reason("a stale version", result, ErrorKind::Conflict, Reason::VersionMismatch).map(drop)
}

/// `get` with `if_none_match` is `Conflict`, reason `NotModified`, for the current version, and gives the object for
/// another.
pub async fn get_if_none_match_of_the_current_is_not_modified(subject: Store) -> Outcome {
    subject.needs(Caps::GET_IF_NONE_MATCH)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    let current = subject.handle.head(&key).await?.version()?.clone();
    let result = subject.handle.get_with(&key, GetOptions::new().if_none_match(current)).await;
    expect_reason("the current version", result, ErrorKind::Conflict, Reason::NotModified)?;
    let object = subject.handle.get_with(&key, GetOptions::new().if_none_match(old)).await?;
    equal("the content", &object.text().await?, "current")
}

/// A conditional get of what is absent is `NotFound`.
pub async fn get_if_none_match_of_missing_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::GET_IF_NONE_MATCH)?;
    let version = subject.handle.put(subject.name("a"), "a").await?.version()?.clone();
    let result = subject.handle.get_with(subject.name("missing"), GetOptions::new().if_none_match(version)).await;
    expect_kind("get", result, ErrorKind::NotFound).map(drop)
}

/// `delete` with `if_match` deletes that version only.
pub async fn delete_if_match_deletes_only_that_version(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE_IF_MATCH)?;
    let key = subject.name("a");
    let old = stale(&subject, &key).await?;
    let result = subject.handle.delete_with(&key, DeleteOptions::new().if_match(&old)).await;
    expect_reason("a stale version", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("the content", &subject.content(&key).await?, "current".as_bytes())?;
    let current = subject.handle.head(&key).await?.version()?.clone();
    subject.handle.delete_with(&key, DeleteOptions::new().if_match(current)).await?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// A content that matches its checksum is kept.
pub async fn put_with_a_matching_checksum_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_CHECKSUM)?;
    let key = subject.name("a");
    for (content, checksum) in [("123456789", Checksum::Crc32c(NINE_DIGITS_CRC32C)), ("abc", Checksum::Sha256(ABC_SHA256))] {
        subject.handle.put_with(&key, content, PutOptions::new().checksum(checksum)).await?;
        equal("the content", &subject.content(&key).await?, content.as_bytes())?;
    }
    Ok(())
}

/// A content that does not match its checksum is `Corrupt` or `InvalidInput`, and the old object stays.
pub async fn put_with_another_checksum_leaves_the_old_object(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_CHECKSUM)?;
    let (old, new) = (subject.name("old"), subject.name("new"));
    subject.handle.put(&old, "old").await?;
    for checksum in [Checksum::Crc32c(NINE_DIGITS_CRC32C), Checksum::Sha256(ABC_SHA256)] {
        for key in [&old, &new] {
            match subject.handle.put_with(key, "damaged", PutOptions::new().checksum(checksum)).await {
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::InvalidInput) => {}
                result => expect_kind("put", result, ErrorKind::Corrupt).map(drop)?,
            }
        }
    }
    equal("the old content", &subject.content(&old).await?, "old".as_bytes())?;
    expect_kind("get of the new key", subject.handle.get(&new).await, ErrorKind::NotFound).map(drop)
}
