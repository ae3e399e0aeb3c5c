//! What is done when a call fails and may be repeated.

pub mod backoff;
