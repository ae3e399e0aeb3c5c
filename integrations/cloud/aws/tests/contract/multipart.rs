//! Uploads in parts.

use std::time::Duration;

use circle_core_common::interfaces::object_store::{Checksum, PutOptions};
use circle_core_common::{Body, ByteSize, ByteStream, ErrorKind, Reason, Version};
use circle_core_testkit::Reply;

use super::{Bucket, bucket, made, refusal, targets};

const COMPLETE: &str = "<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag></CompleteMultipartUploadResult>";
const PART: usize = 5 << 20;

/// A service that takes uploads.
fn takes_uploads(bucket: &Bucket) {
    let started = "<InitiateMultipartUploadResult><UploadId>u/1+=</UploadId></InitiateMultipartUploadResult>";
    bucket.server.when(|request| request.method == "POST" && request.query() == "uploads").always(Reply::xml(started));
    bucket.server.when(|request| request.method == "PUT" && request.query().starts_with("partNumber=")).always_with(|request| {
        let number = request.query().split('&').next().unwrap_or_default().to_owned();
        made(&number)
    });
    bucket.server.when(|request| request.method == "DELETE").always(Reply::status(204));
    bucket
        .server
        .when(|request| request.method == "HEAD")
        .always(made("whole-2").header("content-length", "7").header("content-type", "text/csv"));
}

fn is_end(request: &circle_core_testkit::Received) -> bool {
    request.method == "POST" && request.query().starts_with("uploadId=")
}

#[tokio::test]
async fn an_upload_is_started_filled_and_ended() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    bucket.server.when(is_end).always(Reply::xml(COMPLETE));
    let options = PutOptions::new().if_absent().content_type("text/csv").metadata("author", "Ana");
    let upload = bucket.files.upload_with("big é", options).await.unwrap();
    let first = upload.part(0, vec![0_u8; PART]).await.unwrap();
    let second = upload.part(1, "end").await.unwrap();
    let meta = upload.complete([second, first]).await.unwrap();
    assert_eq!((meta.version, meta.content_type.as_deref()), (Some(Version::etag("whole-2")), Some("text/csv")));
    let received = bucket.server.received();
    assert_eq!(
        targets(&received),
        [
            "POST /bucket/big%20%C3%A9?uploads",
            "PUT /bucket/big%20%C3%A9?partNumber=1&uploadId=u%2F1%2B%3D",
            "PUT /bucket/big%20%C3%A9?partNumber=2&uploadId=u%2F1%2B%3D",
            "POST /bucket/big%20%C3%A9?uploadId=u%2F1%2B%3D",
            "HEAD /bucket/big%20%C3%A9",
        ]
    );
    assert_eq!(received[0].header("x-amz-meta-author"), Some("Ana"));
    assert!(received[0].header("x-amz-meta-circle-operation").is_some());
    assert_eq!(
        (received[0].header("if-none-match"), received[3].header("if-none-match")),
        (None, Some("*")),
        "it counts at the end"
    );
    let document = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1</PartNumber>\
                    <ETag>\"partNumber=1\"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>\"partNumber=2\"</ETag></Part>\
                    </CompleteMultipartUpload>";
    assert_eq!(received[3].body, document);
}

#[tokio::test]
async fn an_error_inside_a_success_is_repeated() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    let within = refusal(200, "InternalError");
    // White space keeps the connection open while the service works; here it never got further.
    let unfinished = Reply::xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n \n \n");
    bucket.server.when(is_end).script([within, unfinished, Reply::xml(COMPLETE)]);
    let upload = bucket.files.upload("a").await.unwrap();
    let tag = upload.part(0, "x").await.unwrap();
    upload.complete([tag]).await.unwrap();
    assert_eq!(bucket.server.received().iter().filter(|request| is_end(request)).count(), 3);
}

#[tokio::test]
async fn an_error_inside_a_success_that_is_final_is_told() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    bucket.server.when(is_end).always(refusal(200, "InvalidPart"));
    let upload = bucket.files.upload("a").await.unwrap();
    let tag = upload.part(0, "x").await.unwrap();
    let error = upload.complete([tag]).await.unwrap_err();
    assert_eq!((error.kind(), error.detail().unwrap().code.as_deref()), (ErrorKind::InvalidInput, Some("InvalidPart")));
}

#[tokio::test]
async fn an_end_whose_answer_is_lost_is_unknown_or_found() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    bucket.server.when(is_end).script([Reply::reset(), refusal(404, "NoSuchUpload")]);
    let upload = bucket.files.upload("a").await.unwrap();
    let tag = upload.part(0, "x").await.unwrap();
    let error = upload.complete([tag]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "the object may be complete: {error}");
    bucket.server.when(is_end).script([refusal(404, "NoSuchUpload")]);
    let upload = bucket.files.upload("a").await.unwrap();
    let tag = upload.part(0, "x").await.unwrap();
    let error = upload.complete([tag]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::NotFound, Some(Reason::UploadEnded)),
        "nobody has ended it but others"
    );
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>: "you should re-initiate the multipart
/// upload with CreateMultipartUpload and re-upload each part".
#[tokio::test]
async fn a_put_whose_upload_is_void_begins_anew() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    bucket.server.when(is_end).script([refusal(409, "ConditionalRequestConflict"), Reply::xml(COMPLETE)]);
    bucket.files.create("a", vec![7_u8; 17 << 20]).await.unwrap();
    let received = bucket.server.received();
    let count = |of: fn(&circle_core_testkit::Received) -> bool| received.iter().filter(|request| of(request)).count();
    assert_eq!((count(|request| request.query() == "uploads"), count(is_end)), (2, 2), "another upload, not the same end again");
    assert_eq!(count(|request| request.query().starts_with("partNumber=")), 6, "every part is sent again");
    let end = received.iter().rfind(|request| is_end(request)).unwrap();
    assert_eq!(end.header("if-none-match"), Some("*"));
}

#[tokio::test]
async fn a_put_begins_anew_three_times_at_most_and_a_stream_never() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    bucket.server.when(is_end).always(refusal(409, "ConditionalRequestConflict"));
    let ends = || bucket.server.received().iter().filter(|request| is_end(request)).count();
    let error = bucket.files.create("a", vec![7_u8; 17 << 20]).await.unwrap_err();
    assert_eq!((error.kind(), error.reason(), ends()), (ErrorKind::Conflict, Some(Reason::UploadConflict), 3));
    let once = ByteStream::unfold(true, |left| async move { Ok(left.then(|| (bytes::Bytes::from(vec![0_u8; PART]), false))) });
    let error = bucket.files.create("a", Body::from_stream(once, None)).await.unwrap_err();
    assert_eq!((error.reason(), ends()), (Some(Reason::UploadConflict), 4));
}

#[tokio::test]
async fn an_upload_of_ones_own_that_is_void_says_so() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    // Within a success too; what was aborted by another operation is repeated as it is.
    bucket.server.when(is_end).script([refusal(409, "OperationAborted"), refusal(200, "ConditionalRequestConflict")]);
    let upload = bucket.files.upload_with("a", PutOptions::new().if_absent()).await.unwrap();
    let tag = upload.part(0, "x").await.unwrap();
    let error = upload.complete([tag]).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(Reason::UploadConflict)));
    assert!(error.message().contains("send every part again"), "{error}");
    assert_eq!(bucket.server.received().iter().filter(|request| is_end(request)).count(), 2);
}

#[tokio::test]
async fn a_large_put_goes_in_parts_side_by_side() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    bucket.server.when(is_end).always(Reply::xml(COMPLETE));
    let content = bytes::Bytes::from(vec![7_u8; 17 << 20]);
    bucket.files.put("a", content.clone()).await.unwrap();
    let parts: Vec<_> =
        bucket.server.received().into_iter().filter(|request| request.query().starts_with("partNumber=")).collect();
    let sizes: usize = parts.iter().map(|part| part.body.len()).sum();
    assert_eq!((parts.len(), sizes), (3, content.len()));
    let checked = PutOptions::new().checksum(Checksum::Crc32c(1));
    let error = bucket.files.put_with("a", content, checked).await.unwrap_err();
    assert_eq!(error.capability(), Some("put_checksum"), "nobody would verify that of the whole");
}

#[tokio::test]
async fn what_is_dropped_or_fails_is_aborted() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    let mut writer = bucket.files.writer_with("a", PutOptions::new().part_size(ByteSize::mib(5))).await.unwrap();
    writer.write(vec![1_u8; PART + 1]).await.unwrap();
    drop(writer);
    let broken = ByteStream::unfold(0, |at| async move {
        match at {
            0 => Ok(Some((bytes::Bytes::from(vec![0_u8; PART]), 1))),
            _ => Err(circle_core_common::Error::new(ErrorKind::Corrupt, "the source broke")),
        }
    });
    assert!(bucket.files.put("b", Body::from_stream(broken, None)).await.is_err());
    let aborts = || {
        bucket
            .server
            .received()
            .iter()
            .filter(|request| request.method == "DELETE")
            .map(|request| request.target.clone())
            .collect::<Vec<_>>()
    };
    for _ in 0..200 {
        if aborts().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut aborts = aborts();
    aborts.sort();
    assert_eq!(aborts, ["/bucket/a?uploadId=u%2F1%2B%3D", "/bucket/b?uploadId=u%2F1%2B%3D"]);
}

#[tokio::test]
async fn an_abort_of_what_has_ended_is_fine() {
    let bucket = bucket().await;
    takes_uploads(&bucket);
    let upload = bucket.files.upload("a").await.unwrap();
    bucket.server.when(|request| request.method == "DELETE").once(refusal(404, "NoSuchUpload"));
    bucket.server.reset();
    bucket.server.always(refusal(404, "NoSuchUpload"));
    upload.abort().await.unwrap();
}

#[tokio::test]
async fn a_copy_too_large_for_one_request_goes_in_parts() {
    let bucket = bucket().await;
    let gib: u64 = 1 << 30;
    let size = (5 * gib + 1).to_string();
    bucket
        .server
        .when(|request| request.method == "HEAD")
        .always(made("src").header("content-length", size).header("content-type", "video/x"));
    bucket.server.when(|request| request.method == "PUT").always(Reply::xml("<CopyPartResult><ETag>p</ETag></CopyPartResult>"));
    takes_uploads(&bucket);
    bucket.server.when(is_end).always(Reply::xml(COMPLETE));
    let meta = bucket.files.copy("from", "to").await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (5 * gib + 1, Some("video/x")));
    let received = bucket.server.received();
    let copies: Vec<_> = received.iter().filter(|request| request.method == "PUT").collect();
    let ranges: Vec<_> = copies.iter().map(|copy| copy.header("x-amz-copy-source-range").unwrap()).collect();
    assert_eq!((ranges.len(), ranges[0], ranges[5]), (6, "bytes=0-1073741823", "bytes=5368709120-5368709120"));
    assert!(copies.iter().all(|copy| copy.header("x-amz-copy-source-if-match") == Some("\"src\"")));
}
