//! Uploads in parts.

use std::time::Duration;

use super::metadata::{check_described, described};
use super::{Caps, MIB, Store, bytes, stalling};
use crate::body::{Body, ByteStream};
use crate::context::{CallOptions, Cancel};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::object_store::{PartTag, PutOptions, Upload, UploadId};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds};
use crate::units::ByteSize;

/// A size that every part may have.
fn part_size(subject: &Store) -> usize {
    let capabilities = subject.handle.capabilities();
    let size = capabilities.part_min.as_u64().max(64 << 10).min(capabilities.part_max.as_u64());
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The content of a part, another for each index.
fn part(subject: &Store, index: u32) -> bytes::Bytes {
    bytes(part_size(subject), index as u8 + 1)
}

fn joined(subject: &Store, indices: &[u32]) -> Vec<u8> {
    indices.iter().flat_map(|index| part(subject, *index)).collect()
}

async fn upload_parts(subject: &Store, upload: &Upload, indices: &[u32]) -> Result<Vec<PartTag>, Failed> {
    let mut tags = Vec::new();
    for index in indices {
        let tag = upload.part(*index, part(subject, *index)).await?;
        equal("the index of the tag", &tag.index, index)?;
        equal("the size of the tag", &tag.size, &(part_size(subject) as u64))?;
        tags.push(tag);
    }
    Ok(tags)
}

/// Parts may come in any order; the object has them in the order of their index.
pub async fn upload_out_of_order_is_joined_in_order(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    equal("the key of the id", &upload.id().key, &key.as_str())?;
    let tags = upload_parts(&subject, &upload, &[2, 0, 1]).await?;
    let meta = upload.complete(tags).await?;
    equal("the size", &meta.size, &(3 * part_size(&subject) as u64))?;
    holds("the content", subject.content(&key).await? == joined(&subject, &[0, 1, 2]))
}

/// Parts may be sent at the same time.
pub async fn upload_of_concurrent_parts_is_joined_in_order(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let indices: Vec<u32> = (0..8).collect();
    let parts = indices.iter().map(|&index| {
        let (upload, body) = (upload.clone(), part(&subject, index));
        async move { upload.part(index, body).await }
    });
    let tags = at_once(parts).await?.into_iter().collect::<Result<Vec<_>, Error>>()?;
    upload.complete(tags).await?;
    holds("the content", subject.content(&key).await? == joined(&subject, &indices))
}

/// Nothing is visible before the end: the old object is served, and only it is listed.
pub async fn upload_is_invisible_before_its_end(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let (new, old) = (subject.name("new"), subject.name("old"));
    subject.handle.put(&old, "old").await?;
    let mut uploads = Vec::new();
    for key in [&new, &old] {
        let upload = subject.handle.upload(key).await?;
        let tags = upload_parts(&subject, &upload, &[0]).await?;
        uploads.push((upload, tags));
    }
    expect_kind("get of the new key", subject.handle.get(&new).await, ErrorKind::NotFound)?;
    equal("the old content", &subject.content(&old).await?, "old".as_bytes())?;
    subject.lists(&subject.namespace, &["old"]).await?;
    for (upload, tags) in uploads {
        upload.complete(tags).await?;
    }
    subject.lists(&subject.namespace, &["new", "old"]).await
}

/// The last part may be smaller than the others.
pub async fn upload_may_end_with_a_small_part(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let mut tags = upload_parts(&subject, &upload, &[0]).await?;
    tags.push(upload.part(1, "end").await?);
    upload.complete(tags).await?;
    let mut expected = joined(&subject, &[0]);
    expected.extend_from_slice(b"end");
    holds("the content", subject.content(&key).await? == expected)
}

/// The same index again replaces the part.
pub async fn upload_of_an_index_again_replaces_the_part(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    upload.part(1, "first").await?;
    let mut tags = upload_parts(&subject, &upload, &[0]).await?;
    tags.push(upload.part(1, "second").await?);
    upload.complete(tags).await?;
    let mut expected = joined(&subject, &[0]);
    expected.extend_from_slice(b"second");
    holds("the content", subject.content(&key).await? == expected)
}

/// Indices may have gaps, and a part that is not named at the end is not in the object.
pub async fn upload_may_leave_out_indices(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let mut tags = upload_parts(&subject, &upload, &[1, 5, 9]).await?;
    tags.remove(1);
    upload.complete(tags).await?;
    holds("the content", subject.content(&key).await? == joined(&subject, &[1, 9]))
}

/// An upload goes on by its id and the tags kept so far, from another client, after both were written down.
pub async fn upload_is_resumed_by_its_id(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let failed = |error: serde_json::Error| Error::new(ErrorKind::Decode, error.to_string());
    let written = {
        let upload = subject.handle.upload(&key).await?;
        let tags = upload_parts(&subject, &upload, &[0]).await?;
        serde_json::to_string(&(upload.id(), tags)).map_err(failed)?
    };
    let (id, mut tags): (UploadId, Vec<PartTag>) = serde_json::from_str(&written).map_err(failed)?;
    let upload = subject.second.as_ref().unwrap_or(&subject.handle).resume(id);
    tags.extend(upload_parts(&subject, &upload, &[1]).await?);
    upload.complete(tags).await?;
    holds("the content", subject.content(&key).await? == joined(&subject, &[0, 1]))
}

/// An upload that is aborted leaves nothing, takes no more parts, and can be aborted again.
pub async fn upload_aborted_leaves_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    upload.clone().abort().await?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    expect_reason("a part", upload.part(1, "late").await, ErrorKind::NotFound, Reason::UploadEnded)?;
    expect_reason("the end", upload.clone().complete(tags).await, ErrorKind::NotFound, Reason::UploadEnded)?;
    upload.abort().await?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// An upload that is complete takes no more parts, and aborting it changes nothing.
pub async fn upload_completed_takes_no_more_parts(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    upload.clone().complete(tags).await?;
    expect_reason("a part", upload.part(1, "late").await, ErrorKind::NotFound, Reason::UploadEnded)?;
    upload.abort().await?;
    holds("the content", subject.content(&key).await? == joined(&subject, &[0]))
}

/// No parts, or the same index twice, is `InvalidInput` at the end; nothing is sent, and the upload goes on.
pub async fn upload_completed_with_wrong_parts_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    let call = async {
        expect_kind("no parts", upload.clone().complete([]).await, ErrorKind::InvalidInput)?;
        let twice = [tags[0].clone(), tags[0].clone()];
        expect_kind("twice the same index", upload.clone().complete(twice).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await?;
    upload.complete(tags).await?;
    Ok(())
}

/// A tag that the upload never gave is refused at the end, and nothing appears.
pub async fn upload_completed_with_a_foreign_tag_is_refused(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let upload = subject.handle.upload(&key).await?;
    let mut tags = upload_parts(&subject, &upload, &[0]).await?;
    tags.push(PartTag::new(1, part_size(&subject) as u64, "a-tag-that-nobody-gave"));
    expect_kind("the end", upload.complete(tags).await, ErrorKind::InvalidInput)?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// A part below `part_min` that is not the last is `InvalidInput` at the end, with that limit.
pub async fn upload_part_below_the_minimum_is_invalid_input_at_the_end(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let min = subject.handle.capabilities().part_min.as_u64();
    // Where any part may be small, the limit is put on by the test: the handle enforces what is declared.
    let store = match min {
        0 => subject.with_capabilities(|capabilities| capabilities.part_min = ByteSize::kib(64))?,
        _ => subject.handle.clone(),
    };
    let min = store.capabilities().part_min.as_u64();
    let upload = store.upload(subject.name("a")).await?;
    let tags = [upload.part(0, "small").await?, upload.part(1, "last").await?];
    let error = expect_reason("the end", upload.clone().complete(tags).await, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
    equal("the limit", &error.limit().and_then(|limit| limit.min), &Some(min))?;
    upload.abort().await?;
    Ok(())
}

/// An index at `parts_max` or a part above `part_max` is `InvalidInput` with that limit, and nothing is sent.
pub async fn upload_part_outside_the_limits_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let parts_max = subject.handle.capabilities().parts_max;
    let upload = subject.handle.upload(subject.name("a")).await?;
    let call = async {
        let result = upload.part(parts_max, "x").await;
        let error = expect_reason("the index", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(parts_max.into()))
    };
    subject.sends_nothing(call).await?;
    upload.abort().await?;
    let store = subject.with_capabilities(|capabilities| {
        capabilities.part_min = ByteSize::bytes(0);
        capabilities.part_max = ByteSize::bytes(100);
    })?;
    let upload = store.upload(subject.name("b")).await?;
    let call = async {
        let result = upload.part(0, bytes(101, 0)).await;
        let error = expect_reason("the size", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(100))
    };
    subject.sends_nothing(call).await?;
    upload.abort().await?;
    Ok(())
}

/// Of two uploads of one key, the one that is completed last is served, whole.
pub async fn upload_completed_last_wins(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let (one, two) = (subject.handle.upload(&key).await?, subject.handle.upload(&key).await?);
    let ones = upload_parts(&subject, &one, &[0, 1]).await?;
    let twos = upload_parts(&subject, &two, &[2, 3]).await?;
    two.complete(twos).await?;
    holds("the content of the first end", subject.content(&key).await? == joined(&subject, &[2, 3]))?;
    one.complete(ones).await?;
    holds("the content of the second end", subject.content(&key).await? == joined(&subject, &[0, 1]))
}

/// Uploads of one key that end at the same time leave one of them, whole.
pub async fn upload_race_leaves_one_whole(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    let key = subject.name("a");
    let mut ends = Vec::new();
    for first in [0, 2, 4, 6] {
        let upload = subject.handle.upload(&key).await?;
        let tags = upload_parts(&subject, &upload, &[first, first + 1]).await?;
        ends.push(async move { upload.complete(tags).await });
    }
    at_once(ends).await?.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let served = subject.content(&key).await?;
    holds("one of the uploads is served", [0, 2, 4, 6].iter().any(|first| served == joined(&subject, &[*first, first + 1])))
}

/// The precondition of an upload counts at its end.
pub async fn upload_if_absent_is_decided_at_its_end(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_absent()).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    subject.handle.put(&key, "faster").await?;
    expect_kind("the end", upload.clone().complete(tags.clone()).await, ErrorKind::AlreadyExists)?;
    equal("the content", &subject.content(&key).await?, "faster".as_bytes())?;
    subject.handle.delete(&key).await?;
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_absent()).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    upload.complete(tags).await?;
    holds("the content of the upload", subject.content(&key).await? == joined(&subject, &[0]))
}

/// An upload over a stale version is `Conflict` at its end.
pub async fn upload_if_match_of_a_stale_version_is_a_conflict(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    subject.needs(Caps::PUT_IF_MATCH)?;
    let key = subject.name("a");
    let old = subject.handle.put(&key, "old").await?;
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_match(old.version()?)).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    let current = subject.handle.put(&key, "current").await?;
    expect_reason("the end", upload.complete(tags).await, ErrorKind::Conflict, Reason::VersionMismatch)?;
    equal("the content", &subject.content(&key).await?, "current".as_bytes())?;
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_match(current.version()?)).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    upload.complete(tags).await?;
    holds("the content of the upload", subject.content(&key).await? == joined(&subject, &[0]))
}

/// An upload that is resumed by an id that was written down has the precondition that it was started with.
pub async fn upload_resumed_keeps_its_precondition(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    let failed = |error: serde_json::Error| Error::new(ErrorKind::Decode, error.to_string());
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_absent()).await?;
    let id = serde_json::to_string(upload.id()).map_err(failed)?;
    let resumed = subject.handle.resume(serde_json::from_str::<UploadId>(&id).map_err(failed)?);
    equal("the operation of the id", &resumed.id().operation, &upload.id().operation)?;
    let tags = upload_parts(&subject, &resumed, &[0]).await?;
    subject.handle.put(&key, "faster").await?;
    expect_kind("the end", resumed.clone().complete(tags).await, ErrorKind::AlreadyExists)?;
    equal("the content", &subject.content(&key).await?, "faster".as_bytes())?;
    resumed.abort().await?;
    Ok(())
}

/// An upload keeps metadata as a put does.
pub async fn upload_keeps_metadata(subject: Store) -> Outcome {
    subject.needs(Caps::MULTIPART)?;
    subject.needs(Caps::PUT_METADATA)?;
    let key = subject.name("a");
    let upload = subject.handle.upload_with(&key, described()).await?;
    let tags = upload_parts(&subject, &upload, &[0]).await?;
    upload.complete(tags).await?;
    check_described("the upload", &subject.handle.head(&key).await?)
}

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
