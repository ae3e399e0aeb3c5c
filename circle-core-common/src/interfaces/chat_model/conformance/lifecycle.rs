//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Model, Turn, TurnPart};
use crate::context::CallOptions;
use crate::error::ErrorKind;
use crate::interfaces::chat_model::{CHAT, ChatRequest};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Model) -> Outcome {
    let model = &subject.handle;
    subject.closes_twice(&CHAT).await?;
    expect_kind("chat", model.chat("Is it?").await, ErrorKind::Closed)?;
    if model.capabilities().stream {
        expect_kind("stream", model.stream("Is it?").await, ErrorKind::Closed)?;
    }
    if model.capabilities().count_tokens {
        expect_kind("count_tokens", model.count_tokens("Is it?").await, ErrorKind::Closed)?;
    }
    expect_kind("chat_many", model.chat_many(["Is it?"]).await.and_then(crate::Bulk::all), ErrorKind::Closed)?;
    subject.stays_closed(&CHAT).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Model) -> Outcome {
    subject.is_healthy(&CHAT).await
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
    let calls = async {
        expect_kind("chat", model.chat("Is it?").await, ErrorKind::Cancelled)?;
        if model.capabilities().stream {
            expect_kind("stream", model.stream("Is it?").await, ErrorKind::Cancelled)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A deadline that has passed is `Timeout`, and nothing is sent.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Model) -> Outcome {
    let model = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    let calls = async { expect_kind("chat", model.chat("Is it?").await, ErrorKind::Timeout).map(drop) };
    subject.sends_nothing(calls).await
}

/// A provider's own option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Model) -> Outcome {
    let calls = async {
        let result = subject.handle.chat(ChatRequest::from("Is it?").extension(Foreign)).await;
        subject.refuses_foreign("chat", result)
    };
    subject.sends_nothing(calls).await
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also a stream.
pub async fn every_call_has_exactly_one_span(subject: Model) -> Outcome {
    let (telemetry, model) = (Telemetry::new(), &subject.handle);
    let mut operations = vec!["chat_model.chat"];
    telemetry
        .within(async {
            subject.answer(Turn::text(["Yes."]))?;
            model.chat("Is it?").await?;
            if model.capabilities().stream {
                operations.push("chat_model.stream");
                subject.answer(Turn::text(["Yes", "."]))?;
                model.stream("Is it?").await?.finish().await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log or error shows what is asked or answered, or a secret.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Model) -> Outcome {
    let (telemetry, model, secret) = (Telemetry::new(), &subject.handle, subject.canary.secret());
    let mut texts = Vec::new();
    telemetry
        .within(async {
            subject.answer(Turn::text([format!("\"{secret}\"")]))?;
            equal("the answer", &model.chat(format!("Say {secret}.")).await?.text(), &format!("\"{secret}\""))?;
            if model.capabilities().output_schema {
                subject.answer(Turn::text([format!("\"{secret}\"")]))?;
                texts.push(format!("{:?}", model.extract::<Vec<u8>>(format!("Say {secret}.")).await));
            }
            if model.capabilities().stream {
                let piece = vec![secret.to_owned(), "more".to_owned()];
                subject.answer(Turn::new(vec![TurnPart::Text(piece)]).ending(super::Ending::Early(1)))?;
                let broken = model.stream(format!("Say {secret}.")).await?.finish().await;
                texts.push(format!("{:?}", broken.map(|_| ())));
            }
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}
