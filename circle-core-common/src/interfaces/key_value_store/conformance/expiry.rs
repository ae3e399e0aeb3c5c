//! Entries that expire.

use std::time::Duration;

use tokio::time::Instant;

use super::{Caps, Store};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::key_value_store::{Deleted, PutOptions, Write};
use crate::suite::{Failed, Outcome, equal, expect_kind, expect_reason, holds};

/// What clocks and busy machines may be off by.
const TOLERANCE: Duration = Duration::from_millis(100);
/// A life that no test outlasts.
const LONG: Duration = Duration::from_secs(3600);

/// A short life that the store can keep.
fn short(subject: &Store) -> Duration {
    let capabilities = subject.handle.capabilities();
    // Well above the precision, so that early and late can be told apart.
    (capabilities.ttl_min).max(capabilities.ttl_precision * 3).max(Duration::from_millis(400))
}

fn living(ttl: Duration) -> PutOptions {
    PutOptions::new().ttl(ttl)
}

/// By when an entry that was written until now, to live so long, is absent everywhere.
fn end_of(subject: &Store, life: Duration) -> Instant {
    let capabilities = subject.handle.capabilities();
    Instant::now() + life + capabilities.ttl_precision + capabilities.ttl_slack + TOLERANCE
}

fn end(subject: &Store) -> Instant {
    end_of(subject, short(subject))
}

/// An entry is there for its whole life, never gone early, and absent after it, at most `ttl_slack` late.
pub async fn ttl_ends_the_entry_never_early(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    // Long enough for a read in time, however busy the machine is.
    let (key, life) = (subject.name("a"), short(&subject).max(Duration::from_millis(1500)));
    let earliest = Instant::now() + life;
    subject.handle.put_with(&key, "a", living(life)).await?;
    let latest = end_of(&subject, life);
    loop {
        let asked = Instant::now();
        let entry = subject.handle.get(&key).await?;
        let answered = Instant::now();
        match entry {
            None if answered + TOLERANCE < earliest => {
                return Err(Failed::Wrong(format!("the entry is gone {:?} early", earliest - answered)));
            }
            None => return Ok(()),
            Some(_) if asked > latest => {
                return Err(Failed::Wrong(format!("the entry is there {:?} after its end", asked - earliest)));
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The expiry is reported by the put and with the entry, within the declared precision.
pub async fn ttl_is_reported_within_its_precision(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    let key = subject.name("a");
    let clock = subject.handle.provider()?.environment().clock().clone();
    let before = clock.timestamp();
    let written = subject.handle.put_with(&key, "a", living(LONG)).await?;
    let after = clock.timestamp();
    let slack = subject.handle.capabilities().ttl_precision + TOLERANCE;
    let entry = subject.entry(&key).await?;
    if written.expires_at.is_some() {
        equal("the expiry of the entry", &entry.expires_at, &written.expires_at)?;
    }
    let expires = entry.expires_at.ok_or_else(|| Failed::Wrong("the entry reports no expiry".to_owned()))?;
    holds(format!("{expires} is not before {before} + {LONG:?}"), expires + slack >= before + LONG)?;
    holds(format!("{expires} is not after {after} + {LONG:?}"), expires <= after + LONG + slack)
}

/// A write that gives no life takes it away: put, replace, and update.
pub async fn put_without_ttl_clears_it(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    let keys = ["put", "replace", "update", "transaction"].map(|name| subject.name(name));
    for key in &keys {
        subject.handle.put_with(key, "old", living(short(&subject))).await?;
    }
    subject.handle.put(&keys[0], "new").await?;
    if subject.handle.capabilities().cas {
        let version = subject.entry(&keys[1]).await?.version;
        subject.handle.replace(&keys[1], "new", version).await?;
        subject.handle.update(&keys[2], |_| Ok("new")).await?;
    } else {
        subject.handle.put_many([(&keys[1], "new"), (&keys[2], "new")].map(|(key, value)| (key.clone(), value))).await?.all()?;
    }
    if subject.handle.capabilities().transaction {
        subject.handle.transaction([Write::put(&keys[3], "new")]).await?;
    } else {
        subject.handle.put(&keys[3], "new").await?;
    }
    tokio::time::sleep_until(end(&subject)).await;
    for key in &keys {
        let entry = subject.entry(key).await?;
        equal(format!("the expiry after {key}"), &entry.expires_at, &None)?;
        equal(format!("the value after {key}"), &entry.value, &"new")?;
    }
    Ok(())
}

/// A put gives another life, longer or shorter, than there was.
pub async fn put_with_another_ttl_replaces_it(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    let (longer, shorter) = (subject.name("longer"), subject.name("shorter"));
    subject.handle.put_with(&longer, "a", living(short(&subject))).await?;
    subject.handle.put_with(&shorter, "a", living(LONG)).await?;
    subject.handle.put_with(&longer, "b", living(LONG)).await?;
    subject.handle.put_with(&shorter, "b", living(short(&subject))).await?;
    tokio::time::sleep_until(end(&subject)).await;
    equal("the value with the longer life", &subject.entry(&longer).await?.value, &"b")?;
    equal("get of the one with the shorter", &subject.handle.get(&shorter).await?, &None)
}

/// `persist` takes the expiry away and leaves the value.
pub async fn persist_takes_the_expiry_away(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    subject.needs(Caps::PERSIST)?;
    let key = subject.name("a");
    subject.handle.put_with(&key, "a", living(short(&subject))).await?;
    subject.handle.persist(&key).await?;
    equal("the expiry", &subject.entry(&key).await?.expires_at, &None)?;
    tokio::time::sleep_until(end(&subject)).await;
    equal("the value", &subject.entry(&key).await?.value, &"a")
}

/// `touch` gives another life from now, and leaves the value.
pub async fn touch_extends_the_life(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    subject.needs(Caps::PERSIST)?;
    let (mortal, immortal) = (subject.name("mortal"), subject.name("immortal"));
    subject.handle.put_with(&mortal, "a", living(short(&subject))).await?;
    subject.handle.put(&immortal, "b").await?;
    subject.handle.touch(&mortal, LONG).await?;
    subject.handle.touch(&immortal, short(&subject)).await?;
    equal("the value that was given an end", &subject.entry(&immortal).await?.value, &"b")?;
    tokio::time::sleep_until(end(&subject)).await;
    let entry = subject.entry(&mortal).await?;
    equal("the value", &entry.value, &"a")?;
    holds("the entry reports its expiry", entry.expires_at.is_some())?;
    equal("get of what was given an end", &subject.handle.get(&immortal).await?, &None)
}

/// `touch` and `persist` of the absent are `NotFound`, and make nothing.
pub async fn touch_of_the_absent_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::PERSIST)?;
    let key = subject.name("a");
    if subject.handle.capabilities().ttl {
        expect_kind("touch", subject.handle.touch(&key, LONG).await, ErrorKind::NotFound)?;
    }
    expect_kind("persist", subject.handle.persist(&key).await, ErrorKind::NotFound)?;
    equal("get", &subject.handle.get(&key).await?, &None)
}

/// `increment` keeps the expiry.
pub async fn increment_keeps_the_expiry(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    subject.needs(Caps::INCREMENT)?;
    let key = subject.name("a");
    subject.handle.put_with(&key, "1", living(short(&subject))).await?;
    let before = subject.entry(&key).await?.expires_at;
    equal("the sum", &subject.handle.increment(&key, 1).await?, &2)?;
    equal("the expiry", &subject.entry(&key).await?.expires_at, &before)?;
    tokio::time::sleep_until(end(&subject)).await;
    equal("get", &subject.handle.get(&key).await?, &None)
}

/// What has expired is absent everywhere: in gets, lists, creates, replaces, deletes, increments and transactions.
pub async fn expired_is_absent_everywhere(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    let store = &subject.handle;
    let names = ["create", "replace", "delete", "increment", "touch", "transaction", "list"];
    for name in names {
        store.put_with(subject.name(name), "1", living(short(&subject))).await?;
    }
    let version = subject.entry(&subject.name("replace")).await?.version;
    tokio::time::sleep_until(end(&subject)).await;
    let found = store.get_many(names.map(|name| subject.name(name))).await?.all()?;
    holds("get_many finds nothing", found.iter().all(Option::is_none))?;
    let capabilities = store.capabilities();
    if capabilities.list {
        subject.lists(&subject.namespace, &[]).await?;
    }
    if capabilities.cas {
        store.create(subject.name("create"), "new").await?;
        let result = store.replace(subject.name("replace"), "lost", version).await;
        expect_reason("replace", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    }
    holds("delete removes nothing", store.delete(subject.name("delete")).await? != Deleted::Removed)?;
    if capabilities.increment {
        equal("increment starts at 0", &store.increment(subject.name("increment"), 5).await?, &5)?;
        equal("and does not expire", &subject.entry(&subject.name("increment")).await?.expires_at, &None)?;
    }
    if capabilities.persist {
        expect_kind("persist", store.persist(subject.name("touch")).await, ErrorKind::NotFound)?;
    }
    if capabilities.transaction && capabilities.transaction_cas {
        store.transaction([Write::put(subject.name("transaction"), "new").if_absent()]).await?;
    }
    Ok(())
}

/// No life, and one below `ttl_min`, is `InvalidInput` with that limit, never rounded; nothing is sent.
pub async fn ttl_below_the_minimum_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    // A minimum of a minute, as some services have it, is put on by the test.
    let min = Duration::from_secs(60);
    let strict = subject.with_capabilities(|capabilities| capabilities.ttl_min = capabilities.ttl_min.max(min))?;
    let key = subject.name("a");
    let millis = u64::try_from(strict.capabilities().ttl_min.as_millis()).ok();
    let calls = async {
        expect_kind("no life", subject.handle.put_with(&key, "a", living(Duration::ZERO)).await, ErrorKind::InvalidInput)?;
        let lives = [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_secs(1),
            strict.capabilities().ttl_min - Duration::from_millis(1),
        ];
        for life in lives {
            let result = strict.put_with(&key, "a", living(life)).await;
            let error = expect_reason(format!("{life:?}"), result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
            equal("the limit", &error.limit().and_then(|limit| limit.min), &millis)?;
            let many = strict.put_many([Write::put(&key, "a").ttl(life)]).await;
            expect_reason(format!("{life:?} in a bulk"), many, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await?;
    strict.put_with(&key, "a", living(strict.capabilities().ttl_min)).await?;
    Ok(())
}

/// A life longer than the store can write is kept as long as it can, or `InvalidInput`; it never wraps around.
pub async fn ttl_beyond_all_measure_does_not_wrap(subject: Store) -> Outcome {
    subject.needs(Caps::TTL)?;
    for life in [Duration::from_secs(400 * 365 * 86_400), Duration::MAX] {
        let key = subject.name("a");
        match subject.handle.put_with(&key, "a", living(life)).await {
            Ok(_) => equal("the value", &subject.entry(&key).await?.value, &"a")?,
            result => expect_kind(format!("{life:?}"), result, ErrorKind::InvalidInput).map(drop)?,
        }
    }
    Ok(())
}
