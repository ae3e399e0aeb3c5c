//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Model, TEXTS};
use crate::context::{CallContext, CallOptions, CallReport, Cancel};
use crate::error::ErrorKind;
use crate::extension::Extension;
use crate::interfaces::embedding_model::{EMBED, EmbedOptions};
use crate::provider::HealthState;
use crate::suite::{Failed, Outcome, Telemetry, equal, expect_kind, holds};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Model) -> Outcome {
    let model = &subject.handle;
    let provider = model.provider()?.clone();
    model.embed(TEXTS[0]).await?;
    let cx = CallContext::new(provider.environment(), &EMBED, None);
    provider.close(&cx).await?;
    provider.close(&cx).await?;
    expect_kind("embed", model.embed(TEXTS[0]).await, ErrorKind::Closed)?;
    expect_kind("embed_many", model.embed_many(TEXTS).await.and_then(crate::Bulk::all), ErrorKind::Closed)?;
    expect_kind("embed_all", model.embed_all(TEXTS, EmbedOptions::new()).await, ErrorKind::Closed)?;
    expect_kind("health", provider.health(&cx).await, ErrorKind::Closed)?;
    provider.close(&cx).await?;
    Ok(())
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Model) -> Outcome {
    let provider = subject.handle.provider()?;
    let health = provider.health(&CallContext::new(provider.environment(), &EMBED, None)).await?;
    equal("the state", &health.state, &HealthState::Healthy)
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Model) -> Outcome {
    let native = subject.native.ok_or_else(|| Failed::Skipped("the subject names no native type".to_owned()))?;
    holds("native finds the documented type", native(&subject.handle))?;
    holds("native finds no other type", subject.handle.native::<String>().is_none())
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Model) -> Outcome {
    let provider = subject.handle.provider()?.info().clone();
    let text = format!("{:?}", subject.handle);
    equal("the line", &text, &format!("EmbeddingModel({provider})"))?;
    equal("lines", &text.lines().count(), &1)?;
    for text in [&text, &format!("{provider:?}")] {
        holds("it shows no secret", !subject.canary.is_in(text))?;
        holds("it shows no query", !text.contains('?'))?;
    }
    Ok(())
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Model) -> Outcome {
    let cancel = Cancel::new();
    cancel.cancel();
    let model = subject.handle.with(CallOptions::new().cancel(&cancel));
    let call = async { expect_kind("embed", model.embed(TEXTS[0]).await, ErrorKind::Cancelled) };
    subject.sends_nothing(call).await.map(drop)
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Model) -> Outcome {
    #[derive(Debug)]
    struct Foreign;
    impl Extension<EmbedOptions> for Foreign {
        const PROVIDER: &'static str = "another-provider";
    }
    let call = async {
        let call = subject.handle.embed_with(TEXTS[0], EmbedOptions::new().extension(Foreign)).await;
        let error = expect_kind("embed", call, ErrorKind::Unsupported)?;
        let own = subject.handle.provider()?.info().name;
        for name in ["Foreign", "another-provider", own] {
            holds(format!("the message names {name}"), error.message().contains(name))?;
        }
        Ok(())
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
    let (telemetry, canary, model) = (Telemetry::new(), &subject.canary, &subject.handle);
    let text = format!("a text with {}", canary.secret());
    let mut texts = Vec::new();
    telemetry
        .within(async {
            texts.push(format!("{:?}", model.embed(&text).await?));
            texts.push(format!("{:?}", model.embed_all([&text, "another"], EmbedOptions::new()).await?));
            texts.push(format!("{:?}", model.embed_many([text.as_str(), ""]).await.map(crate::Bulk::all)));
            Ok::<_, Failed>(())
        })
        .await?;
    holds("the calls left spans", !telemetry.calls().is_empty())?;
    for record in telemetry.records() {
        holds(format!("the record {} shows no secret", record.name), !canary.is_in(&format!("{record:?}")))?;
    }
    for text in texts {
        holds("no error or description shows a secret", !canary.is_in(&text))?;
    }
    Ok(())
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Model) -> Outcome {
    let model = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    if let Err(error) = model.embed(TEXTS[0]).await {
        expect_kind("embed", Err::<(), _>(error), ErrorKind::Timeout)?;
    }
    subject.handle.embed(TEXTS[0]).await?;
    Ok(())
}
