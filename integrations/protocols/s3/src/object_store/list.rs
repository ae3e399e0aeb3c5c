//! Pages of a list: objects and prefixes in one order.

use circle_core_common::interfaces::object_store::{DeleteMarker, Entry, ListRequest, ObjectKey, ObjectMeta};
use circle_core_common::{CallContext, Cursor, Error, ErrorKind, Page, Reason, Result, Version};

use crate::client::{ListQuery, S3Client};
use crate::extension::S3Meta;
use crate::metadata;
use crate::models::{ListedObject, ListedVersion};

/// The most that a service gives at once.
const PAGE_MAX: u32 = 1000;

pub(super) async fn objects(client: &S3Client, cx: &CallContext, request: &ListRequest) -> Result<Page<Entry>> {
    let token = request.page.cursor.as_ref().map(Cursor::token);
    let query = query(request, token);
    let list = match client.profile().list_v2 {
        true => client.list_objects_v2(cx, &query).await?,
        false => client.list_objects(cx, &query).await?,
    };
    let last = [list.objects.last().map(|object| object.key.as_str()), list.prefixes.last().map(String::as_str)];
    let next = match (list.truncated, client.profile().list_v2) {
        (false, _) => None,
        (true, true) => Some(list.next_token.ok_or_else(endless)?),
        // The first version names the next place only where keys are folded; else it is behind the last key.
        (true, false) => {
            Some(list.next_marker.or_else(|| last.into_iter().flatten().max().map(str::to_owned)).ok_or_else(endless)?)
        }
    };
    let versions = client.versions();
    let objects = list.objects.into_iter().map(|object| Entry::Object(listed(object, versions)));
    let prefixes = list.prefixes.into_iter().map(|prefix| Entry::Prefix(prefix.into()));
    let mut entries: Vec<Entry> = objects.chain(prefixes).collect();
    entries.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(Page::new(entries, next.map(Cursor::new)))
}

pub(super) async fn versions(client: &S3Client, cx: &CallContext, request: &ListRequest) -> Result<Page<Entry>> {
    let cursor = request.page.cursor.as_ref().map(|cursor| unpacked(cursor.token())).transpose()?;
    let mut query = query(request, cursor.as_ref().map(|(key, _)| key.as_str()));
    query.version_id_marker = cursor.as_ref().and_then(|(_, version)| version.as_deref());
    let list = client.list_object_versions(cx, &query).await?;
    let next = match (list.truncated, list.next_key_marker) {
        (false, _) => None,
        (true, Some(key)) => Some(packed(&key, list.next_version_id_marker.as_deref())),
        (true, None) => return Err(endless()),
    };
    let mut versions = list.versions;
    // Some services give versions and markers apart. The newest of a key comes first, and what was written in one second is
    // left as it came.
    versions.sort_by(|a, b| {
        let newer = (b.is_latest, b.object.modified).cmp(&(a.is_latest, a.object.modified));
        a.object.key.cmp(&b.object.key).then(newer)
    });
    let prefixes = list.prefixes.into_iter().map(|prefix| Entry::Prefix(prefix.into()));
    let mut entries: Vec<Entry> = versions.into_iter().map(version).chain(prefixes).collect();
    entries.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(Page::new(entries, next.map(Cursor::new)))
}

fn query<'a>(request: &'a ListRequest, token: Option<&'a str>) -> ListQuery<'a> {
    ListQuery {
        prefix: &request.prefix,
        delimiter: request.options.delimiter.as_deref(),
        start_after: request.options.start_after.as_ref().map(ObjectKey::as_str),
        token,
        version_id_marker: None,
        max_keys: request.page.size.map(|size| size.clamp(1, PAGE_MAX)),
    }
}

/// What a list says of an object. Of a bucket that keeps versions it does not say which one is there.
fn listed(object: ListedObject, versions: bool) -> ObjectMeta {
    let mut meta = ObjectMeta::new(object.key.into(), object.size, object.modified);
    meta.version = metadata::version_of(object.etag.as_deref().filter(|_| !versions), None);
    let extras = S3Meta { etag: object.etag, storage_class: object.storage_class, ..S3Meta::default() };
    meta.extensions.put::<ObjectMeta, _>(extras);
    meta
}

fn version(version: ListedVersion) -> Entry {
    let ListedVersion { object, version_id, is_latest, is_marker, .. } = version;
    if is_marker {
        return Entry::DeleteMarker(DeleteMarker::new(
            object.key.into(),
            Version::generation(version_id),
            object.modified,
            is_latest,
        ));
    }
    let mut meta = listed(object, true);
    let etag = meta.extensions.get::<S3Meta>().and_then(|extras| extras.etag.clone());
    meta.version = metadata::version_of(etag.as_deref(), Some(&version_id));
    meta.is_latest = is_latest;
    Entry::Object(meta)
}

fn endless() -> Error {
    Error::new(ErrorKind::Decode, "the service says that the list goes on, and not where")
}

/// Key and version in one token: the key's length tells where it ends.
fn packed(key: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{}:{key}{version}", key.len()),
        None => format!(":{key}"),
    }
}

fn unpacked(token: &str) -> Result<(String, Option<String>)> {
    let read = || {
        let (length, rest) = token.split_once(':')?;
        if length.is_empty() {
            return Some((rest.to_owned(), None));
        }
        let (key, version) = rest.split_at_checked(length.parse().ok()?)?;
        Some((key.to_owned(), Some(version.to_owned())))
    };
    read().ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, "the cursor is none of a list of versions").with_reason(Reason::ForeignCursor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_of_versions_come_back() {
        for (key, version) in [("a:b", Some("v1")), ("é", Some("")), ("5:x", None), ("", None)] {
            let (read, id) = unpacked(&packed(key, version)).unwrap();
            assert_eq!((read.as_str(), id.as_deref()), (key, version));
        }
        for token in ["x", "9:a", "a:b"] {
            assert_eq!(unpacked(token).unwrap_err().reason(), Some(Reason::ForeignCursor));
        }
    }
}
