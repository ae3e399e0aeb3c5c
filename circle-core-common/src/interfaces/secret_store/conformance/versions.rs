//! Writing secrets, and the versions that writes make.

use super::{Caps, Store};
use crate::error::{ErrorKind, Reason, Result};
use crate::identifier::Version;
use crate::interfaces::secret_store::{GetOptions, SecretFields};
use crate::secret::ExposeSecret as _;
use crate::suite::{Outcome, at_once, equal, expect_kind, expect_reason, holds, written_down};

/// A put gives the version that a get gives.
pub async fn put_gives_the_version_that_is_got(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    let name = subject.name("a");
    for value in ["1", "2"] {
        let version = subject.handle.put(&name, SecretFields::single(value)).await?;
        equal("the version", &subject.handle.get(&name).await?.version, &version)?;
        subject.says(&name, value).await?;
    }
    Ok(())
}

/// Every put makes another version, even of equal content.
pub async fn version_changes_with_every_put(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    let name = subject.name("a");
    let mut versions: Vec<Version> = Vec::new();
    for _ in 0..4 {
        let version = subject.handle.put(&name, SecretFields::single("equal")).await?;
        holds("the version is another one", !versions.contains(&version))?;
        versions.push(version);
    }
    Ok(())
}

/// A version stays while nothing is written.
pub async fn version_stays_without_a_put(subject: Store) -> Outcome {
    let name = subject.name("a");
    subject.has(&name, SecretFields::single("a")).await?;
    let first = subject.handle.get(&name).await?.version;
    subject.has(&subject.name("b"), SecretFields::single("b")).await?;
    equal("the version", &subject.handle.get(&name).await?.version, &first)
}

/// A version that has been followed by another says what it said, also once its name was written down.
pub async fn version_is_kept_after_the_next(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    subject.needs(Caps::VERSIONS)?;
    let name = subject.name("a");
    let first = written_down(&subject.handle.put(&name, SecretFields::single("first")).await?)?;
    let second = subject.handle.put(&name, [("user", "u"), ("password", "second")]).await?;
    let old = subject.handle.get_with(&name, GetOptions::new().version(&first)).await?;
    equal("the version", &old.version, &first)?;
    equal("the first", old.value()?.expose_secret(), "first")?;
    let new = subject.handle.get_with(&name, GetOptions::new().version(&second)).await?;
    equal("the second", new.field("password")?.expose_secret(), "second")?;
    equal("the newest", &subject.handle.get(&name).await?.version, &second)
}

/// A version that there is not is `NotFound`; never the newest in its place.
pub async fn version_that_is_not_there_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    subject.needs(Caps::VERSIONS)?;
    let (name, other) = (subject.name("a"), subject.name("b"));
    subject.handle.put(&name, SecretFields::single("a")).await?;
    let of_another = subject.handle.put(&other, SecretFields::single("b")).await?;
    for version in [of_another, Version::generation("ffffffff-ffff-4fff-8fff-ffffffffffff")] {
        expect_kind("get", subject.handle.get_with(&name, GetOptions::new().version(version)).await, ErrorKind::NotFound)?;
    }
    Ok(())
}

/// No fields, a field without a name, and more than `value_max` are `InvalidInput`; nothing is sent.
pub async fn fields_outside_the_limits_are_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    let (store, name) = (&subject.handle, subject.name("a"));
    let max = usize::try_from(store.capabilities().value_max.as_u64()).unwrap_or(usize::MAX - 1);
    let calls = async {
        expect_kind("no fields", store.put(&name, SecretFields::new()).await, ErrorKind::InvalidInput)?;
        expect_kind("no name", store.put(&name, [("", "value")]).await, ErrorKind::InvalidInput)?;
        let large = store.put(&name, SecretFields::single("x".repeat(max))).await;
        let error = expect_reason("too large", large, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max as u64))
    };
    subject.sends_nothing(calls).await
}

/// A secret of exactly `value_max` comes back.
pub async fn secret_of_the_largest_size_round_trips(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    let name = subject.name("a");
    let max = usize::try_from(subject.handle.capabilities().value_max.as_u64().min(1 << 20)).unwrap_or_default();
    let value = "y".repeat(max - SecretFields::VALUE.len());
    subject.handle.put(&name, SecretFields::single(value.clone())).await?;
    holds("it comes back as it went", subject.handle.get(&name).await?.value()?.expose_secret() == value)
}

/// Secrets that are written at the same time do not mix.
pub async fn concurrent_puts_keep_names_apart(subject: Store) -> Outcome {
    subject.needs(Caps::PUT)?;
    let results = at_once((0..16).map(|number| {
        let (store, name) = (subject.handle.clone(), subject.name(&number.to_string()));
        async move {
            for round in 0..4 {
                let text = format!("{number}/{round}");
                store.put(&name, SecretFields::single(text.clone())).await?;
                let got = store.get(&name).await?;
                if got.value()?.expose_secret() != text {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }))
    .await?;
    let alike: Vec<bool> = results.into_iter().collect::<Result<_>>()?;
    holds("every secret says what was put under its name", alike.into_iter().all(|alike| alike))
}
