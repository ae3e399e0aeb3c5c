//! Many keys in one call.

use super::{Caps, Store};
use crate::context::CallOptions;
use crate::error::{ErrorKind, Reason};
use crate::interfaces::key_value_store::{Deleted, Write};
use crate::suite::{Failed, Outcome, equal, expect_kind, holds};

/// `get_many` gives one entry per key, in order, with its version; the absent are `None`, no error.
pub async fn get_many_is_in_order_with_none_for_the_absent(subject: Store) -> Outcome {
    let keys = ["c", "absent", "a", "b", "a"].map(|name| subject.name(name));
    for name in ["a", "b", "c"] {
        subject.handle.put(subject.name(name), name).await?;
    }
    let entries = subject.handle.get_many(&keys).await?.all()?;
    let values: Vec<_> = entries.iter().map(|entry| entry.as_ref().map(|entry| &entry.value[..])).collect();
    equal("the values", &values, &[Some(&b"c"[..]), None, Some(b"a"), Some(b"b"), Some(b"a")])?;
    for (key, entry) in keys.iter().zip(entries) {
        equal(format!("the entry of {key}"), &entry, &subject.handle.get(key).await?)?;
    }
    Ok(())
}

/// `put_many` writes each for itself, in one result per write.
pub async fn put_many_writes_each(subject: Store) -> Outcome {
    let pairs: Vec<(String, String)> =
        (0..50).map(|number| (subject.name(&number.to_string()), format!("value {number}"))).collect();
    let written = subject.handle.put_many(pairs.clone()).await?.all()?;
    equal("results", &written.len(), &50)?;
    for ((key, value), written) in pairs.into_iter().zip(written) {
        let entry = subject.entry(&key).await?;
        equal(format!("the value of {key}"), &entry.value, value.as_bytes())?;
        equal(format!("the version of {key}"), &written.version, &Some(entry.version))?;
    }
    Ok(())
}

/// One stale condition among many writes marks its own entry only, in its place and with its key; the others are
/// written.
pub async fn put_many_with_one_stale_marks_only_it(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let keys = ["a", "b", "c"].map(|name| subject.name(name));
    subject.handle.put(&keys[1], "old").await?;
    let stale = subject.entry(&keys[1]).await?.version;
    subject.handle.put(&keys[1], "current").await?;
    let writes =
        [Write::put(&keys[0], "new"), Write::put(&keys[1], "lost").if_match(stale), Write::put(&keys[2], "new").if_absent()];
    let results = subject.handle.put_many(writes).await?;
    equal("results", &results.len(), &3)?;
    let failed: Vec<_> = results.failures().map(|(at, error)| (at, error.kind(), error.reason(), error.resource())).collect();
    equal("failures", &failed, &[(1, ErrorKind::Conflict, Some(Reason::VersionMismatch), Some(keys[1].as_str()))])?;
    for (key, value) in keys.iter().zip(["new", "current", "new"]) {
        equal(format!("the value of {key}"), &subject.entry(key).await?.value, value.as_bytes())?;
    }
    Ok(())
}

/// `delete_many` gives one result per key, in order.
pub async fn delete_many_gives_one_result_per_key(subject: Store) -> Outcome {
    let keys = ["a", "absent", "b"].map(|name| subject.name(name));
    subject.handle.put_many([(&keys[0], "a"), (&keys[2], "b")].map(|(key, value)| (key.clone(), value))).await?.all()?;
    let deleted = subject.handle.delete_many(&keys).await?.all()?;
    let unknown = Deleted::Unknown;
    holds(
        format!("{deleted:?} is removed, absent, removed"),
        deleted == [Deleted::Removed, Deleted::Absent, Deleted::Removed] || deleted == [unknown, unknown, unknown],
    )?;
    for key in &keys {
        equal(format!("get of {key}"), &subject.handle.get(key).await?, &None)?;
    }
    Ok(())
}

/// Nothing to do sends nothing.
pub async fn bulk_of_nothing_sends_nothing(subject: Store) -> Outcome {
    let calls = async {
        equal("get_many", &subject.handle.get_many([""; 0]).await?.len(), &0)?;
        equal("put_many", &subject.handle.put_many([("", ""); 0]).await?.len(), &0)?;
        equal("delete_many", &subject.handle.delete_many([""; 0]).await?.len(), &0)
    };
    subject.sends_nothing(calls).await
}

/// A write that is not valid stops the whole call before anything is written.
pub async fn put_many_with_an_invalid_key_writes_nothing(subject: Store) -> Outcome {
    let key = subject.name("a");
    let call = async {
        expect_kind("put_many", subject.handle.put_many([(key.as_str(), "a"), ("", "b")]).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await?;
    equal("get", &subject.handle.get(&key).await?, &None)
}

/// A bulk is split by the provider's limits, into as few calls as they allow.
pub async fn bulk_is_split_by_the_limits(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| (capabilities.get_max, capabilities.write_max) = (3, 2))?;
    let pairs: Vec<(String, String)> = (0..7).map(|number| (subject.name(&number.to_string()), number.to_string())).collect();
    let keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
    let before = subject.traffic.calls();
    store.put_many(pairs.clone()).await?.all()?;
    equal("calls of put_many", &(subject.traffic.calls() - before), &4)?;
    let before = subject.traffic.calls();
    let values: Vec<_> = store.get_many(keys.clone()).await?.all()?.into_iter().flatten().map(|entry| entry.value).collect();
    equal("calls of get_many", &(subject.traffic.calls() - before), &3)?;
    equal("the values", &values, &pairs.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>())?;
    let before = subject.traffic.calls();
    store.delete_many(keys).await?.all()?;
    equal("calls of delete_many", &(subject.traffic.calls() - before), &4)
}

/// Creates of a bulk that is repeated with its own id are no `AlreadyExists`, each for itself; those of somebody else
/// are.
pub async fn put_many_repeated_with_its_id_is_not_already_exists(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let keys = ["a", "b", "c"].map(|name| subject.name(name));
    let store = subject.handle.with(CallOptions::new().idempotency_key(format!("{}-id", keys[0])));
    let create = |key| Write::put(key, "mine").if_absent();
    store.put_many(keys[..2].iter().map(create)).await?.all()?;
    if subject.entry(&keys[0]).await?.operation.is_none() {
        return Err(Failed::Skipped("the store keeps no operation ids".to_owned()));
    }
    subject.handle.put(&keys[2], "other").await?;
    let results = store.put_many(keys.iter().map(create)).await?;
    let failed: Vec<_> = results.failures().map(|(at, error)| (at, error.kind())).collect();
    equal("failures", &failed, &[(2, ErrorKind::AlreadyExists)])?;
    // Of two creates of one key at most one can have made it.
    let twice = store.put_many([create(&keys[0]), create(&keys[0])]).await?;
    holds("two creates of one key do not both succeed", twice.failures().count() >= 1)
}
