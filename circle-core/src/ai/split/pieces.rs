//! Sections in pieces of whole paragraphs, as far as they fit.

use std::ops::Range;

/// What a paragraph is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paragraphs {
    /// Lines between blank ones.
    Plain,
    /// The same, and fenced code is one, blank lines and all.
    Markdown,
}

/// Cuts a section into pieces of whole paragraphs.
pub(super) fn cut(document: &str, section: Range<usize>, kind: Paragraphs, max_bytes: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut piece: Option<Range<usize>> = None;
    for paragraph in paragraphs(document, section, kind) {
        match &mut piece {
            Some(piece) if paragraph.end - piece.start <= max_bytes => piece.end = paragraph.end,
            piece => {
                pieces.extend(piece.take());
                if paragraph.len() <= max_bytes {
                    *piece = Some(paragraph);
                } else {
                    pieces.extend(tear(document, paragraph, max_bytes));
                }
            }
        }
    }
    pieces.extend(piece);
    pieces
}

/// Tears a paragraph that is too long: between lines, else between words, else between characters.
fn tear(document: &str, paragraph: Range<usize>, max_bytes: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut rest = paragraph;
    while rest.len() > max_bytes {
        let end = (rest.start..=rest.start + max_bytes).rev().find(|at| document.is_char_boundary(*at));
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

/// The ranges of the lines, with their ends.
pub(super) fn lines(document: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    document.split_inclusive('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        range
    })
}

/// The marks that open or close fenced code.
pub(super) fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim();
    ['`', '~'].iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(*mark).len();
        (length >= 3).then(|| &line[..length])
    })
}

/// Runs of lines between blank ones.
fn paragraphs(document: &str, section: Range<usize>, kind: Paragraphs) -> Vec<Range<usize>> {
    let mut paragraphs = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut fence: Option<&str> = None;
    for line in lines(&document[section.clone()]) {
        let line = section.start + line.start..section.start + line.end;
        let text = &document[line.clone()];
        let mark = if kind == Paragraphs::Markdown { fence_of(text) } else { None };
        match (fence, mark) {
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
