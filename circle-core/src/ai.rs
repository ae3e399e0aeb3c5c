//! What is built of models and vectors.

mod split;
pub mod tools;

pub use split::{Chunk, MarkdownSplitter};
