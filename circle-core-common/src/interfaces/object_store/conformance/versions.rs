//! Older versions.

use super::{Caps, Store};
use crate::error::ErrorKind;
use crate::identifier::Version;
use crate::interfaces::object_store::{DeleteOptions, Deleted, Entry, GetOptions, HeadOptions, ListOptions};
use crate::suite::{Failed, Outcome, equal, expect_kind, holds};

async fn three_versions(subject: &Store, key: &str) -> Result<[Version; 3], Failed> {
    let mut versions = Vec::new();
    for content in ["one", "two", "three"] {
        versions.push(subject.handle.put(key, content).await?.version()?.clone());
    }
    <[Version; 3]>::try_from(versions).map_err(|_| Failed::Wrong("three puts make three versions".to_owned()))
}

async fn at(subject: &Store, key: &str, version: &Version) -> Result<String, Failed> {
    Ok(subject.handle.get_with(key, GetOptions::new().version(version)).await?.text().await?)
}

/// An older version is got by its id, content and metadata; the current one is what `get` gives.
pub async fn get_version_gives_the_older_content(subject: Store) -> Outcome {
    subject.needs(Caps::GET_VERSION)?;
    let key = subject.name("a");
    let versions = three_versions(&subject, &key).await?;
    for (version, content) in versions.iter().zip(["one", "two", "three"]) {
        equal(format!("the content of version {content}"), &at(&subject, &key, version).await?, content)?;
        let head = subject.handle.head_with(&key, HeadOptions::new().version(version)).await?;
        equal(format!("the size of version {content}"), &head.size, &(content.len() as u64))?;
        equal(format!("the version of version {content}"), &head.version.as_ref(), &Some(version))?;
    }
    equal("the current content", &subject.content(&key).await?, "three".as_bytes())
}

/// A version that the object never had is `NotFound`.
pub async fn get_version_that_never_was_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::GET_VERSION)?;
    let (one, two) = (subject.name("one"), subject.name("two"));
    let foreign = subject.handle.put(&one, "one").await?.version()?.clone();
    subject.handle.put(&two, "two").await?;
    let gone = subject.handle.delete(&one).await?;
    subject.handle.put(&one, "again").await?;
    if let Deleted::Marked(marker) = gone {
        let result = subject.handle.get_with(&one, GetOptions::new().version(marker)).await;
        holds("a delete marker has no content", result.is_err())?;
    }
    let result = subject.handle.get_with(&two, GetOptions::new().version(foreign)).await;
    expect_kind("another object's version", result, ErrorKind::NotFound).map(drop)
}

/// Deleting the current version hides the object behind a marker; the older versions stay.
pub async fn delete_of_a_versioned_object_leaves_its_versions(subject: Store) -> Outcome {
    subject.needs(Caps::GET_VERSION)?;
    subject.needs(Caps::LIST_VERSIONS)?;
    let key = subject.name("a");
    let versions = three_versions(&subject, &key).await?;
    let deleted = subject.handle.delete(&key).await?;
    holds(format!("the object is Marked, not {deleted:?}"), matches!(deleted, Deleted::Marked(_)))?;
    expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    subject.lists(&subject.namespace, &[]).await?;
    equal("the newest content", &at(&subject, &key, &versions[2]).await?, "three")
}

/// Deleting the marker brings the object back.
pub async fn delete_of_a_marker_restores_the_object(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_VERSIONS)?;
    let key = subject.name("a");
    subject.handle.put(&key, "content").await?;
    let Deleted::Marked(marker) = subject.handle.delete(&key).await? else {
        return Err(Failed::Wrong("deleting in a versioned store leaves no marker".to_owned()));
    };
    subject.handle.delete_with(&key, DeleteOptions::new().version(marker)).await?;
    equal("the content", &subject.content(&key).await?, "content".as_bytes())
}

/// Deleting a version is for good; deleting the current one serves the previous one.
pub async fn delete_of_a_version_is_for_good(subject: Store) -> Outcome {
    subject.needs(Caps::GET_VERSION)?;
    subject.needs(Caps::LIST_VERSIONS)?;
    let key = subject.name("a");
    let [one, two, three] = three_versions(&subject, &key).await?;
    subject.handle.delete_with(&key, DeleteOptions::new().version(&two)).await?;
    let result = subject.handle.get_with(&key, GetOptions::new().version(&two)).await;
    expect_kind("the deleted version", result, ErrorKind::NotFound)?;
    equal("the current content", &subject.content(&key).await?, "three".as_bytes())?;
    subject.handle.delete_with(&key, DeleteOptions::new().version(&three)).await?;
    equal("the content after the current version was deleted", &subject.content(&key).await?, "one".as_bytes())?;
    subject.handle.delete_with(&key, DeleteOptions::new().version(&one)).await?;
    expect_kind("get of nothing", subject.handle.get(&key).await, ErrorKind::NotFound).map(drop)
}

/// A list of versions has all of them and the markers, the newest of a key first, and says which is the latest.
pub async fn list_versions_has_all_newest_first(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_VERSIONS)?;
    let (a, b) = (subject.name("a"), subject.name("b"));
    let versions = three_versions(&subject, &a).await?;
    subject.handle.put(&b, "b").await?;
    subject.handle.delete(&b).await?;
    for page_size in [1, 2, 100] {
        let list = subject.handle.entries_with(&subject.namespace, ListOptions::new().versions()).page_size(page_size);
        let entries = list.all().await?;
        let shown: Vec<(String, &str, bool)> = entries
            .iter()
            .map(|entry| {
                let (what, latest) = match entry {
                    Entry::Object(meta) => ("object", meta.is_latest),
                    Entry::DeleteMarker(marker) => ("marker", marker.is_latest),
                    Entry::Prefix(_) => ("prefix", false),
                };
                (subject.without_namespace(entry.name()), what, latest)
            })
            .collect();
        let expected = [
            ("a", "object", true),
            ("a", "object", false),
            ("a", "object", false),
            ("b", "marker", true),
            ("b", "object", false),
        ]
        .map(|(name, what, latest)| (name.to_owned(), what, latest));
        equal(format!("the versions in pages of {page_size}"), &shown, &expected)?;
        let of_a: Vec<Option<Version>> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Object(meta) if meta.key == a.as_str() => Some(meta.version.clone()),
                _ => None,
            })
            .collect();
        equal("their order", &of_a, &versions.iter().rev().cloned().map(Some).collect::<Vec<_>>())?;
    }
    let plain = subject.handle.list_with(&subject.namespace, ListOptions::new().versions()).all().await?;
    equal("`list_with` leaves markers out", &plain.len(), &4)
}
