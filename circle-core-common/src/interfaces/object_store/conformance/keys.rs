//! Keys go byte for byte.

use super::Store;
use crate::error::{ErrorKind, Reason};
use crate::interfaces::object_store::ObjectKey;
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

/// Keys that services, file systems and paths treat specially; `…` is the namespace. All are legal and different. (A
/// key that is not UTF-8 cannot be written: a key is text.)
const WEIRD: &[&str] = &[
    "…plain",
    "…a/b",
    "…a//b",
    "…a///b",
    "…a/./b",
    "…a/../b",
    "…./a",
    "…../a",
    "…..",
    "….",
    "…/",
    "…//",
    "/…lead",
    "//…lead",
    "../…up",
    "../../…up",
    "./…here",
    "…trail/",
    "…trail",
    "….hidden",
    "…a b",
    "… a",
    "…a ",
    "…a.",
    "…a\\b",
    "…a\nb",
    "…a\tb",
    "…a\u{7f}b",
    "…%2F",
    "…a%2Fb",
    "…a%00b",
    "…100%",
    "…q?x=1&y=2#z",
    "…a+b",
    "…a:b",
    "…a*b",
    "…a\"b'c",
    "…<a>|b",
    "…a~b",
    "…CON",
    "…aux.txt",
    "…ünïcödé/ключ/日本/🦀",
    "…é",
    "…e\u{301}",
];

/// Every weird key has its own object, and is listed as it was written.
pub async fn put_under_weird_keys_round_trips(subject: Store) -> Outcome {
    let mut keys: Vec<String> = WEIRD.iter().map(|key| key.replace('…', &subject.namespace)).collect();
    for key in &keys {
        subject.handle.put(key, key.as_str()).await?;
    }
    for key in &keys {
        equal(format!("the content of {key:?}"), &subject.content(key).await?, key.as_bytes())?;
        equal(format!("the key in the metadata of {key:?}"), &subject.handle.head(key).await?.key, &key.as_str())?;
    }
    keys.retain(|key| key.starts_with(&subject.namespace));
    keys.sort_unstable();
    let names: Vec<&str> = keys.iter().map(|key| &key[subject.namespace.len()..]).collect();
    subject.lists(&subject.namespace, &names).await
}

/// Every weird key can be deleted, and only it is.
pub async fn delete_of_weird_keys_deletes_each_alone(subject: Store) -> Outcome {
    let keys: Vec<String> = WEIRD.iter().map(|key| key.replace('…', &subject.namespace)).collect();
    for key in &keys {
        subject.handle.put(key, key.as_str()).await?;
    }
    for (at, key) in keys.iter().enumerate() {
        subject.handle.delete(key).await?;
        expect_kind(format!("get of {key:?}"), subject.handle.get(key).await, ErrorKind::NotFound)?;
        for other in &keys[at + 1..] {
            holds(format!("{other:?} is there after {key:?} was deleted"), subject.handle.head(other).await.is_ok())?;
        }
    }
    Ok(())
}

/// Keys that differ in case only are different keys.
pub async fn keys_that_differ_in_case_are_different(subject: Store) -> Outcome {
    let names = ["FOLDER/NAME", "Folder/Name", "folder/NAME", "folder/name"];
    for name in names {
        subject.handle.put(subject.name(name), name).await?;
    }
    for name in names {
        equal(format!("the content of {name}"), &subject.content(&subject.name(name)).await?, name.as_bytes())?;
    }
    subject.lists(&subject.namespace, &names).await
}

/// A key may be another key's folder: `a`, `a/b` and `a/b/c` are three objects.
pub async fn keys_may_be_folders_of_other_keys(subject: Store) -> Outcome {
    for names in [["a", "a/b", "a/b/c"], ["z/y/x", "z/y", "z"]] {
        for name in names {
            subject.handle.put(subject.name(name), name).await?;
        }
    }
    let sorted = ["a", "a/b", "a/b/c", "z", "z/y", "z/y/x"];
    for name in sorted {
        equal(format!("the content of {name}"), &subject.content(&subject.name(name)).await?, name.as_bytes())?;
    }
    subject.lists(&subject.namespace, &sorted).await
}

/// A key as long as `key_max` works, in one segment and in many.
pub async fn key_of_the_longest_length_round_trips(subject: Store) -> Outcome {
    // No store takes more than this many bytes of key into its tests' paths.
    let longest = usize::try_from(subject.handle.capabilities().key_max.as_u64()).unwrap_or(usize::MAX).min(1024);
    for (what, unit) in [("one segment", "x"), ("many segments", "ab/"), ("two-byte characters", "é")] {
        let room = longest - subject.namespace.len();
        let mut key = format!("{}{}", subject.namespace, unit.repeat(room / unit.len()));
        key.push_str(&"y".repeat(longest - key.len()));
        equal(format!("the test's own key of {what}"), &key.len(), &longest)?;
        subject.handle.put(&key, what).await?;
        equal(format!("the content under {what}"), &subject.content(&key).await?, what.as_bytes())?;
        subject.handle.delete(&key).await?;
    }
    Ok(())
}

/// A key longer than `key_max` is `InvalidInput` with that limit, and nothing is sent.
pub async fn key_longer_than_the_limit_is_invalid_input(subject: Store) -> Outcome {
    let max = subject.handle.capabilities().key_max.as_u64();
    let Ok(length) = usize::try_from(max + 1) else { return Ok(()) };
    let key = ObjectKey::from("x".repeat(length));
    let call = async {
        let error = expect_reason("put", subject.handle.put(&key, "").await, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max))?;
        expect_kind("get", subject.handle.get(&key).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await.map(drop)
}
