//! tus 1.0.0 (<https://tus.io/protocols/resumable-upload>), with its extensions Creation, Creation Defer Length and Termination.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, Method};

use super::content_range::gone;
use super::session::{UploadOperations, UploadSession, broken, lasting};
use super::{UploadPart, UploadProtocol, UploadState};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::http::client::HttpClient;
use crate::http::headers;
use crate::http::request::Request;
use crate::http::target::Target;

const VERSION: &str = "1.0.0";

/// Uploads by tus. The output is where the upload is.
#[derive(Clone, Debug)]
pub struct Tus {
    client: HttpClient,
    create: Target,
    metadata: String,
    operations: UploadOperations,
}

impl Tus {
    /// Uploads that are created by a `POST` to `create`.
    #[must_use]
    pub fn new(client: HttpClient, create: Target, operations: UploadOperations) -> Self {
        Self { client, create, metadata: String::new(), operations }
    }

    /// Tells the service something about the content: `filename`, `filetype`.
    ///
    /// # Errors
    /// `InvalidInput`, reason `NameInvalid`, for a name that is empty, has a space, a comma or a letter beyond ASCII.
    pub fn metadata(mut self, name: &str, value: &str) -> Result<Self> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
            let text = format!("`{name}` cannot be a name in the metadata of an upload");
            return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
        }
        if !self.metadata.is_empty() {
            self.metadata.push(',');
        }
        self.metadata.push_str(name);
        if !value.is_empty() {
            self.metadata.push(' ');
            BASE64_STANDARD.encode_string(value, &mut self.metadata);
        }
        Ok(self)
    }

    fn request(&self, session: &UploadSession, method: Method) -> Result<Request> {
        session.request(&self.client, method).header("tus-resumable", VERSION)
    }
}

#[async_trait::async_trait]
impl UploadProtocol for Tus {
    type Output = Target;

    async fn begin(&self, cx: &CallContext, length: Option<u64>) -> Result<UploadSession> {
        let request = Request::post(self.create.clone()).header("tus-resumable", VERSION)?;
        let request = match length {
            Some(length) => request.header("upload-length", &length.to_string())?,
            None => request.header("upload-defer-length", "1")?,
        };
        let metadata = (!self.metadata.is_empty()).then_some(self.metadata.as_str());
        let request = request.header_opt("upload-metadata", metadata)?;
        let begun = self.client.send(cx, self.operations.begin, request).await?;
        let session = UploadSession::of(&self.create, &begun.headers)?;
        session.defer(length.is_none());
        Ok(session)
    }

    async fn send(&self, cx: &CallContext, session: &UploadSession, part: UploadPart) -> Result<UploadState<Target>> {
        // Told twice, the length would be refused.
        let late = part.total.filter(|_| part.last && session.is_deferred()).map(|total| total.to_string());
        let request = self.request(session, Method::PATCH)?.header("upload-offset", &part.offset.to_string())?;
        let request = request.header("content-type", "application/offset+octet-stream")?;
        let request = lasting(request.header_opt("upload-length", late.as_deref())?);
        let sent = self.client.send(cx, self.operations.part, request.body(part.content)).await?;
        if late.is_some() {
            session.defer(false);
        }
        at(session, &sent.headers, part.total.filter(|_| !session.is_deferred()))
    }

    async fn state(&self, cx: &CallContext, session: &UploadSession, length: Option<u64>) -> Result<UploadState<Target>> {
        let request = self.request(session, Method::HEAD)?.header("cache-control", "no-store")?;
        let told = self.client.send(cx, self.operations.state, request).await?;
        session.defer(told.headers.contains_key("upload-defer-length"));
        let announced = headers::text(&told.headers, "upload-length").and_then(|length| length.parse().ok());
        at(session, &told.headers, announced.or(length).filter(|_| !session.is_deferred()))
    }

    async fn abandon(&self, cx: &CallContext, session: &UploadSession) -> Result<()> {
        gone(self.client.send(cx, self.operations.abandon, self.request(session, Method::DELETE)?).await)
    }
}

fn at(session: &UploadSession, headers: &HeaderMap, total: Option<u64>) -> Result<UploadState<Target>> {
    let offset = headers::text(headers, "upload-offset").and_then(|offset| offset.parse().ok());
    let offset: u64 = offset.ok_or_else(|| broken("the service does not say how much of the upload has arrived"))?;
    Ok(if total == Some(offset) { UploadState::Complete(session.target().clone()) } else { UploadState::At(offset) })
}
