//! Conditions, and conditional writes whose answer is lost.

use std::sync::{Arc, Mutex};

use circle_core_common::interfaces::object_store::CopyOptions;
use circle_core_common::{ErrorKind, Reason, Version};
use circle_core_testkit::{Received, Reply};

use super::{Bucket, bucket, made, refusal, targets};

/// A service that keeps the operation of the first put, whose answer it loses, and refuses every later one.
fn loses_the_first_answer(bucket: &Bucket, answer: Reply) {
    let kept: Arc<Mutex<Option<String>>> = Arc::default();
    let stamp = |request: &Received| request.header("x-amz-meta-circle-operation").map(str::to_owned);
    let (of_put, mut answer) = (Arc::clone(&kept), Some(answer));
    bucket.server.when(|request| request.method == "PUT").always_with(move |request| {
        of_put.lock().unwrap().get_or_insert(stamp(request).expect("the id of the operation"));
        answer.take().unwrap_or_else(|| refusal(412, "PreconditionFailed"))
    });
    bucket.server.when(|request| request.method == "HEAD").always_with(move |_| {
        let reply = made("mine").header("content-length", "4");
        match &*kept.lock().unwrap() {
            Some(kept) => reply.header("x-amz-meta-circle-operation", kept.clone()),
            None => reply,
        }
    });
}

#[tokio::test]
async fn a_create_is_never_refused_because_of_itself() {
    for lost in [Reply::reset(), refusal(500, "InternalError"), Reply::hang_up()] {
        let bucket = bucket().await;
        loses_the_first_answer(&bucket, lost);
        let meta = bucket.files.create("a", "mine").await.unwrap();
        assert_eq!(meta.version, Some(Version::etag("mine")));
        assert_eq!(targets(&bucket.server.received()), ["PUT /bucket/a", "PUT /bucket/a", "HEAD /bucket/a"]);
        let received = bucket.server.received();
        assert_eq!(received[0].header("if-none-match"), Some("*"));
        let operation = |at: usize| received[at].header("x-amz-meta-circle-operation");
        assert_eq!(operation(0), operation(1), "a repetition is the same write");
    }
}

#[tokio::test]
async fn a_replace_is_never_refused_because_of_itself() {
    let bucket = bucket().await;
    loses_the_first_answer(&bucket, Reply::reset());
    bucket.files.replace("a", "mine", Version::etag("old")).await.unwrap();
    assert_eq!(bucket.server.received()[0].header("if-match"), Some("\"old\""));
}

#[tokio::test]
async fn what_another_has_made_stays_a_refusal() {
    let bucket = bucket().await;
    bucket.server.always(refusal(412, "PreconditionFailed"));
    let error = bucket.files.create("a", "mine").await.unwrap_err();
    assert_eq!((error.kind(), error.resource()), (ErrorKind::AlreadyExists, Some("a")));
    let error = bucket.files.replace("a", "mine", Version::etag("old")).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(Reason::VersionMismatch)));
    assert_eq!(bucket.server.hits(), 2, "neither is repeated or looked up");
}

#[tokio::test]
async fn a_replace_of_the_absent_is_a_conflict() {
    let bucket = bucket().await;
    bucket.server.script([refusal(404, "NoSuchKey"), refusal(404, "NoSuchBucket")]);
    let error = bucket.files.replace("a", "b", Version::etag("old")).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(Reason::VersionMismatch)));
    let error = bucket.files.replace("a", "b", Version::etag("old")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "without a bucket there is nothing to conflict with");
}

#[tokio::test]
async fn a_conflicting_request_is_repeated() {
    let bucket = bucket().await;
    bucket.server.script([refusal(409, "ConditionalRequestConflict"), refusal(409, "OperationAborted"), made("e")]);
    bucket.files.create("a", "x").await.unwrap();
    assert_eq!(bucket.server.hits(), 3);
}

#[tokio::test]
async fn a_copy_that_is_refused_says_because_of_what() {
    let bucket = bucket().await;
    bucket.server.when(|request| request.method == "HEAD").always(made("e").header("content-length", "1"));
    bucket.server.when(|request| request.method == "PUT").always(refusal(412, "PreconditionFailed"));
    let once = CopyOptions::new().if_absent();
    assert_eq!(bucket.files.copy_with("a", "b", once).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let targets = targets(&bucket.server.received());
    assert_eq!(targets, ["HEAD /bucket/a", "PUT /bucket/b", "HEAD /bucket/b"], "the target is there: not the source's doing");
}

#[tokio::test]
async fn a_source_that_changes_is_copied_anew() {
    let bucket = bucket().await;
    bucket.server.when(|request| request.method == "HEAD").always(made("e").header("content-length", "1"));
    let copied = Reply::xml("<CopyObjectResult><ETag>e</ETag></CopyObjectResult>");
    bucket.server.when(|request| request.method == "PUT").script([refusal(412, "PreconditionFailed"), copied]);
    bucket.files.copy("a", "b").await.unwrap();
    assert_eq!(bucket.server.hits(), 4);
}

#[tokio::test]
async fn a_read_that_is_refused_says_why() {
    use circle_core_common::interfaces::object_store::GetOptions;
    let bucket = bucket().await;
    bucket.server.script([Reply::status(304), refusal(412, "PreconditionFailed")]);
    let error = bucket.files.get_with("a", GetOptions::new().if_none_match(Version::etag("e"))).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(Reason::NotModified)));
    let error = bucket.files.get_with("a", GetOptions::new().if_match(Version::etag("e"))).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some(Reason::VersionMismatch)));
    let received = bucket.server.received();
    assert_eq!((received[0].header("if-none-match"), received[1].header("if-match")), (Some("\"e\""), Some("\"e\"")));
}
