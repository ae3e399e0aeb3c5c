//! What the handle of a key-value store does about answers that no real store can be made to give.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use circle_core_common::interfaces::key_value_store::{
    Consistency, Entry, KeyValueStore, KeyValueStoreCapabilities, MockKeyValueStoreProvider, Precondition, Write, Written,
};
use circle_core_common::{
    Bulk, CallOptions, Environment, Error, ErrorKind, OnUnsupported, OperationId, ProviderInfo, Reason, Result, Sent, Timestamp,
    Version,
};

fn entry(key: &str, operation: Option<&OperationId>) -> Entry {
    let mut entry = Entry::new(key.into(), "value".into(), Version::new("1", ""));
    entry.operation = operation.cloned();
    entry
}

fn refused() -> Error {
    Error::new(ErrorKind::AlreadyExists, "it is there").with_sent(Sent::Yes)
}

fn one<T>(result: Result<T>) -> Result<Bulk<T>> {
    Ok(Bulk::new(vec![result]))
}

/// A provider that repeated a create and was then refused: its own entry is there for the keys in `ours`.
fn repeating(ours: &'static [&'static str]) -> KeyValueStore {
    let mut mock = MockKeyValueStoreProvider::ready();
    mock.expect_write().returning(|_, request| {
        let result = |write: &Write| match write.key.as_str() {
            "fresh" => Ok(Written::version(Version::new("1", ""))),
            "once" => Err(refused()),
            _ => Err(refused().with_attempts(2)),
        };
        Ok(request.writes.iter().map(result).collect())
    });
    mock.expect_get().returning(move |cx, request| {
        assert_eq!(request.options.consistency, Consistency::Strong, "a stale look-up would tell of another entry");
        let id = cx.operation_id()?;
        let found = |key: &str| Ok(Some(entry(key, ours.contains(&key).then_some(id))));
        Ok(request.keys.iter().map(|key| found(key.as_str())).collect())
    });
    KeyValueStore::new(mock)
}

#[tokio::test]
async fn a_bulk_that_the_provider_repeated_is_settled_write_by_write() {
    let keys = ["fresh", "ours", "once", "theirs"];
    let results = repeating(&["ours", "once"]).put_many(keys.map(|key| Write::put(key, "value").if_absent())).await.unwrap();
    let failed: Vec<_> = results.failures().map(|(at, error)| (keys[at], error.kind())).collect();
    assert_eq!(failed, [("once", ErrorKind::AlreadyExists), ("theirs", ErrorKind::AlreadyExists)]);
    let twice = repeating(&["ours"]).put_many(["ours", "ours"].map(|key| Write::put(key, "value").if_absent())).await.unwrap();
    assert!(twice.failures().all(|(_, error)| error.is(ErrorKind::OutcomeUnknown)) && twice.failures().count() == 2);
}

#[tokio::test]
async fn a_refusal_whose_lookup_fails_is_unknown() {
    let down = || {
        let mut mock = MockKeyValueStoreProvider::ready();
        mock.expect_get().returning(|_, _| Err(Error::new(ErrorKind::Unavailable, "down")));
        mock
    };
    let mut repeated = down();
    repeated.expect_write().returning(|_, _| one(Err(refused().with_attempts(2))));
    let error = KeyValueStore::new(repeated).create("a", "value").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::OutcomeUnknown, Sent::Maybe));
    let mut again = down();
    again.expect_write().returning(|_, _| one(Err(refused())));
    let error = KeyValueStore::new(again).with(CallOptions::repeat(&error)).create("a", "value").await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "the earlier call may have made it: {error}");
}

#[tokio::test(start_paused = true)]
async fn one_timeout_bounds_an_update_with_its_waits() {
    let mut mock = MockKeyValueStoreProvider::ready();
    mock.expect_get().returning(|_, _| one(Ok(Some(entry("a", None)))));
    mock.expect_write()
        .returning(|_, _| one(Err(Error::new(ErrorKind::Conflict, "another").with_reason(Reason::VersionMismatch))));
    let started = tokio::time::Instant::now();
    let store = KeyValueStore::new(mock).with(CallOptions::new().timeout(Duration::from_millis(50)));
    let error = store.update("a", |_| Ok("mine")).await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error}");
    assert!(started.elapsed() <= Duration::from_millis(60), "{:?}", started.elapsed());
}

#[tokio::test]
async fn one_timeout_bounds_all_calls_of_a_bulk() {
    let mut mock = MockKeyValueStoreProvider::new();
    let mut capabilities = KeyValueStoreCapabilities::all();
    (capabilities.get_max, capabilities.write_max) = (1, 1);
    mock.expect_info().return_const(ProviderInfo::new("mock", "1", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(capabilities);
    // The mock answers at once, so the time passes in its answer.
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    mock.expect_get().returning(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(40));
        one(Ok(None))
    });
    let store = KeyValueStore::new(mock).with(CallOptions::new().timeout(Duration::from_millis(100)));
    let results = store.get_many((0..20).map(|at| format!("k{at}"))).await.unwrap();
    let late = results.failures().filter(|(_, error)| error.is(ErrorKind::Timeout) && error.sent() == Sent::No).count();
    assert!(calls.load(Ordering::Relaxed) <= 3 && late >= 17, "{late} of 20 were not made");
}

#[tokio::test]
async fn an_increment_whose_answer_is_lost_cannot_be_repeated() {
    let mut mock = MockKeyValueStoreProvider::ready();
    let cut = || Error::new(ErrorKind::Connection, "cut").with_sent(Sent::Maybe);
    mock.expect_increment().times(1).returning(move |_, _| Err(cut()));
    let store = KeyValueStore::new(mock);
    let error = store.increment("a", 1).await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown) && !error.message().contains("same id"), "{error}");
    let error = store.with(CallOptions::repeat(&error)).increment("a", 1).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Unsupported, Sent::No));
}

#[tokio::test]
async fn an_emulated_increment_of_what_expires_meanwhile_starts_anew() {
    let mut mock = MockKeyValueStoreProvider::new();
    let mut capabilities = KeyValueStoreCapabilities::all();
    capabilities.increment = false;
    mock.expect_info().return_const(ProviderInfo::new("mock", "1", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(capabilities);
    let mut reads = 0;
    mock.expect_get().times(2).returning(move |_, _| {
        reads += 1;
        let mut gone = entry("a", None);
        (gone.value, gone.expires_at) = ("41".into(), Some(Timestamp::UNIX_EPOCH));
        one(Ok((reads == 1).then_some(gone)))
    });
    let mut writes = 0;
    mock.expect_write().times(2).returning(move |_, request| {
        assert_eq!(request.writes[0].precondition, Precondition::IfAbsent);
        assert_eq!(request.writes[0].life(), None);
        writes += 1;
        // A store may show what has expired a little longer.
        one(if writes == 1 { Err(refused()) } else { Ok(Written::version(Version::new("2", ""))) })
    });
    let store = KeyValueStore::new(mock).with(CallOptions::new().on_unsupported(OnUnsupported::Emulate));
    assert_eq!(store.increment("a", 1).await.unwrap(), 1);
}
