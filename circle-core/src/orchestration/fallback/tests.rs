//! What moves on, what does not, and when.

mod models;
