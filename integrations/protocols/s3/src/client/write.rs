//! Objects: put, delete, copy.

use std::collections::HashMap;

use circle_core_common::http::{Request, Response, Target, encode, headers};
use circle_core_common::interfaces::object_store::{
    CopyOptions, DeleteItem, DeleteOptions, Deleted, ObjectKey, ObjectMeta, Precondition, PutOptions,
};
use circle_core_common::{
    Body, Bulk, CallContext, Error, ErrorKind, Extensions, OperationId, Reason, Result, Sent, Timestamp, Version,
};
use circle_core_protocol_aws_auth::PayloadHash;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::S3Client;
use super::object::{etag, quoted_etag, version_id};
use super::operations::{COPY_OBJECT, DELETE_OBJECT, DELETE_OBJECTS, PUT_OBJECT};
use crate::customer_key::CustomerKey;
use crate::error::{is_absent, refused};
use crate::extension::{Encryption, S3Copy, S3Put};
use crate::metadata;
use crate::models::{Copied, DeleteEntry, DeleteResult, push_delete};
use crate::profile::BulkDelete;
use crate::trailing::TrailingChecksum;

/// What a copy or the end of an upload has made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Made {
    /// The version.
    pub version: Option<Version>,
    /// When, where the service says.
    pub modified: Option<Timestamp>,
}

/// How to copy an object within the bucket, in one request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyObject<'a> {
    /// The source.
    pub from: &'a ObjectKey,
    /// The target.
    pub to: &'a ObjectKey,
    /// What the caller chose.
    pub options: &'a CopyOptions,
    /// Only while the source has this version.
    pub source_if_match: Option<&'a Version>,
    /// The headers of the copy, in place of those of the source.
    pub replaced: Option<HeaderMap>,
}

impl<'a> CopyObject<'a> {
    /// A copy whatever the source's version is, with the headers of the source.
    #[must_use]
    pub fn new(from: &'a ObjectKey, to: &'a ObjectKey, options: &'a CopyOptions) -> Self {
        Self { from, to, options, source_if_match: None, replaced: None }
    }
}

impl S3Client {
    /// PutObject. What the answer leaves out is what was sent.
    ///
    /// # Errors
    /// `AlreadyExists` and `Conflict` by the precondition; `Corrupt` when the checksum does not match.
    pub async fn put_object(
        &self,
        cx: &CallContext,
        key: &ObjectKey,
        body: Body,
        options: &PutOptions,
        operation: Option<&OperationId>,
    ) -> Result<ObjectMeta> {
        let Some(size) = body.length().await? else {
            let text = "S3 wants to know the length of a body; give bytes, a file, or a stream with its length";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        };
        let mut headers = metadata::headers(key, options, operation, self.profile().metadata)?;
        push_extras(self, &mut headers, options.extensions.get())?;
        if let Some((name, value)) = options.checksum.and_then(metadata::checksum_header) {
            headers.insert(name, value);
        }
        push_precondition(&mut headers, &options.precondition)?;
        let trailing = self.trailing_checksum(&options.extensions)?;
        if trailing.is_some() && options.checksum.is_some() {
            let text = "a checksum that is known before stands in a header: leave `trailing_checksum` out";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let hash = trailing.map(TrailingChecksum::payload).or_else(|| metadata::payload_hash(options.checksum, size));
        let request = |target| Ok(with_content(with_headers(Request::put(target), &headers)?, &body, hash.as_ref()));
        let response = self.send(cx, &PUT_OBJECT, |place| request(place.object(key.as_str()))).await;
        let response = response.map_err(|error| refused(error, &options.precondition, key))?;
        let mut meta = metadata::meta(key.clone(), size, &response.headers, self.versions());
        describe(&mut meta, options);
        meta.operation = operation.cloned();
        Ok(meta)
    }

    /// DeleteObject.
    ///
    /// # Errors
    /// `Conflict`, reason `VersionMismatch`.
    pub async fn delete_object(&self, cx: &CallContext, key: &ObjectKey, options: &DeleteOptions) -> Result<Deleted> {
        let (version, etag) = (version_id(options.version.as_ref())?, quoted_etag(options.if_match.as_ref())?);
        let request =
            |target: Target| Request::delete(target.query_opt("versionId", version)).header_opt("if-match", etag.as_deref());
        let response = match self.send(cx, &DELETE_OBJECT, |place| request(place.object(key.as_str()))).await {
            Ok(response) => response,
            Err(error) if is_absent(&error) => {
                return match &options.if_match {
                    Some(version) => Err(refused(error, &Precondition::IfMatch(version.clone()), key)),
                    None => Ok(Deleted::Absent),
                };
            }
            Err(error) => return Err(error),
        };
        let marker = response.header("x-amz-delete-marker") == Some("true") && version.is_none();
        Ok(match response.header("x-amz-version-id").filter(|_| marker) {
            Some(id) => Deleted::Marked(Version::generation(id)),
            None => Deleted::Unknown,
        })
    }

    /// DeleteObjects: one result for each, in order.
    ///
    /// # Errors
    /// When none was deleted.
    pub async fn delete_objects(&self, cx: &CallContext, items: &[DeleteItem]) -> Result<Bulk<Deleted>> {
        let entries = items.iter().map(entry).collect::<Result<Vec<_>>>()?;
        let document = bytes::Bytes::from(push_delete(&entries));
        let (name, digest) = match self.profile().bulk_delete.unwrap_or(BulkDelete::Md5) {
            BulkDelete::Md5 => ("content-md5", metadata::md5(&document)),
            BulkDelete::Sha256 => ("x-amz-checksum-sha256", metadata::sha256(&document)),
        };
        let request = |target: Target| {
            let request = Request::new(Method::POST, target.query_flag("delete")).header(name, &digest)?;
            Ok(request.header("content-type", "application/xml")?.body(document.clone()))
        };
        let response = self.send(cx, &DELETE_OBJECTS, |place| request(place.bucket())).await?;
        let answer = DeleteResult::read(&response.body)?;
        let mut results: HashMap<(String, Option<String>), Result<Deleted>> = HashMap::with_capacity(entries.len());
        for entry in answer.deleted {
            let deleted = match entry.marker_version_id {
                Some(marker) if entry.is_marker && entry.version_id.is_none() => Deleted::Marked(Version::generation(marker)),
                _ => Deleted::Unknown,
            };
            results.insert((entry.key, entry.version_id), Ok(deleted));
        }
        for (key, version, error) in answer.failed {
            let absent = matches!(&*error.code, "NoSuchKey" | "NoSuchVersion");
            results.insert((key, version), if absent { Ok(Deleted::Absent) } else { Err(error.into_entry_error()) });
        }
        let one = |(entry, item): (DeleteEntry, &DeleteItem)| {
            // The same key twice has one result.
            match results.get(&(entry.key, entry.version_id)) {
                Some(Ok(Deleted::Absent)) if entry.etag.is_some() => {
                    let text = format!("object `{}` has another version than the one given, or is absent", item.key);
                    let error = Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch).with_sent(Sent::Yes);
                    Err(error.with_own_resource(item.key.shared()))
                }
                Some(Ok(deleted)) => Ok(deleted.clone()),
                Some(Err(error)) => Err(error.clone().with_own_resource(item.key.shared())),
                None => {
                    let text = "the service's answer to the delete says nothing of the key; it may be deleted or not";
                    Err(Error::new(ErrorKind::Decode, text).with_sent(Sent::Maybe).with_own_resource(item.key.shared()))
                }
            }
        };
        Ok(entries.into_iter().zip(items).map(one).collect())
    }

    /// CopyObject: at most [`S3Profile::copy_max`](crate::S3Profile::copy_max) bytes.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the source has another version; `AlreadyExists` where the target must be absent — or
    /// the source has another version: the service says neither.
    pub async fn copy_object(&self, cx: &CallContext, copy: &CopyObject<'_>) -> Result<Made> {
        let mut headers = copy.replaced.clone().unwrap_or_default();
        let extras = copy.options.extensions.get::<S3Copy>();
        push_extras(self, &mut headers, extras.map(S3Copy::target).as_ref())?;
        self.push_customer_key(&mut headers, extras.and_then(|extras| extras.source_key.as_ref()), true)?;
        let mut push = |name: &'static str, value: &str| -> Result<()> {
            let name = HeaderName::from_static(name);
            let value = headers::value(&name, value)?;
            headers.insert(name, value);
            Ok(())
        };
        push("x-amz-copy-source", &self.source(copy.from, copy.options.source_version.as_ref())?)?;
        if copy.replaced.is_some() {
            push("x-amz-metadata-directive", "REPLACE")?;
        }
        if let Some(etag) = quoted_etag(copy.source_if_match)? {
            push("x-amz-copy-source-if-match", &etag)?;
        }
        if let (true, Some(name)) = (copy.options.if_absent, self.profile().copy_if_absent) {
            push(name, "*")?;
        }
        let request = |target| with_headers(Request::put(target), &headers);
        let response = self.send_lasting(cx, &COPY_OBJECT, |place| request(place.object(copy.to.as_str()))).await;
        let precondition = if copy.options.if_absent { Precondition::IfAbsent } else { Precondition::None };
        let response = response.map_err(|error| refused(error, &precondition, copy.to))?;
        self.made(&response)
    }

    /// The checksum that content is sent with behind it, where the caller chose one.
    ///
    /// # Errors
    /// `Unsupported` where the service knows none, and where nothing is signed: it is the signer that sends it.
    pub(super) fn trailing_checksum(&self, extensions: &Extensions) -> Result<Option<TrailingChecksum>> {
        let chosen = extensions.get::<S3Put>().and_then(|extras| extras.trailing_checksum);
        if chosen.is_some() && !self.profile().trailing_checksums {
            let text = format!("`{}` takes no checksums behind the content", self.profile().name);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        if chosen.is_some() && self.inner.places.current().signer().is_none() {
            return Err(Error::new(ErrorKind::Unsupported, "a client without credentials sends no checksum behind the content"));
        }
        Ok(chosen)
    }

    /// The key that an object is encrypted with, as headers.
    ///
    /// # Errors
    /// `Unsupported` where the service knows none; `InvalidInput` where it could be read on the way.
    pub(super) fn push_customer_key(&self, headers: &mut HeaderMap, key: Option<&CustomerKey>, of_source: bool) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        if !self.profile().customer_keys {
            let text = format!("`{}` takes no keys of its callers", self.profile().name);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        if self.inner.places.current().is_plain() {
            let text = "a customer key goes over `https` only: over plain `http` it could be read on the way";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        key.push(headers, of_source)
    }

    /// What an answer says of what was made.
    pub(super) fn made(&self, response: &Response) -> Result<Made> {
        let copied = Copied::read(&response.body)?;
        let id = response.header("x-amz-version-id").filter(|_| self.versions());
        Ok(Made { version: metadata::version_of(copied.etag.as_deref(), id), modified: copied.modified })
    }

    pub(super) fn source(&self, key: &ObjectKey, version: Option<&Version>) -> Result<String> {
        let mut source = format!("{}/", self.bucket());
        encode::path(&mut source, key.as_str());
        if let Some(id) = version_id(version)? {
            source.push_str("?versionId=");
            encode::query(&mut source, id);
        }
        Ok(source)
    }
}

/// What a put that succeeded has made, as it was asked for.
fn describe(meta: &mut ObjectMeta, options: &PutOptions) {
    meta.content_type = options.content_type.clone();
    meta.content_encoding = options.content_encoding.clone();
    meta.content_language = options.content_language.clone();
    meta.content_disposition = options.content_disposition.clone();
    meta.cache_control = options.cache_control.clone();
    meta.metadata = options.metadata.clone();
    meta.checksum = options.checksum.or(meta.checksum);
}

fn entry(item: &DeleteItem) -> Result<DeleteEntry> {
    let mut entry = DeleteEntry::new(item.key.as_str());
    entry.version_id = version_id(item.options.version.as_ref())?.map(str::to_owned);
    entry.etag = etag(item.options.if_match.as_ref())?.map(str::to_owned);
    Ok(entry)
}

pub(super) fn with_headers(mut request: Request, headers: &HeaderMap) -> Result<Request> {
    for (name, value) in headers {
        // Each was made of text.
        let text = value.to_str().unwrap_or_default();
        let set = if value.is_sensitive() { Request::secret_header } else { Request::header };
        request = set(request, name.as_str(), text)?;
    }
    Ok(request)
}

pub(super) fn with_content(request: Request, body: &Body, hash: Option<&PayloadHash>) -> Request {
    let request = request.body(body.clone());
    match hash {
        Some(hash) => request.extension(hash.clone()),
        None => request,
    }
}

pub(super) fn push_precondition(headers: &mut HeaderMap, precondition: &Precondition) -> Result<()> {
    match precondition {
        Precondition::IfAbsent => {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        Precondition::IfMatch(version) => {
            let etag = quoted_etag(Some(version))?.unwrap_or_default();
            let value = headers::value(&header::IF_MATCH, &etag)?;
            headers.insert(header::IF_MATCH, value);
        }
        _ => {}
    }
    Ok(())
}

/// The headers of what only S3 knows of a put.
pub(super) fn push_extras(client: &S3Client, headers: &mut HeaderMap, extras: Option<&S3Put>) -> Result<()> {
    let Some(extras) = extras else { return Ok(()) };
    let profile = client.profile();
    let lacking = |what: &str, has: bool| {
        if has {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, format!("`{}` has no {what}", profile.name)))
    };
    let mut push = |name: &'static str, value: &str| -> Result<()> {
        let name = HeaderName::from_static(name);
        let value = headers::value(&name, value)?;
        headers.insert(name, value);
        Ok(())
    };
    if let Some(class) = &extras.storage_class {
        lacking("storage classes", profile.storage_classes)?;
        push("x-amz-storage-class", class)?;
    }
    if !extras.tags.is_empty() {
        lacking("tags", profile.tags)?;
        let mut tags = String::new();
        for (key, value) in &extras.tags {
            if !tags.is_empty() {
                tags.push('&');
            }
            encode::query(&mut tags, key);
            tags.push('=');
            encode::query(&mut tags, value);
        }
        push("x-amz-tagging", &tags)?;
    }
    match &extras.encryption {
        None => {}
        Some(Encryption::Customer(key)) => client.push_customer_key(headers, Some(key), false)?,
        Some(encryption) => {
            lacking("encryption with chosen keys", profile.encryption)?;
            match encryption {
                Encryption::Service => push("x-amz-server-side-encryption", "AES256")?,
                Encryption::Kms { key, bucket_key } => {
                    push("x-amz-server-side-encryption", "aws:kms")?;
                    if let Some(key) = key {
                        push("x-amz-server-side-encryption-aws-kms-key-id", key)?;
                    }
                    if *bucket_key {
                        push("x-amz-server-side-encryption-bucket-key-enabled", "true")?;
                    }
                }
                Encryption::Customer(_) => {}
            }
        }
    }
    Ok(())
}
