//! Files and uploads, as OpenAI's reference shows them.

use std::time::Duration;

use bytes::Bytes;
use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::{Body, ByteSize, ByteStream, CallOptions, ErrorKind, Reason, Timestamp};
use circle_core_openai::files::{FilePurpose, FileUpload, FilesOptions};
use circle_core_openai::uploads::{NewUpload, PartsOptions, UploadStatus};
use circle_core_openai::{FilePart, OpenAi, OpenAiConfig, Preset};
use circle_core_testkit::{Break, FaultServer, Place, Reply};

use super::{KEY, form, last, native, provider, refused, unasked};

const FILE: &str = r#"{"id": "file-abc123", "object": "file", "bytes": 120000, "created_at": 1677610602, "expires_at": 1677614202,
    "filename": "mydata.jsonl", "purpose": "fine-tune", "status": "processed", "status_details": null, "newer": {}}"#;

fn upload() -> FileUpload {
    FileUpload::new(FilePurpose::FineTune, FilePart::new("mydata.jsonl", "{}\n{}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_as_a_form() {
    let (server, client, cx) = native(Reply::json(FILE)).await;
    let file = client.upload_file(&cx, &upload().expires_after(Duration::from_secs(2_592_000))).await.unwrap();
    assert_eq!((file.id.as_str(), file.bytes, file.purpose), ("file-abc123", Some(120_000), Some(FilePurpose::FineTune)));
    assert_eq!(file.expires_at, Some(Timestamp::from_unix(1_677_614_202, 0)));
    let fields = [("purpose", "fine-tune"), ("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "2592000")];
    let expected = form(&fields, &[("file", "mydata.jsonl", "application/jsonl", "{}\n{}\n")]);
    assert_eq!(last(&server), ("POST /v1/files".to_owned(), expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_sent_as_it_comes_and_once() {
    let (server, client, cx) = native(Reply::json(FILE)).await;
    let stream = Body::from_stream(ByteStream::from(Bytes::from_static(b"words")), None);
    let upload = FileUpload::new(FilePurpose::Other("newer".to_owned()), FilePart::new("a.bin", stream));
    client.upload_file(&cx, &upload).await.unwrap();
    let expected = form(&[("purpose", "newer")], &[("file", "a.bin", "application/octet-stream", "words")]);
    assert_eq!(last(&server).1, expected);
    let error = client.upload_file(&cx, &upload).await.unwrap_err();
    assert_eq!((error.reason(), server.hits()), (Some(Reason::BodyConsumed), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_have_been_sent_when_its_answer_is_lost() {
    let (server, client, cx) = native(Reply::hang_up()).await;
    let error = client.upload_file(&cx, &upload()).await.unwrap_err();
    assert_eq!((error.kind(), server.hits()), (ErrorKind::OutcomeUnknown, 1), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_page_by_page() {
    let server = FaultServer::start().await.unwrap();
    server.script([
        Reply::json(r#"{"object":"list","data":[{"id":"f1","purpose":"batch"},{"id":"f2"}],"has_more":true,"last_id":"f2"}"#),
        Reply::json(r#"{"object":"list","data":[{"id":"f3","purpose":"of tomorrow"}],"has_more":false}"#),
    ]);
    let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
    let cx = client.call(CallOptions::new());
    let options = FilesOptions::new().purpose(FilePurpose::Batch).oldest_first();
    let files = client.files_with(&cx, options).page_size(20_000).all().await.unwrap();
    assert_eq!(files.iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), ["f1", "f2", "f3"]);
    assert_eq!(files[2].purpose, Some(FilePurpose::Other("of tomorrow".to_owned())));
    let targets: Vec<_> = server.received().into_iter().map(|request| request.target).collect();
    assert_eq!(
        targets,
        ["/v1/files?purpose=batch&order=asc&limit=10000", "/v1/files?purpose=batch&order=asc&limit=10000&after=f2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_found_read_and_deleted() {
    let (server, client, cx) = native(Reply::json(FILE)).await;
    assert_eq!(client.file(&cx, "file/../1").await.unwrap().filename.as_deref(), Some("mydata.jsonl"));
    assert_eq!(last(&server).0, "GET /v1/files/file%2F..%2F1");

    let (server, client, cx) = native(Reply::ok("abcdef").chunked()).await;
    let content = client.file_content(&cx, "file-1").await.unwrap().collect(None).await.unwrap();
    assert_eq!((content, last(&server).0.as_str()), (Bytes::from("abcdef"), "GET /v1/files/file-1/content"));

    for (answer, kind) in [
        (Reply::json(r#"{"id":"file-1","object":"file","deleted":true}"#), None),
        (Reply::json(r#"{"error":{"message":"No such File object: file-1","param":"id"}}"#).with_status(404), None),
        (Reply::json(r#"{"id":"file-1","deleted":false}"#), Some(ErrorKind::Conflict)),
    ] {
        let (server, client, cx) = native(answer).await;
        assert_eq!(client.delete_file(&cx, "file-1").await.err().map(|error| error.kind()), kind);
        assert_eq!(last(&server), ("DELETE /v1/files/file-1".to_owned(), String::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_cut_ends_in_an_error() {
    let (_server, client, cx) = native(Reply::ok("abcdef").breaking(Place::Body(3), Break::Close)).await;
    let error = client.file_content(&cx, "file-1").await.unwrap().collect(None).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)));
}

const UPLOAD: &str = r#"{"id":"upload_1","object":"upload","bytes":10,"created_at":1719184911,"filename":"a.jsonl",
    "purpose":"fine-tune","status":"pending","expires_at":1719127296}"#;
const COMPLETED: &str =
    r#"{"id":"upload_1","bytes":10,"status":"completed","file":{"id":"file-9","bytes":10,"filename":"a.jsonl"}}"#;

/// A service that takes parts; each is called after its content.
async fn parts_server() -> FaultServer {
    let server = FaultServer::start().await.unwrap();
    server.at("/v1/uploads").always(Reply::json(UPLOAD));
    server.at("/v1/uploads/upload_1/parts").always_with(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let content = body.split("\r\n\r\n").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default();
        // The first part is the last to come.
        let delay = Duration::from_millis(if content == "0123" { 50 } else { 0 });
        Reply::json(format!(r#"{{"id":"part-{content}","object":"upload.part","upload_id":"upload_1"}}"#)).after(delay)
    });
    server.at("/v1/uploads/upload_1/complete").always(Reply::json(COMPLETED));
    server.at("/v1/uploads/upload_1/cancel").always(Reply::json(r#"{"id":"upload_1","status":"cancelled"}"#));
    server
}

fn small() -> PartsOptions {
    PartsOptions::new().part_size(ByteSize::bytes(4)).concurrency(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_sent_in_parts_and_put_together_in_order() {
    let whole = Body::from("0123456789");
    let once = Body::from_stream(ByteStream::from(Bytes::from_static(b"0123456789")), Some(10));
    for body in [whole, once] {
        let server = parts_server().await;
        let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
        let upload =
            FileUpload::new(FilePurpose::FineTune, FilePart::new("a.jsonl", body)).expires_after(Duration::from_secs(3600));
        let file = client.upload_file_in_parts(&client.call(CallOptions::new()), &upload, small()).await.unwrap();
        assert_eq!(file.id, "file-9");
        let requests = server.received();
        let of = |path: &str| {
            let found = requests.iter().filter(|request| request.target == path);
            found.map(super::body).collect::<Vec<_>>()
        };
        let created = concat!(
            r#"{"filename":"a.jsonl","purpose":"fine-tune","bytes":10,"mime_type":"application/jsonl","#,
            r#""expires_after":{"anchor":"created_at","seconds":3600}}"#
        );
        assert_eq!(of("/v1/uploads"), [created]);
        let mut parts = of("/v1/uploads/upload_1/parts");
        parts.sort();
        let part = |content| form(&[], &[("data", "part", "application/octet-stream", content)]);
        assert_eq!(parts, [part("0123"), part("4567"), part("89")]);
        assert_eq!(of("/v1/uploads/upload_1/complete"), [r#"{"part_ids":["part-0123","part-4567","part-89"]}"#]);
        assert!(of("/v1/uploads/upload_1/cancel").is_empty());
    }
}

async fn cancelled(server: &FaultServer) {
    let cancelled = async {
        while !server.received().iter().any(|request| request.target == "/v1/uploads/upload_1/cancel") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), cancelled).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fails_or_is_dropped_is_cancelled() {
    // A part is refused.
    let server = parts_server().await;
    server.interrupt([Reply::json(UPLOAD), Reply::json(r#"{"error":{"message":"no"}}"#).with_status(400)]);
    let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
    let upload = FileUpload::new(FilePurpose::Batch, FilePart::new("a.jsonl", "0123456789"));
    let error = client.upload_file_in_parts(&client.call(CallOptions::new()), &upload, small().concurrency(1)).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput), "{error}");
    cancelled(&server).await;

    // The content is shorter than it told.
    let server = parts_server().await;
    let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
    let short = Body::from_stream(ByteStream::from(Bytes::from_static(b"0123")), Some(9));
    let upload = FileUpload::new(FilePurpose::Batch, FilePart::new("a.jsonl", short));
    let error = client.upload_file_in_parts(&client.call(CallOptions::new()), &upload, small()).await.unwrap_err();
    assert!(error.is(ErrorKind::Corrupt), "{error}");
    cancelled(&server).await;

    // Nobody waits any longer.
    let server = FaultServer::start().await.unwrap();
    server.at("/v1/uploads").always(Reply::json(UPLOAD));
    server.at("/v1/uploads/upload_1/parts").always(Reply::silent());
    server.at("/v1/uploads/upload_1/cancel").always(Reply::json(r#"{"id":"upload_1","status":"cancelled"}"#));
    let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
    let upload = FileUpload::new(FilePurpose::Batch, FilePart::new("a.jsonl", "0123456789"));
    let cx = client.call(CallOptions::new());
    let sending = client.upload_file_in_parts(&cx, &upload, small());
    assert!(tokio::time::timeout(Duration::from_millis(100), sending).await.is_err());
    cancelled(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_whose_answer_is_lost_is_not_cancelled() {
    let server = FaultServer::start().await.unwrap();
    server.at("/v1/uploads").always(Reply::json(UPLOAD));
    server.at("/v1/uploads/upload_1/parts").always(Reply::json(r#"{"id":"part_1"}"#));
    server.at("/v1/uploads/upload_1/complete").always(Reply::hang_up());
    let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
    let upload = FileUpload::new(FilePurpose::Batch, FilePart::new("a.jsonl", "0123"));
    let error = client.upload_file_in_parts(&client.call(CallOptions::new()), &upload, small()).await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    assert_eq!((server.hits(), server.unexpected()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_has_its_steps() {
    let (server, client, cx) = native(Reply::json(COMPLETED)).await;
    let upload = NewUpload::new(FilePurpose::Batch, "a.jsonl", "application/jsonl", 10);
    assert_eq!(client.create_upload(&cx, &upload).await.unwrap().status, UploadStatus::Completed);
    let body = r#"{"filename":"a.jsonl","purpose":"batch","bytes":10,"mime_type":"application/jsonl"}"#;
    assert_eq!(last(&server), ("POST /v1/uploads".to_owned(), body.to_owned()));
    let completed = client.complete_upload(&cx, "upload_1", &["p".to_owned()], Some("d41d8cd9")).await.unwrap();
    assert_eq!(completed.file.unwrap().id, "file-9");
    assert_eq!(last(&server).1, r#"{"part_ids":["p"],"md5":"d41d8cd9"}"#);
    client.cancel_upload(&cx, "upload_1").await.unwrap();
    assert_eq!(last(&server), ("POST /v1/uploads/upload_1/cancel".to_owned(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_in_parts_is_refused_before_anything_is_sent() {
    let (server, client, cx) = native(Reply::json(UPLOAD)).await;
    let unknown = Body::from_stream(ByteStream::from(Bytes::from_static(b"x")), None);
    let unknown = FileUpload::new(FilePurpose::Batch, FilePart::new("a", unknown));
    let known = FileUpload::new(FilePurpose::Batch, FilePart::new("a", "x"));
    for (upload, options) in [
        (&unknown, PartsOptions::new()),
        (&known, PartsOptions::new().part_size(ByteSize::mib(65))),
        (&known, PartsOptions::new().part_size(ByteSize::bytes(0))),
    ] {
        let error = client.upload_file_in_parts(&cx, upload, options).await.unwrap_err();
        assert!(error.is(ErrorKind::InvalidInput), "{error}");
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_files_is_not_asked_for_them() {
    let (server, client, cx) = unasked(Preset::Deepseek).await;
    refused(&server, client.upload_file(&cx, &upload()).await);
    refused(&server, client.files(&cx).all().await);
    refused(&server, client.file_content(&cx, "f").await);
    let (server, client, cx) = unasked(Preset::Groq).await;
    refused(&server, client.upload_file_in_parts(&cx, &upload(), PartsOptions::new()).await);
    refused(&server, client.delete_model(&cx, "m").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_found_behind_a_handle_and_closes_with_it() {
    let (server, ..) = native(Reply::json(FILE)).await;
    let model = ChatModel::new(provider(OpenAiConfig::new("m"), &server.origin(), KEY));
    let client = model.native::<OpenAi>().unwrap().client();
    let cx = client.call(CallOptions::new());
    assert_eq!(client.file(&cx, "file-abc123").await.unwrap().id, "file-abc123");
    client.close();
    assert!(client.file(&cx, "file-abc123").await.unwrap_err().is(ErrorKind::Closed));
    assert!(client.files(&cx).page().await.unwrap_err().is(ErrorKind::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_ones_own_is_deleted() {
    let (server, client, cx) = native(Reply::json(r#"{"id":"ft:gpt","object":"model","deleted":true}"#)).await;
    client.delete_model(&cx, "ft:gpt-4o-mini:acemeco:suffix:abc123").await.unwrap();
    assert_eq!(last(&server).0, "DELETE /v1/models/ft%3Agpt-4o-mini%3Aacemeco%3Asuffix%3Aabc123");
    let answer = r#"{"id":"gpt","object":"model","created":1686935002,"owned_by":"openai","shutdown_date":"2026-10-23"}"#;
    let (server, client, cx) = native(Reply::json(answer)).await;
    assert_eq!(client.model(&cx, "gpt").await.unwrap().shutdown_date.as_deref(), Some("2026-10-23"));
    assert_eq!(last(&server).0, "GET /v1/models/gpt");
}
