//! Getting, putting and deleting whole objects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{MIB, Store, bytes, stalling};
use crate::body::{Body, ByteStream};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::interfaces::object_store::{Deleted, ObjectKey};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds};
use crate::units::ByteSize;

/// Getting what is not there is `NotFound`, and the error names the key and the operation.
pub async fn get_missing_is_not_found(subject: Store) -> Outcome {
    let key = subject.name("missing");
    let error = expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    equal("the key in the error", &error.resource(), &Some(key.as_str()))?;
    equal("the operation", &error.operation().map(crate::Operation::name), &Some("object_store.get"))
}

/// Asking for the metadata of what is not there is `NotFound`, and the error names the key.
pub async fn head_missing_is_not_found(subject: Store) -> Outcome {
    let key = subject.name("missing");
    let error = expect_kind("head", subject.handle.head(&key).await, ErrorKind::NotFound)?;
    equal("the key in the error", &error.resource(), &Some(key.as_str()))
}

/// An empty key is `InvalidInput` everywhere, and nothing is sent.
pub async fn empty_key_is_invalid_input(subject: Store) -> Outcome {
    let store = &subject.handle;
    let calls = async {
        expect_kind("put", store.put("", "x").await, ErrorKind::InvalidInput)?;
        expect_kind("get", store.get("").await, ErrorKind::InvalidInput)?;
        expect_kind("head", store.head("").await, ErrorKind::InvalidInput)?;
        expect_kind("delete", store.delete("").await, ErrorKind::InvalidInput)?;
        expect_kind("delete_many", store.delete_many([subject.name("a"), String::new()]).await, ErrorKind::InvalidInput)?;
        expect_kind("writer", store.writer("").await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// What is put is what one gets: nothing, one byte, and around 5 MiB, where services change their ways.
pub async fn put_then_get_round_trips_every_size(subject: Store) -> Outcome {
    for size in [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1] {
        let (key, content) = (subject.name(&format!("size-{size}")), bytes(size, 1));
        let put = subject.handle.put(&key, content.clone()).await?;
        equal(format!("the size that put answers for {size} bytes"), &put.size, &(size as u64))?;
        equal(format!("the size in head of {size} bytes"), &subject.handle.head(&key).await?.size, &(size as u64))?;
        holds(format!("{size} bytes come back as they went"), subject.content(&key).await? == content)?;
    }
    Ok(())
}

/// A put answers with what `head` and `get` say afterwards: key, size, version.
pub async fn put_answers_as_head_and_get_do(subject: Store) -> Outcome {
    let key = subject.name("a");
    let put = subject.handle.put(&key, "content").await?;
    let head = subject.handle.head(&key).await?;
    let get = subject.handle.get(&key).await?;
    equal("the key of put", &put.key, &key.as_str())?;
    for (what, meta) in [("head", &head), ("get", &get.meta)] {
        equal(format!("the key of {what}"), &meta.key, &key.as_str())?;
        equal(format!("the size of {what}"), &meta.size, &put.size)?;
        equal(format!("the version of {what}"), &meta.version, &put.version)?;
        holds(format!("{what} says that the object is the latest"), meta.is_latest)?;
    }
    equal("the range of a whole get", &get.range, &(0..7))
}

/// A put replaces the whole object, and its version changes.
pub async fn put_again_replaces_the_whole_object(subject: Store) -> Outcome {
    let key = subject.name("a");
    let first = subject.handle.put(&key, "a long first content").await?;
    let second = subject.handle.put(&key, "short").await?;
    equal("the content", &subject.content(&key).await?, "short".as_bytes())?;
    holds("another content has another version", first.version.is_none() || first.version != second.version)
}

/// The chunks of a stream are the whole content, in order.
pub async fn get_into_stream_gives_the_whole_content(subject: Store) -> Outcome {
    let (key, content) = (subject.name("a"), bytes(MIB + 17, 2));
    subject.handle.put(&key, content.clone()).await?;
    let mut stream = subject.handle.get(&key).await?.into_stream();
    let mut collected = Vec::new();
    while let Some(chunk) = stream.try_next().await? {
        collected.extend_from_slice(&chunk);
    }
    holds("the chunks are the content", collected == content)
}

/// A stream can be put, with its length known or not.
pub async fn put_of_a_stream_round_trips(subject: Store) -> Outcome {
    let capabilities = subject.handle.capabilities();
    let content = bytes(300_000, 3);
    for known in [true, false] {
        if !known && capabilities.put_needs_length && !capabilities.multipart {
            continue;
        }
        let key = subject.name(if known { "known" } else { "unknown" });
        let pieces = content.clone();
        let stream = ByteStream::unfold(pieces, |mut rest| async move {
            Ok((!rest.is_empty()).then(|| (rest.split_to(rest.len().min(70_000)), rest)))
        });
        let length = known.then_some(content.len() as u64);
        equal("the size", &subject.handle.put(&key, Body::from_stream(stream, length)).await?.size, &(content.len() as u64))?;
        holds("the content", subject.content(&key).await? == content)?;
    }
    Ok(())
}

/// A stream that says it has another length than it has is refused, and nothing appears.
pub async fn put_of_a_stream_with_a_wrong_length_leaves_nothing(subject: Store) -> Outcome {
    for announced in [5, 20] {
        let key = subject.name(&format!("announced-{announced}"));
        let body = Body::from_stream(ByteStream::from(bytes(10, 0)), Some(announced));
        let result = subject.handle.put(&key, body).await;
        holds(format!("10 bytes announced as {announced} are refused"), result.is_err())?;
        expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    }
    Ok(())
}

/// A content above `put_max` that cannot be sent in parts is `InvalidInput` with that limit, and nothing is sent.
pub async fn put_above_the_limit_is_invalid_input(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| {
        capabilities.put_max = ByteSize::bytes(100);
        capabilities.multipart = false;
    })?;
    let key = subject.name("a");
    let call = async {
        let error = expect_reason("put", store.put(&key, bytes(101, 0)).await, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(100))
    };
    subject.sends_nothing(call).await?;
    store.put(&key, bytes(100, 0)).await?;
    holds("as much as the limit", subject.content(&key).await? == bytes(100, 0))
}

/// Where a put must know its length and there are no parts, a stream of unknown length is `InvalidInput`, and nothing is
/// sent.
pub async fn put_of_unknown_length_where_it_must_be_known_is_invalid_input(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| {
        capabilities.put_needs_length = true;
        capabilities.multipart = false;
    })?;
    let key = subject.name("a");
    let stream = || ByteStream::from(bytes(100, 0));
    let call = async { expect_kind("put", store.put(&key, Body::from_stream(stream(), None)).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(call).await?;
    store.put(&key, Body::from_stream(stream(), Some(100))).await?;
    holds("the content", subject.content(&key).await? == bytes(100, 0))
}

/// A writer works without `multipart`, too: what is written appears at its end.
pub async fn writer_without_parts_is_one_object(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| capabilities.multipart = false)?;
    let key = subject.name("a");
    let mut writer = store.writer(&key).await?;
    for seed in 0..3 {
        writer.write(bytes(100_000, seed)).await?;
    }
    expect_kind("get before the end", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    writer.finish().await?;
    let expected = [0, 1, 2].map(|seed| bytes(100_000, seed)).concat();
    holds("the content", subject.content(&key).await? == expected)
}

/// The content of a file can be put, and an object saved into a file.
pub async fn files_round_trip(subject: Store) -> Outcome {
    let name = subject.namespace.replace('/', "");
    let (from, to) = (std::env::temp_dir().join(format!("{name}-from")), std::env::temp_dir().join(format!("{name}-to")));
    let io = |error: std::io::Error| Error::new(ErrorKind::Internal, format!("a temporary file: {error}"));
    let key = subject.name("file");
    let content = bytes(MIB + 1, 4);
    tokio::fs::write(&from, &content).await.map_err(io)?;
    let result = async {
        subject.handle.put(&key, Body::from_path(&from)).await?;
        let saved = subject.handle.get(&key).await?.save_to(&to).await?;
        Ok::<_, Error>((saved, tokio::fs::read(&to).await.map_err(io)?))
    }
    .await;
    for path in [&from, &to] {
        // What is left behind in the temporary folder changes no outcome.
        let _ = tokio::fs::remove_file(path).await;
    }
    let (saved, read) = result?;
    equal("the length that was saved", &saved, &(content.len() as u64))?;
    holds("the file that was saved is the file that was put", read == content)
}

/// Text that is not UTF-8 is `Decode`, and so is JSON that is none.
pub async fn get_as_text_or_json_of_other_bytes_is_decode(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, b"[1, 2, 3]").await?;
    equal("text", &subject.handle.get(&key).await?.text().await?, "[1, 2, 3]")?;
    equal("json", &subject.handle.get(&key).await?.json::<Vec<u8>>().await?, &[1, 2, 3])?;
    subject.handle.put(&key, b"\xff\xfe").await?;
    expect_kind("text", subject.handle.get(&key).await?.text().await, ErrorKind::Decode)?;
    expect_kind("json", subject.handle.get(&key).await?.json::<Vec<u8>>().await, ErrorKind::Decode)?;
    Ok(())
}

/// A writer that is finished without a write makes an empty object.
pub async fn writer_finished_without_a_write_is_an_empty_object(subject: Store) -> Outcome {
    let key = subject.name("empty");
    subject.handle.writer(&key).await?.finish().await?;
    equal("the content", &subject.content(&key).await?, "".as_bytes())
}

/// What is written piece by piece is one object.
pub async fn writer_of_small_pieces_is_one_object(subject: Store) -> Outcome {
    let key = subject.name("a");
    let mut writer = subject.handle.writer(&key).await?;
    for piece in ["one ", "two ", "", "three"] {
        writer.write(piece).await?;
    }
    expect_kind("get before the end", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    equal("the size", &writer.finish().await?.size, &13)?;
    equal("the content", &subject.content(&key).await?, "one two three".as_bytes())
}

/// A writer that is dropped leaves no object where there was none.
pub async fn writer_dropped_leaves_a_new_key_absent(subject: Store) -> Outcome {
    let key = subject.name("new");
    let mut writer = subject.handle.writer(&key).await?;
    writer.write("lost").await?;
    drop(writer);
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    subject.lists(&subject.namespace, &[]).await
}

/// A writer that is dropped leaves the object that was there.
pub async fn writer_dropped_leaves_the_old_object(subject: Store) -> Outcome {
    let key = subject.name("old");
    subject.handle.put(&key, "old").await?;
    let mut writer = subject.handle.writer(&key).await?;
    writer.write("new").await?;
    drop(writer);
    equal("the content", &subject.content(&key).await?, "old".as_bytes())
}

/// A put that is dropped midway leaves what was there, and the store goes on.
pub async fn put_dropped_midway_leaves_what_was_there(subject: Store) -> Outcome {
    let (new, old) = (subject.name("new"), subject.name("old"));
    subject.handle.put(&old, "old").await?;
    for key in [&new, &old] {
        let put = subject.handle.put(key, stalling(bytes(MIB, 5), 2 * MIB as u64));
        holds("a put of a body that stalls does not end", tokio::time::timeout(Duration::from_millis(50), put).await.is_err())?;
    }
    expect_kind("get of the new key", subject.handle.get(&new).await, ErrorKind::NotFound)?;
    equal("the old content", &subject.content(&old).await?, "old".as_bytes())?;
    subject.lists(&subject.namespace, &["old"]).await?;
    subject.handle.put(&new, "again").await?;
    equal("the content of a later put", &subject.content(&new).await?, "again".as_bytes())
}

/// A put whose body breaks fails with the body's error, leaves what was there, and is not repeated: a stream can be
/// read once.
pub async fn put_of_a_breaking_stream_leaves_what_was_there(subject: Store) -> Outcome {
    let (new, old) = (subject.name("new"), subject.name("old"));
    subject.handle.put(&old, "old").await?;
    for key in [&new, &old] {
        let breaking = ByteStream::unfold(false, |sent| async move {
            if sent { Err(Error::new(ErrorKind::Decode, "the source broke")) } else { Ok(Some((bytes(1000, 6), true))) }
        });
        let error =
            expect_kind("put", subject.handle.put(key, Body::from_stream(breaking, Some(2000))).await, ErrorKind::Decode)?;
        equal("attempts", &error.attempts(), &1)?;
    }
    expect_kind("get of the new key", subject.handle.get(&new).await, ErrorKind::NotFound)?;
    equal("the old content", &subject.content(&old).await?, "old".as_bytes())
}

/// Deleting what is absent succeeds, and does not say that anything was removed.
pub async fn delete_missing_is_ok(subject: Store) -> Outcome {
    let deleted = subject.handle.delete(subject.name("missing")).await?;
    holds(
        format!("deleting the absent is Absent, Unknown, or a marker of a versioned store, not {deleted:?}"),
        match deleted {
            Deleted::Absent | Deleted::Unknown => true,
            Deleted::Marked(_) => subject.handle.capabilities().list_versions,
            Deleted::Removed => false,
        },
    )
}

/// What is deleted is gone at once, and deleting it says so where the service tells.
pub async fn delete_then_get_is_not_found(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let deleted = subject.handle.delete(&key).await?;
    holds("deleting an object is not Absent", deleted != Deleted::Absent)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    expect_kind("head", subject.handle.head(&key).await, ErrorKind::NotFound)?;
    subject.handle.put(&key, "b").await?;
    equal("the content of a later put", &subject.content(&key).await?, "b".as_bytes())
}

/// Deleting one key leaves its neighbours, those below and above it in a tree included.
pub async fn delete_leaves_the_neighbours(subject: Store) -> Outcome {
    let keys = ["a", "a/b", "a/b/c", "a/bc", "ab"].map(|name| subject.name(name));
    for key in &keys {
        subject.handle.put(key, key.as_str()).await?;
    }
    subject.handle.delete(&keys[1]).await?;
    for key in keys.iter().filter(|key| **key != keys[1]) {
        equal(format!("the content of {key}"), &subject.content(key).await?, key.as_bytes())?;
    }
    subject.lists(&subject.namespace, &["a", "a/b/c", "a/bc", "ab"]).await
}

/// Many keys are written and read at the same time, each with its own content.
pub async fn concurrent_writes_and_reads_keep_keys_apart(subject: Store) -> Outcome {
    let tasks = (0..20).map(|number| {
        let (store, key) = (subject.handle.clone(), subject.name(&format!("key-{number}")));
        async move {
            for round in 0..5 {
                let content = bytes(10_000 + number * 10 + round, number as u8);
                store.put(&key, content.clone()).await?;
                holds(format!("{key} has its own content"), store.get(&key).await?.bytes().await? == content)?;
            }
            Ok(())
        }
    });
    at_once(tasks).await?.into_iter().collect()
}

/// Whoever reads while an object is replaced gets the old or the new one, whole, with its own metadata.
pub async fn put_is_atomic_for_readers(subject: Store) -> Outcome {
    const SIZES: [usize; 2] = [300_000, 200_000];
    let key = subject.name("a");
    let content = |version: usize| vec![b'0' + version as u8; SIZES[version]];
    subject.handle.put(&key, content(0)).await?;
    let ended = Arc::new(AtomicBool::new(false));
    let readers = (0..4).map(|_| {
        let (store, key, ended) = (subject.handle.clone(), ObjectKey::from(&key), Arc::clone(&ended));
        async move {
            let mut seen = 0;
            while !ended.load(Ordering::Relaxed) || seen == 0 {
                let object = store.get(&key).await?;
                let size = object.meta.size;
                let read = object.bytes().await?;
                let version = read.first().map_or(2, |byte| usize::from(byte.wrapping_sub(b'0')));
                holds("a reader gets one of the contents, whole", read == vec![b'0' + version as u8; SIZES[version.min(1)]])?;
                equal("the size in the metadata", &size, &(read.len() as u64))?;
                seen += 1;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    let readers = tokio::spawn(at_once(readers.collect::<Vec<_>>()));
    let mut written: Result<()> = Ok(());
    for round in 0..subject.scale.pick(10, 50) {
        written = subject.handle.put(&key, content(round % 2)).await.map(drop);
        if written.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    ended.store(true, Ordering::Relaxed);
    let outcomes = readers.await.map_err(|error| Failed::Wrong(error.to_string()))??;
    outcomes.into_iter().collect::<Outcome>()?;
    Ok(written?)
}

/// Of many puts to one key at the same time, one is served, whole.
pub async fn concurrent_puts_of_one_key_serve_one_of_them(subject: Store) -> Outcome {
    let key = subject.name("a");
    let contents: BTreeMap<u8, _> = (0..16).map(|writer| (writer, bytes(50_000, writer))).collect();
    let puts = contents.values().cloned().map(|content| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move { store.put(key, content).await }
    });
    for put in at_once(puts).await? {
        put?;
    }
    let served = subject.content(&key).await?;
    holds("the content is one of those that were put", contents.values().any(|content| *content == served))
}
