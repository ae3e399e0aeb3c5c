//! What moves on, what does not, and when.

mod messages;
mod models;
mod stores;
