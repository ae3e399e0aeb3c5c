//! What is on the store, what is found out, and that what is encrypted is still a store.

use std::sync::Arc;

use circle_core_common::encryption::{CHUNK_LEN, HEADER_LEN, TAG_LEN};
use circle_core_common::interfaces::key_service::KeyService;
use circle_core_common::interfaces::key_value_store::{self, KeyValueStore, KeyValueStoreProvider};
use circle_core_common::interfaces::object_store::{self, GetOptions, ObjectStore, ObjectStoreProvider, PutOptions};
use circle_core_common::suite::Traffic;
use circle_core_common::{Body, ByteStream, CallOptions, Environment, ErrorKind, Handle};
use circle_core_memory::{Memory, MemoryKeyUse, MemoryKeys, MemoryKeysConfig};
use circle_core_testkit::{Counted, Failed, Subject, Suited, outcomes};

use super::object_store::BLOCK;
use super::{Encryptable, Encrypted};

fn keys() -> (Traffic, KeyService) {
    let config = MemoryKeysConfig::new().key("k", MemoryKeyUse::Encrypt).key("other", MemoryKeyUse::Encrypt);
    let traffic = Traffic::new();
    let keys = MemoryKeys::new(config, &Environment::default()).unwrap();
    (traffic.clone(), KeyService::new(Counted::over(keys, &traffic)))
}

fn files() -> (Memory, ObjectStore) {
    let memory = Memory::with_versions();
    let store = Encrypted::new(ObjectStore::new(memory.clone()), keys().1, "k");
    (memory, ObjectStore::new(store))
}

fn message(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

async fn raw(memory: &Memory, key: &str) -> Vec<u8> {
    ObjectStore::new(memory.clone()).get(key).await.unwrap().bytes().await.unwrap().to_vec()
}

async fn put_raw(memory: &Memory, key: &str, content: Vec<u8>) {
    ObjectStore::new(memory.clone()).put(key, content).await.unwrap();
}

const LENGTHS: [u64; 8] = [0, 1, 1000, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 100_000];

#[tokio::test]
async fn the_store_has_nothing_of_the_content_and_sizes_are_those_of_the_content() {
    let (memory, files) = files();
    for length in LENGTHS {
        let meta = files.put("a", message(length)).await.unwrap();
        assert_eq!(meta.size, length);
        assert_eq!(files.head("a").await.unwrap().size, length);
        assert_eq!(files.list("").all().await.unwrap()[0].size, length);
        let kept = raw(&memory, "a").await;
        assert_eq!(kept.len() as u64, BLOCK as u64 + HEADER_LEN + length + (length / CHUNK_LEN + 1) * TAG_LEN);
        if length >= 16 {
            let content = message(length);
            assert!(!kept.windows(16).any(|part| part == &content[..16]), "{length}");
        }
        assert_eq!(files.get("a").await.unwrap().bytes().await.unwrap(), message(length));
    }
}

#[tokio::test]
async fn every_range_is_that_part_of_the_content() {
    let (_, files) = files();
    let length = 2 * CHUNK_LEN + 100;
    let content = message(length);
    files.put("a", content.clone()).await.unwrap();
    let edges = [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN - 1, 2 * CHUNK_LEN, length - 1, length];
    for from in edges {
        for to in edges.into_iter().filter(|to| *to >= from) {
            let part = files.get_with("a", GetOptions::new().range(from..to)).await.unwrap();
            assert_eq!(part.range, from..to);
            assert!(part.bytes().await.unwrap() == content[from as usize..to as usize], "{from}..{to}");
        }
    }
    for suffix in [0, 1, 100, 101, length, length + 1] {
        let part = files.get_with("a", GetOptions::new().suffix(suffix)).await.unwrap().bytes().await.unwrap();
        assert!(part == content[(length - suffix.min(length)) as usize..], "the last {suffix}");
    }
    // The last chunk is empty, and is read all the same.
    files.put("even", message(CHUNK_LEN)).await.unwrap();
    let end = files.get_with("even", GetOptions::new().range(CHUNK_LEN - 5..CHUNK_LEN)).await.unwrap().bytes().await.unwrap();
    assert_eq!(end.len(), 5);
}

async fn is_corrupt(files: &ObjectStore, key: &str, options: GetOptions, what: &str) {
    let read = async { files.get_with(key, options).await?.bytes().await };
    let error = read.await.expect_err(what);
    assert!(error.is(ErrorKind::Corrupt), "{what}: {error}");
}

#[tokio::test]
async fn what_was_changed_cut_moved_or_mixed_is_corrupt() {
    let (memory, files) = files();
    let length = 3 * CHUNK_LEN + 10;
    files.put("a", message(length)).await.unwrap();
    files.put("b", message(length)).await.unwrap();
    let (a, b) = (raw(&memory, "a").await, raw(&memory, "b").await);
    let (start, chunk) = (BLOCK + HEADER_LEN as usize, (CHUNK_LEN + TAG_LEN) as usize);
    let swapped = [&a[..start], &a[start + chunk..start + 2 * chunk], &a[start..start + chunk], &a[start + 2 * chunk..]].concat();
    let spliced = [&a[..start + chunk], &b[start + chunk..]].concat();
    let mixed = [&a[..BLOCK], &b[BLOCK..]].concat();
    let mut flipped = Vec::new();
    for place in [0, 10, BLOCK - 1, BLOCK, BLOCK + 30, start, start + chunk + 5, a.len() - 1] {
        let mut changed = a.clone();
        changed[place] ^= 1;
        flipped.push((changed, format!("byte {place}")));
    }
    let cuts = [0, 5, BLOCK, start, start + 20, start + chunk, start + 2 * chunk, a.len() - 1];
    let cut = cuts.map(|end| (a[..end].to_vec(), format!("cut at {end}")));
    let longer = ([&a[..], &[0; 20]].concat(), "longer".to_owned());
    let others = [(swapped, "swapped".to_owned()), (spliced, "spliced".to_owned()), (mixed, "mixed".to_owned()), longer];
    let other = (b.clone(), "another object in its place".to_owned());
    let plain = (message(5000), "what was never encrypted".to_owned());
    for (content, what) in flipped.into_iter().chain(cut).chain(others).chain([other, plain]) {
        put_raw(&memory, "a", content).await;
        is_corrupt(&files, "a", GetOptions::new(), &what).await;
        is_corrupt(&files, "a", GetOptions::new().range(0..u64::MAX), &what).await;
    }
    put_raw(&memory, "a", a).await;
    assert_eq!(files.get("a").await.unwrap().bytes().await.unwrap().len() as u64, length);
}

#[tokio::test]
async fn contexts_tenants_and_keys_read_their_own_alone() {
    let (memory, (_, keys)) = (Memory::new(), keys());
    let bare = || ObjectStore::new(memory.clone());
    let orders = ObjectStore::new(Encrypted::new(bare(), keys.clone(), "k").context([("purpose", "orders")]).by_tenant());
    let mails = ObjectStore::new(Encrypted::new(bare(), keys.clone(), "k").context([("purpose", "mails")]).by_tenant());
    let acme = orders.with(CallOptions::new().tenant("acme"));
    acme.put("a", "secret").await.unwrap();
    assert_eq!(acme.get("a").await.unwrap().text().await.unwrap(), "secret");
    for other in [orders.with(CallOptions::new().tenant("other")), orders, mails.with(CallOptions::new().tenant("acme"))] {
        is_corrupt(&other, "a", GetOptions::new(), "another's").await;
    }
    // Which key decrypts, the header says.
    let same = ObjectStore::new(Encrypted::new(bare(), keys, "other").context([("purpose", "orders")]).by_tenant());
    assert_eq!(same.with(CallOptions::new().tenant("acme")).get("a").await.unwrap().text().await.unwrap(), "secret");
}

#[tokio::test]
async fn a_rewrapped_object_is_read_by_the_new_key_and_its_content_is_as_it_was() {
    let (memory, (_, keys)) = (Memory::new(), keys());
    let bare = || ObjectStore::new(memory.clone());
    let old = ObjectStore::new(Encrypted::new(bare(), keys.clone(), "k"));
    old.put_with("a", message(100_000), PutOptions::new().content_type("text/csv").metadata("author", "Ana")).await.unwrap();
    let before = raw(&memory, "a").await;
    let new = Encrypted::new(bare(), keys.clone(), "other");
    keys.rotate("other").await.unwrap();
    let meta = new.rewrap("a").await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (100_000, Some("text/csv")));
    let after = raw(&memory, "a").await;
    assert!(before[BLOCK..] == after[BLOCK..] && before[..BLOCK] != after[..BLOCK], "only the header is another");
    let files = ObjectStore::new(new);
    let object = files.get("a").await.unwrap();
    assert_eq!(object.meta.metadata.get("author").map(String::as_str), Some("Ana"));
    assert_eq!(object.bytes().await.unwrap(), message(100_000));
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_encrypted_as_it_comes() {
    let (_, files) = files();
    let parts: Vec<Vec<u8>> = (0..50).map(|part| vec![part; 1000]).collect();
    let stream =
        ByteStream::unfold(
            parts.clone().into_iter(),
            |mut parts| async move { Ok(parts.next().map(|part| (part.into(), parts))) },
        );
    files.put("a", Body::from_stream(stream, None)).await.unwrap();
    assert_eq!(files.get("a").await.unwrap().bytes().await.unwrap(), parts.concat());
}

#[tokio::test]
async fn what_is_read_again_costs_no_call_to_the_key_service() {
    let (traffic, keys) = keys();
    let files = ObjectStore::new(Encrypted::new(ObjectStore::new(Memory::new()), keys, "k"));
    for key in ["a", "b"] {
        files.put(key, "content").await.unwrap();
        for _ in 0..5 {
            files.get(key).await.unwrap().bytes().await.unwrap();
        }
    }
    assert_eq!(traffic.calls(), 2, "one data key for each object");
}

#[tokio::test]
async fn values_are_encrypted_and_bound_to_their_keys() {
    let memory = Memory::new();
    let bare = KeyValueStore::new(memory.clone());
    let entries = KeyValueStore::new(Encrypted::new(bare.clone(), keys().1, "k"));
    entries.put("a", "the value").await.unwrap();
    let kept = bare.get("a").await.unwrap().unwrap().value;
    assert!(!kept.windows(9).any(|part| part == b"the value"));
    bare.put("b", kept.clone()).await.unwrap();
    assert!(entries.get("b").await.unwrap_err().is(ErrorKind::Corrupt));
    let mut changed = kept.to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    bare.put("a", changed).await.unwrap();
    let many = entries.get_many(["a", "absent"]).await.unwrap();
    assert_eq!(many.failures().map(|(at, error)| (at, error.kind())).collect::<Vec<_>>(), [(0, ErrorKind::Corrupt)]);
    bare.put("a", kept).await.unwrap();
    assert_eq!(entries.get("a").await.unwrap().unwrap().value, "the value");
}

/// The cases that fail over what is encrypted; those that the store cannot do any more skip themselves.
async fn wrong<H: Suited + Encryptable>(make: impl Fn() -> H) -> Vec<String> {
    let subject = || {
        let handle = make();
        let mut subject: Subject<H> = handle.subject().unwrap();
        subject.second = Some(handle);
        subject.native = Some(|handle| Handle::native::<Memory>(handle).is_some());
        subject
    };
    let mut wrong = Vec::new();
    for (name, outcome) in outcomes(H::SUITE, subject).await {
        if let Err(Failed::Wrong(text)) = outcome {
            wrong.push(format!("{name}: {text}"));
        }
    }
    for negative in H::NEGATIVES {
        if let Err(failed) = (negative.run)(subject()).await {
            wrong.push(format!("without {}: {failed}", negative.flag.name()));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_object_store_is_one() {
    let make = || {
        let store = Encrypted::new(ObjectStore::new(Memory::with_versions()), keys().1, "k");
        ObjectStore::from(Arc::new(store) as Arc<dyn ObjectStoreProvider>)
    };
    assert_eq!(wrong::<ObjectStore>(make).await, [""; 0]);
    assert!(object_store::conformance::SUITE.len() > 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_key_value_store_is_one() {
    let make = || {
        let store = Encrypted::new(KeyValueStore::new(Memory::new()), keys().1, "k");
        KeyValueStore::from(Arc::new(store) as Arc<dyn KeyValueStoreProvider>)
    };
    assert_eq!(wrong::<KeyValueStore>(make).await, [""; 0]);
    assert!(key_value_store::conformance::SUITE.len() > 50);
}
