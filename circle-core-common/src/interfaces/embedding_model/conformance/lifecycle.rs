//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Model, TEXTS};
use crate::context::{CallOptions, CallReport};
use crate::error::ErrorKind;
use crate::interfaces::embedding_model::{EMBED, EmbedOptions};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Model) -> Outcome {
    let model = &subject.handle;
    model.embed(TEXTS[0]).await?;
    subject.closes_twice(&EMBED).await?;
    expect_kind("embed", model.embed(TEXTS[0]).await, ErrorKind::Closed)?;
    expect_kind("embed_many", model.embed_many(TEXTS).await.and_then(crate::Bulk::all), ErrorKind::Closed)?;
    expect_kind("embed_all", model.embed_all(TEXTS, EmbedOptions::new()).await, ErrorKind::Closed)?;
    subject.stays_closed(&EMBED).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Model) -> Outcome {
    subject.is_healthy(&EMBED).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Model) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Model) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Model) -> Outcome {
    let model = subject.handle.with(cancelled());
    let call = async { expect_kind("embed", model.embed(TEXTS[0]).await, ErrorKind::Cancelled) };
    subject.sends_nothing(call).await.map(drop)
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Model) -> Outcome {
    let call = async {
        let call = subject.handle.embed_with(TEXTS[0], EmbedOptions::new().extension(Foreign)).await;
        subject.refuses_foreign("embed", call)
    };
    subject.sends_nothing(call).await
}

/// The report counts calls and attempts.
pub async fn report_counts_calls(subject: Model) -> Outcome {
    let report = CallReport::new();
    let model = subject.with_capabilities(|capabilities| capabilities.batch_max = 3)?;
    let model = model.with(CallOptions::new().report(&report));
    model.embed(TEXTS[0]).await?;
    model.embed_many(TEXTS).await?.all()?;
    equal("calls", &report.get().calls, &4)?;
    holds("there are at least as many attempts", report.get().attempts >= 4)
}

/// Every call of the handle leaves exactly one span of its own, named by its operation.
pub async fn every_call_has_exactly_one_span(subject: Model) -> Outcome {
    let telemetry = Telemetry::new();
    let split = subject.with_capabilities(|capabilities| capabilities.batch_max = 4)?;
    telemetry
        .within(async {
            subject.handle.embed(TEXTS[0]).await?;
            split.embed_many(TEXTS).await?.all()?;
            Ok::<_, Failed>(())
        })
        .await?;
    equal("the spans", &telemetry.calls(), &["embedding_model.embed"; 3])
}

/// No span, log or error shows texts or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Model) -> Outcome {
    let (telemetry, model) = (Telemetry::new(), &subject.handle);
    let text = format!("a text with {}", subject.canary.secret());
    let mut texts = Vec::new();
    telemetry
        .within(async {
            texts.push(format!("{:?}", model.embed(&text).await?));
            texts.push(format!("{:?}", model.embed_all([&text, "another"], EmbedOptions::new()).await?));
            texts.push(format!("{:?}", model.embed_many([text.as_str(), ""]).await.map(crate::Bulk::all)));
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Model) -> Outcome {
    let model = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    is_late_or_done("embed", model.embed(TEXTS[0]).await)?;
    subject.handle.embed(TEXTS[0]).await?;
    Ok(())
}
