//! Every remote operation, described once.

use circle_core_common::resilience::{Idempotency, RemoteOperation};

macro_rules! remote {
    ($($name:ident = $text:literal, $idempotency:ident, $template:literal;)+) => {
        $(pub(super) static $name: RemoteOperation = RemoteOperation::new($text, Idempotency::$idempotency, $template);)+

        /// Every request that is made of the service.
        pub const OPERATIONS: &[&RemoteOperation] = &[$(&$name),+];
    };
}

// A put, a copy and the end of an upload leave the same when they are done twice; one with a condition is refused the
// second time, and the id that it keeps beside the object tells whose the object is. A start that is done twice leaves
// one upload that nobody ends: it is found by the lifecycle rule that every bucket should have, and no data is wrong.
remote! {
    HEAD_OBJECT = "s3.HeadObject", Safe, "/{bucket}/{key}";
    GET_OBJECT = "s3.GetObject", Safe, "/{bucket}/{key}";
    PUT_OBJECT = "s3.PutObject", Idempotent, "/{bucket}/{key}";
    DELETE_OBJECT = "s3.DeleteObject", Idempotent, "/{bucket}/{key}";
    DELETE_OBJECTS = "s3.DeleteObjects", Idempotent, "/{bucket}?delete";
    COPY_OBJECT = "s3.CopyObject", Idempotent, "/{bucket}/{key}";
    LIST_OBJECTS = "s3.ListObjects", Safe, "/{bucket}";
    LIST_OBJECTS_V2 = "s3.ListObjectsV2", Safe, "/{bucket}?list-type=2";
    LIST_OBJECT_VERSIONS = "s3.ListObjectVersions", Safe, "/{bucket}?versions";
    CREATE_MULTIPART_UPLOAD = "s3.CreateMultipartUpload", Idempotent, "/{bucket}/{key}?uploads";
    UPLOAD_PART = "s3.UploadPart", Idempotent, "/{bucket}/{key}?partNumber&uploadId";
    UPLOAD_PART_COPY = "s3.UploadPartCopy", Idempotent, "/{bucket}/{key}?partNumber&uploadId";
    COMPLETE_MULTIPART_UPLOAD = "s3.CompleteMultipartUpload", Idempotent, "/{bucket}/{key}?uploadId";
    ABORT_MULTIPART_UPLOAD = "s3.AbortMultipartUpload", Idempotent, "/{bucket}/{key}?uploadId";
    LIST_PARTS = "s3.ListParts", Safe, "/{bucket}/{key}?uploadId";
    LIST_MULTIPART_UPLOADS = "s3.ListMultipartUploads", Safe, "/{bucket}?uploads";
    GET_OBJECT_TAGGING = "s3.GetObjectTagging", Safe, "/{bucket}/{key}?tagging";
    PUT_OBJECT_TAGGING = "s3.PutObjectTagging", Idempotent, "/{bucket}/{key}?tagging";
    DELETE_OBJECT_TAGGING = "s3.DeleteObjectTagging", Idempotent, "/{bucket}/{key}?tagging";
    CREATE_BUCKET = "s3.CreateBucket", Idempotent, "/{bucket}";
    HEAD_BUCKET = "s3.HeadBucket", Safe, "/{bucket}";
    DELETE_BUCKET = "s3.DeleteBucket", Idempotent, "/{bucket}";
    LIST_BUCKETS = "s3.ListBuckets", Safe, "/";
    GET_BUCKET_LOCATION = "s3.GetBucketLocation", Safe, "/{bucket}?location";
    GET_BUCKET_VERSIONING = "s3.GetBucketVersioning", Safe, "/{bucket}?versioning";
    PUT_BUCKET_VERSIONING = "s3.PutBucketVersioning", Idempotent, "/{bucket}?versioning";
    GET_BUCKET_LIFECYCLE = "s3.GetBucketLifecycleConfiguration", Safe, "/{bucket}?lifecycle";
}
