//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Store, at, record};
use crate::context::{CallContext, CallOptions, CallReport, Cancel};
use crate::error::ErrorKind;
use crate::extension::Extension;
use crate::filter::Filter;
use crate::interfaces::vector_store::{CollectionSpec, GET, ListOptions, Record, VectorQuery};
use crate::provider::HealthState;
use crate::suite::{Failed, Outcome, Telemetry, equal, expect_kind, holds};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let provider = subject.handle.provider()?.clone();
    notes.put(record("a", 0.0)).await?;
    let cx = CallContext::new(provider.environment(), &GET, None);
    provider.close(&cx).await?;
    provider.close(&cx).await?;
    expect_kind("ensure", notes.ensure(CollectionSpec::new(4).metric(subject.metric())).await, ErrorKind::Closed)?;
    expect_kind("put", notes.put(record("a", 0.0)).await, ErrorKind::Closed)?;
    expect_kind("get", notes.get("a").await, ErrorKind::Closed)?;
    expect_kind("delete", notes.delete("a").await, ErrorKind::Closed)?;
    expect_kind("query", notes.query(VectorQuery::near(at(0.0))).await, ErrorKind::Closed)?;
    expect_kind("list", notes.list().page().await, ErrorKind::Closed)?;
    expect_kind("count", notes.count().await, ErrorKind::Closed)?;
    let dropped = subject.handle.drop_collection(&notes.location().collection).await;
    expect_kind("drop_collection", dropped, ErrorKind::Closed)?;
    expect_kind("health", provider.health(&cx).await, ErrorKind::Closed)?;
    provider.close(&cx).await?;
    Ok(())
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Store) -> Outcome {
    let provider = subject.handle.provider()?;
    let health = provider.health(&CallContext::new(provider.environment(), &GET, None)).await?;
    equal("the state", &health.state, &HealthState::Healthy)
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Store) -> Outcome {
    let native = subject.native.ok_or_else(|| Failed::Skipped("the subject names no native type".to_owned()))?;
    holds("native finds the documented type", native(&subject.handle))?;
    holds("native finds no other type", subject.handle.native::<String>().is_none())
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Store) -> Outcome {
    let provider = subject.handle.provider()?.info().clone();
    let text = format!("{:?}", subject.handle);
    equal("the line", &text, &format!("VectorStore({provider})"))?;
    let notes = format!("{:?}", subject.handle.collection("notes").namespace("tenant"));
    equal("the line of a collection", &notes, &format!("{text} notes/tenant"))?;
    for text in [&notes, &format!("{provider:?}")] {
        holds("it shows no secret", !subject.canary.is_in(text))?;
        holds("it shows no query", !text.contains('?'))?;
    }
    Ok(())
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Store) -> Outcome {
    let cancel = Cancel::new();
    cancel.cancel();
    let notes = subject.notes().await?.with(CallOptions::new().cancel(&cancel));
    let calls = async {
        expect_kind("put", notes.put(record("a", 0.0)).await, ErrorKind::Cancelled)?;
        expect_kind("query", notes.query(VectorQuery::near(at(0.0))).await, ErrorKind::Cancelled)?;
        expect_kind("delete", notes.delete("a").await, ErrorKind::Cancelled)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Store) -> Outcome {
    #[derive(Debug)]
    struct Foreign;
    impl Extension<VectorQuery> for Foreign {
        const PROVIDER: &'static str = "another-provider";
    }
    impl Extension<CollectionSpec> for Foreign {
        const PROVIDER: &'static str = "another-provider";
    }
    impl Extension<ListOptions> for Foreign {
        const PROVIDER: &'static str = "another-provider";
    }
    let notes = subject.notes().await?;
    let calls = async {
        let query = notes.query(VectorQuery::near(at(0.0)).extension(Foreign)).await;
        let error = expect_kind("query", query, ErrorKind::Unsupported)?;
        let own = subject.handle.provider()?.info().name;
        for name in ["Foreign", "another-provider", own] {
            holds(format!("the message names {name}"), error.message().contains(name))?;
        }
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
    let (telemetry, canary) = (Telemetry::new(), &subject.canary);
    let notes = subject.notes().await?;
    let secret = canary.secret().to_owned();
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
    holds("the calls left spans", !telemetry.calls().is_empty())?;
    for record in telemetry.records() {
        holds(format!("the record {} shows no secret", record.name), !canary.is_in(&format!("{record:?}")))?;
    }
    for text in texts {
        holds("no error shows a secret", !canary.is_in(&text))?;
    }
    Ok(())
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    let hasty = notes.with(CallOptions::new().timeout(Duration::ZERO));
    for result in [hasty.query(VectorQuery::near(at(0.0))).await.map(drop), hasty.put(record("b", 0.0)).await] {
        if let Err(error) = result {
            expect_kind("a call", Err::<(), _>(error), ErrorKind::Timeout)?;
        }
    }
    holds("the record is there", notes.get("a").await?.is_some())
}
