//! Runner, decorators, faults and fixtures for testing Circle Core providers and the applications that use them.
//!
//! A provider's `tests/conformance.rs`, with `harness = false`, is this:
//!
//! ```ignore
//! use circle_core_memory::{Memory, MemoryConfig};
//! use circle_core_testkit::Conformance;
//!
//! fn main() {
//!     Conformance::<Memory>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(MemoryConfig::new().versions(true)))
//!         .native::<Memory>()
//!         .main();
//! }
//! ```
//!
//! A provider that speaks HTTP is held to more, mostly in `tests/contract.rs`: what it sends, byte for byte, to a
//! [`FaultServer`]; what it makes of every [`Failure`], with [`FailureMatrix`]; what it gives back when a call is dropped, with
//! [`drop_sweep`]; what it lets out of its secrets, with [`Capture`], and with `LeakMatrix`, which needs nothing but its type. [`FaultProxy`] breaks the network before a real server.
//! With the feature `http` there are transports: `CannedTransport`, `RecordingTransport`, `ReplayTransport`; a server of
//! HTTP/2 over TLS, `Http2Server`.
//!
//! [`Storm`] makes many calls at once. [`credentials`] holds caches, sources and token stores to their rules.
//!
//! Applications find decorators here: `ObjectStore::new(Faulty::over(Memory::new()).every(3, ErrorKind::Unavailable))`.

mod broken;
mod capture;
mod clock;
mod conformance;
pub mod credentials;
mod drop_sweep;
mod failure_matrix;
mod fake_os;
mod fault_proxy;
mod fault_server;
mod fixture;
#[cfg(feature = "http")]
mod http2_server;
mod interface;
#[cfg(feature = "http")]
mod leaks;
mod metadata;
mod replies;
mod runner;
#[cfg(feature = "http")]
pub mod soak;
mod storm;
#[cfg(feature = "http")]
mod transport;

pub use broken::{Broken, Defect};
pub use capture::Capture;
pub use circle_core_common::suite::{
    Addresses, Canary, Case, Counted, Decorated, Decoration, Failed, Fault, Faults, Faulty, Interception, Mask, Masked, Negative,
    Outcome, Plan, Recorded, Scale, Script, Scripted, Subject, Telemetry, Traffic,
};
pub use clock::ManualClock;
pub use conformance::Conformance;
pub use drop_sweep::drop_sweep;
pub use failure_matrix::{Expected, Failure, FailureMatrix};
pub use fake_os::FakeOs;
pub use fault_proxy::FaultProxy;
pub use fault_server::{Break, FaultServer, Place, Received, Reply};
pub use fixture::Fixture;
#[cfg(feature = "http")]
pub use http2_server::{Certificate, Http2Server};
pub use interface::Suited;
#[cfg(feature = "http")]
pub use leaks::LeakMatrix;
pub use metadata::{assert_metadata, assert_operations};
pub use replies::{Replies, Route};
pub use runner::{Runner, outcomes};
pub use storm::Storm;
#[cfg(feature = "http")]
pub use transport::{CannedTransport, RecordingTransport, ReplayTransport, Stranger};
