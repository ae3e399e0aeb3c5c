//! A stand-in for a service that honours presigned requests.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::object_store::{
    ObjectStore, ObjectStoreCapabilities, PresignMethod, PresignRequest, PresignedRequest,
};
use circle_core_common::suite::Sender;
use circle_core_common::{Clock, Error, ErrorKind, Result, ResultExt, Timestamp};
use circle_core_testkit::Decoration;

/// Makes requests and answers them: the signature is the number of the request.
#[derive(Clone)]
pub(crate) struct Presigner {
    store: ObjectStore,
    capabilities: ObjectStoreCapabilities,
    made: Arc<Mutex<Vec<(PresignRequest, Timestamp)>>>,
}

impl Presigner {
    pub(crate) fn over(store: ObjectStore) -> Self {
        let capabilities = store.capabilities().clone();
        let capabilities = capabilities.with(ObjectStoreCapabilities::PRESIGN_GET).with(ObjectStoreCapabilities::PRESIGN_PUT);
        Self { store, capabilities, made: Arc::default() }
    }

    fn made(&self, signature: &str) -> Option<(PresignRequest, Timestamp)> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(signature.parse::<usize>().ok()?).cloned()
    }
}

impl Decoration for Presigner {
    fn object_store<'a>(&'a self, _: &'a ObjectStoreCapabilities) -> &'a ObjectStoreCapabilities {
        &self.capabilities
    }

    fn presign(&self, request: &PresignRequest) -> Option<Result<PresignedRequest>> {
        let expires = Clock::System.timestamp() + request.expires;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.push((request.clone(), expires));
        let uri = format!("http://store.example/object?signature={}", made.len() - 1).parse().ok()?;
        let method = if request.method == PresignMethod::Put { http::Method::PUT } else { http::Method::GET };
        let mut headers = http::HeaderMap::new();
        if let Some(content_type) = &request.options.content_type {
            headers.insert(http::header::CONTENT_TYPE, content_type.parse().ok()?);
        }
        Some(Ok(PresignedRequest::new(method, uri, headers, expires)))
    }
}

#[async_trait]
impl Sender for Presigner {
    async fn send(&self, request: &PresignedRequest, body: Bytes) -> Result<(u16, Bytes)> {
        let signature = request.uri.query().and_then(|query| query.strip_prefix("signature="));
        let Some((made, expires)) = signature.and_then(|signature| self.made(signature)) else { return Ok((403, Bytes::new())) };
        let sent_type = request.headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let expired = Clock::System.timestamp() > expires;
        match (made.method, request.method.as_str()) {
            (PresignMethod::Get, "GET") if !expired => match self.store.get(&made.key).await.optional()? {
                Some(object) => Ok((200, object.bytes().await?)),
                None => Ok((404, Bytes::new())),
            },
            (PresignMethod::Put, "PUT") if !expired && made.options.content_type.as_deref().map(str::as_bytes) == sent_type => {
                self.store.put(&made.key, body).await.map(|_| (200, Bytes::new()))
            }
            (PresignMethod::Get | PresignMethod::Put, _) => Ok((403, Bytes::new())),
            (other, _) => Err(Error::new(ErrorKind::Unsupported, format!("a presigned {other:?}"))),
        }
    }
}
