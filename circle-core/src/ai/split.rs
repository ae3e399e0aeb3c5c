//! Documents in pieces that are small enough to find and to quote, each with its place.

mod markdown;
mod pieces;
mod text;

use std::fmt;
use std::ops::Range;

pub use markdown::MarkdownSplitter;
pub use text::TextSplitter;

/// How large a piece is at most unless said otherwise: about 400 tokens of English.
const MAX_BYTES: usize = 1600;

/// What splitters into pieces of a size have in common.
macro_rules! sized {
    ($splitter:ident) => {
        impl Default for $splitter {
            fn default() -> Self {
                Self { max_bytes: super::MAX_BYTES }
            }
        }

        impl $splitter {
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
        }
    };
}
use sized;

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
    /// The piece of a document at a place, under no heading; of splitters of one's own.
    ///
    /// # Panics
    /// When the place is not in the document, as slicing does.
    #[must_use]
    pub fn of(document: &str, range: Range<usize>) -> Self {
        Self { headings: Vec::new(), text: document[range.clone()].to_owned(), range }
    }

    /// Sets the headings, the highest first.
    #[must_use]
    pub fn headings<H: Into<String>>(mut self, headings: impl IntoIterator<Item = H>) -> Self {
        self.headings = headings.into_iter().map(Into::into).collect();
        self
    }

    /// The heading that it stands under.
    #[must_use]
    pub fn heading(&self) -> Option<&str> {
        self.headings.last().map(String::as_str)
    }

    /// Where the piece stands, in words: the source and the headings. A passage seldom repeats what it is about, so its
    /// embedding finds more when it is blended with that of its place.
    #[must_use]
    pub fn place(&self, source: &str) -> String {
        place(source, &self.headings)
    }
}

/// Source and headings in one line.
pub(super) fn place(source: &str, headings: &[String]) -> String {
    [source].into_iter().chain(headings.iter().map(String::as_str)).collect::<Vec<_>>().join(" > ")
}

/// What splits documents.
pub trait Splitter: fmt::Debug + Send + Sync + 'static {
    /// The pieces of the document of this name, in its order.
    fn split(&self, name: &str, document: &str) -> Vec<Chunk>;

    /// What changes whenever the same document is split otherwise, so that what is kept of it can be made anew.
    fn settings(&self) -> String;
}

/// Markdown by its ending (`.md`, `.markdown`), and everything else as plain text.
///
/// ```
/// use circle_core::ai::{Splitter, SplitterByName};
///
/// let splitter = SplitterByName::new().max_bytes(600);
/// assert_eq!(splitter.split("guide.md", "# A\n\nb")[0].heading(), Some("A"));
/// assert_eq!(splitter.split("notes.txt", "# A\n\nb")[0].heading(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SplitterByName {
    markdown: MarkdownSplitter,
    text: TextSplitter,
}

impl SplitterByName {
    /// Pieces of at most 1,600 bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes the text of a piece has at most; four of them at least.
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { markdown: self.markdown.max_bytes(max_bytes), text: self.text.max_bytes(max_bytes) }
    }
}

impl Splitter for SplitterByName {
    fn split(&self, name: &str, document: &str) -> Vec<Chunk> {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("md" | "markdown") => self.markdown.split(document),
            _ => self.text.split(document),
        }
    }

    fn settings(&self) -> String {
        format!("{} or {}", self.markdown.settings(), self.text.settings())
    }
}

#[cfg(test)]
mod tests;
