//! What servers that speak S3 answer with.

use circle_core_protocol_s3::{ListObjects, ListParts, ListUploads, ListVersions, S3Error};
use http::{HeaderMap, StatusCode};

use super::Target;

pub(super) const ANSWERS: Target = Target {
    name: "s3-answers",
    promise: "any body is read or is an error that quotes nothing of it; a page without an end says where to go on",
    dictionary: &[
        b"<ListBucketResult>",
        b"</ListBucketResult>",
        b"<Contents>",
        b"</Contents>",
        b"<Key>s3cr3t</Key>",
        b"<Size>1</Size>",
        b"<LastModified>2024-01-01T00:00:00Z</LastModified>",
        b"<ETag>&quot;",
        b"<IsTruncated>true</IsTruncated>",
        b"<NextContinuationToken>",
        b"<EncodingType>url</EncodingType>",
        b"<CommonPrefixes>",
        b"<Prefix/>",
        b"<Error><Code>",
        b"</Code></Error>",
        b"<DeleteResult>",
        b"<Deleted>",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
        b"&b;",
        b"&#x0;",
        b"&#10;",
        b"%ff",
        b"<!--",
        b"<?xml version=\"1.0\"?>",
    ],
    run: |input| {
        let refusals = [
            ListObjects::read(input).err(),
            ListVersions::read(input).err(),
            ListParts::read(input).err(),
            ListUploads::read(input).err(),
        ];
        for error in refusals.into_iter().flatten() {
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
        }
        let _ = S3Error::read(StatusCode::OK, &HeaderMap::new(), input);
        assert!(S3Error::read(StatusCode::NOT_FOUND, &HeaderMap::new(), input).is_some());
    },
};
