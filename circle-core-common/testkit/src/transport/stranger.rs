//! Requests without anybody's credential.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::http::{Guard, HttpTransport, Origin, Target, Transport, TransportBody, TransportRequest};
use circle_core_common::interfaces::object_store::PresignedRequest;
use circle_core_common::suite::Sender;
use circle_core_common::{Error, ErrorKind, Result};

/// Sends presigned requests with what is in them and nothing else, to servers on loopback too: the
/// [`sender`](circle_core_common::suite::Subject::sender) of a subject.
#[derive(Debug)]
pub struct Stranger {
    transport: HttpTransport,
}

impl Stranger {
    /// With connections of its own.
    #[must_use]
    pub fn new() -> Self {
        Self { transport: HttpTransport::builder().build() }
    }
}

impl Default for Stranger {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Sender for Stranger {
    async fn send(&self, request: &PresignedRequest, body: Bytes) -> Result<(u16, Bytes)> {
        let (Some(scheme), Some(authority)) = (request.uri.scheme_str(), request.uri.authority()) else {
            return Err(Error::new(ErrorKind::InvalidInput, "the presigned address has no origin"));
        };
        let origin = Arc::new(Origin::parse_guarded(&format!("{scheme}://{authority}"), Guard::new().loopback(true))?);
        let target = Target::new(&origin, request.uri.path_and_query().map_or("/", |path| path.as_str()));
        let body = if body.is_empty() { TransportBody::Empty } else { TransportBody::Bytes(body) };
        let request = TransportRequest::new(request.method.clone(), target, request.headers.clone(), body);
        let answer = self.transport.send(request).await?;
        Ok((answer.status.as_u16(), answer.body.collect(Some(super::LONGEST_BODY)).await?))
    }
}
