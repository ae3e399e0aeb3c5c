//! Lists: order, prefixes, pages, cursors.

use std::collections::BTreeSet;

use super::{Caps, Store, bytes};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::object_store::{Entry, ListOptions, ObjectMeta};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason, holds, to_the_end, written_down};

/// Puts an empty object under each of these names.
async fn fill(subject: &Store, names: &[&str]) -> Outcome {
    for name in names {
        subject.handle.put(subject.name(name), "").await?;
    }
    subject.lists(&subject.namespace, names).await
}

/// The names of listed objects, without the namespace.
fn names(subject: &Store, objects: &[ObjectMeta]) -> Vec<String> {
    objects.iter().map(|meta| subject.without_namespace(meta.key.as_str())).collect()
}

/// One level of a list: objects as they are, prefixes in angle brackets.
async fn level(subject: &Store, prefix: &str, delimiter: &str) -> Result<Vec<String>, Failed> {
    let options = ListOptions::new().delimiter(delimiter);
    let entries = subject.handle.entries_with(subject.name(prefix), options).all().await?;
    let shown = entries.iter().map(|entry| match entry {
        Entry::Prefix(prefix) => format!("<{}>", subject.without_namespace(prefix)),
        other => subject.without_namespace(other.name()),
    });
    Ok(shown.collect())
}

/// The list of nothing is empty and has no next page.
pub async fn list_of_nothing_is_empty(subject: Store) -> Outcome {
    let page = subject.handle.list(subject.name("nothing/")).page().await?;
    equal("items", &page.items.len(), &0)?;
    equal("the next page", &page.next, &None)
}

/// A list sends nothing until one of its ends is called.
pub async fn list_sends_nothing_before_its_end(subject: Store) -> Outcome {
    let call = async {
        drop(subject.handle.list(&subject.namespace).page_size(10).limit(5));
        drop(subject.handle.list(&subject.namespace).stream());
        Ok(())
    };
    subject.sends_nothing(call).await
}

/// A prefix is compared byte for byte with the whole key: no tree, no pattern.
pub async fn list_prefix_is_compared_byte_for_byte(subject: Store) -> Outcome {
    let all = ["a", "a%b", "a*b", "a-", "a/", "a/b", "a/b/c", "aXb", "a_b", "ab", "b", "é", "日本"];
    fill(&subject, &all).await?;
    for prefix in ["", "a", "a/", "a/b", "a%", "a*", "a_", "ab", "b", "c", "é", "日", "A"] {
        let expected: Vec<&str> = all.into_iter().filter(|name| name.starts_with(prefix)).collect();
        subject.lists(&subject.name(prefix), &expected).await?;
    }
    Ok(())
}

/// Keys come in the order of their UTF-8 bytes, whatever the language says.
pub async fn list_is_in_byte_order(subject: Store) -> Outcome {
    let names = ["Z", "a", "a!", "a-b", "a.b", "a/b", "a0", "aa", "z", "Ä", "é", "ｚ", "🦀"];
    let mut sorted = names;
    sorted.sort_unstable();
    equal("the test's own table", &names, &sorted)?;
    for name in names.iter().rev() {
        subject.handle.put(subject.name(name), "").await?;
    }
    subject.lists(&subject.namespace, &names).await
}

/// The entries of a list have the size and version that `head` says.
pub async fn list_tells_size_and_version(subject: Store) -> Outcome {
    for size in [0, 1, 1000] {
        subject.handle.put(subject.name(&format!("size-{size}")), bytes(size, 0)).await?;
    }
    subject.lists(&subject.namespace, &["size-0", "size-1", "size-1000"]).await?;
    for meta in subject.handle.list(&subject.namespace).all().await? {
        let head = subject.handle.head(&meta.key).await?;
        equal(format!("the size of {}", meta.key), &meta.size, &head.size)?;
        holds(format!("{} is the latest", meta.key), meta.is_latest)?;
        if meta.version.is_some() {
            equal(format!("the version of {}", meta.key), &meta.version, &head.version)?;
        }
    }
    Ok(())
}

/// One level folds what is deeper into prefixes, once each, in one order with the objects.
pub async fn list_delimiter_folds_deeper_keys(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_DELIMITER)?;
    fill(&subject, &["a", "b/1", "b/2", "b/c/3", "d", "e/f/g", "h//i"]).await?;
    for (prefix, expected) in [
        ("", &["a", "<b/>", "d", "<e/>", "<h/>"][..]),
        ("b", &["<b/>"]),
        ("b/", &["b/1", "b/2", "<b/c/>"]),
        ("b/c", &["<b/c/>"]),
        ("e/", &["<e/f/>"]),
        ("h/", &["<h//>"]),
        ("h//", &["h//i"]),
        ("x", &[]),
    ] {
        equal(format!("the level at {prefix:?}"), &level(&subject, prefix, "/").await?, expected)?;
    }
    let default = subject.handle.entries(subject.name("b/")).all().await?;
    equal("`entries` folds at slashes", &default.len(), &3)
}

/// A delimiter is any text, and is looked for behind the prefix only.
pub async fn list_delimiter_can_be_any_text(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_DELIMITER)?;
    fill(&subject, &["2026-11-20/a", "2026-11-21/a", "2027-01-01/b", "x"]).await?;
    equal("at -", &level(&subject, "", "-").await?, &["<2026->", "<2027->", "x"])?;
    equal("at - behind a year", &level(&subject, "2026-", "-").await?, &["<2026-11->"])?;
    equal("at -1", &level(&subject, "", "-1").await?, &["<2026-1>", "2027-01-01/b", "x"])
}

/// Characters below the delimiter sort before it: `a-` comes before `a/`.
pub async fn list_delimiter_keeps_the_byte_order(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_DELIMITER)?;
    fill(&subject, &["a!", "a-", "a/x", "a/y", "a0"]).await?;
    equal("the level", &level(&subject, "", "/").await?, &["a!", "a-", "<a/>", "a0"])?;
    let entries = || subject.handle.entries(&subject.namespace).page_size(1);
    let paged = to_the_end(entries().page().await?, 1, entries).await?;
    let paged: Vec<String> = paged.iter().map(|entry| subject.without_namespace(entry.name())).collect();
    equal("the level, page by page", &paged, &["a!", "a-", "a/", "a0"])
}

/// An object whose key ends with the delimiter is a prefix from above, and within it an object, once.
pub async fn list_folder_marker_comes_once(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_DELIMITER)?;
    fill(&subject, &["dir/", "dir/x"]).await?;
    equal("from above", &level(&subject, "", "/").await?, &["<dir/>"])?;
    equal("within", &level(&subject, "dir/", "/").await?, &["dir/", "dir/x"])
}

/// An empty delimiter is `InvalidInput`, and nothing is sent.
pub async fn list_with_an_empty_delimiter_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_DELIMITER)?;
    let call = async {
        let list = subject.handle.entries_with(&subject.namespace, ListOptions::new().delimiter(""));
        expect_kind("the list", list.page().await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// `start_after` leaves out its own key, which need not exist, and all before it.
pub async fn list_start_after_is_exclusive(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_START_AFTER)?;
    fill(&subject, &["a", "b", "c", "c/d", "e"]).await?;
    for (after, prefix, expected) in [
        ("", "", &["a", "b", "c", "c/d", "e"][..]),
        ("b", "", &["c", "c/d", "e"]),
        ("bb", "", &["c", "c/d", "e"]),
        ("c", "c", &["c/d"]),
        ("e", "", &[]),
        ("a", "c", &["c", "c/d"]),
    ] {
        let options = ListOptions::new().start_after(subject.name(after));
        let listed = subject.handle.list_with(subject.name(prefix), options).page_size(2).all().await?;
        let listed: Vec<_> = listed.iter().map(|meta| subject.without_namespace(meta.key.as_str())).collect();
        equal(format!("{prefix:?} after {after:?}"), &listed, expected)?;
    }
    Ok(())
}

/// Pages of any size have at most that many entries, and together every key once, in order.
pub async fn list_pages_cover_everything_once(subject: Store) -> Outcome {
    let all: Vec<String> = (0..11).map(|number| format!("key-{number:02}")).collect();
    fill(&subject, &all.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    for size in [1, 3, 10, 11, 12] {
        let list = || subject.handle.list(&subject.namespace).page_size(size);
        let covered = to_the_end(list().page().await?, size, list).await?;
        equal(format!("the pages of {size}"), &names(&subject, &covered), &all)?;
        let streamed = list().all().await?;
        equal(format!("the stream over pages of {size}"), &streamed.len(), &all.len())?;
    }
    Ok(())
}

/// A key that is written before the next page's beginning shifts nothing: no key is shown twice, none is left out.
pub async fn list_pages_are_stable_under_inserts(subject: Store) -> Outcome {
    fill(&subject, &["b", "d", "f", "h"]).await?;
    let list = || subject.handle.list(&subject.namespace).page_size(2);
    let first = list().page().await?;
    for name in ["a", "c", "d/", "e"] {
        subject.handle.put(subject.name(name), "").await?;
    }
    subject.lists(&subject.namespace, &["a", "b", "c", "d", "d/", "e", "f", "h"]).await?;
    let all = names(&subject, &to_the_end(first, 2, list).await?);
    let unique: BTreeSet<_> = all.iter().collect();
    equal("keys that are shown twice", &(all.len() - unique.len()), &0)?;
    for name in ["b", "d", "f", "h"] {
        holds(format!("{name}, which was there all the time, is shown"), all.iter().any(|shown| shown == name))?;
    }
    Ok(())
}

/// Deleting what was shown, the last key of the page included, shifts nothing.
pub async fn list_pages_are_stable_under_deletes(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c", "d", "e", "f"]).await?;
    let list = |size| subject.handle.list(&subject.namespace).page_size(size);
    let first = list(3).page().await?;
    let shown = names(&subject, &first.items);
    for name in shown.iter().map(String::as_str).chain(["e"]) {
        subject.handle.delete(subject.name(name)).await?;
    }
    let left: Vec<&str> = ["a", "b", "c", "d", "f"].into_iter().filter(|name| !shown.iter().any(|shown| shown == name)).collect();
    subject.lists(&subject.namespace, &left).await?;
    let all = names(&subject, &to_the_end(first, 3, || list(2)).await?);
    equal("the rest of the list", &all[shown.len()..], &left)
}

/// A list of 10,000 keys is complete, in order and without repetition.
pub async fn list_of_ten_thousand_is_complete(subject: Store) -> Outcome {
    const WRITERS: usize = 16;
    let count = subject.scale.pick(300, 10_000);
    let written = at_once((0..WRITERS).map(|writer| {
        let (store, namespace) = (subject.handle.clone(), subject.namespace.clone());
        async move {
            for number in (writer..count).step_by(WRITERS) {
                store.put(format!("{namespace}{number:05}"), "").await?;
            }
            Ok(())
        }
    }));
    written.await?.into_iter().collect::<Result<(), Error>>()?;
    let expected: Vec<String> = (0..count).map(|number| format!("{number:05}")).collect();
    subject.lists(&subject.namespace, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// `limit` ends a list early, over pages too; a limit of 0 is empty.
pub async fn list_limit_ends_the_list(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c", "d", "e"]).await?;
    for (limit, size) in [(0, 2), (1, 2), (2, 2), (3, 2), (5, 2), (100, 2), (3, 100)] {
        let listed = subject.handle.list(&subject.namespace).limit(limit).page_size(size).all().await?;
        equal(format!("limit {limit}, pages of {size}"), &(listed.len() as u64), &limit.min(5))?;
    }
    Ok(())
}

/// A page of nothing is `InvalidInput`, and nothing is sent.
pub async fn list_with_a_page_size_of_zero_is_invalid_input(subject: Store) -> Outcome {
    let call = async {
        let page = subject.handle.list(&subject.namespace).page_size(0).page().await;
        expect_reason("the page", page, ErrorKind::InvalidInput, Reason::OutsideLimit)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// A cursor is good after it was written down and read again.
pub async fn list_cursor_survives_being_written_down(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c"]).await?;
    let first = subject.handle.list(&subject.namespace).page_size(2).page().await?;
    let read = written_down(&first.next)?;
    let second = subject.second.as_ref().unwrap_or(&subject.handle);
    let page = second.list(&subject.namespace).page_size(2).starting_at(read).page().await?;
    equal("the second page", &names(&subject, &page.items), &["c"])
}

/// The cursor of another list is `InvalidInput`, reason `ForeignCursor`, and nothing is sent.
pub async fn list_cursor_of_another_list_is_refused(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c"]).await?;
    let next = subject.handle.list(&subject.namespace).page_size(1).page().await?.next;
    holds("a list of three has a second page of one", next.is_some())?;
    let call = async {
        let other = subject.handle.list(subject.name("other")).starting_at(next).page().await;
        expect_reason("another list", other, ErrorKind::InvalidInput, Reason::ForeignCursor)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// What was put is listed at once, or within the time that the provider declares.
pub async fn list_after_put_is_as_declared(subject: Store) -> Outcome {
    for number in 0..5 {
        subject.handle.put(subject.name(&format!("{number}")), "").await?;
        let expected: Vec<String> = (0..=number).map(|number| number.to_string()).collect();
        subject.lists(&subject.namespace, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// What was deleted is listed no more, at once or within the time that the provider declares.
pub async fn list_after_delete_is_as_declared(subject: Store) -> Outcome {
    fill(&subject, &["a", "b", "c"]).await?;
    subject.handle.delete(subject.name("b")).await?;
    subject.lists(&subject.namespace, &["a", "c"]).await?;
    subject.handle.delete_many(["a", "c"].map(|name| subject.name(name))).await?.all()?;
    subject.lists(&subject.namespace, &[]).await
}
