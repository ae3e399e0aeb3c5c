//! A game day: a service is broken on purpose, and its callers are watched.
//!
//! The [service] is simulated, and so is the time, in which a minute passes at once and every run comes out the same. All
//! between caller and service is real: the [client] is made as a provider's is, and the policies are those of every service. A
//! [scenario] says what breaks when, and which [contestants](scenario::Contestant) call through it; [crowd] lets a hundred callers
//! per second have a go for a minute; [report] says how it went, and [plot] draws it.

pub mod chance;
pub mod client;
pub mod crowd;
pub mod plot;
pub mod report;
pub mod scenario;
pub mod service;

use std::future::Future;

/// Runs a future in a time that passes whenever everybody waits.
///
/// # Errors
/// When there is no runtime to be had.
pub fn in_simulated_time<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(future))
}
