//! Getting, putting and deleting single entries.

use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::key_value_store::{Deleted, Key};
use crate::suite::{Outcome, at_once, equal, expect_kind, expect_reason, holds};
use crate::units::ByteSize;

/// An absent key is `None`.
pub async fn get_absent_is_none(subject: Store) -> Outcome {
    equal("get", &subject.handle.get(subject.name("absent")).await?, &None)
}

/// What is put is what one gets, every byte of it: nothing, all bytes, a mebibyte.
pub async fn put_then_get_round_trips_every_byte(subject: Store) -> Outcome {
    let all: Vec<u8> = (0..=255).collect();
    for (name, value) in [("nothing", vec![]), ("zero", vec![0]), ("all", all.clone()), ("large", all.repeat(4096))] {
        let key = subject.name(name);
        if value.len() as u64 > subject.handle.capabilities().value_max.as_u64() {
            continue;
        }
        subject.handle.put(&key, value.clone()).await?;
        let entry = subject.entry(&key).await?;
        holds(format!("{name} comes back as it went"), entry.value == value)?;
        equal("the key", &entry.key, &key.as_str())?;
        equal("the expiry", &entry.expires_at, &None)?;
    }
    Ok(())
}

/// An empty value is not absent.
pub async fn empty_value_is_not_absent(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "").await?;
    equal("the value", &subject.entry(&key).await?.value, &"")?;
    if subject.handle.capabilities().cas {
        expect_kind("create", subject.handle.create(&key, "x").await, ErrorKind::AlreadyExists)?;
    }
    Ok(())
}

/// A put replaces the whole value.
pub async fn put_again_replaces_the_value(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a long first value").await?;
    subject.handle.put(&key, "short").await?;
    equal("the value", &subject.entry(&key).await?.value, &"short")
}

/// A version changes with every successful write, even of equal bytes, and a put answers with the one it made.
pub async fn version_changes_with_every_write(subject: Store) -> Outcome {
    let key = subject.name("a");
    let mut versions = Vec::new();
    for _ in 0..5 {
        let written = subject.handle.put(&key, "equal").await?;
        let entry = subject.entry(&key).await?;
        equal("the version of put", &written.version.as_ref(), &Some(&entry.version))?;
        holds("the version is another one", !versions.contains(&entry.version))?;
        versions.push(entry.version);
    }
    subject.handle.delete(&key).await?;
    subject.handle.put(&key, "equal").await?;
    let again = subject.entry(&key).await?.version;
    holds("a version does not come again after a delete", !versions.contains(&again))
}

/// A version stays while nothing is written.
pub async fn version_stays_without_a_write(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let first = subject.entry(&key).await?;
    subject.handle.put(subject.name("b"), "b").await?;
    equal("the entry", &subject.entry(&key).await?, &first)
}

/// A value above `value_max` is `InvalidInput` with that limit, and nothing is sent.
pub async fn value_above_the_limit_is_invalid_input(subject: Store) -> Outcome {
    // A limit that is too large for a test is put on by it: the handle enforces what is declared.
    let store = subject.with_capabilities(|capabilities| {
        capabilities.value_max = ByteSize::bytes(capabilities.value_max.as_u64().min(1 << 20));
    })?;
    let (key, max) = (subject.name("a"), store.capabilities().value_max.as_u64());
    let call = async {
        let result = store.put(&key, vec![0; max as usize + 1]).await;
        let error = expect_reason("put", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max))
    };
    subject.sends_nothing(call).await?;
    store.put(&key, vec![0; max as usize]).await?;
    equal("the length of the longest", &subject.entry(&key).await?.value.len(), &(max as usize))
}

/// An empty key is `InvalidInput` everywhere, and so is one above `key_max`; nothing is sent.
pub async fn key_outside_the_limits_is_invalid_input(subject: Store) -> Outcome {
    let store = &subject.handle;
    let max = store.capabilities().key_max.as_u64();
    for key in ["".to_owned(), "x".repeat(usize::try_from(max + 1).unwrap_or_default())] {
        let calls = async {
            expect_kind("put", store.put(&key, "x").await, ErrorKind::InvalidInput)?;
            expect_kind("get", store.get(&key).await, ErrorKind::InvalidInput)?;
            expect_kind("delete", store.delete(&key).await, ErrorKind::InvalidInput)?;
            expect_kind("get_many", store.get_many([subject.name("a"), key.clone()]).await, ErrorKind::InvalidInput)?;
            expect_kind(
                "put_many",
                store.put_many([(subject.name("a"), "a"), (key.clone(), "x")]).await,
                ErrorKind::InvalidInput,
            )?;
            expect_kind("delete_many", store.delete_many([subject.name("a"), key.clone()]).await, ErrorKind::InvalidInput)
        };
        subject.sends_nothing(calls).await?;
    }
    Ok(())
}

/// Keys go byte for byte: all of these are legal and different.
pub async fn put_under_weird_keys_round_trips(subject: Store) -> Outcome {
    let mut names = vec![
        "a",
        "A",
        "a/b",
        "a//b",
        "a/../b",
        "../a",
        ".",
        "..",
        "/",
        " a",
        "a ",
        "a\nb",
        "a\tb",
        "a\\b",
        "a%",
        "a_",
        "a*",
        "a?",
        "%2F",
        "a%2Fb",
        "a:b",
        "a\"b'c",
        "CON",
        "é",
        "e\u{301}",
        "日本/🦀",
        "trail/",
        "trail",
    ];
    for name in &names {
        subject.handle.put(subject.name(name), *name).await?;
    }
    for name in &names {
        equal(format!("the value of {name:?}"), &subject.entry(&subject.name(name)).await?.value, name.as_bytes())?;
    }
    if subject.handle.capabilities().list {
        names.sort_unstable();
        subject.lists(&subject.namespace, &names).await?;
    }
    for (at, name) in names.iter().enumerate() {
        subject.handle.delete(subject.name(name)).await?;
        equal(format!("{name:?} after its delete"), &subject.handle.get(subject.name(name)).await?, &None)?;
        for other in &names[at + 1..] {
            holds(
                format!("{other:?} is there after {name:?} was deleted"),
                subject.handle.get(subject.name(other)).await?.is_some(),
            )?;
        }
    }
    Ok(())
}

/// A key as long as `key_max` works.
pub async fn key_of_the_longest_length_round_trips(subject: Store) -> Outcome {
    let longest = usize::try_from(subject.handle.capabilities().key_max.as_u64()).unwrap_or(usize::MAX).min(1024);
    for unit in ["x", "ab/", "é"] {
        let mut key = format!("{}{}", subject.namespace, unit.repeat((longest - subject.namespace.len()) / unit.len()));
        key.push_str(&"y".repeat(longest - key.len()));
        subject.handle.put(&key, unit).await?;
        equal(format!("the value under {unit:?}, repeated"), &subject.entry(&key).await?.value, unit.as_bytes())?;
    }
    Ok(())
}

/// Deleting what is absent succeeds, and does not say that anything was removed.
pub async fn delete_absent_is_ok(subject: Store) -> Outcome {
    let deleted = subject.handle.delete(subject.name("absent")).await?;
    holds(format!("deleting the absent is Absent or Unknown, not {deleted:?}"), deleted != Deleted::Removed)
}

/// What is deleted is absent at once.
pub async fn delete_then_get_is_none(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let deleted = subject.handle.delete(&key).await?;
    holds("deleting an entry is not Absent", deleted != Deleted::Absent)?;
    equal("get", &subject.handle.get(&key).await?, &None)?;
    subject.handle.put(&key, "b").await?;
    equal("a later value", &subject.entry(&key).await?.value, &"b")
}

/// Many keys are written and read at the same time, each with its own value.
pub async fn concurrent_writes_and_reads_keep_keys_apart(subject: Store) -> Outcome {
    let tasks = (0..20).map(|number| {
        let (store, key) = (subject.handle.clone(), Key::from(subject.name(&format!("key-{number}"))));
        async move {
            for round in 0..10 {
                let value = format!("{number} {round}");
                store.put(&key, value.clone()).await?;
                let entry = store.get(&key).await?;
                equal(format!("the value of {key}"), &entry.map(|entry| entry.value), &Some(value.into()))?;
            }
            Ok(())
        }
    });
    at_once(tasks).await?.into_iter().collect()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
    total: i64,
}

/// The typed view reads what it wrote, and `None` for the absent; a value that is no such JSON is `Decode`.
pub async fn typed_view_round_trips(subject: Store) -> Outcome {
    let (carts, key) = (subject.handle.of::<Cart>(), subject.name("cart"));
    let cart = Cart { items: vec!["ä".to_owned()], total: i64::MIN };
    equal("the absent", &carts.get(&key).await?, &None)?;
    carts.put(&key, &cart).await?;
    equal("the value", &carts.get(&key).await?, &Some(cart))?;
    subject.handle.put(&key, "no JSON").await?;
    expect_kind("get", carts.get(&key).await, ErrorKind::Decode)?;
    if subject.handle.capabilities().cas {
        let change = |old: Option<Cart>| Ok(Cart { total: old.unwrap_or_default().total + 1, ..Cart::default() });
        expect_kind("update of what is no JSON", carts.update(&key, change).await, ErrorKind::Decode)?;
        subject.handle.delete(&key).await?;
        equal("the first update", &carts.update(&key, change).await?.total, &1)?;
        equal("the second update", &carts.update(&key, change).await?.total, &2)?;
        let refuse = |_| Err(Error::new(ErrorKind::Corrupt, "the function refuses"));
        expect_kind("an update that refuses", carts.update(&key, refuse).await, ErrorKind::Corrupt)?;
        equal("the value", &carts.get(&key).await?.map(|cart| cart.total), &Some(2))?;
    }
    Ok(())
}
