//! Answers that break, and models that do not answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Caps, Ending, Model, Turn, TurnPart};
use crate::audit::{AuditEvent, AuditMode, AuditRecord, AuditSink, Recording};
use crate::context::{CallOptions, Cancel};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::interfaces::chat_model::{ChatModel, ChatStream, Received};
use crate::suite::{Failed, Fault, Outcome, equal, expect_kind, expect_reason, holds, is_cancelled, times_out, with_deadline};

fn turn() -> Turn {
    Turn::new(vec![
        TurnPart::Reasoning(vec!["Let me".to_owned(), " see.".to_owned()], None),
        TurnPart::Text(vec!["One".to_owned(), " and".to_owned(), " two.".to_owned()]),
    ])
}

/// Reads to the end, which must be an error.
async fn broken(what: &str, stream: Result<ChatStream>) -> Result<Error, Failed> {
    let mut stream = match stream {
        Ok(stream) => stream,
        // The service had said nothing yet.
        Err(error) => return Ok(error),
    };
    loop {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failed::Wrong(format!("{what}: the stream ended as if it were complete"))),
            Err(error) => {
                equal("behind the error", &stream.try_next().await?, &None)?;
                let again = expect_kind("finish after the error", stream.finish().await, error.kind())?;
                holds("finish holds what was received", Received::of(&again).is_some())?;
                return Ok(error);
            }
        }
    }
}

/// Checks that an error holds exactly the first pieces of the turn.
fn holds_the_first(error: &Error, turn: &Turn, pieces: usize) -> Outcome {
    let (mut reasoning, mut text) = (String::new(), String::new());
    for (at, piece) in turn.order().into_iter().take(pieces) {
        if at == 0 { &mut reasoning } else { &mut text }.push_str(piece);
    }
    let received = Received::of(error).cloned().unwrap_or_default();
    equal(format!("the reasoning received after {pieces} pieces"), &received.reasoning(), &reasoning)?;
    equal(format!("the text received after {pieces} pieces"), &received.text(), &text)
}

/// A connection that breaks is an error wherever it breaks, and holds what was received.
pub async fn stream_that_is_cut_holds_what_was_received(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    for pieces in 0..=turn().pieces() {
        subject.answer(turn().ending(Ending::Cut(pieces)))?;
        let error = broken("a stream that is cut", subject.handle.stream("Count.").await).await?;
        equal("the kind", &error.kind(), &ErrorKind::Connection)?;
        holds_the_first(&error, &turn(), pieces)?;
    }
    Ok(())
}

/// A stream that ends without its end is an error wherever it ends, also behind the last piece.
pub async fn stream_that_ends_early_is_truncated(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    for pieces in 0..=turn().pieces() {
        subject.answer(turn().ending(Ending::Early(pieces)))?;
        let error = broken("a stream that ends early", subject.handle.stream("Count.").await).await?;
        equal("the kind", &error.kind(), &ErrorKind::Connection)?;
        equal("the reason", &error.reason(), &Some(Reason::Truncated))?;
        holds_the_first(&error, &turn(), pieces)?;
    }
    Ok(())
}

/// Tool calls that are cut are no calls: the error holds them as far as they came.
pub async fn tool_call_that_is_cut_is_no_call(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.needs(Caps::TOOLS)?;
    for pieces in 0..=2 {
        let call = TurnPart::tool_call("call_1", "weather", &["{\"city\"", ":\"Riga\"}"]);
        subject.answer(Turn::new(vec![call]).ending(Ending::Early(pieces)))?;
        let tool = crate::interfaces::chat_model::Tool::new("weather", "Tells it.", serde_json::json!({ "type": "object" }));
        let request = crate::interfaces::chat_model::ChatRequest::from("How is it?").tool(tool);
        let error = broken("a call that is cut", subject.handle.stream(request).await).await?;
        equal("the kind", &error.kind(), &ErrorKind::Connection)?;
    }
    Ok(())
}

/// What the service says in the middle of its answer is an error of that kind, and holds what was received.
pub async fn stream_that_fails_midway_says_why(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    for pieces in 0..=turn().pieces() {
        subject.answer(turn().ending(Ending::Fails(pieces)))?;
        let error = broken("a stream that fails", subject.handle.stream("Count.").await).await?;
        equal("the kind", &error.kind(), &ErrorKind::Unavailable)?;
        holds_the_first(&error, &turn(), pieces)?;
    }
    Ok(())
}

/// The deadline of the call bounds its stream, too.
pub async fn stream_that_stalls_is_a_timeout_at_the_deadline(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.answer(turn().ending(Ending::Stalls(3)))?;
    let model = subject.handle.with(CallOptions::new().timeout(Duration::from_millis(500)));
    let started = tokio::time::Instant::now();
    let error = broken("a stream that stalls", model.stream("Count.").await).await?;
    let took = started.elapsed();
    equal("the kind", &error.kind(), &ErrorKind::Timeout)?;
    holds_the_first(&error, &turn(), 3)?;
    holds(format!("it ends at its deadline, not after {took:?}"), took < Duration::from_secs(5))
}

/// A stream ends when its call is cancelled.
pub async fn stream_that_stalls_is_cancelled(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.answer(turn().ending(Ending::Stalls(3)))?;
    let cancel = Cancel::new();
    let stream = subject.handle.with(CallOptions::new().cancel(&cancel)).stream("Count.").await?;
    let reading = tokio::spawn(async move { broken("a stream that is cancelled", Ok(stream)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    cancel.cancel();
    let error = reading.await.map_err(|error| Failed::Wrong(error.to_string()))??;
    equal("the kind", &error.kind(), &ErrorKind::Cancelled)?;
    holds("it holds what was received", Received::of(&error).is_some())
}

/// Faults in front of the provider end a stream as its own do.
pub async fn stream_cut_on_its_way_is_an_error(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    let faults = subject.faults()?;
    for (fault, reason) in [
        (Fault::CutBody { after: 3 }, None),
        (Fault::TruncateBody { after: 3 }, Some(Reason::Truncated)),
        (Fault::TruncateBody { after: 0 }, Some(Reason::Truncated)),
    ] {
        subject.answer(turn())?;
        faults.inject(fault.clone());
        let error = broken("a stream that is cut on its way", subject.handle.stream("Count.").await).await?;
        equal("the kind", &error.kind(), &ErrorKind::Connection)?;
        holds(format!("the reason after {fault:?}"), reason.is_none() || error.reason() == reason)?;
    }
    Ok(())
}

/// A model that is busy, down or cut off says so, and that it may pass.
pub async fn busy_unavailable_and_cut_calls_are_retryable(subject: Model) -> Outcome {
    let faults = subject.faults()?;
    for (fault, kind) in [
        (Fault::Throttle { retry_after: Duration::from_secs(3) }, ErrorKind::RateLimited),
        (Fault::Unavailable, ErrorKind::Unavailable),
        (Fault::CutBefore, ErrorKind::Connection),
    ] {
        faults.inject(fault.clone());
        match subject.handle.chat("Is it?").await {
            // Its policies have repeated what could be repeated.
            Ok(_) => {}
            result => holds("the error is retryable", expect_kind(format!("{fault:?}"), result, kind)?.is_retryable())?,
        }
    }
    Ok(())
}

/// A model that never answers is `Timeout` at the deadline: at most 100 ms later, whatever the call.
pub async fn silent_model_is_a_timeout_at_the_deadline(subject: Model) -> Outcome {
    let (model, faults) = (&subject.handle.with(with_deadline()), subject.faults()?);
    times_out("chat", faults, || model.chat("Is it?")).await?;
    if model.capabilities().stream {
        times_out("stream", faults, || model.stream("Is it?")).await?;
    }
    if model.capabilities().count_tokens {
        times_out("count_tokens", faults, || model.count_tokens("Is it?")).await?;
    }
    Ok(())
}

/// A call to a model that never answers ends at once when its scope is cancelled.
pub async fn silent_model_is_cancelled_at_once(subject: Model) -> Outcome {
    is_cancelled("chat", subject.faults()?, |options| {
        let model = subject.handle.with(options);
        async move { model.chat("Is it?").await }
    })
    .await
}

/// What was recorded of calls, as operation and event.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<(&'static str, &'static str)>>>);

impl Records {
    fn get(&self) -> Vec<(&'static str, &'static str)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AuditSink for Records {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        let event = match record.event {
            AuditEvent::Intent => "intent",
            AuditEvent::Refused => "refused",
            AuditEvent::Outcome { outcome, .. } => outcome,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((record.operation, event));
        Recording::Done(Ok(()))
    }

    fn flush(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The call of a stream is over when the stream is, and is recorded as it ended: well, broken or dropped.
pub async fn stream_is_one_call_until_its_end(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    let records = Records::default();
    let model = ChatModel::builder(subject.handle.provider()?.clone()).audit(records.clone(), AuditMode::Required).build();
    let recorded = |outcomes: &[&'static str]| {
        let expected: Vec<_> = outcomes.iter().map(|outcome| ("chat_model.stream", *outcome)).collect();
        equal("the records", &records.get(), &expected)
    };
    subject.answer(turn())?;
    let stream = model.stream("Count.").await?;
    recorded(&["intent"])?;
    stream.finish().await?;
    recorded(&["intent", "ok"])?;
    subject.answer(turn().ending(Ending::Early(2)))?;
    expect_reason("finish", model.stream("Count.").await?.finish().await, ErrorKind::Connection, Reason::Truncated)?;
    recorded(&["intent", "ok", "intent", "connection"])?;
    subject.answer(turn().ending(Ending::Stalls(2)))?;
    let mut stream = model.stream("Count.").await?;
    stream.try_next().await?;
    drop(stream);
    recorded(&["intent", "ok", "intent", "connection", "intent", "cancelled"])
}
