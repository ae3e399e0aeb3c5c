//! What is built of models and vectors.

mod split;

pub use split::{Chunk, MarkdownSplitter};
