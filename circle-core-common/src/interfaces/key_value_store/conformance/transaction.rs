//! All writes or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Caps, Store, number};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::key_value_store::Write;
use crate::suite::{Failed, Outcome, equal, expect_kind, expect_reason};

/// A transaction makes all of its writes, and says for each what it did.
pub async fn transaction_makes_all_writes(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    let keys = ["a", "b", "c"].map(|name| subject.name(name));
    subject.handle.put(&keys[2], "gone").await?;
    let writes = [Write::put(&keys[0], "1"), Write::put(&keys[1], "2"), Write::delete(&keys[2])];
    let written = subject.handle.transaction(writes).await?;
    equal("results", &written.len(), &3)?;
    for (key, (value, written)) in keys.iter().zip(["1", "2"].into_iter().zip(&written)) {
        let entry = subject.entry(key).await?;
        equal(format!("the value of {key}"), &entry.value, value.as_bytes())?;
        equal(format!("the version of {key}"), &written.version.as_ref(), &Some(&entry.version))?;
    }
    equal("the version of the delete", &written[2].version, &None)?;
    equal("get of the deleted", &subject.handle.get(&keys[2]).await?, &None)
}

/// Writes to one key apply in order.
pub async fn transaction_applies_writes_in_order(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    subject.handle.put(&a, "before").await?;
    subject
        .handle
        .transaction([
            Write::delete(&a),
            Write::put(&a, "first"),
            Write::put(&b, "first"),
            Write::delete(&a),
            Write::put(&a, "last"),
            Write::delete(&b),
        ])
        .await?;
    equal("the value that was put last", &subject.entry(&a).await?.value, &"last")?;
    equal("what was deleted last", &subject.handle.get(&b).await?, &None)
}

/// Deleting the absent fails no transaction.
pub async fn transaction_with_a_delete_of_the_absent_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    let (a, absent) = (subject.name("a"), subject.name("absent"));
    subject.handle.transaction([Write::delete(&absent), Write::put(&a, "1")]).await?;
    equal("the value", &subject.entry(&a).await?.value, &"1")
}

/// One stale condition fails the whole transaction: `Conflict`, reason `VersionMismatch`, and none of the writes is
/// visible.
pub async fn transaction_with_a_stale_version_changes_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    subject.needs(Caps::TRANSACTION_CAS)?;
    let keys = ["a", "b", "c", "d"].map(|name| subject.name(name));
    subject.handle.put(&keys[1], "old").await?;
    let stale = subject.entry(&keys[1]).await?.version;
    subject.handle.put(&keys[1], "current").await?;
    subject.handle.put(&keys[3], "kept").await?;
    let result = subject
        .handle
        .transaction([
            Write::put(&keys[0], "lost"),
            Write::put(&keys[1], "lost").if_match(stale),
            Write::put(&keys[2], "lost"),
            Write::delete(&keys[3]),
        ])
        .await;
    expect_reason("the transaction", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("get of the first", &subject.handle.get(&keys[0]).await?, &None)?;
    equal("the second", &subject.entry(&keys[1]).await?.value, &"current")?;
    equal("get of the third", &subject.handle.get(&keys[2]).await?, &None)?;
    equal("the fourth", &subject.entry(&keys[3]).await?.value, &"kept")
}

/// A create of the present fails the whole transaction: `AlreadyExists`.
pub async fn transaction_with_a_create_of_the_present_changes_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    subject.needs(Caps::TRANSACTION_CAS)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    subject.handle.put(&b, "old").await?;
    let writes = [Write::put(&a, "lost"), Write::put(&b, "lost").if_absent()];
    expect_kind("the transaction", subject.handle.transaction(writes).await, ErrorKind::AlreadyExists)?;
    equal("get of the first", &subject.handle.get(&a).await?, &None)?;
    equal("the second", &subject.entry(&b).await?.value, &"old")
}

/// Conditions that hold let the transaction through.
pub async fn transaction_with_conditions_that_hold_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    subject.needs(Caps::TRANSACTION_CAS)?;
    let keys = ["a", "b", "c"].map(|name| subject.name(name));
    subject.handle.put(&keys[1], "old").await?;
    subject.handle.put(&keys[2], "gone").await?;
    let (b, c) = (subject.entry(&keys[1]).await?.version, subject.entry(&keys[2]).await?.version);
    subject
        .handle
        .transaction([
            Write::put(&keys[0], "1").if_absent(),
            Write::put(&keys[1], "2").if_match(b),
            Write::delete(&keys[2]).if_match(c),
        ])
        .await?;
    equal("the first", &subject.entry(&keys[0]).await?.value, &"1")?;
    equal("the second", &subject.entry(&keys[1]).await?.value, &"2")?;
    equal("get of the third", &subject.handle.get(&keys[2]).await?, &None)
}

/// A touch of the absent fails the whole transaction: `NotFound`.
pub async fn transaction_with_a_touch_of_the_absent_changes_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    subject.needs(Caps::PERSIST)?;
    let (a, absent) = (subject.name("a"), subject.name("absent"));
    let writes = [Write::put(&a, "lost"), Write::touch(&absent, None)];
    expect_kind("the transaction", subject.handle.transaction(writes).await, ErrorKind::NotFound)?;
    equal("get", &subject.handle.get(&a).await?, &None)
}

/// Two writers who both read and both write under that condition: one succeeds.
pub async fn transaction_race_has_one_winner(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    subject.needs(Caps::TRANSACTION_CAS)?;
    let (guard, winner) = (subject.name("guard"), subject.name("winner"));
    subject.handle.put(&guard, "free").await?;
    let version = subject.entry(&guard).await?.version;
    let results = crate::suite::at_once((0..16).map(|writer| {
        let store = subject.handle.clone();
        let writes = [Write::put(&guard, "taken").if_match(&version), Write::put(&winner, writer.to_string())];
        async move { store.transaction(writes).await.map(|_| writer) }
    }))
    .await?;
    let (winners, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    equal("the number of winners", &winners.len(), &1)?;
    for loser in losers {
        expect_reason("a loser", loser, ErrorKind::Conflict, Reason::VersionMismatch)?;
    }
    for won in winners {
        equal("the winner's value", &number(&subject.entry(&winner).await?.value)?, &won?)?;
    }
    Ok(())
}

/// Nobody sees a part: who has seen one write of a transaction sees the others.
pub async fn transaction_is_never_seen_in_part(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    subject.handle.transaction([Write::put(&a, "0"), Write::put(&b, "0")]).await?;
    let ended = Arc::new(AtomicBool::new(false));
    // Each reader looks at one key first; the other must be at least as new.
    let readers = [(a.clone(), b.clone()), (b.clone(), a.clone())].map(|(first, second)| {
        let (store, ended) = (subject.handle.clone(), Arc::clone(&ended));
        tokio::spawn(async move {
            let read = async |key: &String| match store.get(key).await? {
                Some(entry) => Ok(number(&entry.value)?),
                None => Err(Failed::Wrong(format!("{key} is absent in between"))),
            };
            let mut reads = 0;
            while !ended.load(Ordering::Relaxed) || reads < 10 {
                let (one, two) = (read(&first).await?, read(&second).await?);
                crate::suite::holds(format!("after {one} the other key is not at {two}"), two >= one)?;
                reads += 1;
                tokio::task::yield_now().await;
            }
            Ok::<(), Failed>(())
        })
    });
    let mut written = Ok(());
    for round in 1..=subject.scale.pick(20, 100) {
        let value = round.to_string();
        written = subject.handle.transaction([Write::put(&a, value.clone()), Write::put(&b, value)]).await.map(drop);
        if written.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    ended.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.map_err(|error| Failed::Wrong(error.to_string()))??;
    }
    Ok(written?)
}

/// More writes than `transaction_max` are `InvalidInput` with that limit, and nothing is sent.
pub async fn transaction_above_the_limit_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    let store = subject.with_capabilities(|capabilities| {
        capabilities.transaction_max = capabilities.transaction_max.min(1000);
    })?;
    let max = store.capabilities().transaction_max;
    let writes = |count| (0..count).map(|number| Write::put(subject.name(&format!("{number}")), "x")).collect::<Vec<_>>();
    let call = async {
        let result = store.transaction(writes(max + 1)).await;
        let error = expect_reason("the transaction", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max.into()))
    };
    subject.sends_nothing(call).await?;
    equal("the largest", &store.transaction(writes(max)).await?.len(), &(max as usize))
}

/// A transaction of nothing succeeds and sends nothing.
pub async fn transaction_of_nothing_sends_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::TRANSACTION)?;
    subject.sends_nothing(async { equal("results", &subject.handle.transaction([]).await?.len(), &0) }).await
}
