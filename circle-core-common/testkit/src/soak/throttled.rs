//! Very many calls at a service that lets few through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{BudgetSettings, BulkheadSettings, Resilience, Retry};
use circle_core_common::{Environment, Result};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::{Client, Soaked, not_begun};

/// What the service lets through in each second.
const PER_SECOND: u64 = 500;
/// How long a request is on its way there, and an answer back.
const WAY: Duration = Duration::from_millis(2);
/// How many requests of the client run at a time: what is on its way when the service begins to refuse is wasted.
const PLACES: u32 = 16;

/// So many tasks call a service that lets 500 requests through in each second and says to the others when to come again. All
/// get through, next to nothing is wasted, and the service is never idle for long. Under a paused clock.
pub async fn throttle_storm(tasks: usize) -> Soaked {
    const NAME: &str = "throttled";
    let service = Throttling::new();
    let queued = u32::try_from(tasks).unwrap_or(u32::MAX);
    let resilience = Resilience::new()
        .total_timeout(Duration::from_secs(3600))
        .bulkhead(BulkheadSettings::new().max_in_flight(PLACES).max_queued(queued))
        .retry(Retry::new().max_attempts(20).budget(BudgetSettings::new().tokens(10_000)));
    let client = match Client::new("https://service.test", Environment::builder(), service.clone(), resilience) {
        Ok(client) => client,
        Err(error) => return not_begun(NAME, &error),
    };
    let storm = client.storm(tasks).await;
    let (served, refused) = service.counts();
    let wasted = refused as f64 / (served + refused).max(1) as f64;
    // The first second's worth takes no time.
    let seconds = (tasks as f64 / PER_SECOND as f64).ceil();
    let drained = seconds / storm.took.as_secs_f64().ceil().max(1.0);
    Soaked::new(NAME)
        .figure("tasks", tasks)
        .figure("ended", &storm)
        .figure("refused", format_args!("{refused} ({:.1} %)", wasted * 100.0))
        .figure("took", format_args!("{:.1?} for {seconds} s of quota", storm.took))
        .promise("every call gets through", storm.succeeded == tasks && served == tasks)
        .promise("at most 5 % of the requests are wasted", wasted <= 0.05)
        .promise("at least 95 % of the quota is used", drained >= 0.95)
        .promise("no place is kept", client.in_flight() == 0)
        .promise("nothing shows the secret of the calls", client.leaks().is_empty())
}

/// Lets so many requests through in each second.
#[derive(Clone)]
struct Throttling(Arc<Window>);

struct Window {
    began: Instant,
    /// The second, and how many were let through in it.
    second: AtomicU64,
    through: AtomicU64,
    served: AtomicUsize,
    refused: AtomicUsize,
}

impl Throttling {
    fn new() -> Self {
        Self(Arc::new(Window {
            began: Instant::now(),
            second: AtomicU64::new(0),
            through: AtomicU64::new(0),
            served: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }))
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.served.load(Ordering::SeqCst), self.0.refused.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Transport for Throttling {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        tokio::time::sleep(WAY).await;
        let window = &self.0;
        let elapsed = window.began.elapsed();
        if window.second.swap(elapsed.as_secs(), Ordering::SeqCst) != elapsed.as_secs() {
            window.through.store(0, Ordering::SeqCst);
        }
        let mut headers = HeaderMap::new();
        let passes = window.through.fetch_add(1, Ordering::SeqCst) < PER_SECOND;
        let status = if passes {
            window.served.fetch_add(1, Ordering::SeqCst);
            StatusCode::OK
        } else {
            window.refused.fetch_add(1, Ordering::SeqCst);
            let next = Duration::from_secs(elapsed.as_secs() + 1).saturating_sub(elapsed);
            let millis = u64::try_from(next.as_millis()).unwrap_or(u64::MAX);
            headers.insert("retry-after-ms", HeaderValue::from(millis));
            StatusCode::TOO_MANY_REQUESTS
        };
        tokio::time::sleep(WAY).await;
        Ok(TransportResponse::new(status, headers, Bytes::from_static(b"{}")))
    }
}
