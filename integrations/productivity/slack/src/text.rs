//! Text as Slack writes and reads it.
//!
//! In `text`, `&`, `<` and `>` are escaped; what stands between `<` and `>` is a link, a mention or a command
//! (<https://docs.slack.dev/messaging/formatting-message-text>).

/// Text that no reader's terminal obeys: `\r` is a line break, other control characters but the tab are left out.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' => shown.push('\n'),
            '\n' | '\t' => shown.push(letter),
            letter if letter.is_control() => {}
            letter => shown.push(letter),
        }
    }
    shown
}

/// Text in which nothing is a link, a mention or an entity.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            letter => out.push(letter),
        }
    }
    out
}

/// A link; its label and its address cannot end it.
pub(crate) fn link(url: &str, label: &str) -> String {
    let label = label.replace('|', "¦");
    format!("<{}|{}>", escaped(url).replace('|', "%7C"), escaped(&label))
}

/// What a message says, as plain text: links and mentions as people read them.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&unescaped(&rest[..start]));
        let inner = &rest[start + 1..];
        let Some(end) = inner.find('>') else {
            rest = &rest[start..];
            break;
        };
        out.push_str(&unescaped(&spoken(&inner[..end])));
        rest = &inner[end + 1..];
    }
    out.push_str(&unescaped(rest));
    visible(&out)
}

/// What stands between `<` and `>`.
fn spoken(inner: &str) -> String {
    let (what, label) = match inner.split_once('|') {
        Some((what, label)) => (what, Some(label).filter(|label| !label.is_empty())),
        None => (inner, None),
    };
    if let Some(user) = what.strip_prefix('@') {
        return format!("@{}", label.unwrap_or(user).trim_start_matches('@'));
    }
    if let Some(channel) = what.strip_prefix('#') {
        return format!("#{}", label.unwrap_or(channel).trim_start_matches('#'));
    }
    if let Some(command) = what.strip_prefix('!') {
        return match (command, label) {
            (_, Some(label)) if command.starts_with("date^") => label.to_owned(),
            (_, Some(label)) => format!("@{}", label.trim_start_matches('@')),
            (command, None) => format!("@{}", command.rsplit('^').next().unwrap_or(command)),
        };
    }
    // An address that somebody just wrote became a link by itself: its label is what was written.
    match label {
        Some(label) if what == label || what.split_once(':').is_some_and(|(_, rest)| rest.trim_start_matches('/') == label) => {
            label.to_owned()
        }
        Some(label) => format!("{label} ({what})"),
        None => what.to_owned(),
    }
}

fn unescaped(text: &str) -> String {
    // The ampersand last: `&amp;lt;` is the text `&lt;`.
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        for text in [
            "plain",
            "<b>bold</b> & &amp; &lt;i&gt;",
            "<!channel> <@U123> <#C123|general> <https://a.example|shown>",
            "a > b >= c",
            "*a* _b_ `c` :tada:",
            "日本語 👩‍👩‍👧‍👦 \"quoted\" \\ | ¦",
            "a\tb\n\nc",
        ] {
            assert_eq!(plain(&escaped(text)), text);
        }
    }

    #[test]
    fn links_and_mentions_are_spoken() {
        for (text, expected) in [
            ("<https://a.example/x?y=z&amp;w>", "https://a.example/x?y=z&w"),
            ("<https://a.example|all>", "all (https://a.example)"),
            ("<http://a.example|a.example>", "a.example"),
            ("<mailto:ana@example.org|ana@example.org>", "ana@example.org"),
            ("<@U024BE7LH> <@U1|ana>", "@U024BE7LH @ana"),
            ("<#C024BE7LR> <#C1|general>", "#C024BE7LR #general"),
            ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
            ("<!subteam^SAZ94GDB8> <!subteam^S1|@ops>", "@SAZ94GDB8 @ops"),
            ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
            ("a <b", "a <b"),
            ("<>", ""),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn a_link_cannot_be_left() {
        assert_eq!(link("https://a.example/?a|b>c", "x|y> <!channel"), "<https://a.example/?a%7Cb&gt;c|x¦y&gt; &lt;!channel>");
    }

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(visible("a\u{1b}[2Jb\u{7}\u{9b}c\r\nd\re\tf\u{0}"), "a[2Jbc\nd\ne\tf");
    }
}
