use std::collections::BTreeSet;

use circle_core_common::resilience::{Idempotency, RemoteOperation};

use super::*;

static GET: RemoteOperation = RemoteOperation::new("s3.GetObject", Idempotency::Safe, "");

fn read(status: u16, body: &str) -> Error {
    let (status, headers) = (StatusCode::from_u16(status).unwrap(), HeaderMap::new());
    let answer = Answer::new(&GET, status, &headers, body.as_bytes());
    S3Error::read(status, &headers, body.as_bytes()).unwrap().of_answer(&answer)
}

fn body(code: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>It is so.</Message></Error>")
}

/// The sample of Amazon's documentation of error responses.
const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Error>
  <Code>NoSuchKey</Code>
  <Message>The resource you requested does not exist</Message>
  <Resource>/mybucket/myfoto.jpg</Resource>
  <RequestId>4442587FB7D0A2F9</RequestId>
</Error>"#;

#[test]
fn the_documented_sample_is_read() {
    let error = read(404, SAMPLE);
    assert_eq!((error.kind(), error.sent(), error.is_retryable()), (ErrorKind::NotFound, Sent::Yes, false));
    let detail = error.detail().unwrap();
    assert_eq!((detail.status, detail.code.as_deref()), (Some(404), Some("NoSuchKey")));
    assert_eq!(detail.request_id.as_deref(), Some("4442587FB7D0A2F9"));
    let cause = error.provider_error::<S3Error>().unwrap();
    assert_eq!(cause.to_string(), "NoSuchKey: The resource you requested does not exist");
}

#[test]
fn codes_have_their_kinds() {
    for (status, code, kind, reason, retryable) in [
        (409, "ConditionalRequestConflict", ErrorKind::Conflict, Some(Reason::ConflictingRequest), false),
        (412, "PreconditionFailed", ErrorKind::Conflict, Some(Reason::VersionMismatch), false),
        (404, "NoSuchUpload", ErrorKind::NotFound, Some(Reason::UploadEnded), false),
        (404, "NoSuchBucket", ErrorKind::NotFound, None, false),
        (416, "InvalidRange", ErrorKind::InvalidInput, Some(Reason::RangeNotSatisfiable), false),
        (400, "BadDigest", ErrorKind::Corrupt, Some(Reason::ChecksumMismatch), false),
        (400, "XAmzContentSHA256Mismatch", ErrorKind::Corrupt, Some(Reason::ChecksumMismatch), false),
        (400, "RequestTimeout", ErrorKind::Timeout, None, true),
        (403, "RequestTimeTooSkewed", ErrorKind::Unauthenticated, None, false),
        (403, "SignatureDoesNotMatch", ErrorKind::Unauthenticated, None, false),
        (400, "ExpiredToken", ErrorKind::Unauthenticated, None, false),
        (403, "AccessDenied", ErrorKind::PermissionDenied, None, false),
        (503, "SlowDown", ErrorKind::RateLimited, None, true),
        (500, "InternalError", ErrorKind::Internal, None, true),
        (501, "NotImplemented", ErrorKind::Unsupported, None, false),
        (400, "EntityTooSmall", ErrorKind::InvalidInput, Some(Reason::OutsideLimit), false),
        (400, "InvalidPartOrder", ErrorKind::InvalidInput, None, false),
        (400, "KeyTooLongError", ErrorKind::InvalidInput, Some(Reason::OutsideLimit), false),
        (301, "PermanentRedirect", ErrorKind::ConfigInvalid, None, false),
        (418, "SomethingNew", ErrorKind::InvalidInput, None, false),
        (599, "SomethingNew", ErrorKind::Unavailable, None, true),
    ] {
        let error = read(status, &body(code));
        assert_eq!((error.kind(), error.reason(), error.is_retryable()), (kind, reason, retryable), "{code}");
    }
}

#[test]
fn an_error_without_a_body_means_what_its_status_does() {
    for (status, kind, code) in [
        (304, ErrorKind::Conflict, "NotModified"),
        (403, ErrorKind::PermissionDenied, "Forbidden"),
        (404, ErrorKind::NotFound, "NotFound"),
        (412, ErrorKind::Conflict, "PreconditionFailed"),
        (503, ErrorKind::Unavailable, "ServiceUnavailable"),
    ] {
        let error = read(status, "");
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.provider_error::<S3Error>().unwrap().code, code);
        assert_eq!(error.detail().unwrap().code, None, "the service said nothing");
    }
    assert_eq!(read(502, "<html>Bad Gateway</html>").kind(), ErrorKind::Unavailable);
}

#[test]
fn an_error_inside_a_success_is_found() {
    // The sample of CompleteMultipartUpload: white space keeps the connection open before the error.
    let inside = format!("\n \n{}", body("InternalError"));
    let error = read(200, &inside);
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Internal, Sent::Maybe));
    let result = "<CopyObjectResult><ETag>\"9b2cf535f27731c974343645a3985328\"</ETag></CopyObjectResult>";
    assert_eq!(S3Error::read(StatusCode::OK, &HeaderMap::new(), result.as_bytes()), None);
    assert_eq!(S3Error::read(StatusCode::NO_CONTENT, &HeaderMap::new(), b""), None);
}

#[test]
fn the_region_is_told() {
    let text = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The region 'us-east-1' is wrong</Message>\
                <Region>eu-west-1</Region></Error>";
    let error = read(400, text);
    assert_eq!(error.provider_error::<S3Error>().unwrap().region.as_deref(), Some("eu-west-1"));
    assert!(error.message().contains("the bucket is in `eu-west-1`"), "{}", error.message());
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-bucket-region", "eu-north-1".parse().unwrap());
    let head = S3Error::read(StatusCode::MOVED_PERMANENTLY, &headers, b"").unwrap();
    assert_eq!((head.code.as_ref(), head.region.as_deref()), ("PermanentRedirect", Some("eu-north-1")));
}

#[test]
fn nothing_but_the_known_fields_is_kept() {
    let text = "<Error><Code>SignatureDoesNotMatch</Code><Message>No match</Message><AWSAccessKeyId>AKIDSECRET</AWSAccessKeyId>\
                <StringToSign>SECRETTEXT</StringToSign><CanonicalRequest>SECRETTEXT</CanonicalRequest></Error>";
    let shown = format!("{:?}", read(403, text));
    assert!(!shown.contains("SECRET"), "{shown}");
}

#[test]
fn a_body_that_breaks_off_is_read_as_far_as_it_goes() {
    let error = read(503, "<Error><Code>SlowDown</Code><Mess");
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn long_messages_are_cut() {
    let text = format!("<Error><Code>NoSuchKey</Code><Message>{}</Message></Error>", "é".repeat(5000));
    assert!(read(404, &text).detail().unwrap().message.as_ref().unwrap().len() <= MESSAGE_MAX);
}

#[test]
fn no_code_or_status_stands_twice() {
    let codes: BTreeSet<_> = CODES.iter().map(|(code, _)| code).collect();
    assert_eq!(codes.len(), CODES.len());
    let statuses: BTreeSet<_> = STATUSES.iter().map(|(status, ..)| status).collect();
    assert_eq!(statuses.len(), STATUSES.len());
}
