//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::Store;
use crate::context::CallOptions;
use crate::error::ErrorKind;
use crate::interfaces::secret_store::{DeleteOptions, GET, GetOptions, PutOptions, SecretFields};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Store) -> Outcome {
    let (store, name) = (&subject.handle, subject.name("a"));
    let capabilities = store.capabilities();
    subject.has(&name, SecretFields::single("a")).await?;
    subject.closes_twice(&GET).await?;
    expect_kind("get", store.get(&name).await, ErrorKind::Closed)?;
    if capabilities.put {
        expect_kind("put", store.put(&name, SecretFields::single("b")).await, ErrorKind::Closed)?;
    }
    if capabilities.delete {
        expect_kind("delete", store.delete(&name).await, ErrorKind::Closed)?;
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
    let (store, name) = (subject.handle.with(cancelled()), subject.name("a"));
    let calls = async {
        expect_kind("get", store.get(&name).await, ErrorKind::Cancelled)?;
        if store.capabilities().put {
            expect_kind("put", store.put(&name, SecretFields::single("a")).await, ErrorKind::Cancelled)?;
        }
        if store.capabilities().delete {
            expect_kind("delete", store.delete(&name).await, ErrorKind::Cancelled)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Store) -> Outcome {
    let (store, name) = (&subject.handle, subject.name("a"));
    let calls = async {
        subject.refuses_foreign("get", store.get_with(&name, GetOptions::new().extension(Foreign)).await)?;
        if store.capabilities().put {
            let options = PutOptions::new().extension(Foreign);
            subject.refuses_foreign("put", store.put_with(&name, SecretFields::single("a"), options).await)?;
        }
        if store.capabilities().delete {
            subject.refuses_foreign("delete", store.delete_with(&name, DeleteOptions::new().extension(Foreign)).await)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Store) -> Outcome {
    let (telemetry, store, name) = (Telemetry::new(), &subject.handle, subject.name("a"));
    let capabilities = store.capabilities();
    subject.has(&name, SecretFields::single("a")).await?;
    let mut operations = vec!["get", "get"];
    telemetry
        .within(async {
            store.get(&name).await?;
            expect_kind("get", store.get(subject.name("missing")).await, ErrorKind::NotFound)?;
            if capabilities.put {
                operations.push("put");
                store.put(&name, SecretFields::single("b")).await?;
            }
            if capabilities.list {
                operations.push("list");
                store.list(&subject.namespace).page().await?;
            }
            if capabilities.delete {
                operations.push("delete");
                store.delete(&name).await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    let operations: Vec<String> = operations.iter().map(|verb| format!("secret_store.{verb}")).collect();
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log or error shows what is secret.
pub async fn no_secret_in_spans_logs_and_errors(subject: Store) -> Outcome {
    let (telemetry, store, name) = (Telemetry::new(), &subject.handle, subject.name("a"));
    let capabilities = store.capabilities();
    let fields = || SecretFields::from([("user", subject.canary.secret()), ("password", subject.canary.secret())]);
    subject.has(&name, fields()).await?;
    let mut texts = Vec::new();
    telemetry
        .within(async {
            texts.push(format!("{:?}", store.get(&name).await?));
            if capabilities.put {
                texts.push(format!("{:?}", store.put(&name, fields()).await?));
                let large = "x".repeat(usize::try_from(capabilities.value_max.as_u64()).unwrap_or_default());
                texts.push(format!("{:?}", store.put(&name, fields().field("large", large)).await));
            }
            if capabilities.put_if_absent {
                texts.push(format!("{:?}", store.create(&name, fields()).await));
            }
            if capabilities.put_if_match {
                let version = store.put(&name, fields()).await?;
                store.replace(&name, fields(), &version).await?;
                texts.push(format!("{:?}", store.replace(&name, fields(), version).await));
            }
            if capabilities.list {
                texts.push(format!("{:?}", store.list(&subject.namespace).all().await?));
            }
            if capabilities.delete {
                store.delete(&name).await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Store) -> Outcome {
    let name = subject.name("a");
    subject.has(&name, SecretFields::single("a")).await?;
    let store = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    is_late_or_done("get", store.get(&name).await)?;
    subject.says(&name, "a").await
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
