//! Rust source as far as the lints need it: code without comments and texts, words, and attributes.

/// The same text with comments and the insides of strings and characters blanked. Line breaks and byte positions stay, so
/// a position in the result is a position in the file.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => {
                let end = string_end(bytes, at);
                blank(&mut out[at + 1..end.saturating_sub(1).max(at + 1)]);
                at = end;
                continue;
            }
            b'r' if !is_word(previous(bytes, at)) || previous(bytes, at) == Some(b'b') => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            b'\'' => match character_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        blank(&mut out[at..end]);
        at = end;
    }
    // Blanking replaces whole runs of bytes by spaces, and every other byte is untouched.
    String::from_utf8_lossy(&out).into_owned()
}

/// Byte positions of `word` where it stands alone.
pub(crate) fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| !is_word(previous(text.as_bytes(), at)) && !is_word(text.as_bytes().get(at + word.len()).copied()))
}

/// Attributes `#[…]` and `#![…]` of blanked code: position and content.
pub(crate) fn attributes(code: &str) -> Vec<(usize, &str)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices('#') {
        let open = match (bytes.get(at + 1), bytes.get(at + 2)) {
            (Some(b'['), _) => at + 1,
            (Some(b'!'), Some(b'[')) => at + 2,
            _ => continue,
        };
        let mut depth = 0_usize;
        for (offset, byte) in bytes[open..].iter().enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                found.push((at, &code[open + 1..open + offset]));
                break;
            }
        }
    }
    found
}

/// One-based line of a byte position.
pub(crate) fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn previous(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).map(|at| bytes[at])
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close = [&b"\""[..], &vec![b'#'; hashes]].concat();
    let end = bytes[open + 1..]
        .windows(close.len())
        .position(|window| window == close)
        .map_or(bytes.len(), |length| open + 1 + length + close.len());
    Some(end)
}

/// `None` for a lifetime.
fn character_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes.get(at + 3..)?.iter().position(|byte| *byte == b'\'')?;
        return Some(at + 3 + close + 1);
    }
    let length = match bytes.get(at + 1)? {
        ..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    (bytes.get(at + 1 + length) == Some(&b'\'')).then_some(at + 2 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank_and_the_rest_stays_in_place() {
        let text = "a(\"x\\\"y\"); // y\n/* /* b */ c */ d('\"', 'e', &'life f, r#\"g\"h\"#, b\"k\")";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.find("d("), text.find("d("));
        for gone in ['x', 'y', 'b', 'c', 'g', 'h', 'k'] {
            let alone = format!("{gone}");
            assert!(gone == 'b' || words(&code, &alone).next().is_none(), "{gone} in {code:?}");
        }
        assert!(code.contains("&'life f"));
    }

    #[test]
    fn text_after_an_unusual_character_survives() {
        let text = "let a = 'ü'; let b = '\\''; let c = '\\u{1F600}'; todo";
        assert_eq!(words(&code(text), "todo").count(), 1);
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(words("untagged reuntagged untagged_x", "untagged").count(), 1);
    }

    #[test]
    fn attributes_are_found_with_nested_brackets() {
        let code = "#![deny(a)]\n#[serde(default = [1][0])]\nfn f() {}";
        let contents: Vec<_> = attributes(code).into_iter().map(|(_, inside)| inside).collect();
        assert_eq!(contents, ["deny(a)", "serde(default = [1][0])"]);
        assert_eq!(line(code, attributes(code)[1].0), 2);
    }
}
