//! Files: with a message, and ahead of it.

use bytes::Bytes;

use super::{Caps, Team};
use crate::body::{Body, ByteStream};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::messenger::{Attachment, HistoryOptions, Message};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};
use crate::units::ByteSize;

/// The files of a message come with it, in order, by their names and sizes.
pub async fn attachment_comes_with_the_message(subject: Team) -> Outcome {
    subject.needs(Caps::ATTACHMENTS)?;
    let message = Message::text(subject.says("files"))
        .attach(Attachment::bytes("q3 – küche.csv", "a,b\n1,2\n").content_type("text/csv").description("The numbers"))
        .attach(Attachment::bytes("b.bin", vec![0, 255, 10]));
    let sent = subject.handle.send(subject.channel(), message).await?;
    if subject.handle.capabilities().history {
        let posted = subject.present(&sent).await?;
        equal("the text", &posted.text, &subject.says("files"))?;
        let names: Vec<&str> = posted.attachments.iter().map(|file| file.name.as_str()).collect();
        equal("the names", &names, &["q3 – küche.csv", "b.bin"])?;
        for (file, size) in posted.attachments.iter().zip([8, 3]) {
            equal("the size, where it is told", &file.size.unwrap_or(ByteSize::bytes(size)), &ByteSize::bytes(size))?;
        }
    }
    Ok(())
}

/// A message may be nothing but files.
pub async fn attachments_alone_are_a_message(subject: Team) -> Outcome {
    subject.needs(Caps::ATTACHMENTS)?;
    let message = Message::text("").attach(Attachment::bytes("a.txt", "a"));
    let sent = subject.handle.send(subject.channel(), message).await?;
    if subject.handle.capabilities().history {
        equal("files", &subject.present(&sent).await?.attachments.len(), &1)?;
    }
    Ok(())
}

/// A file whose length nobody knows beforehand is sent whole.
pub async fn attachment_of_a_stream_is_sent_whole(subject: Team) -> Outcome {
    subject.needs(Caps::ATTACHMENTS)?;
    let chunks =
        ByteStream::unfold(0, |number| async move { Ok((number < 10).then(|| (Bytes::from(vec![number; 1000]), number + 1))) });
    let message = Message::text(subject.says("a")).attach(Attachment::body("stream", Body::from_stream(chunks, None)));
    let sent = subject.handle.send(subject.channel(), message).await?;
    if subject.handle.capabilities().history {
        let size = subject.present(&sent).await?.attachments.first().and_then(|file| file.size);
        equal("the size, where it is told", &size.unwrap_or(ByteSize::bytes(10_000)), &ByteSize::bytes(10_000))?;
    }
    Ok(())
}

/// A file above `attachment_max`, and more files than `attachments_max`, are `InvalidInput`; the message is not sent.
pub async fn attachment_outside_the_limits_is_invalid_input(subject: Team) -> Outcome {
    subject.needs(Caps::ATTACHMENTS)?;
    let team = subject.with_capabilities(|capabilities| {
        capabilities.attachment_max = ByteSize::bytes(capabilities.attachment_max.as_u64().min(1000));
    })?;
    let (size, count) = (team.capabilities().attachment_max.as_u64(), team.capabilities().attachments_max);
    let many = (0..=count).fold(Message::text("x"), |message, _| message.attach(Attachment::bytes("a", "a")));
    let calls = async {
        for (message, max) in
            [(Message::text("x").attach(Attachment::bytes("a", vec![0; size as usize + 1])), size), (many, u64::from(count))]
        {
            let result = team.send(subject.channel(), message).await;
            let error = expect_reason("send", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
            equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max))?;
        }
        let missing = Attachment::body("a", Body::from_path("/no/such/file"));
        expect_kind("send", team.send(subject.channel(), Message::text("x").attach(missing)).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(calls).await?;
    let largest = Message::text(subject.says("x")).attach(Attachment::bytes("a", vec![0; size as usize]));
    team.send(subject.channel(), largest).await?;
    Ok(())
}

/// The name of a file is one: no path, no control characters. Else `InvalidInput`, and nothing is sent.
pub async fn attachment_name_that_is_none_is_invalid_input(subject: Team) -> Outcome {
    subject.needs(Caps::ATTACHMENTS)?;
    let calls = async {
        for name in ["", "../a", "/etc/passwd", "a\\b", "a\nb", "a\u{1b}[2J"] {
            let message = Message::text("x").attach(Attachment::bytes(name, "a"));
            let result = subject.handle.send(subject.channel(), message).await;
            expect_reason(format!("the name {name:?}"), result, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A file that was uploaded comes with a later message, under its name.
pub async fn uploaded_file_comes_with_a_later_message(subject: Team) -> Outcome {
    subject.needs(Caps::UPLOAD)?;
    subject.needs(Caps::ATTACHMENTS)?;
    let file = subject.handle.upload(subject.channel(), Attachment::bytes("a.txt", "content")).await?;
    equal("the name", &file.name, &"a.txt")?;
    let sent = subject.handle.send(subject.channel(), Message::text(subject.says("a")).attach(&file)).await?;
    if subject.handle.capabilities().history {
        let posted = subject.present(&sent).await?;
        equal("the names", &posted.attachments.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), &["a.txt"])?;
    }
    let calls = async {
        let again = subject.handle.upload(subject.channel(), Attachment::from(&file)).await;
        expect_kind("upload of what is there", again, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// An upload is no message.
pub async fn upload_is_seen_by_nobody(subject: Team) -> Outcome {
    subject.needs(Caps::UPLOAD)?;
    subject.needs(Caps::HISTORY)?;
    let name = format!("{}.txt", subject.mark());
    subject.handle.upload(subject.channel(), Attachment::bytes(&name, "content")).await?;
    let all = subject.handle.history_with(subject.channel(), HistoryOptions::new()).limit(100).all().await?;
    let shown = all.iter().any(|posted| posted.attachments.iter().any(|file| file.name == name));
    holds("no message has the file", !shown)
}
