#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{FollowOptions, LiveSecret};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind};
use crate::identifier::Version;
use crate::interfaces::secret_store::{
    Lease, LeaseId, MockSecretStoreProvider, Secret, SecretFields, SecretStore, SecretStoreCapabilities,
};
use crate::provider::ProviderInfo;
use crate::secret::ExposeSecret as _;

/// A store that is polled: what it says is what this number says, and nothing above 99.
fn polled(state: &Arc<AtomicU32>) -> MockSecretStoreProvider {
    let mut mock = MockSecretStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(SecretStoreCapabilities::none());
    let state = Arc::clone(state);
    mock.expect_get().returning(move |_, request| match state.load(Ordering::SeqCst) {
        99 => Err(Error::new(ErrorKind::Closed, "closed")),
        100.. => Err(Error::new(ErrorKind::Unavailable, "down")),
        number => {
            Ok(Secret::new(request.name, Version::generation(number.to_string()), SecretFields::single(number.to_string())))
        }
    });
    mock
}

fn value(live: &LiveSecret) -> String {
    live.current().value().unwrap().expose_secret().to_owned()
}

async fn live(state: &Arc<AtomicU32>) -> LiveSecret {
    let store = SecretStore::new(polled(state));
    store.follow_with("db", FollowOptions::new().every(Duration::from_secs(10))).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn another_version_is_seen_once_and_without_a_call() {
    let state = Arc::new(AtomicU32::new(1));
    let mut live = live(&state).await;
    assert_eq!((value(&live).as_str(), live.is_stale()), ("1", false));
    state.store(2, Ordering::SeqCst);
    assert_eq!(live.changed().await.unwrap().version, Version::generation("2"));
    assert_eq!(value(&live), "2");
    let again = tokio::time::timeout(Duration::from_secs(100), live.changed()).await;
    assert!(again.is_err(), "the same version is told once");
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_keeps_the_last_good_value_and_says_so() {
    let state = Arc::new(AtomicU32::new(1));
    let mut live = live(&state).await;
    state.store(100, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((value(&live).as_str(), live.is_stale()), ("1", true));
    assert!(live.failure().unwrap().0.is(ErrorKind::Unavailable));
    assert_eq!(format!("{live:?}"), "LiveSecret(db v1) stale");
    state.store(2, Ordering::SeqCst);
    live.changed().await.unwrap();
    assert_eq!((value(&live).as_str(), live.is_stale()), ("2", false));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_recovers_with_the_same_version_is_fresh_again() {
    let state = Arc::new(AtomicU32::new(1));
    let live = live(&state).await;
    state.store(100, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(30)).await;
    state.store(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!live.is_stale());
}

#[tokio::test(start_paused = true)]
async fn following_ends_with_the_store_and_the_first_read_must_succeed() {
    let state = Arc::new(AtomicU32::new(1));
    let mut live = live(&state).await;
    state.store(99, Ordering::SeqCst);
    assert!(live.changed().await.unwrap_err().is(ErrorKind::Closed));
    assert_eq!(value(&live), "1", "what is held is held");
    assert!(SecretStore::new(polled(&state)).follow("db").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_once_the_last_clone_is_dropped() {
    let state = Arc::new(AtomicU32::new(1));
    let calls = Arc::new(AtomicU32::new(0));
    let mut mock = MockSecretStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(SecretStoreCapabilities::none());
    let counted = Arc::clone(&calls);
    mock.expect_get().returning(move |_, request| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(Secret::new(request.name, Version::generation("1"), SecretFields::single("a")))
    });
    let live = SecretStore::new(mock).follow("db").await.unwrap();
    let clone = live.clone();
    drop(live);
    tokio::time::sleep(Duration::from_secs(200)).await;
    let before = calls.load(Ordering::SeqCst);
    assert!(before > 1, "a clone goes on");
    drop(clone);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(calls.load(Ordering::SeqCst), before);
    drop(state);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_before_it_ends() {
    let environment = Environment::default();
    let start = environment.clock().timestamp();
    let renewals = Arc::new(AtomicU32::new(0));
    let mut mock = MockSecretStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(environment);
    mock.expect_capabilities().return_const(SecretStoreCapabilities::none().with(SecretStoreCapabilities::LEASES));
    mock.expect_get().times(1).returning(move |_, request| {
        let mut secret = Secret::new(request.name, Version::generation("1"), SecretFields::single("lent"));
        secret.lease = Some(Lease::new(LeaseId::new("l"), start + Duration::from_secs(30), true));
        Ok(secret)
    });
    let counted = Arc::clone(&renewals);
    mock.expect_renew_lease().returning(move |_, request| {
        assert_eq!(request.lease, LeaseId::new("l"));
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Lease::new(request.lease, start + Duration::from_secs(30 + 300 * u64::from(number)), true))
    });
    let live = SecretStore::new(mock).follow_with("db", FollowOptions::new().every(Duration::from_secs(3600))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(renewals.load(Ordering::SeqCst), 1);
    assert!(!live.is_stale());
    assert_eq!(live.current().lease.as_ref().unwrap().expires_at, start + Duration::from_secs(330));
}
