//! Requests that work without credentials.

use circle_core_common::interfaces::object_store::{PresignMethod, PresignRequest, PresignedRequest};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use http::{HeaderMap, HeaderValue, Method, header};

use super::S3Client;

impl S3Client {
    /// Makes a request that works without credentials until it expires. Sends nothing but what the credentials need.
    ///
    /// # Errors
    /// `Unsupported` for a client without credentials; `InvalidInput` for a life outside the limits.
    pub async fn presign(&self, cx: &CallContext, request: &PresignRequest) -> Result<PresignedRequest> {
        self.check_open()?;
        let place = self.inner.places.current();
        let Some(signer) = place.signer() else {
            return Err(Error::new(ErrorKind::Unsupported, "a client without credentials presigns nothing"));
        };
        let (method, mut headers) = (method(request.method)?, HeaderMap::new());
        if let Some(content_type) = request.options.content_type.as_ref().filter(|_| method == Method::PUT) {
            let value = circle_core_common::http::headers::value(&header::CONTENT_TYPE, content_type)?;
            headers.insert::<header::HeaderName>(header::CONTENT_TYPE, HeaderValue::clone(&value));
        }
        let target = place.object(request.key.as_str());
        let (uri, expires_at) = signer.presign(cx, &method, target, &headers, request.expires, None).await?;
        Ok(PresignedRequest::new(method, uri, headers, expires_at))
    }
}

fn method(method: PresignMethod) -> Result<Method> {
    match method {
        PresignMethod::Get => Ok(Method::GET),
        PresignMethod::Put => Ok(Method::PUT),
        other => Err(Error::new(ErrorKind::Unsupported, format!("S3 presigns no {other:?} here"))),
    }
}
