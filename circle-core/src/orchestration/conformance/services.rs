//! The suites of stores, messengers and notifiers over every decorator of them.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use circle_core_common::Handle;
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreProvider};
use circle_core_common::interfaces::messenger::{Messenger, MessengerProvider};
use circle_core_common::interfaces::notifier::{Notifier, NotifierProvider};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreProvider};
use circle_core_common::interfaces::secret_store::{SecretStore, SecretStoreProvider};
use circle_core_common::interfaces::vector_store::{VectorStore, VectorStoreProvider};
use circle_core_console::{Console, ConsoleConfig, ConsoleOutput, RecipientState};
use circle_core_embedded::EmbeddedVectors;
use circle_core_memory::Memory;
use circle_core_testkit::{Addresses, Failed, Subject, Suited, outcomes};

use crate::orchestration::{Cached, Coalesced, Fallback};

fn addresses() -> Addresses {
    Addresses::new()
        .channels(["#general", "#random"], "#no-such-channel")
        .recipients(["ana", "ben"], "nobody")
        .opted_out("cleo")
        .expired("old-phone")
}

fn subject<H: Suited, P: Any>(handle: &H) -> Subject<H> {
    let mut subject = handle.subject().unwrap();
    subject.second = Some(handle.clone());
    subject.native = Some(|handle| Handle::native::<P>(handle).is_some());
    subject.addresses = addresses();
    subject
}

/// Holds what is decorated to the suite of the interface. What cannot run over it could not run over the bare service, either,
/// but for what is named in `lost`: what it does not promise.
async fn holds<H: Suited, B: Any, P: Any>(bare: impl Fn() -> H, decorated: impl Fn() -> H, lost: &[&str]) {
    let skipped = |outcomes: Vec<(&'static str, Result<(), Failed>)>| {
        let skipped = outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Skipped(_))));
        skipped.map(|(name, _)| name).collect::<BTreeSet<_>>()
    };
    let mut expected = skipped(outcomes(H::SUITE, || subject::<H, B>(&bare())).await);
    expected.extend(lost);
    let found = outcomes(H::SUITE, || subject::<H, P>(&decorated())).await;
    let wrong: Vec<String> = found
        .iter()
        .filter_map(|(name, outcome)| match outcome {
            Err(Failed::Wrong(text)) => Some(format!("{name}: {text}")),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{}: {wrong:#?}", H::NAME);
    assert_eq!(skipped(found), expected, "{}", H::NAME);
    for negative in H::NEGATIVES {
        assert_eq!((negative.run)(subject::<H, P>(&decorated())).await, Ok(()), "{}", negative.flag.name());
    }
}

fn objects() -> ObjectStore {
    ObjectStore::new(Memory::with_versions())
}

fn entries() -> KeyValueStore {
    KeyValueStore::new(Memory::new())
}

fn secrets() -> SecretStore {
    SecretStore::new(Memory::new())
}

fn vectors() -> VectorStore {
    VectorStore::new(EmbeddedVectors::in_memory())
}

fn console() -> Console {
    let recipients = [
        ("ana", RecipientState::Reachable),
        ("ben", RecipientState::Reachable),
        ("cleo", RecipientState::OptedOut),
        ("old-phone", RecipientState::Expired),
    ];
    let config = ConsoleConfig::new().output(ConsoleOutput::Memory).channels(["#general", "#random"]).recipients(recipients);
    Console::with(&config, &circle_core_common::Environment::default()).unwrap()
}

fn messenger() -> Messenger {
    Messenger::new(console())
}

fn notifier() -> Notifier {
    Notifier::new(console())
}

async fn objects_hold<P: ObjectStoreProvider>(decorate: impl Fn(ObjectStore) -> P) {
    holds::<ObjectStore, Memory, P>(
        objects,
        || ObjectStore::from(Arc::new(decorate(objects())) as Arc<dyn ObjectStoreProvider>),
        &[],
    )
    .await;
}

async fn entries_hold<P: KeyValueStoreProvider>(decorate: impl Fn(KeyValueStore) -> P) {
    let decorated = || KeyValueStore::from(Arc::new(decorate(entries())) as Arc<dyn KeyValueStoreProvider>);
    holds::<KeyValueStore, Memory, P>(entries, decorated, &[]).await;
}

async fn secrets_hold<P: SecretStoreProvider>(decorate: impl Fn(SecretStore) -> P) {
    let decorated = || SecretStore::from(Arc::new(decorate(secrets())) as Arc<dyn SecretStoreProvider>);
    holds::<SecretStore, Memory, P>(secrets, decorated, &[]).await;
}

async fn vectors_hold<P: VectorStoreProvider>(decorate: impl Fn(VectorStore) -> P) {
    let decorated = || VectorStore::from(Arc::new(decorate(vectors())) as Arc<dyn VectorStoreProvider>);
    holds::<VectorStore, EmbeddedVectors, P>(vectors, decorated, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_of_object_stores_is_one() {
    objects_hold(|store| Fallback::new([store, objects()])).await;
    objects_hold(|store| Fallback::new([store, objects()]).split_writes()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_of_key_value_stores_is_one() {
    entries_hold(|store| Fallback::new([store, entries()])).await;
    entries_hold(|store| Fallback::new([store, entries()]).split_writes()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_of_secret_stores_is_one() {
    secrets_hold(|store| Fallback::new([store, secrets()])).await;
    secrets_hold(|store| Fallback::new([store, secrets()]).split_writes()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_of_vector_stores_is_one() {
    vectors_hold(|store| Fallback::new([store, vectors()])).await;
    vectors_hold(|store| Fallback::new([store, vectors()]).split_writes()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_of_messengers_is_one() {
    let decorated = || Messenger::from(Arc::new(Fallback::new([messenger(), messenger()])) as Arc<dyn MessengerProvider>);
    // What is asked of keys that the caller gives.
    let lost = [
        "send_repeated_with_its_id_is_one_message",
        "reply_repeated_with_its_id_is_one_message",
        "send_many_repeated_with_its_id_sends_each_once",
        "sends_at_once_under_one_id_are_one_message",
    ];
    holds::<Messenger, Console, Fallback<Messenger>>(messenger, decorated, &lost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_of_notifiers_is_one() {
    let decorated = || Notifier::from(Arc::new(Fallback::new([notifier(), notifier()])) as Arc<dyn NotifierProvider>);
    holds::<Notifier, Console, Fallback<Notifier>>(notifier, decorated, &["notify_repeated_with_its_id_notifies_once"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_store_is_one() {
    objects_hold(Cached::new).await;
    entries_hold(Cached::new).await;
    vectors_hold(Cached::new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coalesced_store_is_one() {
    objects_hold(Coalesced::new).await;
    entries_hold(Coalesced::new).await;
    secrets_hold(Coalesced::new).await;
    vectors_hold(Coalesced::new).await;
}

/// As they are used together: a cache over shared reads of copies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_together_are_a_store() {
    objects_hold(|store| {
        let either = ObjectStore::new(Fallback::new([store, objects()]));
        Cached::new(ObjectStore::new(Coalesced::new(either)))
    })
    .await;
    entries_hold(|store| {
        let either = KeyValueStore::new(Fallback::new([store, entries()]));
        Cached::new(KeyValueStore::new(Coalesced::new(either)))
    })
    .await;
    vectors_hold(|store| {
        let either = VectorStore::new(Fallback::new([store, vectors()]));
        Cached::new(VectorStore::new(Coalesced::new(either)))
    })
    .await;
}
