//! What holds for each capability that is off.

use super::{Caps, Store};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::identifier::Version;
use crate::interfaces::object_store::{
    Checksum, CopyOptions, DeleteOptions, GetOptions, HeadOptions, ListOptions, ObjectStore, PartTag, PutOptions, UploadId,
};
use crate::suite::Outcome;

/// The store without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Store, flag: Flag<Caps>) -> Result<ObjectStore> {
    // A copy without `copy` is refused for that, before its condition is looked at.
    let declared = subject.handle.capabilities();
    if flag == Caps::COPY_IF_ABSENT && !declared.copy_if_absent && !declared.copy {
        return subject.with_capabilities(|capabilities| capabilities.copy = true);
    }
    subject.without(flag)
}

fn upload(key: &str) -> UploadId {
    UploadId::new(key, "token")
}

fn other() -> Version {
    Version::new("an-etag", "a-generation")
}

crate::suite::negatives! {
    ObjectStore, Caps;
    /// Creating.
    without_put_if_absent: PUT_IF_ABSENT, |store, key| [
        store.create(&key, "x").await,
        store.put_with(&key, "x", PutOptions::new().if_absent()).await,
    ];
    /// Replacing.
    without_put_if_match: PUT_IF_MATCH, |store, key| [
        store.replace(&key, "x", other()).await,
        store.writer_with(&key, PutOptions::new().if_match(other())).await,
    ];
    /// Putting with metadata or content headers.
    without_put_metadata: PUT_METADATA, |store, key| [
        store.put_with(&key, "x", PutOptions::new().metadata("a", "b")).await,
        store.put_with(&key, "x", PutOptions::new().content_type("text/plain")).await,
        store.put_with(&key, "x", PutOptions::new().content_encoding("gzip")).await,
        store.put_with(&key, "x", PutOptions::new().content_language("lv")).await,
        store.put_with(&key, "x", PutOptions::new().content_disposition("inline")).await,
        store.put_with(&key, "x", PutOptions::new().cache_control("no-store")).await,
    ];
    /// Putting with a checksum.
    without_put_checksum: PUT_CHECKSUM, |store, key| [
        store.put_with(&key, "x", PutOptions::new().checksum(Checksum::Crc32c(1))).await,
        store.put_with(&key, "x", PutOptions::new().checksum(Checksum::Sha256([1; 32]))).await,
    ];
    /// Getting a range.
    without_get_range: GET_RANGE, |store, key| [
        store.get_with(&key, GetOptions::new().range(0..1)).await,
        store.get_with(&key, GetOptions::new().range(1..)).await,
    ];
    /// Getting a suffix, without the leave to emulate it.
    without_get_suffix: GET_SUFFIX, |store, key| [store.get_with(&key, GetOptions::new().suffix(1)).await];
    /// Getting one version of the current object.
    without_get_if_match: GET_IF_MATCH, |store, key| [store.get_with(&key, GetOptions::new().if_match(other())).await];
    /// Getting another version than one has.
    without_get_if_none_match: GET_IF_NONE_MATCH, |store, key| [
        store.get_with(&key, GetOptions::new().if_none_match(other())).await,
    ];
    /// Getting older versions.
    without_get_version: GET_VERSION, |store, key| [
        store.get_with(&key, GetOptions::new().version(other())).await,
        store.head_with(&key, HeadOptions::new().version(other())).await,
    ];
    /// Deleting on a condition.
    without_delete_if_match: DELETE_IF_MATCH, |store, key| [
        store.delete_with(&key, DeleteOptions::new().if_match(other())).await,
    ];
    /// Listing one level.
    without_list_delimiter: LIST_DELIMITER, |store, key| [
        store.entries(&key).page().await,
        store.list_with(&key, ListOptions::new().delimiter("-")).all().await,
    ];
    /// Listing from behind a key.
    without_list_start_after: LIST_START_AFTER, |store, key| [
        store.list_with(&key, ListOptions::new().start_after("b")).page().await,
    ];
    /// Listing and deleting versions.
    without_list_versions: LIST_VERSIONS, |store, key| [
        store.entries_with(&key, ListOptions::new().versions()).page().await,
        store.delete_with(&key, DeleteOptions::new().version(other())).await,
    ];
    /// Copying.
    without_copy: COPY, |store, key| [store.copy(&key, "b").await];
    /// Copying on a condition.
    without_copy_if_absent: COPY_IF_ABSENT, |store, key| [
        store.copy_with(&key, "b", CopyOptions::new().if_absent()).await,
    ];
    /// Uploading in parts.
    without_multipart: MULTIPART, |store, key| [
        store.upload(&key).await,
        store.upload_with(&key, PutOptions::new()).await,
        store.resume(upload(&key)).part(0, "x").await,
        store.resume(upload(&key)).complete([PartTag::new(0, 1, "token")]).await,
        store.resume(upload(&key)).abort().await,
    ];
    /// Making requests that get.
    without_presign_get: PRESIGN_GET, |store, key| [store.presign_get(&key, std::time::Duration::from_secs(60)).await];
    /// Making requests that put.
    without_presign_put: PRESIGN_PUT, |store, key| [store.presign_put(&key, std::time::Duration::from_secs(60)).await];
}
