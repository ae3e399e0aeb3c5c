use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_core_common::http::{Guard, Origin, Target, Transport, TransportBody, TransportRequest, TransportResponse};
use circle_core_common::interfaces::object_store::PresignedRequest;
use circle_core_common::suite::Sender as _;
use circle_core_common::{ByteStream, ErrorKind, Reason, Result, Sent, Timestamp};
use http::{HeaderMap, HeaderValue, Method};

use super::*;
use crate::{Break, FaultServer, Place, Reply};

fn request(method: Method, path: &str, body: &'static str) -> TransportRequest {
    let origin = Origin::parse_guarded("https://service.test", Guard::new()).expect("an origin");
    let body = if body.is_empty() { TransportBody::Empty } else { TransportBody::Bytes(body.into()) };
    TransportRequest::new(method, Target::new(&Arc::new(origin), path), HeaderMap::new(), body)
}

fn get(path: &str) -> TransportRequest {
    request(Method::GET, path, "")
}

async fn text(response: TransportResponse) -> Result<String> {
    Ok(String::from_utf8_lossy(&response.body.collect(None).await?).into_owned())
}

#[tokio::test]
async fn canned_answers_are_scripted_as_a_server_is() -> Result<()> {
    let canned = CannedTransport::new();
    canned.at("/a").always(Reply::ok("a").header("x-b", "1").header("x-b", "2"));
    let stream = ByteStream::unfold(2, |left| async move { Ok((left > 0).then(|| ("xy".into(), left - 1))) });
    let mut streamed = request(Method::PUT, "/b?c=%20", "");
    streamed.body = TransportBody::Stream { stream, length: None };
    streamed.headers.insert("x-c", HeaderValue::from_static("d"));
    let answer = canned.send(get("/a")).await?;
    assert_eq!((answer.status.as_u16(), answer.headers.get_all("x-b").iter().count()), (200, 2));
    assert_eq!(text(answer).await?, "a");
    assert_eq!(canned.send(streamed).await?.status.as_u16(), 501);
    assert_eq!(text(canned.send(request(Method::HEAD, "/a", "")).await?).await?, "");
    let received = canned.received();
    assert_eq!((received[1].target.as_str(), received[1].body.as_ref()), ("/b?c=%20", &b"xyxy"[..]));
    assert_eq!((received[1].header("X-C"), canned.hits(), canned.unexpected()), (Some("d"), 3, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn canned_answers_break_as_a_connection_does() -> Result<()> {
    let canned = CannedTransport::new();
    canned.script([
        Reply::reset(),
        Reply::silent(),
        Reply::ok("abc").breaking(Place::Body(2), Break::Close),
        Reply::ok("abc").breaking(Place::Body(0), Break::Stall),
        Reply::ok("late").after(Duration::from_secs(3600)),
    ]);
    let began = Instant::now();
    let error = canned.send(get("/")).await.expect_err("a reset");
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, Sent::Maybe));
    let patience = Duration::from_secs(60);
    assert!(tokio::time::timeout(patience, canned.send(get("/"))).await.is_err());
    let mut cut = canned.send(get("/")).await?.body;
    assert_eq!(cut.try_next().await?.as_deref(), Some(&b"ab"[..]));
    assert_eq!(cut.try_next().await.err().and_then(|error| error.reason()), Some(Reason::Truncated));
    let mut stalled = canned.send(get("/")).await?.body;
    assert!(tokio::time::timeout(patience, stalled.try_next()).await.is_err());
    assert_eq!(text(canned.send(get("/")).await?).await?, "late");
    assert!(began.elapsed() < Duration::from_secs(10), "no real time passes");
    Ok(())
}

fn service() -> CannedTransport {
    let canned = CannedTransport::new();
    canned
        .at("/list")
        .always_with(|request| Reply::json(format!("{{\"asked\":{}}}", request.query().len())).header("etag", "\"1\""));
    canned.at("/blob").always(Reply::ok(vec![0xff, 0, 0xfe]).header("set-cookie", "session=1"));
    canned
}

#[tokio::test]
async fn what_was_recorded_is_played_again() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cassettes/one.jsonl");
    let recording = RecordingTransport::over(Arc::new(service())).allow_query("page").allow_header("x-kept");
    let mut first = get("/list?page=1&token=t0ps3cret");
    for name in ["x-kept", "x-dropped", "accept"] {
        first.headers.insert(name, HeaderValue::from_static("1"));
    }
    let mut sensitive = HeaderValue::from_static("2");
    sensitive.set_sensitive(true);
    first.headers.append("x-kept", sensitive);
    for request in [first, request(Method::POST, "/list", "a body"), get("/blob"), get("/list?page=2&token=t0ps3cret")] {
        recording.send(request).await?;
    }
    recording.save(&file)?;
    let written = std::fs::read_to_string(&file).expect("a cassette");
    assert_eq!((written.lines().count(), recording.recorded()), (5, 4));
    assert!(written.contains("/list?page=1&token=*") && written.contains("[[\"accept\",\"1\"],[\"x-kept\",\"1\"]]"), "{written}");
    for dropped in ["t0ps3cret", "x-dropped", "session", "a body"] {
        assert!(!written.contains(dropped), "{dropped} in {written}");
    }

    let replay = ReplayTransport::load(&file)?;
    let answer = replay.send(get("/list?page=1&token=another")).await?;
    assert_eq!(answer.headers["etag"], "\"1\"");
    assert_eq!(text(answer).await?, "{\"asked\":22}");
    assert_eq!(text(replay.send(request(Method::POST, "/list", "a body")).await?).await?, "{\"asked\":0}");
    let error = replay.send(get("/list?page=3")).await.expect_err("not recorded").to_string();
    assert!(error.contains("exchange 3 of the recording is GET /blob (0 bytes") && error.contains("but GET /list"), "{error}");
    assert!(!error.contains("page"), "{error}");
    assert_eq!(replay.send(get("/blob")).await?.body.collect(None).await?.as_ref(), [0xff, 0, 0xfe]);
    assert_eq!(replay.remaining(), 1);
    replay.send(get("/list?page=2&token=")).await.expect_err("an empty value is kept, and is another");
    replay.send(get("/list?page=2&token=x")).await?;
    let error = replay.send(get("/blob")).await.expect_err("the end").to_string();
    assert!(error.contains("the recording has ended"), "{error}");

    let replay = ReplayTransport::load(&file)?.in_any_order();
    replay.send(get("/blob")).await?;
    let other = replay.send(request(Method::POST, "/list", "another body")).await;
    assert!(other.err().is_some_and(|error| error.to_string().contains("no such exchange left")));
    replay.send(get("/list?page=1&token=x")).await?;
    assert_eq!(replay.remaining(), 2);
    Ok(())
}

#[tokio::test]
async fn a_recording_with_a_secret_is_not_written() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.jsonl");
    let secret = "pa55/w0rd";
    for (path, reply, place, what) in [
        ("/?page=pa55%2Fw0rd", Reply::ok(""), "the request's address", "a registered secret"),
        ("/cGE1NS93MHJk", Reply::ok(""), "the request's address", "a registered secret"),
        ("/", Reply::ok("{\"token\":\"pa55/w0rd\"}"), "the response's body", "a registered secret"),
        ("/", Reply::ok("").header("etag", "pa55/w0rd"), "the response's header `etag`", "a registered secret"),
        ("/", Reply::json(format!("{{\"key\":\"AK{}\"}}", "IA0123456789ABCDEF")), "the response's body", "an AWS access key id"),
    ] {
        let canned = CannedTransport::new();
        canned.script([Reply::ok("harmless"), reply]);
        let recording = RecordingTransport::over(Arc::new(canned)).secret(secret).allow_query("page");
        for path in ["/harmless", path] {
            recording.send(get(path)).await?;
        }
        let error = recording.save(&file).expect_err("a secret").to_string();
        assert!(error.contains(&format!("{place} in exchange 2 shows {what}")), "{error}");
        assert!(!error.contains("pa55") && !error.contains("AKIA") && !file.exists(), "{error}");
    }
    Ok(())
}

#[test]
fn what_is_no_cassette_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.jsonl");
    let refused = |text: &str| {
        std::fs::write(&file, text).expect("written");
        ReplayTransport::load(&file).expect_err("no cassette").to_string()
    };
    assert!(refused("").contains("has no heading"));
    assert!(refused("{\"cassette\":9,\"queries\":[]}").contains("is of version 9, not 1"));
    assert!(refused("{\"cassette\":1,\"queries\":[]}\n{}").contains("malformed in line 2"));
}

#[tokio::test]
async fn a_stranger_sends_what_is_in_a_presigned_request() -> Result<()> {
    let server = FaultServer::start().await.expect("a server");
    server.always(Reply::status(403).body("expired"));
    let uri = format!("{}/a%2Fb?signature=1", server.origin()).parse().expect("an address");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let presigned = PresignedRequest::new(Method::PUT, uri, headers, Timestamp::UNIX_EPOCH);
    assert_eq!(Stranger::new().send(&presigned, "hi".into()).await?, (403, "expired".into()));
    let received = &server.received()[0];
    assert_eq!(
        (received.method.as_str(), received.target.as_str(), received.body.as_ref()),
        ("PUT", "/a%2Fb?signature=1", &b"hi"[..])
    );
    assert_eq!((received.header("content-type"), received.header("authorization")), (Some("text/plain"), None));
    Ok(())
}
