//! Plain text.

use super::pieces::{Paragraphs, cut};
use super::{Chunk, sized};

/// Splits plain text between its paragraphs, where it is longer than a piece may be.
///
/// ```
/// use circle_core::ai::TextSplitter;
///
/// let chunks = TextSplitter::new().max_bytes(20).split("Trains leave at six.\n\nTickets are sold.");
/// assert_eq!(chunks[1].text, "Tickets are sold.");
/// ```
#[derive(Clone, Debug)]
pub struct TextSplitter {
    max_bytes: usize,
}

sized!(TextSplitter);

impl TextSplitter {
    /// The pieces of a document, in its order. Together they are all of it but blank lines.
    #[must_use]
    pub fn split(&self, document: &str) -> Vec<Chunk> {
        let pieces = cut(document, 0..document.len(), Paragraphs::Plain, self.max_bytes);
        pieces.into_iter().map(|range| Chunk::of(document, range)).collect()
    }

    pub(super) fn settings(&self) -> String {
        format!("text-1/{}", self.max_bytes)
    }
}
