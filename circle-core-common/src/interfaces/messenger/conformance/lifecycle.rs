//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::Team;
use crate::context::{CallOptions, CallReport};
use crate::error::ErrorKind;
use crate::interfaces::messenger::{Attachment, HistoryOptions, Message, SEND};
use crate::suite::{Failed, Foreign, Outcome, Telemetry, cancelled, equal, expect_kind, holds, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Team) -> Outcome {
    let (team, channel) = (&subject.handle, subject.channel());
    let capabilities = team.capabilities();
    let sent = team.send(&channel, subject.says("a")).await?;
    subject.closes_twice(&SEND).await?;
    expect_kind("send", team.send(&channel, "b").await, ErrorKind::Closed)?;
    expect_kind("send_many", team.send_many(&channel, ["b"]).await.and_then(crate::Bulk::all), ErrorKind::Closed)?;
    if capabilities.thread {
        expect_kind("reply", team.reply(&sent, "b").await, ErrorKind::Closed)?;
    }
    if capabilities.edit {
        expect_kind("edit", team.edit(&sent, "b").await, ErrorKind::Closed)?;
    }
    if capabilities.delete {
        expect_kind("delete", team.delete(&sent).await, ErrorKind::Closed)?;
    }
    if capabilities.react {
        expect_kind("react", team.react(&sent, "tada").await, ErrorKind::Closed)?;
        expect_kind("delete_reaction", team.delete_reaction(&sent, "tada").await, ErrorKind::Closed)?;
    }
    if capabilities.upload {
        expect_kind("upload", team.upload(&channel, Attachment::bytes("a", "a")).await, ErrorKind::Closed)?;
    }
    if capabilities.history {
        expect_kind("history", team.history(&channel).page().await, ErrorKind::Closed)?;
    }
    if capabilities.channels {
        expect_kind("channels", team.channels().page().await, ErrorKind::Closed)?;
    }
    subject.stays_closed(&SEND).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Team) -> Outcome {
    subject.is_healthy(&SEND).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Team) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Team) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Team) -> Outcome {
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let team = subject.handle.with(cancelled());
    let calls = async {
        expect_kind("send", team.send(subject.channel(), "a").await, ErrorKind::Cancelled)?;
        if team.capabilities().edit {
            expect_kind("edit", team.edit(&sent, "a").await, ErrorKind::Cancelled)?;
        }
        if team.capabilities().history {
            expect_kind("history", team.history(subject.channel()).page().await, ErrorKind::Cancelled)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A provider's own content or option, given to another provider, is `Unsupported`, names both, and nothing is sent.
pub async fn extension_of_another_provider_is_unsupported(subject: Team) -> Outcome {
    let calls = async {
        let send = subject.handle.send(subject.channel(), Message::text("a").extension(Foreign)).await;
        subject.refuses_foreign("send", send)?;
        let options = HistoryOptions::new().extension(Foreign);
        let history = subject.handle.history_with(subject.channel(), options).page().await;
        expect_kind("history", history, ErrorKind::Unsupported)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// The report counts calls and attempts, and has the id of the message's write.
pub async fn report_counts_calls_and_names_the_message(subject: Team) -> Outcome {
    let report = CallReport::new();
    let team = subject.handle.with(CallOptions::new().report(&report));
    team.send(subject.channel(), subject.says("a")).await?;
    holds("a message has an id", report.get().operation_id.is_some())?;
    let first = report.get().operation_id;
    team.send_many(subject.channel(), [subject.says("b"), subject.says("c")]).await?.all()?;
    equal("calls", &report.get().calls, &3)?;
    holds("every message has an id of its own", report.get().operation_id != first)?;
    holds("there are at least as many attempts", report.get().attempts >= 3)
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Team) -> Outcome {
    let (telemetry, team, channel) = (Telemetry::new(), &subject.handle, subject.channel());
    let capabilities = team.capabilities();
    let mut operations = vec!["messenger.send"];
    telemetry
        .within(async {
            let sent = team.send(&channel, subject.says("a")).await?;
            if capabilities.thread {
                operations.push("messenger.send");
                team.reply(&sent, subject.says("b")).await?;
            }
            if capabilities.react {
                operations.push("messenger.react");
                team.react(&sent, "tada").await?;
            }
            if capabilities.history {
                operations.push("messenger.history");
                team.history(&channel).page().await?;
            }
            if capabilities.delete && capabilities.edit {
                operations.extend(["messenger.delete", "messenger.edit"]);
                team.delete(&sent).await?;
                expect_kind("edit", team.edit(&sent, "b").await, ErrorKind::NotFound)?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log or error shows what messages say, the content of files, or secrets.
pub async fn no_payload_or_secret_in_spans_logs_and_errors(subject: Team) -> Outcome {
    let (telemetry, canary, team, channel) = (Telemetry::new(), &subject.canary, &subject.handle, subject.channel());
    let capabilities = team.capabilities();
    let text = subject.says(canary.secret());
    let short = subject.with_capabilities(|capabilities| capabilities.text_max = 5)?;
    let mut texts = Vec::new();
    telemetry
        .within(async {
            let sent = team.send(&channel, &text).await?;
            texts.push(format!("{:?}", short.send(&channel, &text).await));
            if capabilities.attachments {
                let message = Message::text(&text).attach(Attachment::bytes("a", text.clone()));
                texts.push(format!("{message:?}").replace(&format!("{text:?}"), ""));
                team.send(&channel, message).await?;
            }
            if capabilities.edit {
                team.edit(&sent, format!("{text}!")).await?;
                texts.push(format!("{:?}", short.edit(&sent, &text).await));
            }
            if capabilities.history {
                let all = team.history(&channel).limit(100).all().await?;
                holds("the text is there", all.iter().any(|posted| canary.is_in(&posted.text)))?;
            }
            if capabilities.delete {
                team.delete(&sent).await?;
                texts.extend(team.edit(&sent, &text).await.err().map(|error| format!("{error} {error:?}")));
            }
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, a message unknown, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout_or_unknown(subject: Team) -> Outcome {
    let team = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    if let Err(error) = team.send(subject.channel(), subject.says("late")).await {
        holds(format!("{error} is a timeout, or unknown"), error.is(ErrorKind::Timeout) || error.is(ErrorKind::OutcomeUnknown))?;
    }
    if subject.handle.capabilities().history {
        is_late_or_done("history", team.history(subject.channel()).page().await)?;
    }
    subject.handle.send(subject.channel(), subject.says("a")).await?;
    Ok(())
}
