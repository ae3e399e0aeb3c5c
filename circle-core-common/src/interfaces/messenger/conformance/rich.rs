//! Rich text.

use super::{Caps, Team};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::messenger::{Block, Inline, Mention, Message};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

/// A message of every kind of block and inline, and its words in order.
fn everything(subject: &Team) -> (Message, Vec<String>) {
    let link = Inline::link("linked", "https://a.example/x?y=z");
    let blocks = vec![
        Block::heading(1, "Title"),
        Block::paragraph([
            Inline::text("plain "),
            Inline::strong("strong "),
            Inline::emphasis("emphasised "),
            Inline::Strike(vec!["struck ".into()]),
            Inline::code("coded"),
            Inline::Break,
            link,
        ]),
        Block::bullets(["bullet"]),
        Block::List { start: Some(3), items: vec![vec![Block::paragraph(["outer"]), Block::bullets(["inner"])]] },
        Block::Code { language: Some("rust".to_owned()), text: "let code = \"<&>\";".to_owned() },
        Block::Quote(vec![Block::paragraph(["quoted"])]),
        Block::Divider,
        Block::paragraph([subject.mark()]),
    ];
    let words = ["Title", "plain", "strong", "emphasised", "struck", "coded", "linked", "bullet", "outer", "inner"];
    let words = words.into_iter().chain(["let code = \"<&>\";", "quoted", subject.mark()]);
    (Message::rich(blocks), words.map(str::to_owned).collect())
}

fn in_order(text: &str, words: &[String]) -> Outcome {
    let mut rest = text;
    for word in words {
        let found = rest.split_once(word.as_str());
        holds(format!("{word:?} is in its place in {text:?}"), found.is_some())?;
        rest = found.map_or(rest, |(_, rest)| rest);
    }
    Ok(())
}

/// Every word of rich text is shown, in order, and code as it is written.
pub async fn rich_text_shows_every_word(subject: Team) -> Outcome {
    subject.needs(Caps::RICH)?;
    let (message, words) = everything(&subject);
    let sent = subject.handle.send(subject.channel(), message).await?;
    // Whom a mention names must exist at the service; everybody does, and would not like it.
    let channel = Block::paragraph([Inline::text(subject.says("")), Mention::Channel(sent.channel.clone()).into()]);
    subject.handle.send(subject.channel(), vec![channel]).await?;
    if subject.handle.capabilities().history {
        in_order(&subject.present(&sent).await?.text, &words)?;
    }
    Ok(())
}

/// Without `rich`, the plain text is sent where the caller allows it, and the report says so.
pub async fn rich_text_is_emulated_by_text_where_allowed(subject: Team) -> Outcome {
    let report = CallReport::new();
    let plain = subject.with_capabilities(|capabilities| capabilities.rich = false)?;
    let options = CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report);
    let (message, words) = everything(&subject);
    let sent = plain.with(options).send(subject.channel(), &message).await?;
    equal("what was emulated", &report.get().emulated, &[Caps::RICH.name()])?;
    if subject.handle.capabilities().history {
        let text = subject.present(&sent).await?.text;
        in_order(&text, &words)?;
        equal("the text", &text, &message.plain_text())?;
    }
    Ok(())
}

/// Headings of no level, links that are no addresses and blocks that nest without end are `InvalidInput`; nothing is sent.
pub async fn rich_text_that_is_wrong_is_invalid_input(subject: Team) -> Outcome {
    subject.needs(Caps::RICH)?;
    let deep = (0..Block::DEPTH_MAX).fold(Block::paragraph(["deep"]), |inner, _| Block::Quote(vec![inner]));
    let calls = async {
        for block in [
            Block::heading(0, "x"),
            Block::heading(7, "x"),
            Block::paragraph([Inline::link("x", "no address")]),
            Block::Quote(vec![Block::paragraph([Inline::link("x", "https://a.example/\nb")])]),
            deep,
        ] {
            expect_kind("send", subject.handle.send(subject.channel(), vec![block]).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// More blocks than `blocks_max`, and a longer plain text than `text_max`, are `InvalidInput`, and nothing is sent.
pub async fn rich_text_beyond_the_limits_is_refused_not_cut(subject: Team) -> Outcome {
    subject.needs(Caps::RICH)?;
    let team = subject.with_capabilities(|capabilities| {
        capabilities.blocks_max = capabilities.blocks_max.min(20);
        capabilities.text_max = capabilities.text_max.min(2000);
    })?;
    let (blocks, text) = (team.capabilities().blocks_max, team.capabilities().text_max);
    let calls = async {
        for (message, max) in [
            (Message::rich((0..=blocks).map(|_| Block::paragraph(["x"]))), u64::from(blocks)),
            (Message::rich([Block::paragraph(["x".repeat(text as usize + 1)])]), text),
        ] {
            let result = team.send(subject.channel(), message).await;
            let error = expect_reason("send", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
            equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max))?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await?;
    let most = (1..blocks).map(|_| Block::paragraph(["x"])).chain([Block::paragraph([subject.mark()])]);
    team.send(subject.channel(), Message::rich(most)).await?;
    Ok(())
}
