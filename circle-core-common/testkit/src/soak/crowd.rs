//! Very many calls at once over few connections.

use std::time::Duration;

use circle_core_common::http::HttpTransport;
use circle_core_common::resilience::{BulkheadSettings, Resilience};
use circle_core_common::{CallOptions, Environment};

use super::{Client, Soaked, not_begun};
use crate::{FaultServer, Reply, Storm};

/// How many of them run at a time.
const PLACES: u32 = 64;
/// Each has as long as that after its turn has come.
const PATIENCE: Duration = Duration::from_secs(600);

/// So many tasks call one server over real sockets at once, through 64 places: all are answered, nobody is starved, no more
/// connections are opened than there are places, and neither a place nor a file descriptor is kept.
pub async fn crowd(tasks: usize) -> Soaked {
    const NAME: &str = "crowd";
    let descriptors = || std::fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
    let before = descriptors();
    let Ok(server) = FaultServer::start().await else { return Soaked::new(NAME).promise("a port", false) };
    server.always(Reply::ok("{}").after(Duration::from_millis(1)));
    let queued = u32::try_from(tasks).unwrap_or(u32::MAX);
    let bulkhead = BulkheadSettings::new().max_in_flight(PLACES).max_queued(queued);
    let resilience = Resilience::new().bulkhead(bulkhead).total_timeout(PATIENCE);
    let transport = HttpTransport::builder().build();
    let client = match Client::new(&server.origin(), Environment::builder(), transport, resilience) {
        Ok(client) => client,
        Err(error) => return not_begun(NAME, &error),
    };
    let calling = client.clone();
    let storm = Storm::of(tasks, move |_| {
        let client = calling.clone();
        async move { client.get(CallOptions::new()).await }
    });
    let storm = storm.await;
    let (median, slow) = (storm.percentile(0.5), storm.percentile(0.99));
    let (held, hits, connections, peak) = (client.in_flight(), server.hits(), server.connections(), server.peak_in_flight());
    // The pool goes with its client, and the connections with the pool.
    drop(client);
    for _ in 0..500 {
        if server.open_connections() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let open = server.open_connections();
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let kept = before.zip(descriptors()).map(|(before, after)| after.saturating_sub(before));
    Soaked::new(NAME)
        .figure("tasks", tasks)
        .figure("ended", &storm)
        .figure("took", format_args!("{:.2?}", storm.took))
        .figure("p50", format_args!("{median:.1?}"))
        .figure("p99", format_args!("{slow:.1?}"))
        .figure("connections", connections)
        .figure("descriptors kept", kept.map_or_else(|| "unknown".to_owned(), |kept| kept.to_string()))
        .promise("every call is answered, and once", storm.succeeded == tasks && hits == tasks)
        // Evenly served, the last of them waits twice as long as the one in the middle.
        .promise("the p99 is at most four times the median", slow <= median * 4)
        .promise("no more run than there are places", peak <= PLACES as usize)
        .promise("no place is kept", held == 0)
        .promise("no connection is kept", open == 0)
        // The machinery of the runtime and of other tests may open one or the other.
        .promise("no file descriptor is kept", kept.is_none_or(|kept| kept <= 8))
}
