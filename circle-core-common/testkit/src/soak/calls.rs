//! Calls one after the other, for whoever counts what they leave in memory.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::Resilience;
use circle_core_common::{ByteStream, CallOptions, Environment, Error, Result};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Client;
use crate::ManualClock;

/// Calls of which most succeed, and the others fail in every way there is: repeated, throttled, refused for good. Nothing
/// waits, because the clock jumps, and nothing is kept: how much memory they take in the end is for the caller to count.
///
/// ```
/// # use circle_core_testkit::soak::Calls;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), circle_core_common::Error> {
/// let calls = Calls::new()?;
/// let made = calls.make(1_000).await;
/// assert!(made.succeeded > 900 && made.failed > 0);
/// # Ok(())
/// # }
/// ```
pub struct Calls {
    client: Client,
}

/// How many calls came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Calls {
    /// Calls with the default policies.
    ///
    /// # Errors
    /// Why there can be no client.
    pub fn new() -> Result<Self, Error> {
        let environment = Environment::builder().clock(ManualClock::jumping().clock());
        let client = Client::new("https://service.test", environment, Mixed::default(), Resilience::new())?;
        Ok(Self { client })
    }

    /// Makes so many, one after the other.
    pub async fn make(&self, count: u64) -> Made {
        let mut made = Made::default();
        for _ in 0..count {
            match self.client.get(CallOptions::new()).await {
                Ok(()) => made.succeeded += 1,
                Err(_) => made.failed += 1,
            }
        }
        made
    }

    /// Attempts that run; between calls there is none.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.client.in_flight()
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calls({} requests)", self.client.http.origin())
    }
}

/// Answers at once, by the number of the request.
#[derive(Default)]
struct Mixed(AtomicU64);

#[async_trait]
impl Transport for Mixed {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut headers = HeaderMap::new();
        let status = match number % 64 {
            7 => StatusCode::SERVICE_UNAVAILABLE,
            23 => {
                headers.insert("retry-after", HeaderValue::from_static("1"));
                StatusCode::TOO_MANY_REQUESTS
            }
            41 => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        let body = ByteStream::from(Bytes::from_static(b"{\"message\":\"as it is\"}"));
        Ok(TransportResponse::new(status, headers, body))
    }
}
