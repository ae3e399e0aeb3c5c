//! Files, by the external upload.

use bytes::Bytes;
use circle_core_common::interfaces::messenger::{Attachment, Message};
use circle_core_common::{Body, ByteStream, ErrorKind, Sent};
use circle_core_testkit::{FaultServer, Received, Reply};

use super::{CHANNEL, POSTED, TOKEN, refusal, team};

const PERMALINK: &str = "https://example.slack.com/files/U1/F123ABC456/q3.csv";

/// A server whose uploads go to this address.
async fn workspace(upload_url: Option<&str>) -> FaultServer {
    let server = FaultServer::start().await.unwrap();
    let url = upload_url.map_or_else(|| format!("{}/upload/v1/ABC123?sig=hidden-signature", server.origin()), str::to_owned);
    let place = format!(r#"{{"ok":true,"upload_url":"{url}","file_id":"F123ABC456"}}"#);
    server.at("/api/files.getUploadURLExternal").always(Reply::json(place));
    server.at("/upload/v1/ABC123").always(Reply::ok("OK - 12"));
    server
        .at("/api/files.completeUploadExternal")
        .always(Reply::json(r#"{"ok":true,"files":[{"id":"F123ABC456","title":"q3.csv"}]}"#));
    let file = format!(r#"{{"ok":true,"file":{{"id":"F123ABC456","name":"q3.csv","permalink":"{PERMALINK}"}}}}"#);
    server.at("/api/files.info").always(Reply::json(file));
    server.at("/api/chat.postMessage").always(Reply::json(POSTED));
    server
}

fn shown(requests: &[Received]) -> Vec<String> {
    let one = |request: &Received| format!("{} {}", request.target, String::from_utf8_lossy(&request.body));
    requests.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_brought_first_and_linked_then() {
    let server = workspace(None).await;
    let file = Attachment::bytes("q3.csv", "region,total").description("The numbers");
    team(&server.origin()).send(CHANNEL, Message::text("Here").attach(file)).await.unwrap();
    let requests = server.received();
    assert_eq!(
        shown(&requests),
        [
            "/api/files.getUploadURLExternal alt_txt=The+numbers&filename=q3.csv&length=12".to_owned(),
            "/upload/v1/ABC123?sig=hidden-signature region,total".to_owned(),
            "/api/files.completeUploadExternal files=%5B%7B%22id%22%3A%22F123ABC456%22%2C%22title%22%3A%22q3.csv%22%7D%5D"
                .to_owned(),
            "/api/files.info file=F123ABC456".to_owned(),
            format!(
                r#"/api/chat.postMessage {{"channel":"C024BE91L","text":"Here\n<{PERMALINK}|q3.csv>","mrkdwn":false,"unfurl_links":true}}"#
            ),
        ]
    );
    // The upload host is not Slack's API: it gets no token.
    let tokens: Vec<bool> = requests.iter().map(|request| format!("{:?}", request.headers).contains(TOKEN)).collect();
    assert_eq!(tokens, [true, false, true, true, true]);
    assert_eq!(requests[1].header("content-type"), Some("application/octet-stream"));
    assert_eq!(requests[1].header("content-length"), Some("12"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_unknown_length_is_measured() {
    let server = workspace(None).await;
    let body = Body::from_stream(ByteStream::from(Bytes::from_static(b"twelve bytes")), None);
    let file = team(&server.origin()).upload(CHANNEL, Attachment::body("q3.csv", body)).await.unwrap();
    assert_eq!((file.id.as_str(), file.permalink.as_deref()), ("F123ABC456", Some(PERMALINK)));
    assert!(shown(&server.received())[0].contains("length=12"));
    // It comes with a later message without being sent again.
    team(&server.origin()).send(CHANNEL, Message::text("").attach(&file)).await.unwrap();
    let last = shown(&server.received()).pop().unwrap();
    assert!(last.contains(&format!(r#""text":"<{PERMALINK}|q3.csv>""#)), "{last}");
    assert_eq!(server.received().iter().filter(|request| request.path() == "/upload/v1/ABC123").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_goes_to_no_address_that_is_not_public() {
    for url in
        ["http://files.slack.com/upload", "https://10.0.0.1/upload", "https://169.254.169.254/x", "files.slack.com", "https://a"]
    {
        let server = workspace(Some(url)).await;
        let message = Message::text("x").attach(Attachment::bytes("a", "secret content"));
        let error = team(&server.origin()).send(CHANNEL, message).await.unwrap_err();
        assert_eq!((error.kind(), server.hits()), (ErrorKind::Decode, 1), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_refused_sends_no_message_and_shows_no_address() {
    let server = workspace(None).await;
    // The first route that matches answers.
    let refusing = FaultServer::start().await.unwrap();
    let place = format!(r#"{{"ok":true,"upload_url":"{}/upload?sig=hidden-signature","file_id":"F1"}}"#, refusing.origin());
    refusing.at("/api/files.getUploadURLExternal").always(Reply::json(place));
    refusing.at("/upload").always(Reply::status(403).body("expired: hidden"));
    let message = Message::text("x").attach(Attachment::bytes("a", "a"));
    let error = team(&refusing.origin()).send(CHANNEL, message).await.unwrap_err();
    assert_eq!((error.kind(), refusing.hits(), server.hits()), (ErrorKind::PermissionDenied, 2, 0), "{error}");
    assert!(!format!("{error} {error:?}").contains("hidden-signature"), "{error:?}");
}

/// The upload has ended by then: an error of the look that asks for its address does not say that there is no file.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_is_not_said_to_be_missing() {
    let server = FaultServer::start().await.unwrap();
    let place = format!(r#"{{"ok":true,"upload_url":"{}/upload","file_id":"F1"}}"#, server.origin());
    server.at("/api/files.getUploadURLExternal").always(Reply::json(place));
    server.at("/upload").always(Reply::ok("OK - 1"));
    server.at("/api/files.completeUploadExternal").always(Reply::json(r#"{"ok":true,"files":[{"id":"F1","title":"a"}]}"#));
    server.at("/api/files.info").always(refusal("file_not_found"));
    let error = team(&server.origin()).upload(CHANNEL, Attachment::bytes("a", "a")).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), server.hits()), (ErrorKind::NotFound, Sent::Maybe, 4), "{error:?}");
}
