//! The failure tests by number: what must hold whatever a service, a network or a machine does. The numbers are those of
//! `README.md` beside this file, which says where the rest are.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

mod breaker;
mod credentials;
mod heap;
mod retries;
mod robustness;
mod server;
mod table;
mod trial;
