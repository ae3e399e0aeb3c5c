//! Lists of names.

use std::collections::BTreeSet;

use super::{Caps, Store};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::secret_store::SecretFields;
use crate::suite::{Outcome, equal, expect_reason, holds, to_the_end, written_down};

async fn fill(subject: &Store, names: &[&str]) -> Outcome {
    subject.needs(Caps::LIST)?;
    for name in names {
        subject.has(&subject.name(name), SecretFields::single(*name)).await?;
    }
    Ok(())
}

/// A list has the names that begin with its prefix, byte for byte, and no other.
pub async fn list_has_the_names_of_its_prefix(subject: Store) -> Outcome {
    let all = ["A", "a", "a-b", "a/b", "a/c", "a_b", "ab", "b"];
    fill(&subject, &all).await?;
    for prefix in ["", "a", "a/", "a_", "A", "b", "c"] {
        let expected: Vec<&str> = all.into_iter().filter(|name| name.starts_with(prefix)).collect();
        subject.lists(&subject.name(prefix), &expected).await?;
    }
    Ok(())
}

/// A list tells names and versions, and nothing of what is secret.
pub async fn list_tells_no_values(subject: Store) -> Outcome {
    subject.needs(Caps::LIST)?;
    let name = subject.name("a");
    subject.has(&name, [("user", subject.canary.secret()), ("password", subject.canary.secret())]).await?;
    let listed = subject.handle.list(&subject.namespace).all().await?;
    equal("secrets", &listed.len(), &1)?;
    holds("the list shows no value", !subject.canary.is_in(&format!("{listed:?}")))?;
    let version = subject.handle.get(&name).await?.version;
    for meta in listed {
        equal("the version", &meta.version.unwrap_or_else(|| version.clone()), &version)?;
    }
    Ok(())
}

/// Pages of any size have at most that many names, and together every name once.
pub async fn list_pages_cover_everything_once(subject: Store) -> Outcome {
    let all: Vec<String> = (0..7).map(|number| format!("secret-{number}")).collect();
    fill(&subject, &all.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    for size in [1, 3, 7, 8] {
        let list = || subject.handle.list(&subject.namespace).page_size(size);
        let covered = to_the_end(list().page().await?, size, list).await?;
        equal(format!("names on pages of {size}"), &covered.len(), &all.len())?;
        let names: BTreeSet<String> = covered.iter().map(|meta| subject.without_namespace(meta.name.as_str())).collect();
        equal(format!("the pages of {size}"), &names, &all.iter().cloned().collect::<BTreeSet<_>>())?;
    }
    Ok(())
}

/// What was written is listed at once, and what was deleted no more; another version is not another secret.
pub async fn list_follows_every_write(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE)?;
    fill(&subject, &["a", "c"]).await?;
    fill(&subject, &["b", "c"]).await?;
    subject.lists(&subject.namespace, &["a", "b", "c"]).await?;
    subject.handle.delete(subject.name("a")).await?;
    subject.lists(&subject.namespace, &["b", "c"]).await
}

/// A cursor survives being written down; another list's is `InvalidInput`, reason `ForeignCursor`, and nothing is sent.
pub async fn list_cursor_belongs_to_its_list(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c"]).await?;
    let first = subject.handle.list(&subject.namespace).page_size(2).page().await?;
    let read = written_down(&first.next)?;
    let second = subject.handle.list(&subject.namespace).page_size(2).starting_at(read.clone()).page().await?;
    let both: BTreeSet<&str> = first.items.iter().chain(&second.items).map(|meta| meta.name.as_str()).collect();
    equal("the names of both pages", &both.len(), &3)?;
    let call = async {
        let other = subject.handle.list(subject.name("other")).starting_at(read).page().await;
        expect_reason("another list", other, ErrorKind::InvalidInput, Reason::ForeignCursor)
    };
    subject.sends_nothing(call).await.map(drop)
}
