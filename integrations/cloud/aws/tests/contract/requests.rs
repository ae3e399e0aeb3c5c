//! The requests, as Amazon documents them.

use std::time::Duration;

use circle_core_aws::{AwsCredentialsConfig, CopyPart, Encryption, S3, S3Get, S3Meta, S3Put};
use circle_core_common::interfaces::object_store::{
    Checksum, CopyOptions, DeleteItem, DeleteOptions, Deleted, Entry, GetOptions, HEAD, HeadOptions, ListOptions, ObjectStore,
    PartTag, Precondition, PresignOptions, PutOptions, UploadId,
};
use circle_core_common::{Body, ByteStream, CallContext, Environment, ErrorKind, Extensions, Reason, Version};
use circle_core_testkit::Reply;

use super::{bucket, bucket_with, canned, made, targets};
use circle_core_aws::{Addressing, S3Config};

/// The context of a call of the native client.
fn cx() -> CallContext {
    CallContext::new(&Environment::default(), &HEAD, None)
}

#[tokio::test]
async fn a_put_is_one_signed_request() {
    let bucket = bucket().await;
    bucket.server.always(made("e1"));
    let options = PutOptions::new().content_type("text/csv").cache_control("max-age=60").metadata("Author", "Ana");
    let meta = bucket.files.put_with("reports/q3.csv", "a,b", options).await.unwrap();
    assert_eq!((meta.size, meta.version, meta.modified.unix_seconds()), (3, Some(Version::etag("e1")), 784_111_777));
    let received = bucket.server.received();
    assert_eq!(targets(&received), ["PUT /bucket/reports/q3.csv"]);
    let request = &received[0];
    assert_eq!(request.body, "a,b");
    assert_eq!(request.header("content-type"), Some("text/csv"));
    assert_eq!(request.header("cache-control"), Some("max-age=60"));
    assert_eq!(request.header("content-length"), Some("3"));
    assert_eq!(request.header("x-amz-meta-author"), Some("Ana"));
    assert_eq!(request.header("x-amz-meta-circle-names"), Some("Author"));
    // That of `a,b`.
    let hash = "1eb7c54d52831bbfe8942af0b1c56b7409523a59ed6ca99c1174fef7eb32c1b5";
    assert_eq!(request.header("x-amz-content-sha256"), Some(hash));
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(authorization.contains("/eu-west-1/s3/aws4_request, SignedHeaders="), "{authorization}");
    for absent in ["if-none-match", "if-match", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm", "x-amz-trailer", "expect"]
    {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn keys_go_byte_for_byte() {
    let bucket = bucket().await;
    bucket.server.always(made("e"));
    let keys = [
        ("a//b", "/bucket/a//b"),
        ("../x", "/bucket/../x"),
        ("a/./b", "/bucket/a/./b"),
        ("..", "/bucket/.."),
        ("/lead", "/bucket//lead"),
        ("//lead", "/bucket///lead"),
        ("trail/", "/bucket/trail/"),
        ("a b+c", "/bucket/a%20b%2Bc"),
        ("%2F", "/bucket/%252F"),
        ("q?x=1&y#z", "/bucket/q%3Fx%3D1%26y%23z"),
        ("a\nb", "/bucket/a%0Ab"),
        ("é/日本", "/bucket/%C3%A9/%E6%97%A5%E6%9C%AC"),
        ("~-._", "/bucket/~-._"),
        ("a:b@c,d;e=f!g$h'i(j)k*l", "/bucket/a%3Ab%40c%2Cd%3Be%3Df%21g%24h%27i%28j%29k%2Al"),
    ];
    for (key, _) in keys {
        bucket.files.put(key, "x").await.unwrap();
    }
    let long = "é".repeat(512);
    bucket.files.put(&long, "x").await.unwrap();
    let received = bucket.server.received();
    let sent: Vec<&str> = received.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(sent[..keys.len()], keys.map(|(_, path)| path));
    assert_eq!(*sent.last().unwrap(), format!("/bucket/{}", "%C3%A9".repeat(512)));
}

#[tokio::test]
async fn the_bucket_stands_in_front_of_amazons_hosts() {
    for (config, host, path) in [
        (S3Config::new("acme-documents").region("eu-west-1"), "acme-documents.s3.eu-west-1.amazonaws.com", "/k"),
        (S3Config::new("acme").region("cn-north-1"), "acme.s3.cn-north-1.amazonaws.com.cn", "/k"),
        (S3Config::new("acme").region("eusc-de-east-1"), "acme.s3.eusc-de-east-1.amazonaws.eu", "/k"),
        // A certificate for one level of names does not cover two.
        (S3Config::new("acme.documents").region("eu-west-1"), "s3.eu-west-1.amazonaws.com", "/acme.documents/k"),
        (S3Config::new("acme").region("eu-west-1").addressing(Addressing::Path), "s3.eu-west-1.amazonaws.com", "/acme/k"),
        (S3Config::new("acme").region("r1").endpoint("https://store.example.org"), "store.example.org", "/acme/k"),
        (
            S3Config::new("acme").region("r1").endpoint("https://store.example.org:8443").addressing(Addressing::Virtual),
            "acme.store.example.org:8443",
            "/k",
        ),
    ] {
        let (canned, files) = canned(config);
        canned.always(made("e"));
        files.put("k", "x").await.unwrap();
        let request = &canned.received()[0];
        assert_eq!((request.header("host"), request.target.as_str()), (Some(host), path));
    }
}

#[tokio::test]
async fn a_get_asks_for_its_range_and_version() {
    let bucket = bucket_with(|config| config.versions(true)).await;
    let part = Reply::ok("cde").with_status(206).header("content-range", "bytes 2-4/10").header("etag", "\"e1\"");
    bucket.server.always(part.header("x-amz-version-id", "v1").header("x-amz-storage-class", "GLACIER_IR"));
    let options = GetOptions::new().range(2..5).if_match(Version::new("e1", "v1")).version(Version::new("e1", "v/1"));
    let object = bucket.files.get_with("a", options.extension(S3Get::new().checksum().requester_pays())).await.unwrap();
    assert_eq!((object.meta.size, object.range.clone()), (10, 2..5));
    assert_eq!(object.meta.version, Some(Version::new("e1", "v1")));
    assert_eq!(object.meta.extensions.get::<S3Meta>().unwrap().storage_class.as_deref(), Some("GLACIER_IR"));
    assert_eq!(object.text().await.unwrap(), "cde");
    let received = bucket.server.received();
    assert_eq!(targets(&received), ["GET /bucket/a?versionId=v%2F1"]);
    for (header, value) in
        [("range", "bytes=2-4"), ("if-match", "\"e1\""), ("x-amz-checksum-mode", "ENABLED"), ("x-amz-request-payer", "requester")]
    {
        assert_eq!(received[0].header(header), Some(value), "{header}");
    }
}

#[tokio::test]
async fn ranges_without_bytes_are_answered_from_the_size() {
    let bucket = bucket().await;
    bucket.server.when(|request| request.method == "HEAD").always(made("e").header("content-length", "10"));
    bucket.server.when(|request| request.method == "GET").always(super::refusal(416, "InvalidRange"));
    for (options, gets) in
        [(GetOptions::new().range(3..3), 0), (GetOptions::new().range(10..), 1), (GetOptions::new().suffix(0), 0)]
    {
        let before = bucket.server.hits();
        assert_eq!(bucket.files.get_with("a", options).await.unwrap().bytes().await.unwrap(), "");
        assert_eq!(bucket.server.hits() - before, gets + 1);
    }
    let error = bucket.files.get_with("a", GetOptions::new().range(11..)).await.unwrap_err();
    assert_eq!(error.reason(), Some(circle_core_common::Reason::RangeNotSatisfiable));
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped() {
    let bucket = bucket().await;
    let page = |next: &str, items: &str| {
        let truncated = !next.is_empty();
        Reply::xml(format!(
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{next}{items}</ListBucketResult>"
        ))
    };
    let first = "<Contents><Key>p/z+%2B</Key><Size>1</Size><ETag>\"e\"</ETag><LastModified>2009-10-12T17:50:30.000Z</LastModified></Contents>\
                 <CommonPrefixes><Prefix>p/d/</Prefix></CommonPrefixes>";
    let token = "<NextContinuationToken>1ueG+c/LPRx=</NextContinuationToken>";
    bucket.server.script([page(token, first), page("", "")]);
    let options = ListOptions::new().delimiter("/").start_after("p/b");
    let entries = bucket.files.entries_with("p/", options).page_size(2).all().await.unwrap();
    assert_eq!(entries.iter().map(Entry::name).collect::<Vec<_>>(), ["p/d/", "p/z +"]);
    assert_eq!(
        targets(&bucket.server.received()),
        [
            "GET /bucket?list-type=2&delimiter=%2F&encoding-type=url&max-keys=2&prefix=p%2F&start-after=p%2Fb",
            "GET /bucket?list-type=2&delimiter=%2F&encoding-type=url&max-keys=2&prefix=p%2F&continuation-token=1ueG%2Bc%2FLPRx%3D",
        ]
    );
}

#[tokio::test]
async fn versions_go_on_by_key_and_version() {
    let bucket = bucket_with(|config| config.versions(true)).await;
    let page = |truncated: bool| {
        Reply::xml(format!(
            "<ListVersionsResult><IsTruncated>{truncated}</IsTruncated><NextKeyMarker>a:b</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>\
             <Version><Key>a:b</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest><Size>1</Size><ETag>e</ETag></Version>\
             <DeleteMarker><Key>a:b</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest></DeleteMarker></ListVersionsResult>"
        ))
    };
    bucket.server.script([page(true), page(false)]);
    let entries = bucket.files.entries_with("", ListOptions::new().versions()).all().await.unwrap();
    assert!(
        matches!(&entries[0], Entry::DeleteMarker(marker) if marker.is_latest && marker.version == Version::generation("v3"))
    );
    assert!(matches!(&entries[1], Entry::Object(meta) if meta.version == Some(Version::new("e", "v2"))));
    assert_eq!(
        targets(&bucket.server.received()),
        [
            "GET /bucket?versions&encoding-type=url&prefix=",
            "GET /bucket?versions&encoding-type=url&prefix=&key-marker=a%3Ab&version-id-marker=v2",
        ]
    );
}

#[tokio::test]
async fn deletes_are_told_apart() {
    let bucket = bucket_with(|config| config.versions(true)).await;
    bucket.server.script([
        Reply::status(204),
        Reply::status(204).header("x-amz-delete-marker", "true").header("x-amz-version-id", "m1"),
        Reply::status(204).header("x-amz-version-id", "v1"),
        super::refusal(404, "NoSuchKey"),
        super::refusal(412, "PreconditionFailed"),
    ]);
    let files = &bucket.files;
    assert_eq!(files.delete("a").await.unwrap(), Deleted::Unknown);
    assert_eq!(files.delete("a").await.unwrap(), Deleted::Marked(Version::generation("m1")));
    let version = DeleteOptions::new().version(Version::new("e", "v1"));
    assert_eq!(files.delete_with("a", version).await.unwrap(), Deleted::Unknown);
    assert_eq!(files.delete("a").await.unwrap(), Deleted::Absent);
    let stale = DeleteOptions::new().if_match(Version::etag("e"));
    let error = files.delete_with("a", stale).await.unwrap_err();
    assert_eq!(error.reason(), Some(circle_core_common::Reason::VersionMismatch));
    let received = bucket.server.received();
    assert_eq!(received[2].target, "/bucket/a?versionId=v1");
    assert_eq!(received[4].header("if-match"), Some("\"e\""));
}

#[tokio::test]
async fn many_are_deleted_in_one_request_with_a_result_each() {
    let bucket = bucket().await;
    bucket.server.when(|request| request.method == "POST").always(Reply::xml(
        "<DeleteResult><Deleted><Key>a&amp;b</Key></Deleted><Error><Key>c</Key><Code>AccessDenied</Code><Message>No</Message></Error></DeleteResult>",
    ));
    bucket.server.when(|request| request.method == "DELETE").always(Reply::status(204));
    // XML cannot carry a NUL, a path can.
    let bulk = bucket.files.delete_many(["a&b", "c", "d\0", "forgotten"]).await.unwrap();
    let kinds: Vec<_> =
        bulk.iter().map(|result| result.as_ref().map_err(|error| (error.kind(), error.resource().map(str::to_owned)))).collect();
    use circle_core_common::ErrorKind::{Decode, PermissionDenied};
    assert_eq!(kinds[0], Ok(&Deleted::Unknown));
    assert_eq!(kinds[1], Err((PermissionDenied, Some("c".to_owned()))));
    assert_eq!(kinds[2], Ok(&Deleted::Unknown));
    assert_eq!(kinds[3], Err((Decode, Some("forgotten".to_owned()))));
    let received = bucket.server.received();
    assert_eq!(targets(&received), ["POST /bucket?delete", "DELETE /bucket/d%00"]);
    assert_eq!(
        received[0].body,
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object>\
         <Object><Key>forgotten</Key></Object></Delete>"
    );
    assert!(received[0].header("x-amz-checksum-sha256").is_some());
}

#[tokio::test]
async fn a_copy_looks_at_its_source_first() {
    let bucket = bucket_with(|config| config.versions(true)).await;
    let source = made("e1").header("content-length", "7").header("content-type", "text/csv").header("x-amz-meta-author", "Ana");
    bucket.server.when(|request| request.method == "HEAD").always(source.header("x-amz-version-id", "v1"));
    let result = "<CopyObjectResult><ETag>\"e1\"</ETag><LastModified>2009-10-12T17:50:30.000Z</LastModified></CopyObjectResult>";
    bucket.server.when(|request| request.method == "PUT").always(Reply::xml(result).header("x-amz-version-id", "v2"));
    let copied = bucket.files.copy("from é", "to").await.unwrap();
    assert_eq!((copied.key.as_str(), copied.size, copied.version), ("to", 7, Some(Version::new("e1", "v2"))));
    let once = CopyOptions::new().if_absent().source_version(Version::new("e1", "v1"));
    bucket.files.copy_with("from é", "to", once).await.unwrap();
    let received = bucket.server.received();
    assert_eq!(targets(&received)[..2], ["HEAD /bucket/from%20%C3%A9", "PUT /bucket/to"]);
    let (plain, once) = (&received[1], &received[3]);
    assert_eq!(plain.header("x-amz-copy-source"), Some("bucket/from%20%C3%A9"));
    assert_eq!(plain.header("x-amz-copy-source-if-match"), Some("\"e1\""));
    assert_eq!((plain.header("if-none-match"), plain.header("x-amz-metadata-directive")), (None, None));
    assert_eq!(received[2].target, "/bucket/from%20%C3%A9?versionId=v1");
    assert_eq!(once.header("x-amz-copy-source"), Some("bucket/from%20%C3%A9?versionId=v1"));
    assert_eq!((once.header("if-none-match"), once.header("x-amz-metadata-directive")), (Some("*"), Some("REPLACE")));
    assert_eq!((once.header("content-type"), once.header("x-amz-meta-author")), (Some("text/csv"), Some("Ana")));
    assert!(once.header("x-amz-meta-circle-operation").is_some());
}

#[tokio::test]
async fn what_only_s3_knows_goes_along() {
    let bucket = bucket().await;
    bucket.server.always(made("e"));
    let extras = S3Put::new()
        .storage_class("GLACIER_IR")
        .tag("team", "a b&c")
        .encryption(Encryption::Kms { key: Some("alias/k".to_owned()), bucket_key: true });
    bucket.files.put_with("a", "a", PutOptions::new().extension(extras)).await.unwrap();
    let received = bucket.server.received();
    for (header, value) in [
        ("x-amz-storage-class", "GLACIER_IR"),
        ("x-amz-tagging", "team=a%20b%26c"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/k"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
    ] {
        assert_eq!(received[0].header(header), Some(value), "{header}");
    }
}

#[tokio::test]
async fn checksums_are_sent_for_the_service_to_verify() {
    let bucket = bucket().await;
    bucket.server.script([made("e"), made("e"), super::refusal(400, "BadDigest")]);
    let files = &bucket.files;
    files.put_with("a", "123456789", PutOptions::new().checksum(Checksum::Crc32c(0xE306_9283))).await.unwrap();
    let sum: [u8; 32] = std::array::from_fn(|at| at as u8);
    files.put_with("a", "x", PutOptions::new().checksum(Checksum::Sha256(sum))).await.unwrap();
    let error = files.put_with("a", "x", PutOptions::new().checksum(Checksum::Crc32c(1))).await.unwrap_err();
    assert_eq!(error.reason(), Some(circle_core_common::Reason::ChecksumMismatch));
    let received = bucket.server.received();
    assert_eq!(received[0].header("x-amz-checksum-crc32c"), Some("4waSgw=="));
    assert_eq!(received[1].header("x-amz-checksum-sha256"), Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
    let hash = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    assert_eq!(received[1].header("x-amz-content-sha256"), Some(hash), "the signature says the same");
}

#[tokio::test]
async fn a_stream_is_signed_chunk_by_chunk_without_tls() {
    let bucket = bucket().await;
    bucket.server.always(made("e"));
    let stream =
        ByteStream::unfold(0, |at| async move { Ok((at < 3).then(|| (bytes::Bytes::from_static(b"0123456789"), at + 1))) });
    bucket.files.put("a", Body::from_stream(stream, Some(30))).await.unwrap();
    let received = bucket.server.received();
    assert_eq!(received[0].header("x-amz-content-sha256"), Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));
    assert_eq!(received[0].header("x-amz-decoded-content-length"), Some("30"));
}

#[tokio::test]
async fn presigned_requests_need_nothing_but_their_address() {
    let (canned, files) = canned(S3Config::new("acme").region("eu-west-1"));
    let get = files.presign_get("a b/ü", Duration::from_secs(900)).await.unwrap();
    let address = get.uri.to_string();
    assert!(address.starts_with("https://acme.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC?"), "{address}");
    for part in ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Expires=900", "X-Amz-SignedHeaders=host", "X-Amz-Signature="] {
        assert!(address.contains(part), "{part}");
    }
    let options = PresignOptions::new().content_type("text/csv");
    let put = files.presign_put_with("a", Duration::from_secs(60), options).await.unwrap();
    assert_eq!((put.method.as_str(), put.headers.len()), ("PUT", 1));
    assert!(put.uri.query().unwrap().contains("X-Amz-SignedHeaders=content-type%3Bhost"), "{:?}", put.uri.query());
    assert_eq!(canned.hits(), 0, "nothing is sent");
    assert!(!format!("{get:?}").contains("X-Amz"));
}

#[tokio::test]
async fn a_head_tells_what_is_kept() {
    let bucket = bucket().await;
    let reply = made("e").header("content-length", "3").header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    bucket.server.always(reply.header("x-amz-meta-place", "=?UTF-8?Q?R=C4=ABga?=").header("x-amz-tagging-count", "2"));
    let meta = bucket.files.head_with("a", HeadOptions::new()).await.unwrap();
    assert_eq!((meta.size, meta.modified.unix_seconds()), (3, 784_111_777));
    assert_eq!(meta.metadata["place"], "Rīga");
    assert_eq!(meta.extensions.get::<S3Meta>().unwrap().tag_count, Some(2));
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>: `UNSIGNED-PAYLOAD`.
#[tokio::test]
async fn large_content_is_not_hashed_where_tls_protects_it() {
    let hash = |request: &circle_core_testkit::Received| request.header("x-amz-content-sha256").unwrap().to_owned();
    let large = || vec![7_u8; 1 << 20];
    let (amazon, files) = canned(S3Config::new("acme").region("eu-west-1"));
    amazon.always(made("e"));
    files.put("a", large()).await.unwrap();
    files.put("a", vec![7_u8; (1 << 20) - 1]).await.unwrap();
    files.put_with("a", large(), PutOptions::new().checksum(Checksum::Sha256([7; 32]))).await.unwrap();
    let client = files.native::<S3>().unwrap().client().clone();
    client.upload_part(&cx(), &UploadId::new("a", "u"), 0, large().into(), &Extensions::default()).await.unwrap();
    let hashes: Vec<_> = amazon.received().iter().map(hash).collect();
    assert_eq!((hashes[0].as_str(), hashes[3].as_str()), ("UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD"));
    assert_eq!((hashes[1].len(), hashes[2].as_str()), (64, "07".repeat(32).as_str()));
    let bucket = bucket().await;
    bucket.server.always(made("e"));
    bucket.files.put("a", large()).await.unwrap();
    assert_eq!(hash(&bucket.server.received()[0]).len(), 64, "without TLS the signature alone protects it");
}

#[tokio::test]
async fn an_absent_object_has_no_version_that_a_bulk_delete_could_match() {
    let bucket = bucket().await;
    bucket.server.always(Reply::xml(
        "<DeleteResult><Error><Key>a</Key><Code>NoSuchKey</Code></Error><Error><Key>b</Key><Code>NoSuchKey</Code></Error>\
         <Error><Key>c</Key><Code>PreconditionFailed</Code></Error>\
         <Error><Key>d</Key><VersionId>x</VersionId><Code>InvalidArgument</Code></Error></DeleteResult>",
    ));
    let if_match = || DeleteOptions::new().if_match(Version::etag("e"));
    let items = [
        DeleteItem::new("a".into(), DeleteOptions::new()),
        DeleteItem::new("b".into(), if_match()),
        DeleteItem::new("c".into(), if_match()),
        DeleteItem::new("d".into(), DeleteOptions::new().version(Version::generation("x"))),
    ];
    let bulk = bucket.files.native::<S3>().unwrap().client().delete_objects(&cx(), &items).await.unwrap();
    let results: Vec<_> = bulk.into_iter().map(|one| one.map_err(|error| (error.kind(), error.reason()))).collect();
    let mismatch = || Err((ErrorKind::Conflict, Some(Reason::VersionMismatch)));
    assert_eq!(results, [Ok(Deleted::Absent), mismatch(), mismatch(), Err((ErrorKind::InvalidInput, None))]);
}

#[tokio::test]
async fn numbers_that_no_part_can_have_are_refused_before_anything_is_sent() {
    let bucket = bucket().await;
    let client = bucket.files.native::<S3>().unwrap().client().clone();
    let (upload, version) = (UploadId::new("a", "u"), Version::etag("e"));
    for bytes in [5..5, std::ops::Range { start: 5, end: 3 }] {
        let error = client.upload_part_copy(&cx(), &upload, 0, &CopyPart::new(&"b".into(), &version, bytes)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(bucket.server.hits(), 0);
    bucket.server.always(super::refusal(400, "InvalidPart"));
    let parts = [PartTag::new(u32::MAX, 1, "t")];
    let none = Extensions::default();
    let error = client.complete_multipart_upload(&cx(), &upload, &parts, &Precondition::None, &none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(bucket.server.received()[0].body.windows(10).any(|window| window == b"4294967296"));
}

#[tokio::test]
async fn without_credentials_nothing_is_presigned() {
    let environment = Environment::default();
    let config = S3Config::new("acme").region("eu-west-1").credentials(AwsCredentialsConfig::Anonymous);
    let files = ObjectStore::new(S3::new(config, &environment).unwrap());
    assert!(!files.capabilities().presign_get && !files.capabilities().presign_put);
    let error = files.presign_get("a", Duration::from_secs(60)).await.unwrap_err();
    assert_eq!((error.kind(), error.capability()), (ErrorKind::Unsupported, Some("presign_get")));
}
