//! Large content: what the handle sends in parts by itself.

use std::time::Duration;

use super::multipart::part_size;
use super::{Caps, MIB, Store, bytes, stalling};
use crate::body::{Body, ByteStream};
use crate::context::{CallOptions, Cancel};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::object_store::{PutOptions, UploadId};
use crate::suite::{Failed, Outcome, equal, expect_kind, holds};
use crate::units::ByteSize;

/// A writer of three parts makes one object, and shows nothing before its end.
pub async fn writer_of_three_parts_round_trips(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let size = part_size(&subject);
    let options = PutOptions::new().part_size(ByteSize::bytes(size as u64));
    let content = bytes(2 * size + size / 2, 9);
    let mut writer = subject.handle.writer_with(&key, options).await?;
    for piece in content.chunks(size / 3 + 7) {
        writer.write(bytes::Bytes::copy_from_slice(piece)).await?;
    }
    holds("a writer of more than a part has an upload", writer.upload_id().is_some())?;
    expect_kind("get before the end", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    equal("the size", &writer.finish().await?.size, &(content.len() as u64))?;
    holds("the content", subject.content(&key).await? == content)
}

/// A writer that is dropped aborts its upload, so that nothing is kept and paid for.
pub async fn writer_dropped_aborts_its_upload(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let size = part_size(&subject);
    let mut writer = subject.handle.writer_with(&key, PutOptions::new().part_size(ByteSize::bytes(size as u64))).await?;
    writer.write(bytes(2 * size, 1)).await?;
    writer.write(bytes(size, 2)).await?;
    let id = writer.upload_id().cloned().ok_or_else(|| Failed::Wrong("a writer of three parts has no upload".to_owned()))?;
    drop(writer);
    ends(&subject, id).await?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// The upload of a writer is aborted too when its caller has cancelled, or its deadline has passed.
pub async fn writer_cancelled_aborts_its_upload(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let size = part_size(&subject);
    let cancel = Cancel::new();
    let now = subject.handle.provider()?.environment().clock().now();
    let late = CallOptions::new().deadline(now.after(Duration::from_secs(1)));
    for (name, options) in [("cancelled", CallOptions::new().cancel(&cancel)), ("late", late)] {
        let key = subject.name(name);
        let put = PutOptions::new().part_size(ByteSize::bytes(size as u64));
        let mut writer = subject.handle.with(options).writer_with(&key, put).await?;
        writer.write(bytes(2 * size + 1, 1)).await?;
        let id = writer.upload_id().cloned().ok_or_else(|| Failed::Wrong("a writer of parts has no upload".to_owned()))?;
        match name {
            "cancelled" => cancel.cancel(),
            _ => tokio::time::sleep(Duration::from_millis(1100)).await,
        }
        drop(writer);
        ends(&subject, id).await?;
    }
    Ok(())
}

/// Waits for an upload to have ended: a future that is dropped cannot wait for its abort.
async fn ends(subject: &Store, id: UploadId) -> Outcome {
    let upload = subject.handle.resume(id);
    for _ in 0..100 {
        match upload.part(0, "x").await {
            Err(error) if error.reason() == Some(Reason::UploadEnded) => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Err(Failed::Wrong("the upload still takes parts two seconds after it was dropped".to_owned()))
}

/// A large put is sent in parts where the provider wants that, and is one object.
pub async fn put_above_the_split_is_sent_in_parts(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let size = part_size(&subject) as u64;
    let store = subject.with_capabilities(|capabilities| capabilities.put_split = ByteSize::bytes(size))?;
    let content = bytes(3 * size as usize + 10, 3);
    let options = PutOptions::new().part_size(ByteSize::bytes(size)).concurrency(3);
    let one_shot = {
        let content = content.clone();
        ByteStream::unfold(content, |mut rest| async move {
            Ok((!rest.is_empty()).then(|| (rest.split_to(rest.len().min(50_000)), rest)))
        })
    };
    let bodies = [Body::from(content.clone()), Body::from_stream(one_shot, Some(content.len() as u64))];
    for (number, body) in bodies.into_iter().enumerate() {
        let key = subject.name(&format!("a-{number}"));
        let before = subject.traffic.calls();
        let meta = store.put_with(&key, body, options.clone()).await?;
        equal("calls: a start, four parts, an end", &(subject.traffic.calls() - before), &6)?;
        equal("the size", &meta.size, &(content.len() as u64))?;
        holds("the content", subject.content(&key).await? == content)?;
    }
    Ok(())
}

/// A large put that is dropped, or whose body breaks, leaves what was there.
pub async fn put_in_parts_that_ends_early_leaves_what_was_there(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let size = part_size(&subject) as u64;
    let store = subject.with_capabilities(|capabilities| capabilities.put_split = ByteSize::bytes(size))?;
    let key = subject.name("a");
    store.put(&key, "old").await?;
    let options = PutOptions::new().part_size(ByteSize::bytes(size));
    let stalled = stalling(bytes(2 * size as usize, 1), 8 * MIB.max(size as usize) as u64);
    let put = store.put_with(&key, stalled, options.clone());
    holds("a put of a body that stalls does not end", tokio::time::timeout(Duration::from_millis(100), put).await.is_err())?;
    equal("the content after a drop", &subject.content(&key).await?, "old".as_bytes())?;
    let first = bytes(2 * size as usize, 1);
    let breaking = ByteStream::unfold(Some(first), |first| async move {
        match first {
            Some(first) => Ok(Some((first, None))),
            None => Err(Error::new(ErrorKind::Decode, "the source broke")),
        }
    });
    let put = store.put_with(&key, Body::from_stream(breaking, Some(4 * size)), options).await;
    expect_kind("put of a body that breaks", put, ErrorKind::Decode)?;
    equal("the content after a break", &subject.content(&key).await?, "old".as_bytes())?;
    subject.lists(&subject.namespace, &["a"]).await
}

/// A stream that has more or fewer bytes than were announced is `Corrupt` when it is sent in parts too, and nothing
/// appears.
pub async fn put_in_parts_with_a_wrong_length_leaves_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let size = part_size(&subject) as u64;
    let store = subject.with_capabilities(|capabilities| capabilities.put_split = ByteSize::bytes(size))?;
    let key = subject.name("a");
    for actual in [0, size, 2 * size, 3 * size + 1] {
        let body = Body::from_stream(ByteStream::from(bytes(actual as usize, 1)), Some(2 * size + 1));
        let put = store.put_with(&key, body, PutOptions::new().part_size(ByteSize::bytes(size))).await;
        expect_kind(format!("{actual} bytes"), put, ErrorKind::Corrupt)?;
        expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    }
    Ok(())
}

/// A large put of a body that stalls ends at its deadline.
pub async fn put_in_parts_of_a_stalling_body_is_a_timeout(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let size = part_size(&subject) as u64;
    let store = subject.with_capabilities(|capabilities| capabilities.put_split = ByteSize::bytes(size))?;
    let store = store.with(CallOptions::new().timeout(Duration::from_millis(300)));
    let key = subject.name("a");
    let options = PutOptions::new().part_size(ByteSize::bytes(size));
    let put = store.put_with(&key, stalling(bytes(size as usize, 1), 8 * size), options);
    let put = tokio::time::timeout(Duration::from_secs(5), put).await;
    let put = put.map_err(|_| Failed::Wrong("the put goes on behind its deadline".to_owned()))?;
    expect_kind("the put", put, ErrorKind::Timeout)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}
