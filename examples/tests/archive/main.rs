//! The archive example: its engine over a store in memory, and its program over a folder.
#![cfg(unix)]

mod damage;
mod dedup;
mod prune;
mod round_trip;
mod tree;
