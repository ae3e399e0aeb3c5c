//! Very many calls at once over few connections.

use std::collections::HashSet;
use std::time::Duration;

use circle_core_common::Environment;
use circle_core_common::http::HttpTransport;
use circle_core_common::resilience::{BulkheadSettings, Resilience};

use super::{Client, Soaked, not_begun};
use crate::{FaultServer, Reply};

/// How many of them run at a time.
const PLACES: u32 = 64;
/// Each has as long as that after its turn has come.
const PATIENCE: Duration = Duration::from_secs(600);

/// So many tasks call one server over real sockets at once, through 64 places: all are answered, nobody is starved, no more
/// connections are opened than there are places, and neither a place nor a file descriptor is kept.
pub async fn crowd(tasks: usize) -> Soaked {
    const NAME: &str = "crowd";
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
    let storm = client.storm(tasks).await;
    let (median, slow) = (storm.percentile(0.5), storm.percentile(0.99));
    let (held, hits, connections, peak) = (client.in_flight(), server.hits(), server.connections(), server.peak_in_flight());
    let leaks = client.leaks();
    // The pool goes with its client, and the connections with the pool.
    drop(client);
    for _ in 0..500 {
        if server.open_connections() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let open = server.open_connections();
    let port = server.address().port();
    drop(server);
    let mut kept = sockets(port);
    for _ in 0..500 {
        if kept.is_none_or(|kept| kept == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        kept = sockets(port);
    }
    Soaked::new(NAME)
        .figure("tasks", tasks)
        .figure("ended", &storm)
        .figure("took", format_args!("{:.2?}", storm.took))
        .figure("p50", format_args!("{median:.1?}"))
        .figure("p99", format_args!("{slow:.1?}"))
        .figure("connections", connections)
        .figure("descriptors kept", kept.map_or_else(|| "unknown".to_owned(), |kept| kept.to_string()))
        .promise("every call is answered, and once", storm.succeeded == tasks && hits == tasks)
        // Evenly served, the last of them waits twice as long as the one in the middle; on a machine with other things to do the
        // clock says less.
        .promise("the p99 is at most four times the median, or 30 s", slow <= (median * 4).max(Duration::from_secs(30)))
        .promise("no more run than there are places", peak <= PLACES as usize)
        .promise("no place is kept", held == 0)
        .promise("nothing shows the secret of the calls", leaks.is_empty())
        .promise("no connection is kept", open == 0)
        .promise("no file descriptor is kept", kept.is_none_or(|kept| kept == 0))
}

/// How many file descriptors of this process are sockets of this port, at either end; `None` where Linux does not tell. The
/// process may have others meanwhile, of tests that run beside this one.
fn sockets(port: u16) -> Option<usize> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let ending = format!(":{port:04X}");
    let inode = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote) = (words.next()?, words.next()?);
        let is_of_port = local.ends_with(&ending) || remote.ends_with(&ending);
        words.nth(6).filter(|_| is_of_port).map(|inode| format!("socket:[{inode}]"))
    };
    let of_port: HashSet<String> = table.lines().filter_map(inode).collect();
    let links = std::fs::read_dir("/proc/self/fd").ok()?.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Some(links.filter(|link| link.to_str().is_some_and(|link| of_port.contains(link))).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sockets_of_a_port_are_counted() -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let Some(listening) = sockets(port) else { return Ok(()) };
        let client = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        let (server, _) = listener.accept().await?;
        assert_eq!((listening, sockets(port)), (1, Some(3)));
        drop((client, server, listener));
        assert_eq!(sockets(port), Some(0));
        Ok(())
    }
}
