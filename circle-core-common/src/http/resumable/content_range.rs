//! Google's resumable uploads (<https://cloud.google.com/storage/docs/performing-resumable-uploads>): parts by
//! `Content-Range`, 308 with `Range` for what has arrived, `bytes */N` to ask.

use http::header::RANGE;
use http::{HeaderMap, Method, StatusCode};

use super::session::{UploadOperations, UploadSession, broken, lasting};
use super::{UploadPart, UploadProtocol, UploadState};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::http::client::HttpClient;
use crate::http::headers;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::units::ByteSize;

/// Parts by `Content-Range`, as Google's services take them. The output is the answer to the last part.
#[derive(Clone, Debug)]
pub struct ContentRange {
    client: HttpClient,
    begin: Request,
    operations: UploadOperations,
}

impl ContentRange {
    /// Uploads that `begin` begins: a `POST` with what the service wants to know of the content. Its length is added.
    #[must_use]
    pub fn new(client: HttpClient, begin: Request, operations: UploadOperations) -> Self {
        Self { client, begin, operations }
    }

    fn put(&self, session: &UploadSession, range: &str) -> Result<Request> {
        let request = session.request(&self.client, Method::PUT).header("content-range", range)?;
        Ok(request.keep_status(StatusCode::PERMANENT_REDIRECT))
    }
}

#[async_trait::async_trait]
impl UploadProtocol for ContentRange {
    type Output = Response;

    async fn begin(&self, cx: &CallContext, length: Option<u64>) -> Result<UploadSession> {
        let length = length.map(|length| length.to_string());
        let request = self.begin.clone().header_opt("x-upload-content-length", length.as_deref())?;
        let begun = self.client.send(cx, self.operations.begin, request).await?;
        UploadSession::of(self.begin.target(), &begun.headers)
    }

    async fn send(&self, cx: &CallContext, session: &UploadSession, part: UploadPart) -> Result<UploadState<Response>> {
        let total = total(part.total);
        let range = match part.offset.checked_add(part.length).and_then(|end| end.checked_sub(1)) {
            Some(last) if part.length > 0 => format!("bytes {}-{last}/{total}", part.offset),
            _ => format!("bytes */{total}"),
        };
        let request = lasting(self.put(session, &range)?).body(part.content);
        state(self.client.send(cx, self.operations.part, request).await?)
    }

    async fn state(&self, cx: &CallContext, session: &UploadSession, length: Option<u64>) -> Result<UploadState<Response>> {
        let request = self.put(session, &format!("bytes */{}", total(length)))?;
        state(self.client.send(cx, self.operations.state, request).await?)
    }

    async fn abandon(&self, cx: &CallContext, session: &UploadSession) -> Result<()> {
        let mut request = session.request(&self.client, Method::DELETE);
        // What a session that was cancelled is answered with.
        if let Ok(cancelled) = StatusCode::from_u16(499) {
            request = request.keep_status(cancelled);
        }
        gone(self.client.send(cx, self.operations.abandon, request).await)
    }

    fn granularity(&self) -> ByteSize {
        ByteSize::kib(256)
    }
}

fn total(length: Option<u64>) -> String {
    length.map_or_else(|| "*".to_owned(), |length| length.to_string())
}

fn state(response: Response) -> Result<UploadState<Response>> {
    match response.status {
        StatusCode::PERMANENT_REDIRECT => arrived(&response.headers).map(UploadState::At),
        _ => Ok(UploadState::Complete(response)),
    }
}

/// How many bytes have arrived: none where there is no `Range`.
fn arrived(headers: &HeaderMap) -> Result<u64> {
    let Some(range) = headers::text(headers, RANGE.as_str()) else { return Ok(0) };
    let last = range.trim().strip_prefix("bytes=0-").or_else(|| range.trim().strip_prefix("bytes 0-"));
    let last: Option<u64> = last.and_then(|last| last.parse().ok());
    last.and_then(|last| last.checked_add(1)).ok_or_else(|| broken("the service does not say how much of the upload has arrived"))
}

/// A session that is not there needs no end.
pub(super) fn gone(ended: Result<Response>) -> Result<()> {
    match ended {
        Ok(_) => Ok(()),
        Err(error) if error.is(ErrorKind::NotFound) => Ok(()),
        Err(error) => Err::<(), Error>(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_arrived() {
        let headers = |range: &str| HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
        assert_eq!(arrived(&HeaderMap::new()).unwrap(), 0);
        assert_eq!(arrived(&headers("bytes=0-0")).unwrap(), 1);
        assert_eq!(arrived(&headers("bytes=0-524287")).unwrap(), 524_288);
        for wrong in
            ["bytes=1-5", "bytes=0-", "bytes=0--1", "0-5", "bytes=0-18446744073709551615", "bytes=0-99999999999999999999"]
        {
            assert!(arrived(&headers(wrong)).unwrap_err().is(ErrorKind::Decode), "{wrong}");
        }
    }
}
