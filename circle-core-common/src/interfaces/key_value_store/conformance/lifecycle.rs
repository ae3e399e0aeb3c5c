//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::Store;
use crate::context::{CallOptions, CallReport};
use crate::error::ErrorKind;
use crate::interfaces::key_value_store::{GET, GetOptions, PutOptions, Write};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Store) -> Outcome {
    let (store, key) = (&subject.handle, subject.name("a"));
    let capabilities = store.capabilities();
    store.put(&key, "a").await?;
    subject.closes_twice(&GET).await?;
    expect_kind("get", store.get(&key).await, ErrorKind::Closed)?;
    expect_kind("put", store.put(&key, "b").await, ErrorKind::Closed)?;
    expect_kind("delete", store.delete(&key).await, ErrorKind::Closed)?;
    expect_kind("get_many", store.get_many([&key]).await.and_then(crate::Bulk::all), ErrorKind::Closed)?;
    expect_kind(
        "put_many",
        store.put_many([(&key, "b")].map(|(key, value)| (key.clone(), value))).await.and_then(crate::Bulk::all),
        ErrorKind::Closed,
    )?;
    if capabilities.transaction {
        expect_kind("transaction", store.transaction([Write::put(&key, "b")]).await, ErrorKind::Closed)?;
    }
    if capabilities.increment {
        expect_kind("increment", store.increment(&key, 1).await, ErrorKind::Closed)?;
    }
    if capabilities.list {
        expect_kind("list", store.list(&subject.namespace).page().await, ErrorKind::Closed)?;
    }
    if capabilities.watch {
        expect_kind("watch", store.watch(&subject.namespace).await, ErrorKind::Closed)?;
    }
    subject.stays_closed(&GET).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Store) -> Outcome {
    subject.is_healthy(&GET).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Store) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Store) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Store) -> Outcome {
    let (store, key) = (subject.handle.with(cancelled()), subject.name("a"));
    let calls = async {
        expect_kind("get", store.get(&key).await, ErrorKind::Cancelled)?;
        expect_kind("put", store.put(&key, "a").await, ErrorKind::Cancelled)?;
        expect_kind("delete", store.delete(&key).await, ErrorKind::Cancelled)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Store) -> Outcome {
    let key = subject.name("a");
    let calls = async {
        let put = subject.handle.put_with(&key, "a", PutOptions::new().extension(Foreign)).await;
        subject.refuses_foreign("put", put)?;
        expect_kind("get", subject.handle.get_with(&key, GetOptions::new().extension(Foreign)).await, ErrorKind::Unsupported)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// The report of a call counts calls and attempts, and has the id of a conditional write.
pub async fn report_counts_calls_and_names_the_write(subject: Store) -> Outcome {
    let report = CallReport::new();
    let store = subject.handle.with(CallOptions::new().report(&report));
    store.put(subject.name("a"), "a").await?;
    store.get(subject.name("a")).await?;
    equal("calls", &report.get().calls, &2)?;
    holds("there are at least as many attempts", report.get().attempts >= 2)?;
    equal("the id of an unconditional write", &report.get().operation_id, &None)?;
    if store.capabilities().cas {
        store.create(subject.name("b"), "b").await?;
        holds("a conditional write has an id", report.get().operation_id.is_some())?;
    }
    Ok(())
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Store) -> Outcome {
    let (telemetry, store, key) = (Telemetry::new(), &subject.handle, subject.name("a"));
    let mut operations = vec!["put", "get", "get", "delete"];
    telemetry
        .within(async {
            store.put(&key, "a").await?;
            store.get(&key).await?;
            store.get_many([&key]).await?.all()?;
            store.delete(&key).await?;
            if store.capabilities().increment {
                operations.push("increment");
                store.put(&key, "no number").await?;
                operations.insert(4, "put");
                expect_kind("increment", store.increment(&key, 1).await, ErrorKind::InvalidInput)?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    let operations: Vec<String> = operations.iter().map(|verb| format!("key_value_store.{verb}")).collect();
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log or error shows values or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Store) -> Outcome {
    let (telemetry, canary, store, key) = (Telemetry::new(), &subject.canary, &subject.handle, subject.name("a"));
    let capabilities = store.capabilities();
    let mut texts = Vec::new();
    telemetry
        .within(async {
            let value = format!("value {}", canary.secret());
            store.put(&key, value.clone()).await?;
            equal("the value", &store.get(&key).await?.map(|entry| entry.value), &Some(value.clone().into()))?;
            if capabilities.cas {
                texts.push(format!("{:?}", store.create(&key, value.clone()).await));
                let version = subject.entry(&key).await?.version;
                store.replace(&key, value.clone(), &version).await?;
                texts.push(format!("{:?}", store.replace(&key, value.clone(), version).await));
            }
            if capabilities.increment {
                texts.push(format!("{:?}", store.increment(&key, 1).await));
            }
            texts.push(format!("{:?}", store.of::<u64>().get(&key).await));
            if capabilities.transaction {
                store.transaction([Write::put(&key, value.clone())]).await?;
            }
            if capabilities.list {
                store.list(&subject.namespace).all().await?;
            }
            store.delete(&key).await?;
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let store = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    for result in [store.get(&key).await.map(drop), store.put(&key, "a").await.map(drop)] {
        is_late_or_done("a call", result)?;
    }
    equal("the value", &subject.entry(&key).await?.value, &"a")
}

/// An error of another interface names no write of this one: `InvalidInput`, and nothing is sent.
pub async fn resolve_of_a_foreign_error_is_invalid_input(subject: Store) -> Outcome {
    let foreign = crate::error::Error::new(ErrorKind::OutcomeUnknown, "lost")
        .with_operation_id("an-id".into())
        .with_resource(&subject.name("a").into())
        .with_place(&crate::interfaces::object_store::PUT, &"documents".into(), "other");
    let calls = async { expect_kind("resolve", subject.handle.resolve(&foreign).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(calls).await.map(drop)
}

/// A value that is not JSON of the type is `Decode`, and its error does not show it.
pub async fn typed_error_shows_no_value(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, format!("\"{}\"", subject.canary.secret())).await?;
    let error = expect_kind("get", subject.handle.of::<u64>().get(&key).await, ErrorKind::Decode)?;
    holds("the error shows no value", !subject.canary.is_in(&format!("{error} {error:?}")))
}
