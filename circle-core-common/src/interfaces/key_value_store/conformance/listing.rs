//! Lists of entries.

use std::collections::BTreeSet;

use super::{Caps, Store};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::key_value_store::Entry;
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds, to_the_end, written_down};

async fn fill(subject: &Store, names: &[&str]) -> Outcome {
    subject.needs(Caps::LIST)?;
    subject.handle.put_many(names.iter().map(|name| (subject.name(name), (*name).to_owned()))).await?.all()?;
    Ok(())
}

fn names(subject: &Store, entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| subject.without_namespace(entry.key.as_str())).collect()
}

/// A prefix is compared byte for byte: `%`, `_` and `*` mean themselves.
pub async fn list_prefix_is_compared_byte_for_byte(subject: Store) -> Outcome {
    let all = ["A", "a", "a%b", "a*b", "a/b", "aXb", "a_b", "ab", "b", "é", "日本"];
    fill(&subject, &all).await?;
    for prefix in ["", "a", "a%", "a*", "a_", "a/", "A", "b", "c", "é", "日"] {
        let expected: Vec<&str> = all.into_iter().filter(|name| name.starts_with(prefix)).collect();
        subject.lists(&subject.name(prefix), &expected).await?;
    }
    Ok(())
}

/// A list has the entries as `get` gives them.
pub async fn list_has_whole_entries(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c"]).await?;
    let listed = subject.handle.list(&subject.namespace).all().await?;
    equal("entries", &listed.len(), &3)?;
    for entry in listed {
        equal("the entry", &Some(&entry), &subject.handle.get(&entry.key).await?.as_ref())?;
    }
    Ok(())
}

/// What was written is listed at once, and what was deleted no more.
pub async fn list_follows_every_write(subject: Store) -> Outcome {
    fill(&subject, &["a", "c"]).await?;
    subject.lists(&subject.namespace, &["a", "c"]).await?;
    subject.handle.put(subject.name("b"), "b").await?;
    subject.lists(&subject.namespace, &["a", "b", "c"]).await?;
    subject.handle.delete(subject.name("a")).await?;
    subject.lists(&subject.namespace, &["b", "c"]).await
}

/// Pages of any size have at most that many entries, and together every key once.
pub async fn list_pages_cover_everything_once(subject: Store) -> Outcome {
    let all: Vec<String> = (0..11).map(|number| format!("key-{number:02}")).collect();
    fill(&subject, &all.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    for size in [1, 3, 10, 11, 12] {
        let list = || subject.handle.list(&subject.namespace).page_size(size);
        let covered = to_the_end(list().page().await?, size, list).await?;
        equal(format!("the pages of {size}"), &subject.in_order(names(&subject, &covered)), &all)?;
        let limited = list().limit(7).all().await?;
        equal(format!("the first 7 over pages of {size}"), &limited.len(), &7)?;
    }
    Ok(())
}

/// Writes and deletes between two pages leave out no key that was not touched, and show none twice.
pub async fn list_pages_are_stable_under_writes(subject: Store) -> Outcome {
    let all: Vec<String> = (0..20).map(|number| format!("key-{number:02}")).collect();
    fill(&subject, &all.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let list = || subject.handle.list(&subject.namespace).page_size(5);
    let first = list().page().await?;
    let mut deleted = names(&subject, &first.items);
    deleted.truncate(2);
    for name in &deleted {
        subject.handle.delete(subject.name(name)).await?;
    }
    for name in ["key-", "key-00a", "key-10a", "key-99"] {
        subject.handle.put(subject.name(name), "new").await?;
    }
    let shown = names(&subject, &to_the_end(first, 5, list).await?);
    let unique: BTreeSet<&String> = shown.iter().collect();
    equal("keys that are shown twice", &(shown.len() - unique.len()), &0)?;
    for name in all.iter().filter(|name| !deleted.contains(name)) {
        holds(format!("{name}, which was there all the time, is shown"), unique.contains(name))?;
    }
    Ok(())
}

/// A list of many keys is complete.
pub async fn list_of_many_is_complete(subject: Store) -> Outcome {
    const WRITERS: usize = 8;
    subject.needs(Caps::LIST)?;
    let count = subject.scale.pick(200, 5000);
    let results = at_once((0..WRITERS).map(|writer| {
        let store = subject.handle.clone();
        let pairs: Vec<_> =
            (writer..count).step_by(WRITERS).map(|number| (subject.name(&format!("{number:05}")), number.to_string())).collect();
        async move { store.put_many(pairs).await?.all() }
    }));
    results.await?.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let expected: Vec<String> = (0..count).map(|number| format!("{number:05}")).collect();
    subject.lists(&subject.namespace, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// A cursor survives being written down; another list's is `InvalidInput`, reason `ForeignCursor`, and nothing is sent.
pub async fn list_cursor_belongs_to_its_list(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c"]).await?;
    let first = subject.handle.list(&subject.namespace).page_size(2).page().await?;
    let read = written_down(&first.next)?;
    let page = subject.handle.list(&subject.namespace).page_size(2).starting_at(read.clone()).page().await?;
    let mut both = names(&subject, &first.items);
    both.extend(names(&subject, &page.items));
    equal("both pages", &subject.in_order(both), &["a", "b", "c"])?;
    let call = async {
        let other = subject.handle.list(subject.name("other")).starting_at(read).page().await;
        expect_reason("another list", other, ErrorKind::InvalidInput, Reason::ForeignCursor)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// `delete_prefix` deletes every key with the prefix, byte for byte, and no other; it gives their number.
pub async fn delete_prefix_deletes_exactly_its_keys(subject: Store) -> Outcome {
    let doomed: Vec<String> = (0..25).map(|number| format!("a%/{number:02}")).collect();
    fill(&subject, &doomed.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let kept = ["a", "a%", "aX/00", "b"];
    fill(&subject, &kept).await?;
    equal("the number", &subject.handle.delete_prefix(subject.name("a%/")).await?, &25)?;
    subject.lists(&subject.namespace, &kept).await?;
    equal("the number of nothing", &subject.handle.delete_prefix(subject.name("a%/")).await?, &0)
}

/// `delete_prefix("")`, which would delete everything, is `InvalidInput`, and nothing is sent.
pub async fn delete_prefix_of_nothing_is_invalid_input(subject: Store) -> Outcome {
    let call = async { expect_kind("delete_prefix", subject.handle.delete_prefix("").await, ErrorKind::InvalidInput) };
    subject.sends_nothing(call).await.map(drop)
}

/// The typed view lists what it can read, and says of the rest that it cannot.
pub async fn typed_list_tells_what_it_cannot_read(subject: Store) -> Outcome {
    subject.needs(Caps::LIST)?;
    let numbers = subject.handle.of::<u64>();
    numbers.put(subject.name("a"), &1).await?;
    subject.handle.put(subject.name("b"), "no number").await?;
    let listed = numbers.list(&subject.namespace).all().await?;
    let (read, unread): (Vec<_>, Vec<_>) = listed.into_iter().partition(Result::is_ok);
    equal("entries that can be read", &read.len(), &1)?;
    for entry in unread {
        expect_kind("the other", entry, ErrorKind::Decode)?;
    }
    Ok::<(), Failed>(())
}
