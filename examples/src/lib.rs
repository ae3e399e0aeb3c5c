//! Examples of Circle Core; every one runs on embedded defaults.
//!
//! What an example needs beyond its command line lives here, so that it can be tested and reused.

#[cfg(unix)]
pub mod archive;
#[cfg(doctest)]
mod guides;
pub mod refunds;
