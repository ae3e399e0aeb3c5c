//! What is built of models and vectors, over providers that need no account.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod document_index;
mod retrieval;
mod tool_loop;
