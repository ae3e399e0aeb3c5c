//! Plain text: what is written is what is shown.

use super::{Caps, Team};
use crate::error::{ErrorKind, Reason};
use crate::suite::{Outcome, equal, expect_reason, holds};

/// Text in any script comes back character for character: emoji of several characters, combining marks, right to left.
pub async fn text_comes_back_as_it_was_written(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    for text in [
        "plain",
        "ķēniņš é e\u{301} ａ",
        "日本語の文章です",
        "مرحبا بالعالم שלום",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇱🇻 👍🏽",
        "z\u{351}\u{36b}\u{343}a\u{36a}l\u{31a}go",
        "a\tb  c",
        "\"quoted\" 'text' \\ back / slash % _ ? *",
    ] {
        let sent = subject.handle.send(subject.channel(), subject.says(text)).await?;
        equal("the text", &subject.present(&sent).await?.text, &subject.says(text))?;
    }
    Ok(())
}

/// Nothing in a text is markup, an entity, a mention or a link with another address than it shows.
pub async fn text_is_not_read_as_markup(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    for text in [
        "*a* _b_ ~c~ **d** __e__ `f` ```g```",
        "<b>bold</b> & &amp; &lt;i&gt;",
        "# no heading",
        "> no quote",
        "- no item",
        "@everyone @here <!channel> <@U123> <#C123|general>",
        "[shown](https://a.example) <https://a.example|shown>",
        ":tada: {{template}} ${variable}",
    ] {
        let sent = subject.handle.send(subject.channel(), subject.says(text)).await?;
        equal("the text", &subject.present(&sent).await?.text, &subject.says(text))?;
    }
    Ok(())
}

/// Text of many lines is one message, whatever a line looks like.
pub async fn text_of_many_lines_is_one_message(subject: Team) -> Outcome {
    subject.needs(Caps::HISTORY)?;
    let text = "first\n\nthird\n[#general] somebody: not me\n\tindented\nlast";
    let sent = subject.handle.send(subject.channel(), subject.says(text)).await?;
    equal("the text", &subject.present(&sent).await?.text, &subject.says(text))?;
    equal("messages", &subject.texts(&subject.channel()).await?, &[text])
}

/// Control characters but the line break and the tab never reach a reader, whose terminal they could command; what is
/// visible does.
pub async fn control_characters_reach_nobody(subject: Team) -> Outcome {
    let hostile = [
        "a\u{1b}[2J\u{1b}[31mred\u{1b}[0m",
        "\u{1b}]0;title\u{7}red\u{1b}\\",
        "\u{9b}31mred\u{9d}0;title\u{9c}",
        "red\u{8}\u{8}\u{8}\u{7f}\u{0}\u{c}\u{b}",
        "overwritten\rred",
        "\u{1b}P+q544e\u{1b}\\red",
    ];
    for text in hostile {
        let sent = subject.handle.send(subject.channel(), subject.says(text)).await?;
        if subject.handle.capabilities().history {
            let shown = subject.present(&sent).await?.text;
            let control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
            holds(format!("{shown:?} has no control characters"), !shown.contains(control))?;
            holds(format!("{shown:?} has what is visible"), shown.contains("red") && shown.contains(subject.mark()))?;
        }
    }
    Ok(())
}

/// A text as long as `text_max` is sent whole; a longer one is `InvalidInput` with that limit, and nothing is sent.
pub async fn text_beyond_the_limit_is_refused_not_cut(subject: Team) -> Outcome {
    let declared = subject.handle.capabilities();
    // A limit that is too large for a test is put on by it: the handle enforces what is declared.
    let max = declared.text_max.min(subject.scale.pick(500, 40_000) as u64);
    let unit = declared.text_unit;
    let team = subject.with_capabilities(|capabilities| capabilities.text_max = max)?;
    for letter in ["x", "é", "🦀"] {
        let mark = subject.says("");
        let left = max - unit.length(&mark);
        let size = unit.length(letter);
        let longest = format!("{}{}{mark}", letter.repeat((left / size) as usize), "y".repeat((left % size) as usize));
        let call = async {
            let result = team.send(subject.channel(), format!("y{longest}")).await;
            let error = expect_reason("send", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
            equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max))
        };
        subject.sends_nothing(call).await?;
        let sent = team.send(subject.channel(), &longest).await?;
        if declared.history {
            holds("the longest text comes back whole", subject.present(&sent).await?.text == longest)?;
        }
    }
    Ok(())
}
