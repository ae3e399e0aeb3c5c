//! Lists of keys.

use std::collections::BTreeSet;

use super::{Caps, Keys};
use crate::suite::{Outcome, equal, holds, to_the_end};

/// A list has the keys that begin with its prefix, and no other.
pub async fn list_has_the_keys(subject: Keys) -> Outcome {
    subject.needs(Caps::LIST)?;
    let (key, other) = (subject.key()?, subject.other_key()?);
    let all = subject.handle.list("").all().await?;
    for name in [key, other] {
        holds(format!("{name} is listed"), all.iter().any(|info| info.name == *name))?;
    }
    let named = subject.handle.list(key.as_str()).all().await?;
    holds("every name begins with the prefix", named.iter().all(|info| info.name.as_str().starts_with(key.as_str())))?;
    holds("it is among them", named.iter().any(|info| info.name == *key))
}

/// Pages of one key each have together every key once.
pub async fn list_pages_cover_everything_once(subject: Keys) -> Outcome {
    subject.needs(Caps::LIST)?;
    let names = [subject.key()?, subject.other_key()?];
    let list = || subject.handle.list("").page_size(1);
    let covered = to_the_end(list().page().await?, 1, list).await?;
    let unique: BTreeSet<_> = covered.iter().map(|info| &info.name).collect();
    equal("keys that are listed twice", &(covered.len() - unique.len()), &0)?;
    holds("every key is listed", names.iter().all(|name| unique.contains(name)))
}
