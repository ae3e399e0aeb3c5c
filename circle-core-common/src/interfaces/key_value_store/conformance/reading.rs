//! Strong reads, and fences.

use super::{Caps, Store};
use crate::error::{ErrorKind, Reason};
use crate::identifier::Fence;
use crate::interfaces::key_value_store::{DeleteOptions, GetOptions, PutOptions, Write};
use crate::suite::{Outcome, equal, expect_reason};

/// A strong read from a second client sees what the first has written before.
pub async fn strong_read_sees_the_last_write(subject: Store) -> Outcome {
    subject.needs(Caps::STRONG_READ)?;
    let (key, second) = (subject.name("a"), subject.second()?);
    for round in 0..50 {
        let value = round.to_string();
        subject.handle.put(&key, value.clone()).await?;
        let read = second.get_with(&key, GetOptions::new().strong()).await?;
        equal("the value", &read.map(|entry| entry.value), &Some(value.into()))?;
    }
    subject.handle.delete(&key).await?;
    equal("the deleted", &second.get_with(&key, GetOptions::new().strong()).await?, &None)
}

/// What one client wrote another client of the same store reads, compares and deletes.
pub async fn second_client_sees_the_same_store(subject: Store) -> Outcome {
    let (first, second, key) = (&subject.handle, subject.second()?, subject.name("a"));
    first.put(&key, "of the first").await?;
    let version = subject.entry(&key).await?.version;
    equal("what the second reads", &second.get(&key).await?, &Some(subject.entry(&key).await?))?;
    if first.capabilities().cas {
        second.replace(&key, "of the second", &version).await?;
        let result = first.replace(&key, "lost", &version).await;
        expect_reason("replace of what the other replaced", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    } else {
        second.put(&key, "of the second").await?;
    }
    equal("what the first reads", &subject.entry(&key).await?.value, &"of the second")?;
    second.delete(&key).await?;
    equal("what the first reads of the deleted", &first.get(&key).await?, &None)
}

/// A write with an older fence than the key has seen is `Conflict`, reason `Fenced`, and changes nothing; with the same
/// or a newer one it goes through.
pub async fn write_with_an_older_fence_is_fenced(subject: Store) -> Outcome {
    subject.needs(Caps::FENCE)?;
    let key = subject.name("a");
    let put = |value: &'static str, fence| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move { store.put_with(&key, value, PutOptions::new().fence(Fence::new(fence))).await }
    };
    put("of 5", 5).await?;
    put("of 5 again", 5).await?;
    expect_reason("a put of 4", put("of 4", 4).await, ErrorKind::Conflict, Reason::Fenced)?;
    equal("the value", &subject.entry(&key).await?.value, &"of 5 again")?;
    put("of 6", 6).await?;
    expect_reason("a put of 5", put("of 5", 5).await, ErrorKind::Conflict, Reason::Fenced)?;
    let delete = subject.handle.delete_with(&key, DeleteOptions::new().fence(Fence::new(5))).await;
    expect_reason("a delete of 5", delete, ErrorKind::Conflict, Reason::Fenced)?;
    equal("the value", &subject.entry(&key).await?.value, &"of 6")
}

/// A fence outlives the entry: who held the lock before the one who deleted cannot write any more.
pub async fn fence_outlives_the_entry(subject: Store) -> Outcome {
    subject.needs(Caps::FENCE)?;
    let key = subject.name("a");
    let options = |fence| PutOptions::new().fence(Fence::new(fence));
    subject.handle.put_with(&key, "of 5", options(5)).await?;
    subject.handle.delete_with(&key, DeleteOptions::new().fence(Fence::new(7))).await?;
    let result = subject.handle.put_with(&key, "of 6", options(6)).await;
    expect_reason("a put of 6", result, ErrorKind::Conflict, Reason::Fenced)?;
    equal("get", &subject.handle.get(&key).await?, &None)?;
    subject.handle.put_with(&key, "of 7", options(7)).await?;
    equal("the value", &subject.entry(&key).await?.value, &"of 7")
}

/// Fences are per key, and one that is refused raises none.
pub async fn fence_is_per_key(subject: Store) -> Outcome {
    subject.needs(Caps::FENCE)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    let options = |fence| PutOptions::new().fence(Fence::new(fence));
    subject.handle.put_with(&a, "a", options(9)).await?;
    subject.handle.put_with(&b, "b", options(1)).await?;
    if subject.handle.capabilities().cas {
        let refused = subject.handle.put_with(&b, "lost", options(5).if_absent()).await;
        crate::suite::expect_kind("a create", refused, ErrorKind::AlreadyExists)?;
        subject.handle.put_with(&b, "b of 2", options(2)).await?;
    }
    Ok(())
}

/// A fence within a transaction is kept as any condition: refused, none of the writes is visible.
pub async fn transaction_with_an_older_fence_changes_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::FENCE)?;
    subject.needs(Caps::TRANSACTION)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    subject.handle.put_with(&b, "of 5", PutOptions::new().fence(Fence::new(5))).await?;
    let writes = [Write::put(&a, "lost"), Write::put(&b, "lost").fence(Fence::new(4))];
    expect_reason("the transaction", subject.handle.transaction(writes).await, ErrorKind::Conflict, Reason::Fenced)?;
    equal("get", &subject.handle.get(&a).await?, &None)?;
    equal("the value", &subject.entry(&b).await?.value, &"of 5")
}
