//! Batches, from requests to answers.

use std::time::Duration;

use circle_core_common::interfaces::chat_model::ChatRequest;
use circle_core_common::interfaces::embedding_model::{EmbedOptions, EmbedRequest};
use circle_core_common::{BuildContext, CallOptions, Environment, ErrorKind, Reason, SecretRef, Timestamp};
use circle_core_openai::batches::{BatchEndpoint, BatchInput, BatchOptions, BatchStatus};
use circle_core_openai::{OpenAi, OpenAiClient, OpenAiConfig, OpenAiError, Preset};
use circle_core_testkit::{Break, CannedTransport, FaultServer, ManualClock, Place, Reply};
use serde_json::json;

use super::{ANSWER, KEY, body, form, last, native, provider, refused, unasked};

/// As OpenAI's reference shows it, with a field and a count of tomorrow.
fn batch(status: &str) -> String {
    json!({
        "id": "batch_abc123", "object": "batch", "endpoint": "/v1/chat/completions", "model": "gpt-5-mini", "errors": null,
        "input_file_id": "file-abc123", "completion_window": "24h", "status": status, "output_file_id": "file-out",
        "error_file_id": "file-err", "created_at": 1711471533, "in_progress_at": 1711471538, "expires_at": null,
        "request_counts": { "total": 100, "completed": 95, "failed": 5, "skipped": 0 },
        "usage": { "input_tokens": 9, "input_tokens_details": { "cached_tokens": 4 }, "output_tokens": 7,
            "output_tokens_details": { "reasoning_tokens": 3 }, "total_tokens": 16 },
        "metadata": { "job": "nightly" }, "newer": [],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_a_file_and_what_is_made_of_it() {
    let server = FaultServer::start().await.unwrap();
    server.script([Reply::json(r#"{"id":"file-abc123"}"#), Reply::json(batch("validating"))]);
    let client = provider(OpenAiConfig::new("gpt-5-mini"), &server.origin(), KEY).client().clone();
    let cx = client.call(CallOptions::new());
    let input =
        client.chat_batch([("q1", ChatRequest::from("Name a river.")), ("q2", ChatRequest::from("Hi").model("gpt-5"))]).unwrap();
    assert_eq!((input.len(), input.warnings().len()), (2, 0));
    let options = BatchOptions::new().metadata("job", "nightly").output_expires_after(Duration::from_secs(7200));
    let made = client.submit_batch(&cx, input, options).await.unwrap();
    assert_eq!((&made.status, made.endpoint.as_ref()), (&BatchStatus::Validating, Some(&BatchEndpoint::ChatCompletions)));
    assert_eq!((made.request_counts.unwrap().total, made.usage.unwrap().reasoning_tokens), (Some(100), Some(3)));
    assert_eq!((made.metadata["job"].as_str(), made.expires_at), ("nightly", None));
    assert_eq!(made.created_at, Some(Timestamp::from_unix(1_711_471_533, 0)));

    let [file, create] = &server.received()[..] else { panic!("two requests") };
    let lines = concat!(
        r#"{"custom_id":"q1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5-mini","#,
        r#""messages":[{"role":"user","content":"Name a river."}]}}"#,
        "\n",
        r#"{"custom_id":"q2","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5","#,
        r#""messages":[{"role":"user","content":"Hi"}]}}"#,
        "\n"
    );
    let expected = form(&[("purpose", "batch")], &[("file", "batch.jsonl", "application/jsonl", lines)]);
    assert_eq!((file.target.as_str(), body(file)), ("/v1/files", expected));
    let expected = concat!(
        r#"{"input_file_id":"file-abc123","endpoint":"/v1/chat/completions","completion_window":"24h","#,
        r#""metadata":{"job":"nightly"},"output_expires_after":{"anchor":"created_at","seconds":7200}}"#
    );
    assert_eq!((create.target.as_str(), body(create).as_str()), ("/v1/batches", expected));
}

#[tokio::test]
async fn requests_are_told_apart() {
    let client = provider(OpenAiConfig::new("m").embedding_model("text-embedding-3-small"), "http://127.0.0.1:1", KEY);
    let client = client.client();
    let twice = client.chat_batch([("a", ChatRequest::from("x")), ("a", ChatRequest::from("y"))]).unwrap_err();
    assert!(twice.is(ErrorKind::InvalidInput) && twice.message().contains("\"a\""), "{twice}");
    assert!(client.chat_batch([("", ChatRequest::from("x"))]).unwrap_err().is(ErrorKind::InvalidInput));

    let request = EmbedRequest::new(vec!["one".into(), "two".into()], EmbedOptions::new().dimensions(2));
    let input = client.embedding_batch([("e", request)]).unwrap();
    let line = concat!(
        r#"{"custom_id":"e","method":"POST","url":"/v1/embeddings","body":{"model":"text-embedding-3-small","#,
        r#""input":["one","two"],"dimensions":2,"encoding_format":"base64"}}"#,
        "\n"
    );
    assert_eq!(std::str::from_utf8(input.lines()).unwrap(), line);

    let mut other = BatchInput::new(BatchEndpoint::Other("/v1/newer".to_owned()));
    other.push("n", &json!({ "x": 1 })).unwrap();
    assert!(other.push("n", &json!({})).unwrap_err().is(ErrorKind::InvalidInput));
    assert_eq!(
        std::str::from_utf8(other.lines()).unwrap(),
        "{\"custom_id\":\"n\",\"method\":\"POST\",\"url\":\"/v1/newer\",\"body\":{\"x\":1}}\n"
    );
    assert_eq!(format!("{other:?}"), "BatchInput(1 requests to /v1/newer, 67 bytes)");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_refused_batch_is_deleted() {
    let server = FaultServer::start().await.unwrap();
    server.at("/v1/files").always(Reply::json(r#"{"id":"file-1"}"#));
    server.at("/v1/batches").always(Reply::json(r#"{"error":{"message":"no","code":"x"}}"#).with_status(400));
    server.at("/v1/files/file-1").always(Reply::json(r#"{"deleted":true}"#));
    let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
    let cx = client.call(CallOptions::new());
    let input = client.chat_batch([("q", ChatRequest::from("x"))]).unwrap();
    assert!(client.submit_batch(&cx, input.clone(), BatchOptions::new()).await.unwrap_err().is(ErrorKind::InvalidInput));
    let targets: Vec<_> = server.received().into_iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    assert_eq!(targets, ["POST /v1/files", "POST /v1/batches", "DELETE /v1/files/file-1"]);

    // Where nobody knows whether there is a batch, its file stays.
    server.reset();
    server.at("/v1/files").always(Reply::json(r#"{"id":"file-1"}"#));
    server.at("/v1/batches").always(Reply::hang_up());
    let error = client.submit_batch(&cx, input, BatchOptions::new()).await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    assert_eq!(server.hits(), 2);
    let none = BatchInput::new(BatchEndpoint::Embeddings);
    assert!(client.submit_batch(&cx, none, BatchOptions::new()).await.unwrap_err().is(ErrorKind::InvalidInput));
    assert_eq!(server.hits(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_listed_found_and_cancelled() {
    let (server, client, cx) =
        native(Reply::json(format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, batch("of tomorrow")))).await;
    let found = client.batches(&cx).page_size(500).all().await.unwrap();
    assert_eq!(found[0].status, BatchStatus::Other("of tomorrow".to_owned()));
    assert!(!found[0].status.is_final());
    assert_eq!(last(&server).0, "GET /v1/batches?limit=100");
    let (server, client, cx) = native(Reply::json(batch("cancelling"))).await;
    assert_eq!(client.batch(&cx, "batch_abc123").await.unwrap().status, BatchStatus::Cancelling);
    client.cancel_batch(&cx, "batch_abc123").await.unwrap();
    assert_eq!(last(&server), ("POST /v1/batches/batch_abc123/cancel".to_owned(), String::new()));
}

/// A client whose waits take no time, and the service behind it.
fn patient() -> (CannedTransport, ManualClock, OpenAiClient) {
    let (canned, clock) = (CannedTransport::new(), ManualClock::jumping());
    let environment = Environment::builder().transport(canned.clone()).clock(clock.clock()).build();
    let config = OpenAiConfig::new("m").api_key(SecretRef::literal(KEY.to_owned()));
    let client = OpenAi::new(config, BuildContext::new(environment, "assistant")).unwrap().client().clone();
    (canned, clock, client)
}

#[tokio::test]
async fn a_batch_is_waited_for_ever_more_seldom() {
    let (canned, clock, client) = patient();
    canned.script(std::iter::repeat_n("validating", 4).chain(["in_progress"; 4]).map(|status| Reply::json(batch(status))));
    canned.script([Reply::json(batch("of tomorrow")), Reply::json(batch("expired"))]);
    let begun = clock.clock().now();
    let cx = client.call(CallOptions::new());
    let ended = client.wait_for_batch(&cx, "batch_abc123").await.unwrap();
    assert_eq!((ended.status, canned.hits()), (BatchStatus::Expired, 10));
    // 2, 3, 4.5 … 34.2 and 51.3 s, each a tenth more or less.
    let waited = clock.clock().now().since(begun);
    assert!((Duration::from_secs(134)..Duration::from_secs(165)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn a_wait_ends_at_the_deadline_and_the_batch_goes_on() {
    let (canned, _clock, client) = patient();
    canned.always(Reply::json(batch("in_progress")));
    let cx = client.call(CallOptions::new().timeout(Duration::from_secs(50)));
    let error = client.wait_for_batch(&cx, "batch_abc123").await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout), "{error}");
    // At 0, 2, 5, 9.5, 16.3, 26.4 and 41.6 s, each wait a tenth more or less; the next would be at 64 s.
    assert_eq!(canned.hits(), 7);
}

#[tokio::test]
async fn a_look_that_fails_is_taken_again_and_one_that_is_refused_is_not() {
    let (canned, _clock, client) = patient();
    // More failures than one request is repeated for.
    canned.script(std::iter::repeat_n(Reply::status(503), 4));
    canned.script([Reply::json(batch("completed"))]);
    let cx = client.call(CallOptions::new());
    assert_eq!(client.wait_for_batch(&cx, "batch_abc123").await.unwrap().status, BatchStatus::Completed);
    assert_eq!(canned.hits(), 5);
    canned.reset();
    canned.always(Reply::json(r#"{"error":{"message":"No batch found"}}"#).with_status(404));
    assert!(client.wait_for_batch(&cx, "batch_abc123").await.unwrap_err().is(ErrorKind::NotFound));
    assert_eq!(canned.hits(), 1);
}

/// The lines of both files, as the guide shows them.
fn files() -> (String, String) {
    let whole: serde_json::Value = serde_json::from_str(ANSWER).unwrap();
    let answered = json!({
        "id": "batch_req_1", "custom_id": "q2", "error": null, "newer": 1,
        "response": { "status_code": 200, "request_id": "req-9", "body": whole },
    });
    let refused = json!({
        "id": "batch_req_2", "custom_id": "q1", "error": null,
        "response": { "status_code": 400, "request_id": "req-8", "body": {
            "error": { "message": "too long", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded" } } },
    });
    let expired = json!({
        "id": "batch_req_3", "custom_id": "q3", "response": null,
        "error": { "code": "batch_expired", "message": "This request could not be executed before the completion window expired." },
    });
    (format!("{answered}\n"), format!("{refused}\n\n{expired}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_errors_come_line_by_line_however_they_are_cut() {
    let (output, errors) = files();
    for bytes in [1, 7, 64, 4096] {
        let server = FaultServer::start().await.unwrap();
        server.at("/v1/batches/batch_abc123").always(Reply::json(batch("completed")));
        server.at("/v1/files/file-out/content").always(Reply::ok(output.clone()).drip(bytes, Duration::ZERO));
        server.at("/v1/files/file-err/content").always(Reply::ok(errors.clone()).drip(bytes, Duration::ZERO));
        let client = provider(OpenAiConfig::new("m"), &server.origin(), KEY).client().clone();
        let cx = client.call(CallOptions::new());
        let ended = client.batch(&cx, "batch_abc123").await.unwrap();
        let mut results = client.batch_results(&cx, &ended).await.unwrap();

        let line = results.try_next().await.unwrap().unwrap();
        assert_eq!((line.custom_id.as_str(), line.status, line.request_id.as_deref()), ("q2", Some(200), Some("req-9")));
        assert_eq!(line.chat().unwrap().text(), "Daugava, Gauja, Lielupe.");
        assert_eq!(line.json::<serde_json::Value>().unwrap()["object"], "chat.completion");
        assert!(line.embedded().unwrap_err().is(ErrorKind::Decode));

        let line = results.try_next().await.unwrap().unwrap();
        let error = line.chat().unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::InvalidInput, Some(Reason::ContextLength)));
        let said = error.provider_error::<OpenAiError>().unwrap();
        assert_eq!((said.status, said.param.as_deref(), said.request_id.as_deref()), (400, Some("messages"), Some("req-8")));

        let line = results.try_next().await.unwrap().unwrap();
        let error = line.chat().unwrap_err();
        assert!(error.is(ErrorKind::Timeout) && error.detail().unwrap().code.as_deref() == Some("batch_expired"), "{error}");
        assert!(results.try_next().await.unwrap().is_none() && results.try_next().await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_are_read_too() {
    let line = json!({ "custom_id": "e", "response": { "status_code": 200, "body": {
        "data": [{ "index": 0, "embedding": [0.6, 0.8] }], "model": "e", "usage": { "prompt_tokens": 1 } } } });
    let (_server, client, cx) = native(Reply::ok(line.to_string())).await;
    let mut lines = client.batch_lines(&cx, "file-out").await.unwrap();
    let embedded = lines.try_next().await.unwrap().unwrap().embedded().unwrap();
    assert_eq!(&**embedded.embeddings.block(), [0.6, 0.8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_answers_that_is_cut_or_garbage_is_an_error() {
    let (output, _) = files();
    let (_server, client, cx) =
        native(Reply::ok(format!("{output}{output}")).breaking(Place::Body(output.len() as u64 + 20), Break::Close)).await;
    let mut lines = client.batch_lines(&cx, "file-out").await.unwrap();
    assert!(lines.try_next().await.unwrap().is_some());
    let error = lines.try_next().await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)));
    assert!(lines.try_next().await.unwrap().is_none(), "after an error it is over");

    let (_server, client, cx) = native(Reply::ok(format!("{output}<html>\n{output}"))).await;
    let mut lines = client.batch_lines(&cx, "file-out").await.unwrap();
    lines.try_next().await.unwrap();
    let error = lines.try_next().await.unwrap_err();
    assert!(error.is(ErrorKind::Decode) && error.message().contains("line 2") && !error.to_string().contains("html"), "{error}");

    let (server, client, cx) = native(Reply::json(r#"{"error":{"message":"no such file"}}"#).with_status(404)).await;
    assert!(client.batch_lines(&cx, "file-out").await.unwrap_err().is(ErrorKind::NotFound));
    assert_eq!(server.hits(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_answers_says_why() {
    let (server, client, cx) = native(Reply::json(batch("in_progress"))).await;
    let running = client.batch(&cx, "b").await.unwrap();
    assert!(client.batch_results(&cx, &running).await.unwrap_err().is(ErrorKind::Conflict));
    assert_eq!(server.hits(), 1);

    let errors = r#"{"object":"list","data":[{"code":"invalid_json_line","line":3,"message":"no JSON","param":null}]}"#;
    let failed = format!(r#"{{"id":"b","status":"failed","errors":{errors},"metadata":null}}"#);
    let (_server, client, cx) = native(Reply::json(failed)).await;
    let failed = client.batch(&cx, "b").await.unwrap();
    assert_eq!((failed.errors[0].line, failed.errors[0].code.as_deref()), (Some(3), Some("invalid_json_line")));
    let error = client.batch_results(&cx, &failed).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && error.message().contains("line 3"), "{error}");

    let (_server, client, cx) = native(Reply::json(r#"{"id":"b","status":"cancelled"}"#)).await;
    let cancelled = client.batch(&cx, "b").await.unwrap();
    assert!(client.batch_results(&cx, &cancelled).await.unwrap().try_next().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_batches_is_not_asked_for_them() {
    let (server, client, cx) = unasked(Preset::Mistral).await;
    let input = client.chat_batch([("q", ChatRequest::from("x"))]).unwrap();
    refused(&server, client.submit_batch(&cx, input, BatchOptions::new()).await);
    refused(&server, client.batches(&cx).page().await);
    refused(&server, client.wait_for_batch(&cx, "b").await);
}
