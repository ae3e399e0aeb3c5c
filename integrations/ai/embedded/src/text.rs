//! Words of texts.

/// The words of a text, in lower case. A name in camel case is one word, and each of its parts is another.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in text.split(|character: char| !character.is_alphanumeric()).filter(|run| !run.is_empty()) {
        words.push(run.to_lowercase());
        let parts = humps(run);
        if parts.len() > 1 {
            words.extend(parts.into_iter().map(str::to_lowercase));
        }
    }
    words
}

/// The parts of a name in camel case: `KeyValueStore` has three, `HTTPServer` two, `word` one.
fn humps(run: &str) -> Vec<&str> {
    let characters: Vec<(usize, char)> = run.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for window in 1..characters.len() {
        let (at, here) = characters[window];
        let before = characters[window - 1].1;
        let after = characters.get(window + 1).map(|(_, after)| *after);
        let rises = before.is_lowercase() && here.is_uppercase();
        let acronym_ends = before.is_uppercase() && here.is_uppercase() && after.is_some_and(char::is_lowercase);
        if rises || acronym_ends {
            parts.push(&run[start..at]);
            start = at;
        }
    }
    parts.push(&run[start..]);
    parts
}

/// The sentences of a text, as they stand but for line breaks. Lists and tables have one for each line; code has none.
pub(crate) fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in text.lines().chain([""]) {
        let line = line.trim();
        let fence = line.starts_with("```") || line.starts_with("~~~");
        in_code ^= fence;
        let item =
            line.starts_with(['-', '*', '|', '#', '>']) || line.split_once(". ").is_some_and(|(number, _)| is_number(number));
        if line.is_empty() || fence || in_code || item {
            cut(&paragraph, &mut sentences);
            paragraph.clear();
        }
        if fence || in_code {
            continue;
        }
        if !paragraph.is_empty() {
            paragraph.push(' ');
        }
        paragraph.push_str(line);
    }
    sentences
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts a paragraph behind every mark that ends a sentence; an abbreviation is followed by a small letter.
fn cut(paragraph: &str, sentences: &mut Vec<String>) {
    let mut start = 0;
    for (at, mark) in paragraph.char_indices().filter(|(_, mark)| ['.', '!', '?', '。'].contains(mark)) {
        let end = at + mark.len_utf8();
        let mut after = paragraph[end..].chars();
        let ends = match after.next() {
            None => true,
            Some(' ') => !after.next().is_some_and(char::is_lowercase),
            Some(_) => mark == '。',
        };
        if ends {
            sentences.push(paragraph[start..end].trim().to_owned());
            start = end;
        }
    }
    sentences.push(paragraph[start..].trim().to_owned());
    sentences.retain(|sentence| !sentence.is_empty());
}

/// FNV-1a with the finaliser of SplitMix64: the same on every machine, and well spread over all bits.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let hash =
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Whether a word says how things hang together, not what they are.
pub(crate) fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.binary_search(&word).is_ok()
}

/// Those of English, sorted.
const FUNCTION_WORDS: &[&str] = &[
    "a", "about", "after", "again", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been", "before",
    "being", "between", "both", "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "down", "during", "each",
    "either", "else", "every", "few", "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers",
    "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "just", "may", "me", "might", "more", "most",
    "must", "my", "neither", "no", "nor", "not", "now", "of", "off", "on", "once", "one", "only", "or", "other", "our", "out",
    "over", "own", "s", "same", "shall", "she", "should", "so", "some", "such", "t", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "those", "through", "to", "too", "under", "until", "up", "upon", "us", "very",
    "was", "we", "were", "what", "when", "where", "whether", "which", "while", "who", "whom", "whose", "why", "will", "with",
    "within", "without", "would", "you", "your", "yours",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_runs_and_the_parts_of_names() {
        assert_eq!(words("The `put_if_absent` of 3 Stores."), ["the", "put", "if", "absent", "of", "3", "stores"]);
        assert_eq!(words("KeyValueStore"), ["keyvaluestore", "key", "value", "store"]);
        assert_eq!(words("an HTTPServer, ĶĒNIŅŠ"), ["an", "httpserver", "http", "server", "ķēniņš"]);
        assert_eq!(words("?! …"), [""; 0]);
    }

    #[test]
    fn sentences_end_at_marks_lines_of_lists_and_paragraphs() {
        let text = "One sentence\nin two lines. Another, e.g. this one! Version 1.5 too\n\n- an item. With two\n- another\n```\ncode. No.\n```\n1. first\nlast?";
        let expected =
            ["One sentence in two lines.", "Another, e.g. this one!", "Version 1.5 too", "- an item.", "With two", "- another"];
        assert_eq!(sentences(text)[..6], expected);
        assert_eq!(sentences("最初の文。次の文。"), ["最初の文。", "次の文。"]);
        assert_eq!(sentences(" \n "), [""; 0]);
    }

    #[test]
    fn function_words_are_sorted() {
        assert!(FUNCTION_WORDS.is_sorted());
        assert!(is_function_word("the") && !is_function_word("theory"));
    }

    #[test]
    fn hashes_are_pinned() {
        // Stored embeddings are compared with those of later versions.
        assert_eq!((hash(b""), hash(b"riga")), (0xf52a_15e9_a9b5_e89b, 0x4b90_36d3_2dfa_453c));
    }
}
