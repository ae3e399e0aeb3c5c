//! Text that commands no terminal.

/// Text as it is kept and shown to readers: `\r\n` is a line break, and every other control character but the tab is made
/// visible.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' | '\t' => shown.push(letter),
            letter => shown.push(picture(letter)),
        }
    }
    shown
}

/// Text as it is written to a terminal: what turns the direction of writing round, or breaks lines behind the console's
/// back, is made visible too. Right-to-left scripts need neither.
pub(crate) fn for_terminal(text: &str) -> String {
    let hidden = |letter| matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    visible(text).replace(hidden, "\u{fffd}")
}

/// The same in one line.
pub(crate) fn one_line(text: &str) -> String {
    for_terminal(text).replace(['\n', '\t'], " ")
}

/// A control character's picture (<https://www.unicode.org/charts/PDF/U2400.pdf>); those of C1 have none.
fn picture(letter: char) -> char {
    match letter {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_left() {
        let all: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        let control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
        assert!(!visible(&all).contains(control));
        assert!(!for_terminal(&all).contains(|letter: char| control(letter) || ('\u{2028}'..='\u{202e}').contains(&letter)));
        assert!(!one_line(&all).contains(char::is_control));
    }

    #[test]
    fn what_can_be_seen_stays() {
        assert_eq!(visible("a\r\nb\rc\x1b[31md\u{9b}0m\0"), "a\nb␍c␛[31md\u{fffd}0m␀");
        for text in ["مرحبا שלום", "👩‍👩‍👧‍👦 e\u{301} 日本\tx\ny", "\u{200f}mark"] {
            assert_eq!(for_terminal(text), text);
        }
        assert_eq!(for_terminal("admin\u{202e}gpj.exe\u{2069}"), "admin\u{fffd}gpj.exe\u{fffd}");
    }
}
