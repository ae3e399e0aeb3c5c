//! The HTTP pipeline of every provider that speaks HTTP: requests, credentials, transport, classification.
//!
//! A provider describes a [`Request`], a static [`RemoteOperation`](crate::resilience::RemoteOperation), and which answers are
//! failures ([`StatusTable`]); [`HttpClient`] does the rest, once and in one order: policies → interceptors → credential →
//! transport → classification.

mod attempt;
mod auth;
mod cache;
mod classify;
mod client;
mod compress;
mod date;
pub mod encode;
mod flow;
mod follow;
mod form;
mod guard;
pub mod headers;
mod hmac;
mod interceptor;
mod json;
mod measure;
mod multipart;
mod origin;
pub mod paging;
mod rate_limit;
mod redact;
mod request;
mod response;
pub mod resumable;
mod retry_after;
mod said;
mod skew;
mod sse;
mod stall;
mod target;
#[cfg(test)]
mod tests;
#[cfg(feature = "tower")]
pub mod tower;
mod transport;
mod upgrade;
mod upload;

pub use auth::{Auth, Sign};
pub use cache::HTTP_CACHE;
pub use classify::{Answer, Classify, Rule, StatusTable};
pub use client::{HttpClient, HttpClientBuilder};
pub use date::parse_date;
pub use guard::Guard;
pub use hmac::{Encoding, Hash, HmacScheme, KeyEncoding, MomentFormat, Pairs, Part, SignatureEncoding};
pub use interceptor::{Interceptor, Outcome, Outgoing};
pub use multipart::Multipart;
pub use origin::{BaseUrl, Origin};
pub use rate_limit::{LimitScope, LimitUnit, RateLimit, Refill};
pub use redact::{Secrets, is_shown};
pub use request::Request;
pub use response::{Opened, Response};
pub use retry_after::retry_after;
pub use said::Said;
pub use skew::ClockSkew;
pub use sse::{Decoded, SseEvent, SseParser, SseStream};
pub use target::Target;
pub use transport::{
    HttpTransport, HttpTransportBuilder, RawConnection, Resolve, TlsIdentity, Transport, TransportBody, TransportRequest,
    TransportResponse, TransportUpgrade,
};
#[cfg(feature = "reqwest")]
pub use transport::{ReqwestTransport, ReqwestTransportBuilder};
pub use upgrade::Upgraded;
