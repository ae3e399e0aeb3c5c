//! Every failure: the error it comes to, how often the service was asked, and no secret anywhere.

use std::time::Duration;

use circle_core_aws::S3Error;
use circle_core_common::ErrorKind::{
    self, Conflict, Connection, Corrupt, Decode, Internal, InvalidInput, NotFound, PermissionDenied, QuotaExceeded, RateLimited,
    Timeout, Unauthenticated, Unavailable, Unsupported,
};
use circle_core_common::{CallOptions, Error};
use circle_core_testkit::{Break, Canary, Place, Reply, Telemetry};

use super::{SECRET, bucket, made, refusal};

fn hidden(error: &Error, telemetry: &Telemetry) {
    let canary = Canary::of(SECRET);
    let problem = serde_json::to_string(&error.to_problem()).unwrap();
    for text in [format!("{error}"), format!("{error:?}"), problem, telemetry.text()] {
        assert!(!canary.is_in(&text), "{text}");
        assert!(!text.contains("AWS4-HMAC-SHA256"), "no signature: {text}");
    }
}

#[tokio::test]
async fn every_refusal_of_a_get_has_its_kind_and_its_hits() {
    for (status, code, kind, hits) in [
        (400, "InvalidArgument", InvalidInput, 1),
        (400, "ExpiredToken", Unauthenticated, 1),
        (400, "RequestTimeout", Timeout, 3),
        (401, "Unauthorized", Unauthenticated, 1),
        (403, "AccessDenied", PermissionDenied, 1),
        (403, "InvalidAccessKeyId", Unauthenticated, 1),
        (403, "SignatureDoesNotMatch", Unauthenticated, 1),
        (403, "InvalidObjectState", Conflict, 1),
        (404, "NoSuchKey", NotFound, 1),
        (404, "NoSuchBucket", NotFound, 1),
        (409, "OperationAborted", Conflict, 1),
        (429, "TooManyRequests", RateLimited, 3),
        (500, "InternalError", Internal, 3),
        (501, "NotImplemented", Unsupported, 1),
        (503, "SlowDown", RateLimited, 3),
        (503, "ServiceUnavailable", Unavailable, 3),
        (507, "XMinioStorageFull", QuotaExceeded, 1),
        (400, "BadDigest", Corrupt, 1),
    ] {
        let (bucket, telemetry) = (bucket().await, Telemetry::new());
        bucket.server.always(refusal(status, code));
        let error = telemetry.within(async { bucket.files.get("a").await.unwrap_err() }).await;
        assert_eq!((error.kind(), bucket.server.hits()), (kind, hits), "{code}: {error}");
        let detail = error.detail().unwrap();
        assert_eq!((detail.status, detail.code.as_deref()), (Some(status), Some(code)));
        assert_eq!(detail.request_id.as_deref(), Some("4442587FB7D0A2F9"));
        assert_eq!(error.provider_error::<S3Error>().unwrap().code, code);
        hidden(&error, &telemetry);
    }
}

#[tokio::test]
async fn a_service_that_recovers_is_asked_again() {
    for failure in [
        refusal(500, "InternalError"),
        refusal(503, "SlowDown"),
        refusal(503, "ServiceUnavailable").header("retry-after", "0"),
        Reply::reset(),
        Reply::hang_up(),
        Reply::status(502).body("<html>Bad Gateway</html>"),
    ] {
        let bucket = bucket().await;
        bucket.server.script([failure, made("e")]);
        bucket.files.put("a", "content").await.unwrap();
        let received = bucket.server.received();
        assert_eq!(received.iter().filter(|request| request.body == "content").count(), received.len(), "sent whole again");
        assert_eq!(received.len(), 2);
    }
}

#[tokio::test]
async fn connections_that_break_have_their_kinds() {
    for (reply, kind) in
        [(Reply::reset(), Connection), (Reply::hang_up(), Connection), (Reply::raw("no HTTP at all\r\n\r\n"), Decode)]
    {
        let (bucket, telemetry) = (bucket().await, Telemetry::new());
        bucket.server.always(reply);
        let error = telemetry.within(async { bucket.files.head("a").await.unwrap_err() }).await;
        assert!(matches!(error.kind(), Connection | Decode), "{kind}: {error}");
        hidden(&error, &telemetry);
    }
}

#[tokio::test]
async fn a_silent_service_is_a_timeout() {
    let bucket = bucket().await;
    bucket.server.always(Reply::silent());
    let hurried = bucket.files.with(CallOptions::new().timeout(Duration::from_millis(200)));
    assert_eq!(hurried.get("a").await.unwrap_err().kind(), Timeout);
    let patient = bucket.files.with(CallOptions::new().attempt_timeout(Duration::from_millis(50)));
    let error = patient.get("a").await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (Timeout, 3));
}

#[tokio::test]
async fn a_list_that_is_cut_is_asked_for_again_and_one_that_is_no_list_is_told() {
    let list =
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>";
    let bucket = bucket().await;
    bucket.server.script([Reply::xml(list).breaking(Place::Body(40), Break::Reset), Reply::xml(list)]);
    assert_eq!(bucket.files.list("").all().await.unwrap().len(), 1);
    for body in ["", "<html>a proxy's own words</html>", &list[..60], "{\"keys\":[]}"] {
        bucket.server.reset();
        bucket.server.always(Reply::xml(body));
        let error = bucket.files.list("").all().await.unwrap_err();
        assert_eq!((error.kind(), bucket.server.hits()), (Decode, 1), "{body}");
        assert!(!error.message().contains("words"), "{error}");
    }
    bucket.server.reset();
    bucket.server.always(Reply::xml("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"));
    assert_eq!(bucket.files.list("").all().await.unwrap_err().kind(), Decode, "a list without an end is no empty list");
}

#[tokio::test]
async fn a_body_that_is_cut_is_resumed_at_its_version() {
    let bucket = bucket().await;
    let whole = Reply::ok("0123456789").header("etag", "\"e\"").breaking(Place::Body(4), Break::Reset);
    let rest = Reply::ok("456789").with_status(206).header("content-range", "bytes 4-9/10").header("etag", "\"e\"");
    bucket.server.script([whole, rest]);
    assert_eq!(bucket.files.get("a").await.unwrap().text().await.unwrap(), "0123456789");
    let received = bucket.server.received();
    assert_eq!((received[1].header("range"), received[1].header("if-match")), (Some("bytes=4-9"), Some("\"e\"")));
}

#[tokio::test]
async fn a_service_that_ignores_the_range_is_found_out() {
    let bucket = bucket().await;
    bucket.server.always(Reply::ok("0123456789").header("etag", "\"e\""));
    let options = circle_core_common::interfaces::object_store::GetOptions::new().range(2..4);
    assert_eq!(bucket.files.get_with("a", options).await.unwrap_err().kind(), Decode);
}

#[tokio::test]
async fn what_was_signed_is_not_repeated_in_an_error() {
    let (bucket, telemetry) = (bucket().await, Telemetry::new());
    let body = format!(
        "<Error><Code>SignatureDoesNotMatch</Code><Message>No</Message><StringToSign>AWS4-HMAC-SHA256 {SECRET}</StringToSign>\
         <CanonicalRequest>x-amz-security-token:{SECRET}</CanonicalRequest></Error>"
    );
    bucket.server.always(Reply::xml(body).with_status(403));
    let error = telemetry.within(async { bucket.files.get("a").await.unwrap_err() }).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    hidden(&error, &telemetry);
}

#[tokio::test]
async fn a_wrong_clock_is_learned_once() {
    let bucket = bucket().await;
    let skewed = refusal(403, "RequestTimeTooSkewed").header("date", "Sun, 06 Nov 2044 08:49:37 GMT");
    bucket.server.script([skewed, made("e"), made("e")]);
    bucket.files.put("a", "x").await.unwrap();
    bucket.files.put("b", "x").await.unwrap();
    let dates: Vec<_> =
        bucket.server.received().iter().map(|request| request.header("x-amz-date").unwrap()[..4].to_owned()).collect();
    assert_eq!((dates.len(), dates[1].as_str(), dates[2].as_str()), (3, "2044", "2044"));
    assert_ne!(dates[0], "2044");
}
