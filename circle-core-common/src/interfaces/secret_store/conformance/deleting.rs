//! Deleting secrets.

use super::{Caps, Store};
use crate::error::ErrorKind;
use crate::interfaces::secret_store::{Deleted, GetOptions, SecretFields};
use crate::suite::{Outcome, expect_kind, holds};

/// What was deleted is not there any more.
pub async fn delete_then_get_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE)?;
    let name = subject.name("a");
    subject.has(&name, SecretFields::single("a")).await?;
    let deleted = subject.handle.delete(&name).await?;
    holds(format!("it was there, not {deleted:?}"), deleted != Deleted::Absent)?;
    expect_kind("get", subject.handle.get(&name).await, ErrorKind::NotFound).map(drop)
}

/// Deleting what is absent succeeds, and says so where the store tells.
pub async fn delete_of_the_absent_is_ok(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE)?;
    let deleted = subject.handle.delete(subject.name("absent")).await?;
    holds(format!("it was not there, not {deleted:?}"), deleted != Deleted::Removed)
}

/// A secret is deleted with all its versions.
pub async fn delete_takes_every_version(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE)?;
    subject.needs(Caps::VERSIONS)?;
    let name = subject.name("a");
    let first = subject.handle.put(&name, SecretFields::single("first")).await?;
    subject.handle.put(&name, SecretFields::single("second")).await?;
    subject.handle.delete(&name).await?;
    let old = subject.handle.get_with(&name, GetOptions::new().version(first)).await;
    expect_kind("get of the first version", old, ErrorKind::NotFound).map(drop)
}

/// What has another name stays.
pub async fn delete_leaves_the_neighbours(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE)?;
    for name in ["a", "a/b", "ab"] {
        subject.has(&subject.name(name), SecretFields::single(name)).await?;
    }
    subject.handle.delete(subject.name("a")).await?;
    subject.says(&subject.name("a/b"), "a/b").await?;
    subject.says(&subject.name("ab"), "ab").await
}
