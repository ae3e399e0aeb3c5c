//! Deleting many at once.

use super::Store;
use crate::error::{Error, ErrorKind};
use crate::interfaces::object_store::Deleted;
use crate::suite::{Outcome, at_once, equal, expect_kind, holds};

/// 2,500 keys, every fifth of them missing: one result per key, in order, in as many calls as the limit needs.
pub async fn delete_many_of_2500_gives_one_result_per_key(subject: Store) -> Outcome {
    const WRITERS: usize = 16;
    let count = subject.scale.pick(250, 2500);
    let keys: Vec<String> = (0..count).map(|number| subject.name(&format!("{number:04}"))).collect();
    let written = at_once((0..WRITERS).map(|writer| {
        let (store, keys) = (subject.handle.clone(), keys.clone());
        async move {
            for number in (writer..count).step_by(WRITERS).filter(|number| number % 5 != 0) {
                store.put(&keys[number], "").await?;
            }
            Ok(())
        }
    }));
    written.await?.into_iter().collect::<Result<(), Error>>()?;
    let before = subject.traffic.calls();
    let results = subject.handle.delete_many(&keys).await?;
    let calls = subject.traffic.calls() - before;
    equal("calls", &calls, &(count as u64).div_ceil(subject.handle.capabilities().delete_max.into()))?;
    equal("results", &results.len(), &count)?;
    for (number, result) in results.into_iter().enumerate() {
        let deleted = result?;
        let right = match deleted {
            Deleted::Removed => number % 5 != 0,
            Deleted::Absent => number % 5 == 0,
            Deleted::Marked(_) | Deleted::Unknown => true,
        };
        holds(format!("the result of key {number} is not {deleted:?}"), right)?;
    }
    subject.lists(&subject.namespace, &[]).await
}

/// Deleting no keys sends nothing.
pub async fn delete_many_of_nothing_sends_nothing(subject: Store) -> Outcome {
    let call = async {
        let results = subject.handle.delete_many([""; 0]).await?;
        equal("results", &results.len(), &0)
    };
    subject.sends_nothing(call).await
}

/// One key that is not valid stops the whole call before anything is deleted.
pub async fn delete_many_with_an_invalid_key_deletes_nothing(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let call =
        async { expect_kind("delete_many", subject.handle.delete_many([key.as_str(), ""]).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(call).await?;
    equal("the content", &subject.content(&key).await?, "a".as_bytes())
}

/// The same key twice has two results, both fine.
pub async fn delete_many_of_the_same_key_twice_is_ok(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let results = subject.handle.delete_many([&key, &key]).await?.all()?;
    equal("results", &results.len(), &2)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}
