//! What the public suite cannot see: accounting, sweeping, expiry to the moment, and what watches are told.

use std::time::Duration;

use circle_core_common::interfaces::key_value_store::{
    Change, Deleted, GET, KeyValueStore, KeyValueStoreCapabilities as Caps, PutOptions, Write,
};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{ByteSize, CallContext, ErrorKind, Fence, Provider, Reason, Version};

use crate::Memory;

const SECOND: Duration = Duration::from_secs(1);

fn living(ttl: Duration) -> PutOptions {
    PutOptions::new().ttl(ttl)
}

/// `+key=value`, `-key` or `lagged`.
fn told(change: Option<Change>) -> String {
    match change {
        Some(Change::Put(entry)) => format!("+{}={}", entry.key, String::from_utf8_lossy(&entry.value)),
        Some(Change::Deleted(key)) => format!("-{key}"),
        Some(Change::Lagged) => "lagged".to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn entries_live_to_the_moment_and_not_longer() {
    let kv = KeyValueStore::new(Memory::new());
    kv.put_with("k", "1", living(SECOND)).await.unwrap();
    tokio::time::advance(SECOND - Duration::from_nanos(1)).await;
    assert!(kv.get("k").await.unwrap().is_some());
    assert_eq!(kv.increment("k", 1).await.unwrap(), 2);
    tokio::time::advance(Duration::from_nanos(1)).await;
    assert_eq!(kv.get("k").await.unwrap(), None);
    assert!(kv.list("").all().await.unwrap().is_empty());
    assert!(kv.touch("k", SECOND).await.unwrap_err().is(ErrorKind::NotFound));
    kv.transaction([Write::put("k", "2").if_absent()]).await.unwrap();
    assert_eq!(kv.increment("k", 1).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_next_write_frees_what_has_expired() {
    let memory = Memory::with_capacity(ByteSize::bytes(30));
    let kv = KeyValueStore::new(memory.clone());
    for key in ["a", "b", "c"] {
        kv.put_with(key, "12345678", living(SECOND)).await.unwrap();
    }
    // The life that counts is the last one given.
    kv.touch("c", 3 * SECOND).await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(27));
    assert!(kv.put("d", "123").await.unwrap_err().is(ErrorKind::QuotaExceeded));
    tokio::time::advance(SECOND).await;
    kv.put("d", "123").await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(9 + 4));
    kv.persist("c").await.unwrap();
    tokio::time::advance(3600 * SECOND).await;
    assert_eq!(kv.get("c").await.unwrap().unwrap().expires_at, None);
}

#[tokio::test]
async fn a_transaction_that_does_not_fit_changes_nothing() {
    let memory = Memory::with_capacity(ByteSize::bytes(10));
    let kv = KeyValueStore::new(memory.clone());
    kv.put("a", "12345678").await.unwrap();
    let full = kv.transaction([Write::put("a", "1"), Write::put("b", "12345678")]).await.unwrap_err();
    assert!(full.is(ErrorKind::QuotaExceeded));
    assert_eq!(kv.get("a").await.unwrap().unwrap().value, "12345678");
    // What one write gives up, another may take.
    kv.transaction([Write::put("b", "12345678"), Write::delete("a")]).await.unwrap();
    // Objects and entries share the room.
    let files = ObjectStore::new(memory.clone());
    assert!(files.put("o", "1").await.unwrap_err().is(ErrorKind::QuotaExceeded));
    kv.delete("b").await.unwrap();
    files.put("o", "123456789").await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(10));
}

#[tokio::test]
async fn fences_outlive_the_entry() {
    let kv = KeyValueStore::new(Memory::new());
    let fenced = |value, fence| kv.put_with("k", value, PutOptions::new().fence(Fence::new(fence)));
    fenced("1", 7).await.unwrap();
    kv.delete("k").await.unwrap();
    let late = fenced("2", 6).await.unwrap_err();
    assert_eq!((late.kind(), late.reason()), (ErrorKind::Conflict, Some(Reason::Fenced)));
    assert_eq!(kv.get("k").await.unwrap(), None);
    fenced("3", 7).await.unwrap();
    // A refused write teaches nothing, a batch sees its own fences.
    let writes = [Write::put("k", "4").fence(Fence::new(9)), Write::put("k", "5").fence(Fence::new(8))];
    assert_eq!(kv.transaction(writes).await.unwrap_err().reason(), Some(Reason::Fenced));
    fenced("6", 8).await.unwrap();
}

#[tokio::test]
async fn a_version_of_another_store_is_invalid() {
    let kv = KeyValueStore::new(Memory::new());
    kv.put("k", "1").await.unwrap();
    for foreign in [Version::etag("abc"), Version::generation("x"), Version::new("1", "1")] {
        assert!(kv.replace("k", "2", foreign).await.unwrap_err().is(ErrorKind::InvalidInput));
    }
    let stale = kv.replace("k", "2", Version::generation("1")).await.unwrap_err();
    assert_eq!((stale.kind(), stale.reason()), (ErrorKind::Conflict, Some(Reason::VersionMismatch)));
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_and_a_watch_only_what_was_committed() {
    let kv = KeyValueStore::new(Memory::new());
    kv.put("a", "0").await.unwrap();
    let mut changes = kv.watch("").await.unwrap();
    let writes = [
        Write::delete("a"),
        Write::put("a", "1").if_absent(),
        Write::put("b", "2"),
        Write::put("a", "3"),
        Write::put("c", "4"),
        Write::delete("c"),
        Write::delete("b"),
        Write::touch("a", None),
    ];
    let written = kv.transaction(writes).await.unwrap();
    let existed: Vec<Option<bool>> = written.iter().map(|written| written.existed).collect();
    assert_eq!(existed, [true, false, false, true, false, true, true, true].map(Some));
    assert_eq!(kv.get("a").await.unwrap().unwrap().version, written[7].version.clone().unwrap());
    kv.put("z", "").await.unwrap();
    assert_eq!(told(changes.try_next().await.unwrap()), "+a=3");
    assert_eq!(told(changes.try_next().await.unwrap()), "+z=");
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_told_of_expiries_in_time() {
    let kv = KeyValueStore::new(Memory::new());
    let mut changes = kv.watch("k").await.unwrap();
    kv.put_with("k1", "1", living(2 * SECOND)).await.unwrap();
    kv.put_with("other", "1", living(SECOND)).await.unwrap();
    assert_eq!(told(changes.try_next().await.unwrap()), "+k1=1");
    let started = tokio::time::Instant::now();
    let waiting = tokio::spawn(async move {
        let change = told(changes.try_next().await.unwrap());
        (change, started.elapsed(), changes)
    });
    tokio::task::yield_now().await;
    // A sooner expiry than the one that is waited for.
    kv.put_with("k2", "1", living(SECOND / 2)).await.unwrap();
    let (change, _, mut changes) = waiting.await.unwrap();
    assert_eq!(change, "+k2=1");
    for (change, after) in [("-k2", SECOND / 2), ("-k1", 2 * SECOND)] {
        assert_eq!(told(changes.try_next().await.unwrap()), change);
        let elapsed = started.elapsed();
        assert!(elapsed >= after && elapsed < after + Duration::from_millis(10), "{change} after {elapsed:?}");
    }
}

#[tokio::test]
async fn a_slow_watch_lags_and_goes_on() {
    let kv = KeyValueStore::new(Memory::new());
    let mut slow = kv.watch("").await.unwrap();
    for number in 0..1030 {
        kv.put(format!("k{number}"), "").await.unwrap();
    }
    assert_eq!(told(slow.try_next().await.unwrap()), "lagged");
    for number in 1024..1030 {
        assert_eq!(told(slow.try_next().await.unwrap()), format!("+k{number}="));
    }
    // Bytes are bounded as well as changes.
    for number in 0..5 {
        kv.put(format!("large{number}"), vec![0; 16 << 20]).await.unwrap();
    }
    assert_eq!(told(slow.try_next().await.unwrap()), "lagged");
    assert!(told(slow.try_next().await.unwrap()).starts_with("+large4="));
}

#[tokio::test]
async fn closing_wakes_and_ends_a_watch() {
    let memory = Memory::new();
    let kv = KeyValueStore::new(memory.clone());
    let mut changes = kv.watch("").await.unwrap();
    kv.put("k", "1").await.unwrap();
    let waiting = tokio::spawn(async move {
        let change = told(changes.try_next().await.unwrap());
        let closed = changes.try_next().await.unwrap_err();
        (change, closed.kind(), changes.try_next().await.unwrap())
    });
    tokio::task::yield_now().await;
    memory.close(&CallContext::new(memory.environment(), &GET, None)).await.unwrap();
    assert_eq!(waiting.await.unwrap(), ("+k=1".to_owned(), ErrorKind::Closed, None));
    let errors = [
        kv.get("k").await.map(drop),
        kv.put("k", "2").await.map(drop),
        kv.transaction([Write::delete("k")]).await.map(drop),
        kv.increment("n", 1).await.map(drop),
        kv.list("").all().await.map(drop),
        kv.watch("").await.map(drop),
    ];
    assert!(errors.iter().all(|result| result.as_ref().is_err_and(|error| error.is(ErrorKind::Closed))), "{errors:?}");
}

#[tokio::test]
async fn a_flag_that_is_off_is_refused() {
    let memory = Memory::new();
    let plain = KeyValueStore::new(memory.clone().without(Caps::CAS).without(Caps::TTL));
    assert_eq!(plain.create("k", "1").await.unwrap_err().capability(), Some("cas"));
    assert_eq!(plain.put_with("k", "1", living(SECOND)).await.unwrap_err().capability(), Some("ttl"));
    assert_eq!(KeyValueStore::new(memory).delete("k").await.unwrap(), Deleted::Absent);
}
