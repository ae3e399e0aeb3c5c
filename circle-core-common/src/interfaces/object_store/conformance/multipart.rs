//! Uploads in parts.

use super::metadata::{check_described, described};
use super::{Caps, Store, bytes};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::object_store::{PartTag, PutOptions, Upload};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds, written_down};
use crate::units::ByteSize;

/// A size that every part may have.
pub(super) fn part_size(subject: &Store) -> usize {
    let capabilities = subject.handle.capabilities();
    let size = capabilities.part_min.as_u64().max(64 << 10).min(capabilities.part_max.as_u64());
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The content of a part, another for each index.
fn part(subject: &Store, index: u32) -> bytes::Bytes {
    bytes(part_size(subject), index as u8 + 1)
}

fn joined(subject: &Store, indices: &[u32]) -> Vec<u8> {
    indices.iter().map(|index| part(subject, *index)).collect::<Vec<_>>().concat()
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
    let (id, mut tags) = {
        let upload = subject.handle.upload(&key).await?;
        let tags = upload_parts(&subject, &upload, &[0]).await?;
        written_down(&(upload.id().clone(), tags))?
    };
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
    let upload = subject.handle.upload_with(&key, PutOptions::new().if_absent()).await?;
    let resumed = subject.handle.resume(written_down(upload.id())?);
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
