//! Examples of Circle Core; every one runs on embedded defaults.
//!
//! What an example needs beyond its command line lives here, so that it can be tested and reused.

#[cfg(unix)]
pub mod archive;
pub mod ask_docs;
pub mod bar;
#[cfg(feature = "game-day")]
pub mod game_day;
pub mod refunds;
