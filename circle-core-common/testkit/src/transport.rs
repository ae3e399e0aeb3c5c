//! Transports for tests: answers from memory, and conversations written down and played again.

mod canned;
mod cassette;
mod recording;
mod replay;
mod secrets;
mod stranger;
#[cfg(test)]
mod tests;

use std::time::Instant;

use bytes::Bytes;
pub use canned::CannedTransport;
use circle_core_common::http::{TransportBody, TransportRequest};
use circle_core_common::{ByteSize, Result};
pub use recording::RecordingTransport;
pub use replay::ReplayTransport;
pub use stranger::Stranger;

use crate::fault_server::Received;

/// The largest body that is held.
const LONGEST_BODY: ByteSize = ByteSize::mib(128);

/// The body of a request, whole.
async fn body(body: TransportBody) -> Result<Bytes> {
    match body {
        TransportBody::Empty => Ok(Bytes::new()),
        TransportBody::Bytes(bytes) => Ok(bytes),
        TransportBody::Stream { stream, .. } => stream.collect(Some(LONGEST_BODY)).await,
    }
}

/// A request as a server would have received it.
async fn received(request: TransportRequest) -> Result<Received> {
    // The transport adds it: no request has it before.
    let host = ("host".to_owned(), request.target.origin.authority().to_string());
    let headers = request.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = std::iter::once(host).chain(headers).collect();
    let (method, target) = (request.method.as_str().to_owned(), request.target.path_and_query);
    let body = body(request.body).await?;
    Ok(Received { method, target, headers, body, connection: 0, at: Instant::now(), raw: Bytes::new() })
}
