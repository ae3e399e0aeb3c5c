//! What is built of models and vectors.

pub mod retrieval;
mod split;
pub mod tools;

pub use split::{Chunk, MarkdownSplitter, Splitter, SplitterByName, TextSplitter};
