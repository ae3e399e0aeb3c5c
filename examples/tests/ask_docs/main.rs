//! The example `ask_docs`, as the program that people run.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[cfg(unix)]
mod kill;
#[cfg(feature = "production")]
mod live_aws;
#[cfg(feature = "production")]
mod model_server;
#[cfg(feature = "production")]
mod production;
mod program;
mod runs;
#[cfg(feature = "production")]
mod server;
#[cfg(feature = "production")]
mod slack_server;
mod usage;
