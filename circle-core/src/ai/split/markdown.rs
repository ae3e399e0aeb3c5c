//! Markdown.

use std::ops::Range;

use super::pieces::{Paragraphs, cut, fence_of, lines};
use super::{Chunk, sized};

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

sized!(MarkdownSplitter);

impl MarkdownSplitter {
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

    fn cut(&self, document: &str, section: Range<usize>, headings: &[(usize, String)], chunks: &mut Vec<Chunk>) {
        let pieces = cut(document, section, Paragraphs::Markdown, self.max_bytes);
        let titles = || headings.iter().map(|(_, title)| title.as_str());
        chunks.extend(pieces.into_iter().map(|range| Chunk::of(document, range).headings(titles())));
    }

    pub(super) fn settings(&self) -> String {
        format!("markdown-1/{}", self.max_bytes)
    }
}

/// Level and title of a heading.
pub(super) fn heading_of(line: &str) -> Option<(usize, &str)> {
    let level = line.len() - line.trim_start_matches('#').len();
    let title = line[level..].strip_prefix([' ', '\t'])?;
    (1..=6).contains(&level).then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}
