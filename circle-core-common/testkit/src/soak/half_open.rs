//! Everybody comes back at once to a service that was down.

use std::time::Duration;

use circle_core_common::resilience::{BulkheadSettings, Resilience, Retry};
use circle_core_common::{CallOptions, Environment};

use super::{Client, Soaked, not_begun};
use crate::{CannedTransport, Reply};

/// So many tasks call at once when an open breaker lets the first probe go: one request is sent. Under a paused clock.
pub async fn half_open_storm(tasks: usize) -> Soaked {
    const NAME: &str = "half open";
    let canned = CannedTransport::new();
    let bulkhead = BulkheadSettings::new().max_in_flight(0);
    let resilience = Resilience::new().retry(Retry::off()).bulkhead(bulkhead);
    let client = match Client::new("https://service.test", Environment::builder(), canned.clone(), resilience) {
        Ok(client) => client,
        Err(error) => return not_begun(NAME, &error),
    };
    canned.always(Reply::status(503));
    while client.get(CallOptions::new()).await.is_err_and(|error| error.reason().is_none()) {}
    let before_opening = canned.hits();
    canned.always(Reply::ok("").after(Duration::from_secs(1)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let storm = client.storm(tasks).await;
    let probes = canned.hits() - before_opening;
    Soaked::new(NAME)
        .figure("tasks", tasks)
        .figure("ended", &storm)
        .figure("probes", probes)
        .promise("one request probes", probes == 1 && storm.succeeded == 1)
        .promise("all others are refused by the breaker", storm.failed.get("unavailable/breaker_open") == Some(&(tasks - 1)))
        .promise("no place is kept", client.in_flight() == 0)
        .promise("nothing shows the secret of the calls", client.leaks().is_empty())
}
