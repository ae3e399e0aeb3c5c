//! Checksums behind the content, and checksums of what is got:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

use circle_core_aws::{AwsCredentialsConfig, S3, S3Config, S3Get, S3Put, TrailingChecksum};
use circle_core_common::interfaces::object_store::{Checksum, GetOptions, ObjectStore, PutOptions};
use circle_core_common::{Body, ByteStream, Environment, ErrorKind, Reason};
use circle_core_testkit::{Break, Place, Received, Reply};

use super::{bucket, canned, made};

fn checked(checksum: TrailingChecksum) -> PutOptions {
    PutOptions::new().extension(S3Put::new().trailing_checksum(checksum))
}

fn text(request: &Received) -> String {
    String::from_utf8(request.body.to_vec()).unwrap()
}

#[tokio::test]
async fn with_tls_the_checksum_alone_stands_behind_the_content() {
    let (canned, files) = canned(S3Config::new("acme").region("eu-west-1"));
    canned.always(made("e"));
    files.put_with("a", "hello", checked(TrailingChecksum::Crc64Nvme).content_encoding("gzip")).await.unwrap();
    let stream = ByteStream::unfold(0, |at| async move { Ok((at < 3).then(|| (bytes::Bytes::from_static(b"123"), at + 1))) });
    files.put_with("a", Body::from_stream(stream, Some(9)), checked(TrailingChecksum::Crc32c)).await.unwrap();
    let received = canned.received();
    for (name, value) in [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-trailer", "x-amz-checksum-crc64nvme"),
        ("x-amz-decoded-content-length", "5"),
        ("content-encoding", "aws-chunked,gzip"),
    ] {
        assert_eq!(received[0].header(name), Some(value), "{name}");
    }
    assert_eq!(text(&received[0]), "5\r\nhello\r\n0\r\nx-amz-checksum-crc64nvme:M3eFcAZSQlc=\r\n\r\n");
    assert_eq!(received[0].header("x-amz-checksum-crc64nvme"), None);
    assert_eq!(received[1].header("x-amz-trailer"), Some("x-amz-checksum-crc32c"));
    assert_eq!(text(&received[1]), "9\r\n123123123\r\n0\r\nx-amz-checksum-crc32c:sNB2mw==\r\n\r\n");
}

#[tokio::test]
async fn without_tls_the_chunks_and_the_trailer_are_signed_and_each_attempt_computes_anew() {
    let bucket = bucket().await;
    bucket.server.script([super::refusal(500, "InternalError"), made("e")]);
    bucket.files.put_with("a", "hello", checked(TrailingChecksum::Crc64Nvme)).await.unwrap();
    let received = bucket.server.received();
    assert_eq!(received.len(), 2);
    for request in &received {
        assert_eq!(request.header("x-amz-content-sha256"), Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"));
        let body = text(request);
        assert_eq!(request.header("content-length"), Some(body.len().to_string().as_str()));
        let lines: Vec<&str> = body.split("\r\n").collect();
        assert!(lines[0].starts_with("5;chunk-signature=") && lines[2].starts_with("0;chunk-signature="), "{body}");
        assert_eq!((lines[1], lines[3]), ("hello", "x-amz-checksum-crc64nvme:M3eFcAZSQlc="));
        assert_eq!(lines[4].len(), "x-amz-trailer-signature:".len() + 64);
    }
}

#[tokio::test]
async fn each_part_has_its_checksum_and_the_end_has_them_all() {
    let (canned, files) = canned(S3Config::new("acme").region("eu-west-1"));
    let started = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    canned.when(|request| request.query() == "uploads").always(Reply::xml(started));
    canned.when(|request| request.method == "PUT").always(made("p").header("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="));
    let ended = "<CompleteMultipartUploadResult><ETag>w</ETag></CompleteMultipartUploadResult>";
    canned.when(|request| request.method == "POST").always(Reply::xml(ended));
    canned.when(|request| request.method == "HEAD").always(made("w").header("content-length", "5"));
    let upload = files.upload_with("a", checked(TrailingChecksum::Crc64Nvme)).await.unwrap();
    let tag = upload.part(0, "hello").await.unwrap();
    upload.complete([tag]).await.unwrap();
    let received = canned.received();
    assert_eq!(received[0].header("x-amz-checksum-algorithm"), Some("CRC64NVME"));
    assert_eq!(received[0].header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    assert!(text(&received[1]).ends_with("x-amz-checksum-crc64nvme:M3eFcAZSQlc=\r\n\r\n"));
    let part = "<Part><PartNumber>1</PartNumber><ETag>\"p\"</ETag><ChecksumCRC64NVME>M3eFcAZSQlc=</ChecksumCRC64NVME></Part>";
    assert!(text(&received[2]).contains(part), "{}", text(&received[2]));
}

#[tokio::test]
async fn a_checksum_is_known_before_or_computed_on_the_way_by_who_signs() {
    let (sent, files) = canned(S3Config::new("acme").region("eu-west-1"));
    let both = checked(TrailingChecksum::Crc32c).checksum(Checksum::Crc32c(1));
    assert_eq!(files.put_with("a", "x", both).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let config = S3Config::new("acme").region("eu-west-1").credentials(AwsCredentialsConfig::Anonymous);
    let anonymous = ObjectStore::new(S3::new(config, &Environment::default()).unwrap());
    let error = anonymous.put_with("a", "x", checked(TrailingChecksum::Crc32c)).await.unwrap_err();
    assert_eq!((error.kind(), sent.hits()), (ErrorKind::Unsupported, 0));
}

#[tokio::test]
async fn a_known_crc64nvme_stands_in_a_header() {
    let bucket = bucket().await;
    bucket.server.always(made("e"));
    let options = PutOptions::new().checksum(Checksum::Crc64Nvme(0xae8b_1486_0a79_9888));
    bucket.files.put_with("a", "123456789", options).await.unwrap();
    assert_eq!(bucket.server.received()[0].header("x-amz-checksum-crc64nvme"), Some("rosUhgp5mIg="));
}

#[tokio::test]
async fn what_is_got_matches_the_checksum_that_came_with_it() {
    let bucket = bucket().await;
    let reply =
        |body: &str| Reply::ok(body.to_owned()).header("etag", "\"e\"").header("x-amz-checksum-crc64nvme", "M3eFcAZSQlc=");
    let options = || GetOptions::new().extension(S3Get::new().checksum());
    bucket.server.script([reply("hello"), reply("hallo"), reply("hello").breaking(Place::Body(2), Break::Reset)]);
    let object = bucket.files.get_with("a", options()).await.unwrap();
    assert_eq!(object.meta.checksum, Some(Checksum::Crc64Nvme(0x3377_8570_0652_4257)));
    assert_eq!(object.text().await.unwrap(), "hello");
    assert_eq!(bucket.server.received()[0].header("x-amz-checksum-mode"), Some("ENABLED"));
    let error = bucket.files.get_with("a", options()).await.unwrap().text().await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Corrupt, Some(Reason::ChecksumMismatch)));
    // Content that was resumed is verified as a whole.
    let rest = Reply::ok("lxo").with_status(206).header("content-range", "bytes 2-4/5").header("etag", "\"e\"");
    bucket.server.when(|request| request.header("range").is_some()).once(rest);
    let error = bucket.files.get_with("a", options()).await.unwrap().text().await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ChecksumMismatch));
    // That of parts of parts is none of the content, and a range has none.
    let composite = reply("hello").header("x-amz-checksum-type", "COMPOSITE");
    let part = reply("el").with_status(206).header("content-range", "bytes 1-2/5");
    bucket.server.script([composite, part]);
    assert_eq!(bucket.files.get_with("a", options()).await.unwrap().meta.checksum, None);
    assert_eq!(bucket.files.get_with("a", options().range(1..3)).await.unwrap().text().await.unwrap(), "el");
}
