//! Layers 1 and 2 of Circle Core: the framework, and the common interfaces with their conformance suites.
//!
//! Applications use the facade, `circle-core`. Provider crates, ours and private ones, use this crate.

pub mod access;
pub mod audit;
mod body;
mod bulk;
mod capabilities;
mod client_certificate;
mod clock;
pub mod coalesce;
#[cfg(feature = "config")]
pub mod config;
mod context;
pub mod credentials;
#[cfg(feature = "encryption")]
pub mod encryption;
mod environment;
mod error;
mod extension;
pub mod filter;
pub mod handle;
#[cfg(feature = "http")]
pub mod http;
mod identifier;
#[cfg(feature = "config")]
mod integration;
pub mod interfaces;
mod listing;
mod network;
mod operation;
pub mod provider;
mod random;
pub mod resilience;
pub mod scope;
pub mod secret;
pub mod service;
#[cfg(feature = "testkit")]
pub mod suite;
pub mod telemetry;
mod units;
mod watch;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use body::{Body, ByteStream, Pieces};
pub use bulk::Bulk;
pub use capabilities::Flag;
pub use client_certificate::ClientCertificate;
pub use clock::{Clock, ClockSource, Sleep, Tick};
pub use context::{CacheUse, CallContext, CallOptions, CallReport, Cancel, OnUnsupported, Report, RetryOn};
pub use environment::{Environment, EnvironmentBuilder};
pub use error::{Detail, Error, ErrorKind, FailedAttempt, Limit, Problem, Reason, Resolution, Result, ResultExt, Sent};
pub use extension::{Extension, Extensions};
pub use filter::{Filter, FilterOperator, FilterOperators};
pub use handle::{Handle, HandleBuilder};
pub use identifier::{Fence, OperationId, Version};
#[cfg(feature = "config")]
pub use integration::Integration;
pub use listing::{Cursor, Items, Listing, Page, PageRequest};
pub use network::{Network, ParseNetworkError};
pub use operation::{Class, Operation};
pub use provider::{Health, HealthState, Provider, ProviderInfo};
pub use random::{Random, RandomSource};
pub use secret::SecretRef;
pub use service::{AnyServiceRef, BuildContext, Service, ServiceRef};
pub use units::{ByteSize, ParseByteSizeError, ParseTimestampError, Timestamp};
pub use watch::Watch;
