//! Changes as they happen.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Caps, Store, number};
use crate::error::{ErrorKind, Result};
use crate::interfaces::key_value_store::{Change, PutOptions, Write};
use crate::suite::{Failed, Outcome, equal, holds};
use crate::watch::Watch;

/// How long a change may take to be told.
const SOON: Duration = Duration::from_secs(5);

async fn next(watch: &mut Watch<Change>) -> Result<Change, Failed> {
    match tokio::time::timeout(SOON, watch.try_next()).await {
        Ok(change) => change?.ok_or_else(|| Failed::Wrong("the watch has ended".to_owned())),
        Err(_) => Err(Failed::Wrong(format!("no change is told within {SOON:?}"))),
    }
}

/// A change in short: `a=1`, `-a`, `lagged`.
fn short(subject: &Store, change: &Change) -> String {
    match change {
        Change::Put(entry) => {
            format!("{}={}", subject.without_namespace(entry.key.as_str()), String::from_utf8_lossy(&entry.value))
        }
        Change::Deleted(key) => format!("-{}", subject.without_namespace(key.as_str())),
        Change::Lagged => "lagged".to_owned(),
    }
}

async fn several(subject: &Store, watch: &mut Watch<Change>, count: usize) -> Result<Vec<String>, Failed> {
    let mut changes = Vec::new();
    for _ in 0..count {
        changes.push(short(subject, &next(watch).await?));
    }
    Ok(changes)
}

/// A watch tells of every write since its call returned, in order per key, with the entries as they are.
pub async fn watch_tells_every_write_in_order(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let key = subject.name("a");
    subject.handle.put(&key, "before").await?;
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    for value in ["1", "2", "2", "3"] {
        subject.handle.put(&key, value).await?;
    }
    subject.handle.delete(&key).await?;
    subject.handle.put(&key, "4").await?;
    equal("the changes", &several(&subject, &mut watch, 5).await?, &["a=1", "a=2", "a=2", "a=3", "-a"])?;
    match next(&mut watch).await? {
        Change::Put(entry) => equal("the last change", &entry, &subject.entry(&key).await?),
        other => Err(Failed::Wrong(format!("after a delete, a put is told as {other:?}"))),
    }
}

/// A watch tells of every kind of write: bulk, transaction, increment, compare-and-swap.
pub async fn watch_tells_every_kind_of_write(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let store = &subject.handle;
    let capabilities = store.capabilities();
    let mut watch = store.watch(&subject.namespace).await?;
    let mut expected = vec!["bulk=1".to_owned()];
    store.put_many([(subject.name("bulk"), "1")]).await?.all()?;
    if capabilities.transaction {
        store.transaction([Write::put(subject.name("t1"), "1"), Write::put(subject.name("t2"), "2")]).await?;
        expected.extend(["t1=1".to_owned(), "t2=2".to_owned()]);
    }
    if capabilities.increment {
        store.increment(subject.name("number"), 7).await?;
        expected.push("number=7".to_owned());
    }
    if capabilities.cas {
        store.create(subject.name("created"), "1").await?;
        expected.push("created=1".to_owned());
    }
    store.delete_many([subject.name("bulk")]).await?.all()?;
    expected.push("-bulk".to_owned());
    let mut told = several(&subject, &mut watch, expected.len()).await?;
    // Changes of different keys may come in any order.
    told.sort_unstable();
    expected.sort_unstable();
    equal("the changes", &told, &expected)
}

/// A watch tells of its prefix only, and of refused and needless writes nothing.
pub async fn watch_tells_only_what_changed_under_its_prefix(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let store = &subject.handle;
    let mut watch = store.watch(subject.name("in%/")).await?;
    store.put(subject.name("out"), "1").await?;
    store.put(subject.name("inX/a"), "1").await?;
    store.delete(subject.name("in%/absent")).await?;
    store.put(subject.name("in%/a"), "1").await?;
    if store.capabilities().cas {
        holds("a refused create", store.create(subject.name("in%/a"), "2").await.is_err())?;
    }
    store.put(subject.name("in%/end"), "1").await?;
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "in%/end=1") {
        told.push(short(&subject, &next(&mut watch).await?));
    }
    // A store may tell of the delete of what was absent; of nothing else.
    told.retain(|change| change != "-in%/absent");
    equal("the changes", &told, &["in%/a=1", "in%/end=1"])
}

/// A watch tells when an entry has expired, as a delete.
pub async fn watch_tells_of_expiry(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    subject.needs(Caps::TTL)?;
    let capabilities = subject.handle.capabilities();
    let life = capabilities.ttl_min.max(capabilities.ttl_precision * 3).max(Duration::from_millis(300));
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    subject.handle.put_with(subject.name("a"), "1", PutOptions::new().ttl(life)).await?;
    equal("the put", &short(&subject, &next(&mut watch).await?), "a=1")?;
    let wait = life + capabilities.ttl_precision + capabilities.ttl_slack + SOON;
    let end = tokio::time::timeout(wait, watch.try_next()).await;
    let change = end.map_err(|_| Failed::Wrong("an expiry is not told".to_owned()))??;
    equal("the end", &change.map(|change| short(&subject, &change)), &Some("-a".to_owned()))
}

/// Several watches each get everything.
pub async fn watches_do_not_share_changes(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let (mut one, mut two) = (subject.handle.watch(&subject.namespace).await?, subject.handle.watch(&subject.namespace).await?);
    subject.handle.put(subject.name("a"), "1").await?;
    equal("the first", &several(&subject, &mut one, 1).await?, &["a=1"])?;
    drop(one);
    subject.handle.put(subject.name("a"), "2").await?;
    equal("the second", &several(&subject, &mut two, 2).await?, &["a=1", "a=2"])
}

/// A watch that is read too slowly says that it lagged, or leaves out nothing; then it goes on, and ends at what is.
pub async fn watch_read_too_slowly_lags_or_leaves_out_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let count = subject.scale.pick(100, 20_000) as i64;
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    for value in 1..=count {
        subject.handle.put(subject.name(if value % 2 == 0 { "even" } else { "odd" }), value.to_string()).await?;
    }
    subject.handle.put(subject.name("end"), "0").await?;
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let (mut told, mut lagged) = (0, false);
    loop {
        match next(&mut watch).await? {
            Change::Lagged => lagged = true,
            Change::Put(entry) if entry.key == subject.name("end").as_str() => break,
            Change::Put(entry) => {
                let value = number(&entry.value)?;
                let before = last.insert(entry.key.to_string(), value).unwrap_or(0);
                holds(format!("{value} comes after {before}"), value > before)?;
                told += 1;
            }
            Change::Deleted(key) => return Err(Failed::Wrong(format!("{key} was not deleted"))),
        }
    }
    holds(format!("{told} of {count} changes were told, and nothing said of the others"), lagged || told == count)?;
    for name in ["even", "odd"] {
        let current = number(&subject.entry(&subject.name(name)).await?.value)?;
        let told = last.get(&subject.name(name)).copied();
        holds(format!("the last change of {name} is told as {told:?}, it is {current}"), told == Some(current) || lagged)?;
    }
    subject.handle.put(subject.name("after"), "1").await?;
    equal("the watch goes on", &several(&subject, &mut watch, 1).await?, &["after=1"])
}

/// A watch whose client is closed ends: with `Closed`, or in order.
pub async fn watch_ends_when_the_client_is_closed(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    let provider = subject.handle.provider()?.clone();
    let waiting = tokio::spawn(async move { tokio::time::timeout(SOON, watch.try_next()).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    provider.close(&crate::CallContext::new(provider.environment(), &crate::interfaces::key_value_store::WATCH, None)).await?;
    match waiting.await.map_err(|error| Failed::Wrong(error.to_string()))? {
        Ok(Ok(None)) => Ok(()),
        Ok(Err(error)) if error.is(ErrorKind::Closed) => Ok(()),
        Ok(other) => Err(Failed::Wrong(format!("the watch goes on with {other:?}"))),
        Err(_) => Err(Failed::Wrong(format!("the watch still waits {SOON:?} after its client was closed"))),
    }
}
