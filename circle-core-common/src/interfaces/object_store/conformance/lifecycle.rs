//! The client itself: closing, cancelling, limits, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Store, bytes};
use crate::context::{CallOptions, CallReport};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::object_store::{GetOptions, HEAD, PutOptions};
use crate::suite::{
    Failed, Foreign, Outcome, Recorded, Telemetry, cancelled, equal, expect_kind, expect_reason, holds, is_late_or_done,
};
use crate::units::ByteSize;

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Store) -> Outcome {
    let (store, key) = (&subject.handle, subject.name("a"));
    store.put(&key, "a").await?;
    let upload = if store.capabilities().multipart { Some(store.upload(&key).await?) } else { None };
    subject.closes_twice(&HEAD).await?;
    expect_kind("get", store.get(&key).await, ErrorKind::Closed)?;
    expect_kind("head", store.head(&key).await, ErrorKind::Closed)?;
    expect_kind("put", store.put(&key, "b").await, ErrorKind::Closed)?;
    expect_kind("list", store.list(&subject.namespace).page().await, ErrorKind::Closed)?;
    expect_kind("delete", store.delete(&key).await, ErrorKind::Closed)?;
    let bulk = store.delete_many([&key]).await.and_then(crate::Bulk::all);
    expect_kind("delete_many", bulk, ErrorKind::Closed)?;
    if store.capabilities().put_if_absent {
        expect_kind("create", store.create(&key, "b").await, ErrorKind::Closed)?;
    }
    if store.capabilities().copy {
        expect_kind("copy", store.copy(&key, subject.name("b")).await, ErrorKind::Closed)?;
    }
    if let Some(upload) = upload {
        expect_kind("a part", upload.part(0, "x").await, ErrorKind::Closed)?;
        expect_kind("upload", store.upload(&key).await, ErrorKind::Closed)?;
    }
    subject.stays_closed(&HEAD).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Store) -> Outcome {
    subject.is_healthy(&HEAD).await
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
    let store = subject.handle.with(cancelled());
    let key = subject.name("a");
    let calls = async {
        expect_kind("get", store.get(&key).await, ErrorKind::Cancelled)?;
        expect_kind("put", store.put(&key, "a").await, ErrorKind::Cancelled)?;
        expect_kind("list", store.list(&key).page().await, ErrorKind::Cancelled)?;
        expect_kind("delete", store.delete(&key).await, ErrorKind::Cancelled)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// A content larger than the call's `body_limit` is not collected; as a stream it can be read.
pub async fn body_limit_bounds_what_is_collected(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, bytes(100_000, 0)).await?;
    let limited = |limit| subject.handle.with(CallOptions::new().body_limit(ByteSize::bytes(limit)));
    let error =
        expect_reason("bytes", limited(99_999).get(&key).await?.bytes().await, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
    equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(99_999))?;
    equal("as much as the limit", &limited(100_000).get(&key).await?.bytes().await?.len(), &100_000)?;
    let mut stream = limited(10).get(&key).await?.into_stream();
    let mut read = 0;
    while let Some(chunk) = stream.try_next().await? {
        read += chunk.len();
    }
    equal("the length of the stream", &read, &100_000)
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
    let key = subject.name("a");
    store.put(&key, "a").await?;
    store.head(&key).await?;
    equal("calls", &report.get().calls, &2)?;
    holds("there are at least as many attempts", report.get().attempts >= 2)?;
    equal("the id of an unconditional write", &report.get().operation_id, &None)?;
    if store.capabilities().put_if_absent {
        store.create(subject.name("b"), "b").await?;
        holds("a conditional write has an id", report.get().operation_id.is_some())?;
    }
    Ok(())
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Store) -> Outcome {
    let telemetry = Telemetry::new();
    let key = subject.name("a");
    let store = &subject.handle;
    telemetry
        .within(async {
            store.put(&key, "a").await?;
            store.head(&key).await?;
            store.get(&key).await?.bytes().await?;
            store.list(&subject.namespace).page().await?;
            store.delete(&key).await?;
            expect_kind("get", store.get(&key).await, ErrorKind::NotFound)
        })
        .await?;
    let operations = ["put", "head", "get", "list", "delete", "get"].map(|verb| format!("object_store.{verb}"));
    equal("the spans", &telemetry.calls(), &operations)?;
    // Those of attempts, which a provider with a policy has, say it too.
    let is_call = |record: &Recorded| record.is_span && record.name == "call";
    let failed = |record: &Recorded| record.fields.contains(&("error.type", "not_found".to_owned()));
    let failed = telemetry.records().into_iter().filter(|record| is_call(record) && failed(record));
    equal("the spans of calls that say `not_found`", &failed.count(), &1)
}

/// No span, log or error shows content, metadata or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Store) -> Outcome {
    let telemetry = Telemetry::new();
    let (key, canary) = (subject.name("a"), &subject.canary);
    let store = &subject.handle;
    let mut texts = Vec::new();
    let options = || {
        let options = PutOptions::new();
        if store.capabilities().put_metadata { options.metadata("note", canary.secret()) } else { options }
    };
    telemetry
        .within(async {
            let content = format!("content {} of the object", canary.secret());
            texts.push(format!("{:?}", store.put_with(&key, content.clone(), options()).await?.key));
            let object = store.get(&key).await?;
            equal("the content", &object.text().await?, &content)?;
            texts.push(format!("{:?}", store.get(subject.name("missing")).await));
            if store.capabilities().put_if_absent {
                let result = store.put_with(&key, content.clone(), options().if_absent()).await;
                texts.push(format!("{result:?}"));
            }
            if store.capabilities().put_if_match {
                let version = store.head(&key).await?.version()?.clone();
                store.replace(&key, content.clone(), &version).await?;
                texts.push(format!("{:?}", store.replace(&key, content.clone(), &version).await));
            }
            if store.capabilities().multipart {
                let upload = store.upload_with(&key, options()).await?;
                let tag = upload.part(0, content.clone()).await?;
                texts.push(format!("{upload:?} {tag:?}"));
                upload.complete([tag]).await?;
            }
            store.list(&subject.namespace).all().await?;
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
    for result in [store.head(&key).await.map(drop), store.get(&key).await.map(drop), store.put(&key, "a").await.map(drop)] {
        is_late_or_done("a call", result)?;
    }
    equal("the content", &subject.content(&key).await?, "a".as_bytes())
}

/// What one client wrote another client of the same store reads.
pub async fn second_client_sees_the_same_store(subject: Store) -> Outcome {
    let (first, second) = (&subject.handle, subject.second()?);
    let key = subject.name("a");
    let put = first.put(&key, "of the first").await?;
    equal("what the second reads", &second.get(&key).await?.text().await?, "of the first")?;
    if first.capabilities().put_if_match {
        second.replace(&key, "of the second", put.version()?).await?;
        let result = first.replace(&key, "lost", put.version()?).await;
        expect_reason("replace of what the other replaced", result, ErrorKind::Conflict, Reason::VersionMismatch)?;
    } else {
        second.put(&key, "of the second").await?;
    }
    equal("what the first reads", &first.get(&key).await?.text().await?, "of the second")?;
    second.delete(&key).await?;
    expect_kind("get of what the other deleted", first.get(&key).await, ErrorKind::NotFound).map(drop)
}
