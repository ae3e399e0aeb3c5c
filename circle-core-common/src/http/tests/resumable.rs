//! Uploads in sessions, byte for byte, through every accident.

use std::time::Duration;

use bytes::Bytes;

use super::server::{Script, Server, Step, answer, status};
use super::*;
use crate::body::{Body, ByteStream};
use crate::error::{ErrorKind, Reason};
use crate::http::Request;
use crate::http::resumable::{ContentRange, Resumable, Tus, UploadOperations, UploadSession};
use crate::operation::{Class, Operation};
use crate::resilience::{Resilience, Retry};
use crate::units::ByteSize;

static WRITE: Operation = Operation::new("acme", "write", Class::Write, 1);
static BEGIN: RemoteOperation = RemoteOperation::new("acme.BeginUpload", Idempotency::NonIdempotent, "/upload");
static PART: RemoteOperation = RemoteOperation::new("acme.SendPart", Idempotency::NonIdempotent, "/upload");
static STATE: RemoteOperation = RemoteOperation::new("acme.UploadState", Idempotency::Safe, "/upload");
static ABANDON: RemoteOperation = RemoteOperation::new("acme.AbandonUpload", Idempotency::Idempotent, "/upload");
const OPERATIONS: UploadOperations = UploadOperations { begin: &BEGIN, part: &PART, state: &STATE, abandon: &ABANDON };

const KIB: usize = 1024;
const PIECE: usize = 256 * KIB;

struct Subject {
    server: Server,
    client: HttpClient,
    cx: CallContext,
}

impl Subject {
    async fn of(scripts: Vec<Script>) -> Self {
        let server = Server::start(scripts).await;
        let environment = Environment::default();
        let context = BuildContext::new(environment.clone(), "test").allow_loopback(true);
        let context = context.resilience(Resilience::new().retry(Retry::off()));
        let client = context.http(context.origin(&server.origin()).unwrap()).auth(Auth::Bearer(SecretRef::literal(CANARY)));
        Self { server, client: client.build(), cx: CallContext::new(&environment, &WRITE, None) }
    }

    fn google(&self) -> Resumable<ContentRange> {
        let begin = Request::post(self.client.target("/upload").query("uploadType", "resumable"));
        let begin = begin.json(&serde_json::json!({"name": "a"})).unwrap();
        Resumable::new(ContentRange::new(self.client.clone(), begin, OPERATIONS)).part_size(ByteSize::bytes(300 * KIB as u64))
    }

    fn tus(&self) -> Resumable<Tus> {
        let protocol = Tus::new(self.client.clone(), self.client.target("/files"), OPERATIONS);
        let protocol = protocol.metadata("filename", "a b.txt").unwrap().metadata("is_confidential", "").unwrap();
        Resumable::new(protocol).part_size(ByteSize::bytes(4))
    }

    /// What was asked, as method, path, one header, and the length of the body.
    fn lines(&self, header: &str) -> Vec<String> {
        let line = |request: &String| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let first = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
            let value = head.lines().find_map(|line| line.strip_prefix(&format!("{header}: "))).unwrap_or("-");
            format!("{first} [{value}] {}", body.len())
        };
        self.server.requests().iter().map(line).collect()
    }

    async fn hits(&self, count: usize) {
        for _ in 0..500 {
            if self.server.hits() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} requests", self.server.hits());
    }
}

fn begun() -> Script {
    status(200, "Location: /session?upload_id=7\r\n")
}

fn stands(range: &str) -> Script {
    let range = if range.is_empty() { String::new() } else { format!("Range: bytes=0-{range}\r\n") };
    status(308, &range)
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + (at % 26) as u8).collect()
}

fn cut() -> Script {
    vec![Step::Close]
}

#[tokio::test]
async fn parts_follow_each_other() {
    let subject =
        Subject::of(vec![begun(), stands("262143"), stands("524287"), answer("HTTP/1.1 201 X\r\nContent-Length: 2\r\n\r\nok")])
            .await;
    let response = subject.google().upload(&subject.cx, &content(2 * PIECE + 5).into()).await.unwrap();
    assert_eq!(response.body, "ok");
    assert_eq!(
        subject.lines("content-range"),
        [
            "POST /upload?uploadType=resumable [-] 12",
            "PUT /session?upload_id=7 [bytes 0-262143/524293] 262144",
            "PUT /session?upload_id=7 [bytes 262144-524287/524293] 262144",
            "PUT /session?upload_id=7 [bytes 524288-524292/524293] 5",
        ]
    );
    assert_eq!(subject.lines("x-upload-content-length")[0], "POST /upload?uploadType=resumable [524293] 12");
    let all: String = subject.server.requests()[1..].iter().map(|request| request.split_once("\r\n\r\n").unwrap().1).collect();
    assert_eq!(all.into_bytes(), content(2 * PIECE + 5));
}

#[tokio::test]
async fn after_a_failure_it_goes_on_where_the_service_stands() {
    for (length, total) in [(Some(PIECE as u64 + 5), "262149"), (None, "*")] {
        let scripts = vec![begun(), cut(), status(503, ""), stands("99999"), stands("262143"), cut(), status(200, "")];
        let subject = Subject::of(scripts).await;
        let stream = ByteStream::from(Bytes::from(content(PIECE + 5)));
        let body = Body::from_stream(stream, length);
        subject.google().upload(&subject.cx, &body).await.unwrap();
        let lines = subject.lines("content-range");
        let at = "PUT /session?upload_id=7";
        assert_eq!(
            lines[1..],
            [
                format!("{at} [bytes 0-262143/{total}] 262144"),
                format!("{at} [bytes */{total}] 0"),
                format!("{at} [bytes */{total}] 0"),
                format!("{at} [bytes 100000-262143/{total}] 162144"),
                format!("{at} [bytes 262144-262148/262149] 5"),
                // Its answer was lost, and it was the last: the service says that it is complete.
                format!("{at} [bytes */262149] 0"),
            ]
        );
        assert!(subject.server.requests()[4].ends_with(&String::from_utf8(content(PIECE)).unwrap()[100_000..]));
    }
}

#[tokio::test]
async fn what_makes_no_progress_ends_and_is_abandoned() {
    let mut scripts = vec![begun()];
    scripts.extend((0..6).flat_map(|_| [status(503, ""), stands("")]));
    scripts.truncate(12);
    scripts.push(status(499, ""));
    let subject = Subject::of(scripts).await;
    let error = subject.google().upload(&subject.cx, &content(PIECE + 1).into()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 6), "{error:?}");
    assert!(error.message().contains("stopped at byte 0"), "{error}");
    assert!(!format!("{error:?}").contains("upload_id"), "the address of a session is a secret: {error:?}");
    subject.hits(13).await;
    assert_eq!(subject.lines("content-range")[12], "DELETE /session?upload_id=7 [-] 0");
    // The service's no is an end at once.
    let subject = Subject::of(vec![begun(), status(403, ""), status(204, "")]).await;
    let error = subject.google().upload(&subject.cx, &content(10).into()).await.unwrap_err();
    assert!(error.is(ErrorKind::PermissionDenied));
    subject.hits(3).await;
}

#[tokio::test]
async fn what_may_be_complete_is_not_abandoned() {
    let subject = Subject::of(vec![begun(), cut(), status(403, "")]).await;
    let error = subject.google().upload(&subject.cx, &content(10).into()).await.unwrap_err();
    assert!(error.is(ErrorKind::PermissionDenied), "{error:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(subject.server.hits(), 3);
}

#[tokio::test]
async fn a_session_that_is_gone_behind_the_last_part_may_have_been_completed() {
    // Neither begun anew, which would leave the same content twice, nor abandoned.
    let subject = Subject::of(vec![begun(), cut(), status(404, "")]).await;
    let error = subject.google().upload(&subject.cx, &content(10).into()).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::OutcomeUnknown, crate::error::Sent::Maybe), "{error:?}");
    assert!(!format!("{error:?}").contains("upload_id"));
    // What was refused as a whole has completed nothing: there it is begun anew.
    let fresh = status(200, "Location: /session?upload_id=8\r\n");
    let subject = Subject::of(vec![begun(), status(404, ""), fresh, status(200, "")]).await;
    subject.google().upload(&subject.cx, &content(10).into()).await.unwrap();
    assert_eq!(subject.lines("content-range")[3], "PUT /session?upload_id=8 [bytes 0-9/10] 10");
}

#[tokio::test]
async fn ground_that_the_service_had_lost_is_made_good() {
    let scripts =
        vec![begun(), stands("262143"), status(503, ""), stands("99999"), stands("199999"), stands("262143"), status(200, "")];
    let subject = Subject::of(scripts).await;
    subject.google().upload(&subject.cx, &content(PIECE + 5).into()).await.unwrap();
    let at = "PUT /session?upload_id=7";
    assert_eq!(
        subject.lines("content-range")[1..],
        [
            format!("{at} [bytes 0-262143/262149] 262144"),
            format!("{at} [bytes 262144-262148/262149] 5"),
            format!("{at} [bytes */262149] 0"),
            // It has forgotten a part of what it had, and takes it again piece by piece, without a failure in between.
            format!("{at} [bytes 100000-262148/262149] 162149"),
            format!("{at} [bytes 200000-262148/262149] 62149"),
            format!("{at} [bytes 262144-262148/262149] 5"),
        ]
    );
}

#[tokio::test]
async fn the_budget_is_the_endpoints() {
    let subject = Subject::of(vec![begun(), stands(""), status(503, "")]).await;
    // A request makes the budget known to the call; others use it up.
    let session = subject.google().begin(&subject.cx, &content(10).into()).await.unwrap();
    while subject.cx.draw_retry() {}
    let error = subject.google().keep_unfinished().resume(&subject.cx, &session, &content(10).into()).await.unwrap_err();
    assert_eq!((error.kind(), error.reason(), subject.server.hits()), (ErrorKind::Unavailable, Some(Reason::RetryBudget), 3));
}

#[tokio::test]
async fn a_session_that_is_lost_is_begun_anew_where_the_content_is_still_there() {
    let scripts = || {
        vec![
            begun(),
            stands("262143"),
            status(410, ""),
            status(200, "Location: /session?upload_id=8\r\n"),
            stands("262143"),
            status(200, ""),
        ]
    };
    let subject = Subject::of(scripts()).await;
    subject.google().upload(&subject.cx, &content(PIECE + 1).into()).await.unwrap();
    assert_eq!(subject.lines("content-range")[4], "PUT /session?upload_id=8 [bytes 0-262143/262145] 262144");
    let subject = Subject::of(scripts()).await;
    let once = Body::from_stream(ByteStream::from(Bytes::from(content(PIECE + 1))), None);
    let error = subject.google().upload(&subject.cx, &once).await.unwrap_err();
    assert_eq!((error.kind(), subject.server.hits()), (ErrorKind::NotFound, 3));
}

#[tokio::test]
async fn another_process_takes_a_session_up_again() {
    let subject = Subject::of(vec![begun(), stands("262143"), status(200, "")]).await;
    let upload = subject.google().keep_unfinished();
    let session = upload.begin(&subject.cx, &content(PIECE + 1).into()).await.unwrap();
    assert!(!format!("{session:?}").contains("upload_id"));
    let session = UploadSession::at(&subject.client, &session.address()).unwrap();
    upload.resume(&subject.cx, &session, &content(PIECE + 1).into()).await.unwrap();
    assert_eq!(
        subject.lines("content-range")[1..],
        ["PUT /session?upload_id=7 [bytes */262145] 0", "PUT /session?upload_id=7 [bytes 262144-262144/262145] 1"]
    );
    for refused in ["https://10.0.0.1/x", "ftp://a.example/x", "x"] {
        assert!(UploadSession::at(&subject.client, refused).is_err(), "{refused}");
    }
}

#[tokio::test]
async fn a_session_elsewhere_gets_no_credential() {
    let elsewhere = Server::start(vec![status(200, "")]).await;
    let location = format!("Location: {}/up?s=1\r\n", elsewhere.origin());
    let subject = Subject::of(vec![status(200, &location)]).await;
    subject.google().upload(&subject.cx, &content(3).into()).await.unwrap();
    assert!(subject.server.requests()[0].contains(CANARY) && !elsewhere.requests()[0].contains(CANARY));
}

#[tokio::test]
async fn services_that_make_no_sense_are_found() {
    for (script, kind) in [
        (stands("99"), ErrorKind::Corrupt),
        (status(308, "Range: bytes=5-9\r\n"), ErrorKind::Decode),
        (status(308, "Range: bytes=0-18446744073709551615\r\n"), ErrorKind::Decode),
    ] {
        let subject = Subject::of(vec![begun(), script, status(204, "")]).await;
        let error = subject.google().upload(&subject.cx, &content(10).into()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    let subject = Subject::of(vec![status(200, "")]).await;
    assert!(subject.google().upload(&subject.cx, &content(10).into()).await.unwrap_err().is(ErrorKind::Decode));
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_abandoned() {
    let subject = Subject::of(vec![begun(), vec![Step::Pause(Duration::from_secs(60))], status(204, "")]).await;
    // Not the last part: that one might have completed it.
    let (upload, body) = (subject.google(), content(PIECE + 1).into());
    tokio::select! {
        ended = upload.upload(&subject.cx, &body) => panic!("{ended:?}"),
        () = subject.hits(2) => {}
    }
    subject.hits(3).await;
    assert_eq!(subject.lines("content-range")[2], "DELETE /session?upload_id=7 [-] 0");
}

#[tokio::test]
async fn tus_by_its_own_words() {
    let at = |offset: u64| status(204, &format!("Upload-Offset: {offset}\r\nTus-Resumable: 1.0.0\r\n"));
    let created = || status(201, "Location: /files/1\r\n");
    let subject =
        Subject::of(vec![created(), at(4), status(409, ""), status(200, "Upload-Offset: 6\r\nUpload-Length: 10\r\n"), at(10)])
            .await;
    let place = subject.tus().upload(&subject.cx, &"0123456789".into()).await.unwrap();
    assert_eq!(place.path_and_query, "/files/1");
    assert_eq!(
        subject.lines("upload-offset"),
        ["POST /files [-] 0", "PATCH /files/1 [0] 4", "PATCH /files/1 [4] 4", "HEAD /files/1 [-] 0", "PATCH /files/1 [6] 4"]
    );
    let requests = subject.server.requests();
    assert!(requests.iter().all(|request| request.contains("tus-resumable: 1.0.0\r\n")));
    assert!(requests[0].contains("upload-length: 10\r\n") && !requests[1].contains("upload-length"));
    assert!(requests[0].contains("upload-metadata: filename YSBiLnR4dA==,is_confidential\r\n"), "{}", requests[0]);
    assert!(requests[4].contains("content-type: application/offset+octet-stream\r\n") && requests[4].ends_with("6789"));
    // A length that is known at the end only.
    let late = status(200, "Upload-Offset: 4\r\nUpload-Defer-Length: 1\r\n");
    let subject = Subject::of(vec![created(), at(4), cut(), late, at(6)]).await;
    let once = Body::from_stream(ByteStream::from(Bytes::from_static(b"abcdef")), None);
    subject.tus().upload(&subject.cx, &once).await.unwrap();
    let lengths = subject.lines("upload-length");
    assert_eq!(
        lengths,
        ["POST /files [-] 0", "PATCH /files/1 [-] 4", "PATCH /files/1 [6] 2", "HEAD /files/1 [-] 0", "PATCH /files/1 [6] 2"]
    );
    assert!(subject.server.requests()[0].contains("upload-defer-length: 1\r\n"));
    // Nothing at all is an upload, too.
    let subject = Subject::of(vec![created(), at(0)]).await;
    subject.tus().upload(&subject.cx, &Body::empty()).await.unwrap();
    assert_eq!(subject.lines("upload-offset"), ["POST /files [-] 0", "PATCH /files/1 [0] 0"]);
    assert!(Tus::new(subject.client.clone(), subject.client.target("/"), OPERATIONS).metadata("a b", "").is_err());
}
