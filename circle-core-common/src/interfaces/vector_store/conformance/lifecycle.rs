//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Store, at, record};
use crate::context::{CallOptions, CallReport};
use crate::error::ErrorKind;
use crate::filter::Filter;
use crate::interfaces::vector_store::{CollectionSpec, GET, ListOptions, Record, VectorQuery};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    subject.closes_twice(&GET).await?;
    expect_kind("ensure", notes.ensure(CollectionSpec::new(4).metric(subject.metric())).await, ErrorKind::Closed)?;
    expect_kind("put", notes.put(record("a", 0.0)).await, ErrorKind::Closed)?;
    expect_kind("get", notes.get("a").await, ErrorKind::Closed)?;
    expect_kind("delete", notes.delete("a").await, ErrorKind::Closed)?;
    expect_kind("query", notes.query(VectorQuery::near(at(0.0))).await, ErrorKind::Closed)?;
    expect_kind("list", notes.list().page().await, ErrorKind::Closed)?;
    expect_kind("count", notes.count().await, ErrorKind::Closed)?;
    let dropped = subject.handle.drop_collection(&notes.location().collection).await;
    expect_kind("drop_collection", dropped, ErrorKind::Closed)?;
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
    let text = subject.debug_is_one_line()?;
    let notes = format!("{:?}", subject.handle.collection("notes").namespace("tenant"));
    equal("the line of a collection", &notes, &format!("{text} notes/tenant"))?;
    subject.hides_secrets(&notes)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Store) -> Outcome {
    let notes = subject.notes().await?.with(cancelled());
    let calls = async {
        expect_kind("put", notes.put(record("a", 0.0)).await, ErrorKind::Cancelled)?;
        expect_kind("query", notes.query(VectorQuery::near(at(0.0))).await, ErrorKind::Cancelled)?;
        expect_kind("delete", notes.delete("a").await, ErrorKind::Cancelled)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let calls = async {
        let query = notes.query(VectorQuery::near(at(0.0)).extension(Foreign)).await;
        subject.refuses_foreign("query", query)?;
        let spec = CollectionSpec::new(4).metric(subject.metric()).extension(Foreign);
        expect_kind("ensure", notes.ensure(spec).await, ErrorKind::Unsupported)?;
        let list = notes.list_with(ListOptions::new().extension(Foreign)).page().await;
        expect_kind("list", list, ErrorKind::Unsupported)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// The report counts calls and attempts.
pub async fn report_counts_calls(subject: Store) -> Outcome {
    let report = CallReport::new();
    let notes = subject.notes().await?.with(CallOptions::new().report(&report));
    notes.put(record("a", 0.0)).await?;
    notes.query(VectorQuery::near(at(0.0))).await?;
    equal("calls", &report.get().calls, &2)?;
    holds("there are at least as many attempts", report.get().attempts >= 2)
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Store) -> Outcome {
    let (telemetry, notes) = (Telemetry::new(), subject.collection("notes"));
    telemetry
        .within(async {
            expect_kind("count", notes.count().await, ErrorKind::NotFound)?;
            notes.ensure(CollectionSpec::new(4).metric(subject.metric())).await?;
            notes.put(record("a", 0.0)).await?;
            notes.get("a").await?;
            notes.query(VectorQuery::near(at(0.0))).await?;
            notes.list().all().await?;
            notes.delete("a").await?;
            subject.handle.drop_collection(&notes.location().collection).await?;
            Ok::<_, Failed>(())
        })
        .await?;
    // A store that keeps its records in another service leaves that one's spans, too.
    let own: Vec<String> = telemetry.calls().into_iter().filter(|name| name.starts_with("vector_store.")).collect();
    let verbs = ["count", "ensure", "put", "get", "query", "list", "delete", "drop_collection"];
    equal("the spans", &own, &verbs.map(|verb| format!("vector_store.{verb}")))
}

/// No span, log or error shows fields, texts, filter values or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Store) -> Outcome {
    let (telemetry, secret) = (Telemetry::new(), subject.canary.secret().to_owned());
    let notes = subject.notes().await?;
    let mut texts = Vec::new();
    telemetry
        .within(async {
            notes.put(record("a", 0.0).field("secret", secret.clone()).text(secret.clone())).await?;
            subject.settled(&notes, 1).await?;
            equal("the text", &notes.get("a").await?.and_then(|got| got.text).as_deref(), &Some(secret.as_str()))?;
            let query = || VectorQuery::near(at(0.0)).filter(Filter::eq("secret", secret.clone()));
            equal("matches", &notes.query(query()).await?.len(), &1)?;
            texts.push(format!("{:?}", notes.put(Record::new("b", [1.0]).field("secret", secret.clone())).await));
            texts.push(format!("{:?}", notes.query(query().filter(Filter::gt("a", true))).await));
            texts.push(format!("{:?}", subject.collection("missing").query(query()).await));
            notes.list().all().await?;
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    let hasty = notes.with(CallOptions::new().timeout(Duration::ZERO));
    for result in [hasty.query(VectorQuery::near(at(0.0))).await.map(drop), hasty.put(record("b", 0.0)).await] {
        is_late_or_done("a call", result)?;
    }
    holds("the record is there", notes.get("a").await?.is_some())
}
