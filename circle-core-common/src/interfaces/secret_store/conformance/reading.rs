//! Getting secrets.

use super::{Store, pairs};
use crate::error::ErrorKind;
use crate::interfaces::secret_store::SecretFields;
use crate::secret::ExposeSecret as _;
use crate::suite::{Outcome, equal, expect_kind, holds};

/// A secret that is not there is `NotFound`, never an empty one, and the error names it.
pub async fn get_of_the_missing_is_not_found(subject: Store) -> Outcome {
    let name = subject.name("missing");
    let error = expect_kind("get", subject.handle.get(&name).await, ErrorKind::NotFound)?;
    equal("the name in the error", &error.resource(), &Some(name.as_str()))
}

/// Several fields come back as they went: every name, every value, and no other.
pub async fn fields_round_trip_exactly(subject: Store) -> Outcome {
    let name = subject.name("a");
    let fields = [
        ("user", "app"),
        ("password", "p\"ä\\s\ns{w}ord 🦀"),
        ("empty", ""),
        ("User", "another"),
        ("a name", " a value "),
        ("json", "{\"a\":\"b\"}"),
    ];
    subject.has(&name, fields).await?;
    let secret = subject.handle.get(&name).await?;
    let mut expected = fields.to_vec();
    expected.sort_unstable();
    holds("the fields come back as they went", pairs(&secret) == expected)?;
    equal("the name", &secret.name, &name.as_str())?;
    equal("the expiry", &secret.expires_at, &None)
}

/// One value comes back as it went, whatever it looks like.
pub async fn single_value_round_trips_exactly(subject: Store) -> Outcome {
    for (at, value) in
        ["a token", " spaces ", "line\nbreaks\n", "日本🦀", "{\"a\":\"b\"}", "{\"a\":1}", "[1]", "\"quoted\"", "123"]
            .into_iter()
            .enumerate()
    {
        let name = subject.name(&at.to_string());
        subject.has(&name, SecretFields::single(value)).await?;
        let secret = subject.handle.get(&name).await?;
        holds(format!("{value:?} comes back as it went"), secret.value()?.expose_secret() == value)?;
        equal("fields", &secret.fields.len(), &1)?;
    }
    Ok(())
}

/// A field that the secret has not is `NotFound`, and the error shows no value of another.
pub async fn field_that_is_not_there_is_not_found(subject: Store) -> Outcome {
    let name = subject.name("a");
    subject.has(&name, [("user", subject.canary.secret()), ("password", subject.canary.secret())]).await?;
    let secret = subject.handle.get(&name).await?;
    let error = expect_kind("the field", secret.field("pass").map(drop), ErrorKind::NotFound)?;
    holds("the error shows no value", !subject.canary.is_in(&format!("{error} {error:?}")))?;
    let several = expect_kind("the one value", secret.value().map(drop), ErrorKind::InvalidInput)?;
    holds("the error shows no value", !subject.canary.is_in(&format!("{several} {several:?}")))
}

/// Names go byte for byte: all of these are different.
pub async fn names_that_differ_are_different(subject: Store) -> Outcome {
    let names = ["a", "A", "a/b", "a/B", "a-b", "a_b", "a.b", "ab", "a/b/c"];
    for name in names {
        subject.has(&subject.name(name), SecretFields::single(name)).await?;
    }
    for name in names {
        subject.says(&subject.name(name), name).await?;
    }
    Ok(())
}

/// An empty name is `InvalidInput` everywhere, and so is one above `name_max`; nothing is sent.
pub async fn name_outside_the_limits_is_invalid_input(subject: Store) -> Outcome {
    let store = &subject.handle;
    let max = usize::try_from(store.capabilities().name_max.as_u64()).unwrap_or(usize::MAX - 1);
    for name in [String::new(), "x".repeat(max + 1)] {
        let calls = async {
            expect_kind("get", store.get(&name).await, ErrorKind::InvalidInput)?;
            expect_kind("put", store.put(&name, SecretFields::single("a")).await, ErrorKind::InvalidInput)?;
            expect_kind("delete", store.delete(&name).await, ErrorKind::InvalidInput)
        };
        subject.sends_nothing(calls).await?;
    }
    Ok(())
}

/// `Debug` of a secret is `Secret(name vversion)`: no value, no field, no length.
pub async fn debug_is_name_and_version(subject: Store) -> Outcome {
    let name = subject.name("a");
    subject.has(&name, [("field-of-it", subject.canary.secret()), ("another", "b")]).await?;
    let secret = subject.handle.get(&name).await?;
    let version = secret.version.as_generation().or(secret.version.as_etag()).unwrap_or_default();
    holds("a version has a name", !version.is_empty())?;
    for text in [format!("{secret:?}"), format!("{secret:#?}")] {
        equal("the line", &text, &format!("Secret({name} v{version})"))?;
    }
    let fields = format!("{:?} {:#?}", secret.fields, secret.fields);
    holds("fields show nothing", !subject.canary.is_in(&fields) && !fields.contains("field-of-it"))
}

/// What is there is there for every client.
pub async fn second_client_sees_the_same_store(subject: Store) -> Outcome {
    let (second, name) = (subject.second()?, subject.name("a"));
    subject.has(&name, SecretFields::single("shared")).await?;
    let (one, two) = (subject.handle.get(&name).await?, second.get(&name).await?);
    holds("the fields are the same", pairs(&one) == pairs(&two))?;
    if subject.handle.capabilities().put {
        equal("the version", &two.version, &one.version)?;
        second.put(&name, SecretFields::single("by the second")).await?;
        subject.says(&name, "by the second").await?;
    }
    Ok(())
}
