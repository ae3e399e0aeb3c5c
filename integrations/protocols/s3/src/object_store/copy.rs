//! Copies within the bucket. The source is looked at first: what a copy answers tells neither size nor metadata.

use circle_core_common::interfaces::object_store::{
    CopyRequest, HeadOptions, ObjectKey, ObjectMeta, Precondition, PutOptions, UploadId,
};
use circle_core_common::{CallContext, ErrorKind, Reason, Result, ResultExt, Version};

use crate::client::{CopyObject, CopyPart, Made, S3Client};
use crate::error::is_absent;
use crate::extension::{S3Copy, S3Get};
use crate::metadata;

/// How often a copy begins anew because its source was written meanwhile.
const ATTEMPTS: u32 = 5;
/// How large the parts of a copy are that is too large for one request, where they are not too many then.
const PART: u64 = 1 << 30;

pub(super) async fn within(client: &S3Client, cx: &CallContext, request: &CopyRequest) -> Result<ObjectMeta> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let source = head_source(client, cx, request).await?;
        let made = match source.size > client.profile().copy_max.as_u64() {
            false => in_one(client, cx, request, &source).await,
            true => in_parts(client, cx, request, &source).await,
        };
        match made {
            Ok(made) => return Ok(described(client, request, source, made)),
            Err(error) if is_absent(&error) => return Err(error.with_resource(request.from.shared())),
            // The source or the target: both say the same.
            Err(error) if left > 0 && is_refused(error.kind(), error.reason()) => {
                if request.options.if_absent && target_exists(client, cx, request).await? {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_refused(kind: ErrorKind, reason: Option<Reason>) -> bool {
    kind == ErrorKind::AlreadyExists || reason == Some(Reason::VersionMismatch)
}

async fn head_source(client: &S3Client, cx: &CallContext, request: &CopyRequest) -> Result<ObjectMeta> {
    let mut head = HeadOptions::new();
    head.version = request.options.source_version.clone();
    if let Some(key) = extras(request).and_then(|extras| extras.source_key.clone()) {
        head = head.extension(S3Get::new().customer_key(key));
    }
    client.head_object(cx, &request.from, &head).await.map_err(|error| error.with_resource(request.from.shared()))
}

async fn target_exists(client: &S3Client, cx: &CallContext, request: &CopyRequest) -> Result<bool> {
    let mut head = HeadOptions::new();
    head.extensions = request.options.extensions.clone();
    Ok(client.head_object(cx, &request.to, &head).await.optional()?.is_some())
}

fn extras(request: &CopyRequest) -> Option<&S3Copy> {
    request.options.extensions.get()
}

async fn in_one(client: &S3Client, cx: &CallContext, request: &CopyRequest, source: &ObjectMeta) -> Result<Made> {
    // A copy takes what stands beside the content along; what says who has made it, it must have of its own.
    let replaced = match &request.operation {
        Some(operation) => Some(metadata::kept_headers(&at(source, &request.to), Some(operation), client.profile().metadata)?),
        None => None,
    };
    let mut copy = CopyObject::new(&request.from, &request.to, &request.options);
    copy.source_if_match = source.version.as_ref().filter(|version| version.as_etag().is_some());
    copy.replaced = replaced;
    client.copy_object(cx, &copy).await
}

async fn in_parts(client: &S3Client, cx: &CallContext, request: &CopyRequest, source: &ObjectMeta) -> Result<Made> {
    let mut options = PutOptions::new();
    options.content_type = source.content_type.clone();
    options.content_encoding = source.content_encoding.clone();
    options.content_language = source.content_language.clone();
    options.content_disposition = source.content_disposition.clone();
    options.cache_control = source.cache_control.clone();
    options.metadata = source.metadata.clone();
    if let Some(extras) = extras(request) {
        options = options.extension(extras.target());
    }
    let upload = client.create_multipart_upload(cx, &request.to, &options, request.operation.as_ref()).await?;
    let made = copy_parts(client, cx, request, source, &upload).await;
    if made.as_ref().is_err_and(|error| !error.is(ErrorKind::OutcomeUnknown)) {
        // The first error says what happened; an upload that stays is found by the bucket's lifecycle.
        let _ = client.abort_multipart_upload(cx, &upload).await;
    }
    // A copy is made again as a whole: there is no content to send.
    made.map_err(|error| match error.reason() {
        Some(Reason::UploadConflict) => error.with_reason(Reason::ConflictingRequest),
        _ => error,
    })
}

async fn copy_parts(
    client: &S3Client,
    cx: &CallContext,
    request: &CopyRequest,
    source: &ObjectMeta,
    upload: &UploadId,
) -> Result<Made> {
    let (version, mut parts) = (source.version()?, Vec::new());
    let size = part_size(source.size, client.profile().capabilities(false).parts_max);
    for (index, from) in (0..).zip((0..source.size).step_by(usize::try_from(size).unwrap_or(usize::MAX))) {
        let bytes = from..from.saturating_add(size).min(source.size);
        let mut copy = CopyPart::new(&request.from, version, bytes);
        copy.extras = extras(request);
        parts.push(client.upload_part_copy(cx, upload, index, &copy).await?);
    }
    let precondition = if request.options.if_absent { Precondition::IfAbsent } else { Precondition::None };
    client.complete_multipart_upload(cx, upload, &parts, &precondition, &request.options.extensions).await
}

/// The size of parts of which at most `parts_max` hold an object.
fn part_size(size: u64, parts_max: u32) -> u64 {
    size.div_ceil(u64::from(parts_max.max(1))).max(PART)
}

fn at(source: &ObjectMeta, key: &ObjectKey) -> ObjectMeta {
    let mut meta = source.clone();
    meta.key = key.clone();
    meta
}

fn described(client: &S3Client, request: &CopyRequest, source: ObjectMeta, made: Made) -> ObjectMeta {
    let mut meta = at(&source, &request.to);
    meta.version = made.version.or_else(|| source.version.as_ref().and_then(Version::as_etag).map(Version::etag));
    meta.modified = made.modified.unwrap_or_else(|| client.environment().clock().timestamp());
    meta.operation = request.operation.clone();
    meta.is_latest = true;
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_until_the_largest_object_fits() {
        let max = 10_000;
        assert_eq!([part_size(1, max), part_size(PART * 10_000, max)], [PART; 2]);
        // 48.8 TiB, the largest object of Amazon.
        let largest = 5 * PART * 10_000;
        assert_eq!((part_size(largest, max), part_size(PART * 10_000 + 1, max)), (5 * PART, PART + 1));
    }
}
