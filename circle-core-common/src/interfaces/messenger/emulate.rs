//! What stands for a capability that is off, where the caller allows it.

use super::{Block, Content, Inline, Sent};

/// How much of a text is quoted, in characters.
const EXCERPT: usize = 140;

/// How a text begins, in one line.
pub(super) fn excerpt(text: &str) -> Option<String> {
    // Where one looks for the end of a line in a text of any length.
    let mut words = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let fits = word.chars().count();
        if length > 0 && length + 1 + fits > EXCERPT {
            words.push('…');
            return Some(words);
        }
        if length > 0 {
            words.push(' ');
            length += 1;
        }
        if fits > EXCERPT {
            words.extend(word.chars().take(EXCERPT));
            words.push('…');
            return Some(words);
        }
        words.push_str(word);
        length += fits;
    }
    (!words.is_empty()).then_some(words)
}

/// A reply as a message of its own that quotes what it replies to.
pub(super) fn quoted(content: Content, sent: &Sent) -> Content {
    let said = match (&sent.excerpt, &sent.permalink) {
        (Some(excerpt), _) => excerpt.clone(),
        (None, Some(permalink)) => permalink.clone(),
        (None, None) => format!("message {}", sent.id.as_str()),
    };
    match content {
        Content::Text(text) => Content::Text(format!("> {said}\n{text}").into()),
        Content::Rich(blocks) => {
            let quote = Block::Quote(vec![Block::Paragraph(vec![Inline::Text(said)])]);
            Content::Rich(std::iter::once(quote).chain(blocks.iter().cloned()).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::messenger::MessageId;

    #[test]
    fn an_excerpt_is_one_line_of_whole_words() {
        assert_eq!(excerpt(" a\n b\tc "), Some("a b c".to_owned()));
        assert_eq!(excerpt(" \n"), None);
        let long = excerpt(&"word ".repeat(100)).unwrap();
        assert!(long.ends_with("word…") && long.chars().count() <= EXCERPT + 1, "{long}");
        assert_eq!(excerpt(&"ä".repeat(1000)).unwrap().chars().count(), EXCERPT + 1);
    }

    #[test]
    fn a_quote_says_what_is_known() {
        let mut sent = Sent::new("#a", MessageId::new("7"));
        let quote = |sent: &Sent| quoted(Content::Text("yes".into()), sent).plain_text().into_owned();
        assert_eq!(quote(&sent), "> message 7\nyes");
        sent.permalink = Some("https://a.example/7".to_owned());
        assert_eq!(quote(&sent), "> https://a.example/7\nyes");
        sent.excerpt = Some("Is it out?".to_owned());
        assert_eq!(quote(&sent), "> Is it out?\nyes");
        let rich = quoted(Content::Rich([Block::paragraph(["yes"])].into()), &sent);
        assert_eq!(rich.plain_text(), "> Is it out?\n\nyes");
    }
}
