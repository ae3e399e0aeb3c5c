//! Documents in pieces that are small enough to find and to quote, each with its place.

use std::ops::Range;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// The headings that it stands under, the highest first.
    pub headings: Vec<String>,
    /// Its text, without those headings.
    pub text: String,
    /// Where it stands in the document, in bytes.
    pub range: Range<usize>,
}

impl Chunk {
    /// The heading that it stands under.
    #[must_use]
    pub fn heading(&self) -> Option<&str> {
        self.headings.last().map(String::as_str)
    }

    /// Where the piece stands, in words: the source and the headings. A passage seldom repeats what it is about, so its
    /// embedding finds more when it is blended with that of its place.
    #[must_use]
    pub fn place(&self, source: &str) -> String {
        [source].into_iter().chain(self.headings.iter().map(String::as_str)).collect::<Vec<_>>().join(" > ")
    }
}

/// Splits Markdown at its headings, and long sections between their paragraphs. Fenced code is never taken for a heading,
/// and is cut only when it is longer than a piece may be.
///
/// ```
/// use circle_core::ai::MarkdownSplitter;
///
/// let chunks = MarkdownSplitter::new().split("# Guide\n\nIntro.\n\n## Set-up\n\nInstall it.\n");
/// assert_eq!(chunks.len(), 2);
/// assert_eq!((chunks[1].headings.as_slice(), &*chunks[1].text), (&["Guide".to_owned(), "Set-up".to_owned()][..], "Install it."));
/// ```
#[derive(Clone, Debug)]
pub struct MarkdownSplitter {
    max_bytes: usize,
}

impl Default for MarkdownSplitter {
    fn default() -> Self {
        Self { max_bytes: 1600 }
    }
}

impl MarkdownSplitter {
    /// Pieces of at most 1,600 bytes, which is about 400 tokens of English.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes the text of a piece has at most; four of them at least, so that every character fits.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(4);
        self
    }

    /// The pieces of a document, in its order. Together they are all of it but headings and blank lines.
    #[must_use]
    pub fn split(&self, document: &str) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let mut headings: Vec<(usize, String)> = Vec::new();
        let mut section = 0..0;
        let mut fence: Option<&str> = None;
        for line in lines(document) {
            let text = &document[line.clone()];
            match (fence, fence_of(text)) {
                (None, opening @ Some(_)) => fence = opening,
                // A fence ends with at least as many of its own characters and nothing behind them.
                (Some(open), Some(close)) if close.starts_with(open) && text.trim() == close => fence = None,
                _ => {}
            }
            if let (None, Some((level, title))) = (fence, heading_of(text)) {
                self.cut(document, section.clone(), &headings, &mut chunks);
                headings.retain(|(above, _)| *above < level);
                headings.push((level, title.to_owned()));
                section = line.end..line.end;
            } else {
                section.end = line.end;
            }
        }
        self.cut(document, section, &headings, &mut chunks);
        chunks
    }

    /// Cuts a section into pieces of whole paragraphs.
    fn cut(&self, document: &str, section: Range<usize>, headings: &[(usize, String)], chunks: &mut Vec<Chunk>) {
        let mut piece: Option<Range<usize>> = None;
        let mut emit = |range: Range<usize>| {
            let headings = headings.iter().map(|(_, title)| title.clone()).collect();
            chunks.push(Chunk { headings, text: document[range.clone()].to_owned(), range });
        };
        for paragraph in paragraphs(document, section) {
            match &mut piece {
                Some(piece) if paragraph.end - piece.start <= self.max_bytes => piece.end = paragraph.end,
                piece => {
                    piece.take().into_iter().for_each(&mut emit);
                    if paragraph.len() <= self.max_bytes {
                        *piece = Some(paragraph);
                    } else {
                        self.tear(document, paragraph).into_iter().for_each(&mut emit);
                    }
                }
            }
        }
        piece.into_iter().for_each(&mut emit);
    }

    /// Tears a paragraph that is too long: between lines, else between words, else between characters.
    fn tear(&self, document: &str, paragraph: Range<usize>) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut rest = paragraph;
        while rest.len() > self.max_bytes {
            let end = (rest.start..=rest.start + self.max_bytes).rev().find(|at| document.is_char_boundary(*at));
            let end = end.unwrap_or(rest.end);
            let window = &document[rest.start..end];
            let cut = window.rfind('\n').or_else(|| window.rfind(char::is_whitespace)).filter(|at| *at > 0);
            let end = cut.map_or(end, |at| rest.start + at);
            pieces.extend(trimmed(document, rest.start..end));
            rest.start = end;
        }
        pieces.extend(trimmed(document, rest));
        pieces
    }
}

/// The ranges of the lines, with their ends.
fn lines(document: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    document.split_inclusive('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        range
    })
}

/// The marks that open or close fenced code.
fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim();
    ['`', '~'].iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(*mark).len();
        (length >= 3).then(|| &line[..length])
    })
}

/// Level and title of a heading.
fn heading_of(line: &str) -> Option<(usize, &str)> {
    let level = line.len() - line.trim_start_matches('#').len();
    let title = line[level..].strip_prefix([' ', '\t'])?;
    (1..=6).contains(&level).then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

/// Runs of lines between blank ones; fenced code is one, blank lines and all.
fn paragraphs(document: &str, section: Range<usize>) -> Vec<Range<usize>> {
    let mut paragraphs = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut fence: Option<&str> = None;
    for line in lines(&document[section.clone()]) {
        let line = section.start + line.start..section.start + line.end;
        let text = &document[line.clone()];
        match (fence, fence_of(text)) {
            (None, opening @ Some(_)) => fence = opening,
            (Some(open), Some(close)) if close.starts_with(open) && text.trim() == close => fence = None,
            _ => {}
        }
        if fence.is_none() && text.trim().is_empty() {
            paragraphs.extend(current.take());
        } else {
            current = Some(current.map_or(line.start, |current| current.start)..line.end);
        }
    }
    paragraphs.extend(current);
    paragraphs.into_iter().filter_map(|range| trimmed(document, range)).collect()
}

/// A range without white space at its ends; `None` when nothing is left.
fn trimmed(document: &str, range: Range<usize>) -> Option<Range<usize>> {
    let text = &document[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    let end = start + text.trim().len();
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(max_bytes: usize, document: &str) -> Vec<(String, String)> {
        let chunks = MarkdownSplitter::new().max_bytes(max_bytes).split(document);
        for chunk in &chunks {
            assert_eq!(chunk.text, document[chunk.range.clone()]);
            assert!(chunk.text.len() <= max_bytes.max(4), "{chunk:?}");
        }
        chunks.into_iter().map(|chunk| (chunk.headings.join("/"), chunk.text)).collect()
    }

    fn pairs(chunks: &[(String, String)]) -> Vec<(&str, &str)> {
        chunks.iter().map(|(headings, text)| (headings.as_str(), text.as_str())).collect()
    }

    #[test]
    fn pieces_stand_under_their_headings() {
        let document = "before\n# A\na\n### C ###\nc\n## B\nb\n# D\n\n## E\ne";
        let chunks = split(100, document);
        assert_eq!(pairs(&chunks), [("", "before"), ("A", "a"), ("A/C", "c"), ("A/B", "b"), ("D/E", "e")]);
    }

    #[test]
    fn code_has_no_headings_and_no_paragraphs() {
        let code = "# A\n\n````sh\n# no heading\n\n```\n# nor this\n````\n\n#hashtag\n\n~~~\n## x\n";
        let chunks = split(1000, code);
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].0, "A");
        assert!(chunks[0].1.starts_with("````sh") && chunks[0].1.ends_with("## x"));
        let apart = split(45, code);
        assert_eq!(apart[0].1, "````sh\n# no heading\n\n```\n# nor this\n````");
    }

    #[test]
    fn long_sections_are_cut_between_paragraphs_then_lines_then_words_then_characters() {
        let chunks = split(12, "# A\none two\n\nthree\n\nfour five six\nseven eight nine\n\nabcdefghijklmnop\n\nžžžžžžžž");
        let texts: Vec<&str> = chunks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            texts,
            ["one two", "three", "four five", "six", "seven eight", "nine", "abcdefghijkl", "mnop", "žžžžžž", "žž"]
        );
    }

    #[test]
    fn nothing_is_lost() {
        let document = include_str!("../../../README.md");
        for max_bytes in [4, 50, 500, 5000] {
            let chunks = MarkdownSplitter::new().max_bytes(max_bytes).split(document);
            let mut covered = vec![false; document.len()];
            for chunk in &chunks {
                assert!(chunk.range.clone().all(|at| !std::mem::replace(&mut covered[at], true)), "no byte twice");
            }
            let missed: String = lines(document)
                .filter(|line| heading_of(&document[line.clone()]).is_none() || document[..line.start].ends_with("toml\n"))
                .flat_map(|line| line.filter(|at| !covered[*at]))
                .map(|at| document.as_bytes()[at] as char)
                .collect();
            assert!(missed.trim().is_empty(), "{missed:?}");
        }
    }

    #[test]
    fn a_place_is_source_and_headings() {
        let chunks = MarkdownSplitter::new().split("x\n# A\n## B\nb");
        assert_eq!((chunks[1].heading(), chunks[1].place("a.md").as_str()), (Some("B"), "a.md > A > B"));
        assert_eq!((chunks[0].heading(), chunks[0].place("a.md").as_str()), (None, "a.md"));
    }
}
