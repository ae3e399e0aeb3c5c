//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::Desk;
use crate::context::{CallOptions, CallReport};
use crate::error::ErrorKind;
use crate::interfaces::notifier::{NOTIFY, Notification, StatusOptions};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Desk) -> Outcome {
    let desk = &subject.handle;
    let capabilities = desk.capabilities();
    subject.notify_one(subject.to_one("a")).await?;
    subject.closes_twice(&NOTIFY).await?;
    expect_kind("notify", desk.notify(subject.to_one("a")).await.and_then(crate::Bulk::all), ErrorKind::Closed)?;
    if capabilities.clear {
        expect_kind("clear", desk.clear(subject.name("a")).await, ErrorKind::Closed)?;
    }
    if capabilities.status {
        expect_kind("status", desk.status().page().await, ErrorKind::Closed)?;
    }
    subject.stays_closed(&NOTIFY).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Desk) -> Outcome {
    subject.is_healthy(&NOTIFY).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Desk) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Desk) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Desk) -> Outcome {
    let desk = subject.handle.with(cancelled());
    let calls = async {
        let notified = desk.notify(subject.to_one("a")).await.and_then(crate::Bulk::all);
        expect_kind("notify", notified, ErrorKind::Cancelled)?;
        if desk.capabilities().clear {
            expect_kind("clear", desk.clear(subject.name("a")).await, ErrorKind::Cancelled)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A provider's own content or option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Desk) -> Outcome {
    let calls = async {
        let notify = subject.handle.notify(subject.to_one("a").extension(Foreign)).await;
        subject.refuses_foreign("notify", notify)?;
        let status = subject.handle.status_with(StatusOptions::new().extension(Foreign)).page().await;
        expect_kind("status", status, ErrorKind::Unsupported)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// The report counts calls and attempts, and has the id of the write.
pub async fn report_counts_calls_and_names_the_write(subject: Desk) -> Outcome {
    let report = CallReport::new();
    let desk = subject.with_capabilities(|capabilities| capabilities.recipients_max = 1)?;
    let desk = desk.with(CallOptions::new().report(&report));
    desk.notify(Notification::new("a").to(subject.two())).await?.all()?;
    equal("calls", &report.get().calls, &2)?;
    holds("there are at least as many attempts", report.get().attempts >= 2)?;
    holds("the write has an id", report.get().operation_id.is_some())
}

/// Every call of the handle leaves exactly one span of its own, named by its operation.
pub async fn every_call_has_exactly_one_span(subject: Desk) -> Outcome {
    let (telemetry, desk) = (Telemetry::new(), &subject.handle);
    let mut operations = vec!["notifier.notify"];
    telemetry
        .within(async {
            desk.notify(Notification::new("a").to(subject.two())).await?.all()?;
            if desk.capabilities().clear {
                operations.push("notifier.clear");
                desk.clear(subject.name("a")).await?;
            }
            if desk.capabilities().status {
                operations.push("notifier.status");
                desk.status().page().await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log or error shows what notifications say, or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Desk) -> Outcome {
    let (telemetry, canary, desk) = (Telemetry::new(), &subject.canary, &subject.handle);
    let short = subject.with_capabilities(|capabilities| (capabilities.title_max, capabilities.body_max) = (5, 5))?;
    let notification =
        subject.to_one(canary.secret()).body(canary.secret()).link(format!("https://a.example/{}", canary.secret()));
    let mut texts = Vec::new();
    telemetry
        .within(async {
            texts.push(format!("{:?}", desk.notify(&notification).await?));
            texts.push(format!("{:?}", short.notify(&notification).await));
            texts.push(format!("{:?}", short.notify(subject.to_one("a").body(canary.secret())).await));
            if let Some(unknown) = &subject.addresses.unknown_recipient {
                texts.push(format!("{:?}", desk.notify(notification.clone().to([unknown])).await?));
            }
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, or unknown, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout_or_unknown(subject: Desk) -> Outcome {
    let desk = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    if let Err(error) = desk.notify(subject.to_one("late")).await.and_then(crate::Bulk::all) {
        holds(format!("{error} is a timeout, or unknown"), error.is(ErrorKind::Timeout) || error.is(ErrorKind::OutcomeUnknown))?;
    }
    subject.notify_one(subject.to_one("a")).await.map(drop)
}
