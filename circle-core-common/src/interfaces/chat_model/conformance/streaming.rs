//! Answers as they come.

use std::time::Duration;

use super::{Caps, Ending, Model, Turn, TurnPart};
use crate::interfaces::chat_model::{Assembler, ChatEvent, FinishReason, Usage};
use crate::suite::{Failed, Fault, Outcome, equal, expect_kind, holds};
use crate::{ErrorKind, Sent};

/// A stream begins with `Start`, ends with `End`, and its parts start, grow and end in order.
pub async fn stream_events_are_in_order(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.answer(Turn::text(["One", " and", " two."]).usage(Usage::inclusive(Some(7), Some(0), Some(0)).output(Some(4))))?;
    let mut stream = subject.handle.stream("Count.").await?;
    let (mut assembler, mut events) = (Assembler::new(), Vec::new());
    while let Some(event) = stream.try_next().await? {
        assembler.push(&event)?;
        events.push(event);
    }
    holds("the first is Start", matches!(events.first(), Some(ChatEvent::Start { .. })))?;
    holds("the last is End", matches!(events.last(), Some(ChatEvent::End { .. })))?;
    equal("behind the end", &stream.try_next().await?, &None)?;
    let reply = assembler.finish()?;
    equal("the text", &reply.text(), &"One and two.")?;
    equal("the tokens", &reply.usage.output_total(), &Some(4))
}

/// Every piece that the model writes comes as it is written, and none is lost or comes twice.
pub async fn stream_gives_every_delta(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    let pieces: Vec<String> = (0..50).map(|number| format!("{number} \u{1f98a}é\n")).collect();
    subject.answer(Turn::text(pieces.clone()))?;
    let mut stream = subject.handle.stream("Count.").await?;
    let mut deltas = Vec::new();
    while let Some(event) = stream.try_next().await? {
        if let ChatEvent::TextDelta { text, .. } = event {
            deltas.push(text);
        }
    }
    equal("the deltas together", &deltas.concat(), &pieces.concat())?;
    holds(format!("there is more than one delta, not {}", deltas.len()), deltas.len() > 1)
}

/// A piece is there before the next one is written.
pub async fn stream_does_not_wait_for_its_end(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.answer(Turn::text(["One", " and", " two."]).ending(Ending::Stalls(1)))?;
    let mut stream = subject.handle.stream("Count.").await?;
    let first = async {
        loop {
            match stream.try_next().await? {
                Some(ChatEvent::TextDelta { text, .. }) => return Ok(text),
                Some(_) => {}
                None => return Err(Failed::Wrong("the stream ended".to_owned())),
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(5), first).await {
        Ok(text) => equal("the first piece", &text?, &"One"),
        Err(_) => holds("the first piece comes while the second is not there", false),
    }
}

/// A stream gives the same answer as a call that waits for all of it.
pub async fn stream_and_chat_give_the_same_answer(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    let turn = Turn::new(vec![
        TurnPart::Reasoning(vec!["Let me".to_owned(), " see.".to_owned()], None),
        TurnPart::Text(vec!["It".to_owned(), " is.".to_owned()]),
    ]);
    let turn = turn.usage(Usage::inclusive(Some(12), Some(4), Some(0)).output(Some(9))).finish(FinishReason::Length);
    subject.answer(turn.clone())?;
    let whole = subject.handle.chat("Is it?").await?;
    subject.answer(turn)?;
    let streamed = subject.handle.stream("Is it?").await?.finish().await?;
    equal("the text", &streamed.text(), &whole.text())?;
    equal("the reasoning", &streamed.reasoning(), &whole.reasoning())?;
    equal("why it ended", &streamed.finish, &whole.finish)?;
    equal("the tokens", &streamed.usage, &whole.usage)
}

/// `finish` gives the whole answer, also once a part of it is read.
pub async fn stream_finish_gives_the_whole_answer(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.answer(Turn::text(["One", " and", " two."]))?;
    let mut stream = subject.handle.stream("Count.").await?;
    for _ in 0..3 {
        stream.try_next().await?;
    }
    equal("the text", &stream.finish().await?.text(), &"One and two.")
}

/// What the service refuses fails in the call that opens the stream, and holds nothing received.
pub async fn stream_that_is_refused_fails_when_it_is_opened(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    subject.faults()?.inject(Fault::Throttle { retry_after: Duration::from_secs(7) });
    let error = expect_kind("stream", subject.handle.stream("Count.").await, ErrorKind::RateLimited)?;
    equal("the wait", &error.retry_after(), &Some(Duration::from_secs(7)))?;
    holds("it is not proved unsent", error.sent() != Sent::No)
}

/// A stream that is dropped midway leaves the client as it was.
pub async fn stream_dropped_midway_leaves_the_client_whole(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    for _ in 0..20 {
        subject.answer(Turn::text(["One", " and", " two."]).ending(Ending::Stalls(1)))?;
        let mut stream = subject.handle.stream("Count.").await?;
        stream.try_next().await?;
        drop(stream);
    }
    subject.answer(Turn::text(["Three."]))?;
    equal("the next answer", &subject.handle.stream("Go on.").await?.finish().await?.text(), &"Three.")
}

/// Streams of one client do not disturb each other.
pub async fn streams_at_the_same_time_are_kept_apart(subject: Model) -> Outcome {
    subject.needs(Caps::STREAM)?;
    let mut streams = Vec::new();
    for number in 0..subject.scale.pick(4, 32) {
        subject.answer(Turn::text([format!("{number}"), "!".to_owned()]))?;
        streams.push(subject.handle.stream("Count.").await?);
    }
    for (number, stream) in streams.into_iter().enumerate().rev() {
        equal("the text", &stream.finish().await?.text(), &format!("{number}!"))?;
    }
    Ok(())
}
