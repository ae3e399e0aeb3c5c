//! Objects: head and get.

use circle_core_common::http::{Request, Target};
use circle_core_common::interfaces::object_store::{ByteRange, GetOptions, HeadOptions, Object, ObjectKey, ObjectMeta};
use circle_core_common::{ByteStream, CallContext, Error, ErrorKind, Extensions, Reason, Result, Version};
use http::{HeaderMap, HeaderValue};

use super::S3Client;
use super::operations::{GET_OBJECT, HEAD_OBJECT};
use super::write::with_headers;
use crate::customer_key::CustomerKey;
use crate::extension::S3Get;
use crate::metadata;

impl S3Client {
    /// HeadObject.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn head_object(&self, cx: &CallContext, key: &ObjectKey, options: &HeadOptions) -> Result<ObjectMeta> {
        let version = version_id(options.version.as_ref())?;
        let headers = self.read_headers(&options.extensions)?;
        let request = |target: Target| with_headers(Request::head(target.query_opt("versionId", version)), &headers);
        let response = self.send(cx, &HEAD_OBJECT, |place| request(place.object(key.as_str()))).await?;
        Ok(metadata::meta(key.clone(), content_length(&response.headers)?, &response.headers, self.versions()))
    }

    /// GetObject. A range that no request can ask for is answered from the object's size.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput`, reason `RangeNotSatisfiable`; `Conflict`, reason `VersionMismatch` or `NotModified`.
    pub async fn get_object(&self, cx: &CallContext, key: &ObjectKey, options: &GetOptions) -> Result<Object> {
        let range = match options.range {
            Some(ByteRange::Bounded(from, to)) if from >= to => return self.empty_range(cx, key, options).await,
            Some(ByteRange::Suffix(0)) => return self.empty_range(cx, key, options).await,
            // Some services read the end as a signed number; no object reaches so far.
            Some(ByteRange::Bounded(from, to)) if to <= i64::MAX as u64 => Some(format!("bytes={from}-{}", to - 1)),
            Some(ByteRange::Bounded(from, _) | ByteRange::From(from)) => Some(format!("bytes={from}-")),
            Some(ByteRange::Suffix(length)) => Some(format!("bytes=-{length}")),
            None => None,
        };
        let version = version_id(options.version.as_ref())?;
        let (matches, differs) = (quoted_etag(options.if_match.as_ref())?, quoted_etag(options.if_none_match.as_ref())?);
        let headers = self.read_headers(&options.extensions)?;
        let request = |target: Target| {
            with_headers(Request::get(target.query_opt("versionId", version)), &headers)?
                .header_opt("range", range.as_deref())?
                .header_opt("if-match", matches.as_deref())?
                .header_opt("if-none-match", differs.as_deref())
        };
        let opened = match self.open(cx, &GET_OBJECT, |place| request(place.object(key.as_str()))).await {
            // Nothing begins at the end of an object for a service; for the interface, nothing does.
            Err(error) if error.reason() == Some(Reason::RangeNotSatisfiable) => {
                return self.empty_range(cx, key, options).await;
            }
            opened => opened?,
        };
        let (size, bytes) = match opened.header("content-range") {
            Some(range) => content_range(range)?,
            None => {
                let size = content_length(&opened.headers)?;
                (size, 0..size)
            }
        };
        if let Some(range) = options.range
            && range.resolve(size)? != bytes
        {
            let text = format!("the service answered bytes {}..{} where others were asked for", bytes.start, bytes.end);
            return Err(Error::new(ErrorKind::Decode, text));
        }
        let mut meta = metadata::meta(key.clone(), size, &opened.headers, self.versions());
        if bytes != (0..size) {
            // Some services send that of the whole, others that of the part.
            meta.checksum = None;
        }
        Ok(Object::new(meta, bytes, opened.body))
    }

    /// The headers of what only S3 knows of a read.
    fn read_headers(&self, extensions: &Extensions) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        self.push_customer_key(&mut headers, CustomerKey::of(extensions), false)?;
        let Some(extras) = extensions.get::<S3Get>() else { return Ok(headers) };
        if extras.checksum {
            headers.insert("x-amz-checksum-mode", HeaderValue::from_static("ENABLED"));
        }
        if extras.requester_pays {
            headers.insert("x-amz-request-payer", HeaderValue::from_static("requester"));
        }
        Ok(headers)
    }

    /// The part of an object that has no bytes, once its size says that it is there.
    async fn empty_range(&self, cx: &CallContext, key: &ObjectKey, options: &GetOptions) -> Result<Object> {
        let mut head = HeadOptions::new();
        head.version = options.version.clone();
        head.extensions = options.extensions.clone();
        let meta = self.head_object(cx, key, &head).await?;
        let etag = meta.version.as_ref().and_then(Version::as_etag);
        let named = |version: &Option<Version>| version.as_ref().is_some_and(|version| version.as_etag() == etag);
        if options.if_match.is_some() && !named(&options.if_match) {
            let text = format!("object `{key}` has another version than the one given");
            return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch));
        }
        if named(&options.if_none_match) {
            let text = format!("object `{key}` still has the version given");
            return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::NotModified));
        }
        let range = options.range.unwrap_or(ByteRange::From(0)).resolve(meta.size)?;
        if !range.is_empty() {
            // The service refused a range that is there now: the object was written in between.
            let text = format!("object `{key}` was written while its range was asked for");
            return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch));
        }
        Ok(Object::new(meta, range, ByteStream::from(bytes::Bytes::new())))
    }
}

pub(super) fn etag(version: Option<&Version>) -> Result<Option<&str>> {
    let foreign =
        || Error::new(ErrorKind::InvalidInput, "the version given has no ETag: it is that of a delete marker, or not S3's");
    version.map(|version| version.as_etag().ok_or_else(foreign)).transpose()
}

pub(super) fn quoted_etag(version: Option<&Version>) -> Result<Option<String>> {
    Ok(etag(version)?.map(|etag| format!("\"{etag}\"")))
}

pub(super) fn version_id(version: Option<&Version>) -> Result<Option<&str>> {
    let foreign =
        || Error::new(ErrorKind::InvalidInput, "the version given has no id: it was told without `versions`, or is not S3's");
    version.map(|version| version.as_generation().ok_or_else(foreign)).transpose()
}

fn content_length(headers: &HeaderMap) -> Result<u64> {
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.ok_or_else(|| Error::new(ErrorKind::Decode, "the service's answer says nothing of the object's size"))
}

/// `bytes 0-9/100`: the size, and the bytes.
fn content_range(text: &str) -> Result<(u64, std::ops::Range<u64>)> {
    let read = || {
        let (bytes, size) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = bytes.split_once('-')?;
        let (first, last, size) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, size.parse::<u64>().ok()?);
        (first <= last && last < size).then_some((size, first..last + 1))
    };
    read().ok_or_else(|| Error::new(ErrorKind::Decode, "the service's `Content-Range` cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_answers_are_read() {
        assert_eq!(content_range("bytes 0-9/100").ok(), Some((100, 0..10)));
        for text in ["", "bytes */100", "bytes 5-4/100", "bytes 0-100/100", "bytes 0-9/*", "items 0-9/100"] {
            assert!(content_range(text).unwrap_err().is(ErrorKind::Decode), "{text}");
        }
    }
}
