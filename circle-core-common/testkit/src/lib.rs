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
//! Applications find decorators here: `ObjectStore::new(Faulty::over(Memory::new()).every(3, ErrorKind::Unavailable))`.

mod broken;
mod clock;
mod conformance;
mod fault_proxy;
mod fault_server;
mod fixture;
mod interface;
mod metadata;
mod replies;
mod runner;
#[cfg(feature = "http")]
mod transport;

pub use broken::{Broken, Defect};
pub use circle_core_common::suite::{
    Canary, Case, Counted, Decorated, Decoration, Failed, Fault, Faults, Faulty, Interception, Mask, Masked, Negative, Outcome,
    Plan, Recorded, Scale, Script, Scripted, Subject, Telemetry, Traffic,
};
pub use clock::ManualClock;
pub use conformance::Conformance;
pub use fault_proxy::FaultProxy;
pub use fault_server::{Break, FaultServer, Place, Received, Reply};
pub use fixture::Fixture;
pub use interface::Suited;
pub use metadata::assert_metadata;
pub use replies::{Replies, Route};
pub use runner::{Runner, outcomes};
#[cfg(feature = "http")]
pub use transport::{CannedTransport, RecordingTransport, ReplayTransport, Stranger};
