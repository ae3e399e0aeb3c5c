//! What the public suite cannot see: accounting, sharing, closing, and pages against a simple model.

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{
    DeleteOptions, Deleted, Entry, HEAD, ListOptions, ObjectStore, ObjectStoreCapabilities as Caps, PutOptions,
};
use circle_core_common::{Body, ByteSize, ByteStream, CallContext, Error, ErrorKind, Items, Provider, Reason, Result};

use crate::Memory;

fn broken() -> Body {
    let mut left = Some(Bytes::from_static(b"half"));
    let stream = ByteStream::unfold((), move |()| {
        let next = left.take().ok_or_else(|| Error::new(ErrorKind::Connection, "cut"));
        async move { next.map(|chunk| Some((chunk, ()))) }
    });
    Body::from_stream(stream, None)
}

#[tokio::test]
async fn clones_share_and_flags_do_not() {
    let memory = Memory::new();
    let plain = ObjectStore::new(memory.clone().without(Caps::COPY));
    let full = ObjectStore::new(memory);
    plain.put("a", "1").await.unwrap();
    assert_eq!(full.copy("a", "b").await.unwrap().size, 1);
    assert_eq!(plain.copy("a", "b").await.unwrap_err().capability(), Some("copy"));
}

#[tokio::test]
async fn what_is_used_comes_back() {
    let memory = Memory::with_capacity(ByteSize::bytes(10));
    let files = ObjectStore::new(memory.clone());
    files.put("k", "12345678").await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(9));
    // Replaced in a full store; a second one does not fit, and changes nothing.
    files.put("k", "123456789").await.unwrap();
    assert!(files.put("l", "").await.unwrap_err().is(ErrorKind::QuotaExceeded));
    assert!(files.put("k", "1234567890").await.unwrap_err().is(ErrorKind::QuotaExceeded));
    assert_eq!(files.get("k").await.unwrap().text().await.unwrap(), "123456789");
    files.delete("k").await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(0));
    // Parts count as they come, and are exchanged for the object.
    let upload = files.upload("u").await.unwrap();
    let first = upload.part(0, "1234").await.unwrap();
    let replaced = upload.part(1, "12345").await.unwrap();
    assert!(upload.part(2, "1").await.unwrap_err().is(ErrorKind::QuotaExceeded));
    let second = upload.part(1, "123").await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(8));
    assert!(upload.clone().complete([first.clone(), replaced]).await.unwrap_err().is(ErrorKind::InvalidInput));
    upload.complete([second, first]).await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(8));
    let other = files.upload("v").await.unwrap();
    other.part(0, "1").await.unwrap();
    other.abort().await.unwrap();
    assert_eq!(memory.used(), ByteSize::bytes(8));
}

#[tokio::test]
async fn a_broken_body_leaves_the_old_object() {
    let files = ObjectStore::new(Memory::new());
    files.put("k", "old").await.unwrap();
    assert!(files.put("k", broken()).await.unwrap_err().is(ErrorKind::Connection));
    assert!(files.put("new", broken()).await.is_err());
    assert_eq!(files.get("k").await.unwrap().text().await.unwrap(), "old");
    assert!(files.head("new").await.unwrap_err().is(ErrorKind::NotFound));
}

#[tokio::test]
async fn versions_are_kept_until_each_is_deleted() {
    let memory = Memory::with_versions();
    let files = ObjectStore::new(memory.clone());
    let first = files.put("k", "1").await.unwrap().version.unwrap();
    let second = files.put("k", "22").await.unwrap().version.unwrap();
    assert!(matches!(files.delete("k").await.unwrap(), Deleted::Marked(_)));
    assert_eq!(files.delete("k").await.unwrap(), Deleted::Absent);
    assert!(files.get("k").await.unwrap_err().is(ErrorKind::NotFound));
    let versions = files.entries_with("", ListOptions::new().versions()).page_size(1).stream();
    let mut entries = collect(versions).await.unwrap();
    assert_eq!(entries.len(), 3);
    let Entry::DeleteMarker(marker) = entries.remove(0) else { panic!("the newest is the marker") };
    assert!(marker.is_latest);
    let delete = |version| DeleteOptions::new().version(version);
    // Without its marker the object is back.
    assert_eq!(files.delete_with("k", delete(marker.version)).await.unwrap(), Deleted::Removed);
    assert_eq!(files.get("k").await.unwrap().text().await.unwrap(), "22");
    assert_eq!(files.delete_with("k", delete(second)).await.unwrap(), Deleted::Removed);
    assert_eq!(files.head("k").await.unwrap().size, 1);
    assert_eq!(files.delete_with("k", delete(first.clone())).await.unwrap(), Deleted::Removed);
    assert_eq!(files.delete_with("k", delete(first)).await.unwrap(), Deleted::Absent);
    assert_eq!(memory.used(), ByteSize::bytes(0));
}

#[tokio::test]
async fn closing_one_clone_closes_all() {
    let memory = Memory::new();
    let files = ObjectStore::new(memory.clone());
    files.put("k", "1").await.unwrap();
    let upload = files.upload("u").await.unwrap();
    let cx = CallContext::new(memory.environment(), &HEAD, None);
    for _ in 0..2 {
        memory.close(&cx).await.unwrap();
    }
    let errors = [
        files.get("k").await.map(drop),
        files.put("k", "2").await.map(drop),
        files.delete("k").await.map(drop),
        files.list("").all().await.map(drop),
        files.copy("k", "l").await.map(drop),
        upload.part(0, "x").await.map(drop),
        upload.abort().await,
        memory.health(&cx).await.map(drop),
    ];
    assert!(errors.iter().all(|result| result.as_ref().is_err_and(|error| error.is(ErrorKind::Closed))), "{errors:?}");
    assert_eq!(memory.used(), ByteSize::bytes(0));
}

#[tokio::test]
async fn an_ended_upload_says_so() {
    let files = ObjectStore::new(Memory::new());
    let upload = files.upload_with("k", PutOptions::new().if_absent().content_type("text/plain")).await.unwrap();
    let part = upload.part(7, "x").await.unwrap();
    files.put("k", "first").await.unwrap();
    assert!(upload.clone().complete([part.clone()]).await.unwrap_err().is(ErrorKind::AlreadyExists));
    // Refused, it is still there; once its precondition holds it succeeds, once.
    files.delete("k").await.unwrap();
    let resumed = files.resume(upload.id());
    let meta = resumed.clone().complete([part.clone()]).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/plain"));
    for error in [resumed.part(0, "y").await.unwrap_err(), resumed.clone().complete([part]).await.unwrap_err()] {
        assert_eq!((error.kind(), error.reason()), (ErrorKind::NotFound, Some(Reason::UploadEnded)));
    }
    resumed.abort().await.unwrap();
}

async fn collect<T: Send + 'static>(mut items: Items<T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(item) = items.try_next().await? {
        all.push(item);
    }
    Ok(all)
}

/// Every combination of prefix, start, delimiter and page size gives what a filter over all keys gives.
#[tokio::test]
async fn pages_are_a_filter_over_all_keys() {
    let keys = ["a", "a/", "a/b", "a/b/c", "a-", "a//b", "a0", "b/x", "b/y", "b/y/z", "\u{10ffff}/1", "\u{10ffff}/2", "é/ü"];
    let files = ObjectStore::new(Memory::new());
    for key in keys {
        files.put(key, "").await.unwrap();
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let mut checked = 0;
    for prefix in ["", "a", "a/", "b/", "\u{10ffff}", "é", "none"] {
        for start in [None, Some(""), Some("a/"), Some("a/b"), Some("b/x"), Some("zz")] {
            for delimiter in [None, Some("/"), Some("/b")] {
                let mut expected: Vec<String> = Vec::new();
                for key in sorted.iter().filter(|key| key.starts_with(prefix) && start.is_none_or(|start| **key > start)) {
                    let rest = &key[prefix.len()..];
                    let name = match delimiter.and_then(|delimiter| Some((rest.find(delimiter)?, delimiter))) {
                        Some((at, delimiter)) => &key[..prefix.len() + at + delimiter.len()],
                        None => key,
                    };
                    if expected.last().is_none_or(|last| last != name || !name.ends_with(delimiter.unwrap_or("\0"))) {
                        expected.push(name.to_owned());
                    }
                }
                for size in [1, 2, 3, 100] {
                    let mut options = ListOptions::new();
                    options.start_after = start.map(Into::into);
                    options.delimiter = delimiter.map(Into::into);
                    let entries = collect(files.entries_with(prefix, options).page_size(size).stream()).await.unwrap();
                    let names: Vec<&str> = entries.iter().map(Entry::name).collect();
                    assert_eq!(names, expected, "{prefix:?} {start:?} {delimiter:?} {size}");
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, 7 * 6 * 3 * 4);
}
