//! Which passages a text cites.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::passage::Passage;

/// A passage that is cited: its number, the file and the headings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Citation {
    /// The number that the text has for it.
    pub number: u32,
    /// The document.
    pub source: String,
    /// The headings, the highest first.
    pub headings: Vec<String>,
}

/// `[2] docs/errors.md > Errors > Retry or not`.
impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.number, crate::ai::split::place(&self.source, &self.headings))
    }
}

/// What a text cites.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cited {
    /// The passages, each once, in the order in which the text names them.
    pub citations: Vec<Citation>,
    /// Numbers that no passage has: what the text says there is made up, or from elsewhere.
    pub unknown: Vec<u32>,
}

impl Cited {
    /// What a text cites of passages, as `[2]`, `[1, 3]` or `[1][3]`. Code and links are no citations.
    #[must_use]
    pub fn of(text: &str, passages: &[Passage]) -> Self {
        let mut cited = Self::default();
        for number in numbers(text) {
            cited.add(number, passages);
        }
        cited
    }

    /// Adds the citation of a number.
    pub(super) fn add(&mut self, number: u32, passages: &[Passage]) {
        match passages.iter().find(|passage| passage.number == number) {
            Some(passage) if !self.citations.iter().any(|citation| citation.number == number) => {
                self.citations.push(passage.citation());
            }
            None if !self.unknown.contains(&number) => self.unknown.push(number),
            _ => {}
        }
    }
}

/// The numbers in brackets, outside of code.
fn numbers(text: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[']) {
        rest = &rest[at..];
        if rest.starts_with('`') {
            // Code ends with as many marks as it began with; marks that never end are no code.
            let marks = rest.len() - rest.trim_start_matches('`').len();
            rest = match closing(&rest[marks..], marks) {
                Some(end) => &rest[marks + end + marks..],
                None => &rest[marks..],
            };
            continue;
        }
        rest = &rest[1..];
        let Some((inner, after)) = rest.split_once(']') else { break };
        let found: Option<Vec<u32>> =
            inner.split(',').map(|number| number.trim().parse().ok().filter(|_| !number.contains('+'))).collect();
        if let Some(found) = found {
            rest = after;
            if !after.starts_with('(') {
                numbers.extend(found);
            }
        }
    }
    numbers
}

/// Where a run of exactly so many marks begins.
fn closing(text: &str, marks: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find('`') {
        let start = from + at;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        if run == marks {
            return Some(start);
        }
        from = start + run;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_brackets_are_citations_and_code_and_links_are_not() {
        for (text, expected) in [
            ("It does [1]. And so [3, 2][1].", &[1, 3, 2, 1][..]),
            ("word[4]. [ 5 ]", &[4, 5]),
            ("`a[1]` and ``b`[2]`` and\n```rust\nlet x = y[3];\n```\nthen [4]", &[4]),
            ("a lone ` mark [1]", &[1]),
            ("[1](https://example.com) [x] [] [1, x] [-1] [+1] [2", &[]),
            ("[see [2]]", &[2]),
            ("[99999999999999]", &[]),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
    }
}
