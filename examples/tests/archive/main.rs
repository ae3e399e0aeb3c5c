//! The archive example: its engine over a store in memory, and its program over a folder.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod commands;
mod damage;
mod dedup;
mod kill;
#[cfg(feature = "aws")]
mod live_aws;
mod memory;
mod program;
mod prune;
mod round_trip;
mod tree;
