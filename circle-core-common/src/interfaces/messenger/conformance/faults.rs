//! What a broken connection or service does to calls.
//!
//! A provider with a retry policy may overcome a single fault, so a case accepts success where success is true, and
//! else exactly the error that tells the caller what to do.

use std::time::Duration;

use super::{Caps, Team};
use crate::Resolution;
use crate::context::CallOptions;
use crate::error::{self, Error, ErrorKind, Result};
use crate::interfaces::messenger::Sent;
use crate::suite::{Failed, Fault, Outcome, equal, expect_kind, holds, is_cancelled, is_never_short, times_out, with_deadline};

/// A message whose answer was lost: it was sent, or its outcome is unknown, by its id.
fn unknown(what: &str, result: Result<Sent>) -> std::result::Result<Option<Error>, Failed> {
    match result {
        Ok(_) => Ok(None),
        result => {
            let error = expect_kind(what, result, ErrorKind::OutcomeUnknown)?;
            holds(format!("{what} names its operation id"), error.operation_id().is_some())?;
            equal(format!("whether {what} was sent"), &error.sent(), &error::Sent::Maybe)?;
            Ok(Some(error))
        }
    }
}

/// A message that was sent and whose answer is lost is `Ok`, or unknown and not resolved as unsent; it is there once.
pub async fn send_with_a_lost_answer_is_ok_or_unknown(subject: Team) -> Outcome {
    subject.faults()?.inject(Fault::LoseAnswer);
    let error = unknown("send", subject.handle.send(subject.channel(), subject.says("a")).await)?;
    if let Some(error) = error.filter(|_| subject.handle.capabilities().resolve) {
        holds("it is not resolved as unsent", subject.handle.resolve(&error).await? != Resolution::NotApplied)?;
    }
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["a"])?;
    }
    Ok(())
}

/// Where the service cannot be asked, a lost answer is unknown; repeated with its id it is one message, where there are ids.
pub async fn send_with_a_lost_answer_is_unknown_without_resolve(subject: Team) -> Outcome {
    let team = subject.with_capabilities(|capabilities| capabilities.resolve = false)?;
    subject.faults()?.inject(Fault::LoseAnswer);
    if let Some(error) = unknown("send", team.send(subject.channel(), subject.says("a")).await)? {
        let again = team.with(CallOptions::repeat(&error)).send(subject.channel(), subject.says("a")).await;
        if team.capabilities().idempotency {
            again?;
        } else {
            expect_kind("its repetition", again, ErrorKind::Unsupported)?;
        }
    }
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["a"])?;
    }
    Ok(())
}

/// A message that is cut off before it is sent is `Ok` or unknown, and there at most once; it can be repeated with its id.
pub async fn send_cut_before_it_is_done_is_never_sent_twice(subject: Team) -> Outcome {
    subject.faults()?.inject(Fault::CutBefore);
    let error = unknown("send", subject.handle.send(subject.channel(), subject.says("a")).await)?;
    let capabilities = subject.handle.capabilities();
    let mut expected = usize::from(error.is_none());
    if let Some(error) = error {
        if capabilities.resolve {
            holds("it is not resolved as sent", subject.handle.resolve(&error).await? != Resolution::Applied)?;
        }
        if capabilities.idempotency {
            subject.handle.with(CallOptions::repeat(&error)).send(subject.channel(), subject.says("a")).await?;
            expected = 1;
        }
    }
    if capabilities.history {
        equal("messages", &subject.texts(&subject.channel()).await?.len(), &expected)?;
    }
    Ok(())
}

/// A message whose answer is lost, and whose look-up fails too, may have been sent.
pub async fn send_whose_lookup_fails_is_unknown(subject: Team) -> Outcome {
    subject.needs(Caps::RESOLVE)?;
    subject.faults()?.inject(Fault::LoseAnswer);
    subject.faults()?.inject(Fault::Unavailable);
    unknown("send", subject.handle.send(subject.channel(), subject.says("a")).await).map(drop)
}

/// A busy service is `RateLimited` with the wait that it asked for; one that cannot serve is `Unavailable`. Both have refused
/// the message, and the next call sends it once. A read over a broken connection is `Connection`.
pub async fn busy_unavailable_and_cut_calls_are_told_apart(subject: Team) -> Outcome {
    let retry_after = Duration::from_millis(50);
    let refusals = [
        (Fault::Throttle { retry_after }, ErrorKind::RateLimited, Some(retry_after)),
        (Fault::Unavailable, ErrorKind::Unavailable, None),
    ];
    for (number, (fault, kind, wait)) in refusals.into_iter().enumerate() {
        let text = subject.says(&format!("message {number}"));
        subject.faults()?.inject(fault.clone());
        if let Err(error) = subject.handle.send(subject.channel(), &text).await {
            let error = expect_kind(format!("send with {fault:?}"), Err::<(), _>(error), kind)?;
            holds("the error is retryable", error.is_retryable())?;
            equal("the wait", &error.retry_after(), &wait)?;
            equal("the channel in the error", &error.resource(), &Some(subject.channel().as_str()))?;
            subject.handle.send(subject.channel(), &text).await?;
        }
    }
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["message 0", "message 1"])?;
        subject.faults()?.inject(Fault::CutBefore);
        if let Err(error) = subject.handle.history(subject.channel()).page().await {
            let error = expect_kind("history", Err::<(), _>(error), ErrorKind::Connection)?;
            holds("the error is retryable", error.is_retryable())?;
        }
    }
    Ok(())
}

/// Edits, deletes and reactions whose answer is lost say that they can be repeated, and repeated they are done once.
pub async fn changes_with_a_lost_answer_can_be_repeated(subject: Team) -> Outcome {
    let (team, faults) = (&subject.handle, subject.faults()?);
    let capabilities = team.capabilities();
    let sent = team.send(subject.channel(), subject.says("a")).await?;
    let retryable = |what: &str, result: Result<()>| match result {
        Ok(()) => Ok(()),
        Err(error) => holds(format!("{error}, of {what}, is retryable"), error.is_retryable()),
    };
    if capabilities.edit {
        faults.inject(Fault::LoseAnswer);
        retryable("edit", team.edit(&sent, subject.says("b")).await.map(drop))?;
        team.edit(&sent, subject.says("b")).await?;
    }
    if capabilities.react {
        faults.inject(Fault::LoseAnswer);
        retryable("react", team.react(&sent, "tada").await)?;
        team.react(&sent, "tada").await?;
        if capabilities.history {
            let counts: Vec<u64> = subject.present(&sent).await?.reactions.iter().map(|one| one.count).collect();
            equal("the reactions", &counts, &[1])?;
        }
    }
    if capabilities.delete {
        faults.inject(Fault::LoseAnswer);
        retryable("delete", team.delete(&sent).await)?;
        team.delete(&sent).await?;
    }
    Ok(())
}

/// Of many messages, the one whose call fails is marked, and the others are sent.
pub async fn send_many_with_a_failed_call_marks_only_it(subject: Team) -> Outcome {
    subject.faults()?.inject(Fault::Delay { by: Duration::from_millis(1) });
    subject.faults()?.inject(Fault::Unavailable);
    let texts = ["a", "b", "c"];
    let results = subject.handle.send_many(subject.channel(), texts.map(|text| subject.says(text))).await?;
    let failed: Vec<usize> = results.failures().map(|(at, _)| at).collect();
    holds(format!("at most the second fails, not {failed:?}"), failed.is_empty() || failed == [1])?;
    for (_, error) in results.failures() {
        equal("the kind", &error.kind(), &ErrorKind::Unavailable)?;
    }
    if subject.handle.capabilities().history {
        let expected: Vec<&str> = (0..3).filter(|at| !failed.contains(at)).map(|at| texts[at]).collect();
        equal("the messages", &subject.texts(&subject.channel()).await?, &expected)?;
    }
    Ok(())
}

/// A history whose page fails ends in that error; it is never short.
pub async fn history_with_a_failed_page_is_never_short(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    subject.handle.send_many(subject.channel(), ["a", "b", "c", "d"].map(|text| subject.says(text))).await?.all()?;
    let list = subject.handle.history(subject.channel()).limit(4);
    is_never_short(list, 4, subject.faults()?).await
}

/// A message to a service that never answers is unknown at its deadline: it may have been sent.
pub async fn silent_send_is_unknown_at_the_deadline(subject: Team) -> Outcome {
    subject.faults()?.inject(Fault::Silent);
    let started = tokio::time::Instant::now();
    let result = subject.handle.with(with_deadline()).send(subject.channel(), subject.says("a")).await;
    let error = unknown("send", result)?;
    holds("a silent service has not sent it", error.is_some())?;
    holds("it ends soon after its deadline", started.elapsed() < Duration::from_secs(5))
}

/// Any other call to a service that never answers is `Timeout` at its deadline.
pub async fn silent_messenger_is_a_timeout_at_the_deadline(subject: Team) -> Outcome {
    let sent = subject.handle.send(subject.channel(), subject.says("a")).await?;
    let (team, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    let capabilities = team.capabilities();
    if capabilities.edit {
        times_out("edit", faults, || team.edit(&sent, "b")).await?;
    }
    if capabilities.react {
        times_out("react", faults, || team.react(&sent, "tada")).await?;
    }
    if capabilities.history {
        times_out("history", faults, || team.history(subject.channel()).page()).await?;
    }
    if capabilities.channels {
        times_out("channels", faults, || team.channels().page()).await?;
    }
    if capabilities.delete {
        times_out("delete", faults, || team.delete(&sent)).await?;
    }
    Ok(())
}

/// A call to a service that never answers ends at once when its scope is cancelled.
pub async fn silent_messenger_is_cancelled_at_once(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    is_cancelled("history", subject.faults()?, |options| {
        let (team, channel) = (subject.handle.with(options), subject.channel());
        async move { team.history(channel).page().await }
    })
    .await
}

/// A call that is dropped while the service is silent leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Team) -> Outcome {
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = subject.handle.send(subject.channel(), subject.says("dropped"));
        holds("a silent service does not answer", tokio::time::timeout(Duration::from_millis(1), call).await.is_err())?;
    }
    // One that was dropped before it was made has left its fault.
    subject.faults()?.clear();
    subject.handle.send(subject.channel(), subject.says("a")).await?;
    if subject.handle.capabilities().history {
        equal("the messages", &subject.texts(&subject.channel()).await?, &["a"])?;
    }
    Ok(())
}
