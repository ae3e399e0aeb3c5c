//! The signer in a client, against a service that answers as one with a clock and keys of its own does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::credentials::{CredentialCache, CredentialSource, Fixed, Lease};
use circle_core_common::http::{Auth, HttpClient, Origin, Request, Transport, TransportRequest, TransportResponse};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{Body, BuildContext, ByteStream, CallContext, Environment, ErrorKind, Reason, Result, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::credentials::AwsCredentials;
use crate::sigv4::payload::{PayloadHash, Trailer, TrailerChecksum};
use crate::sigv4::scope::{SigningScope, date_time};
use crate::sigv4::{PRESIGN_MAX, SigV4, SigningStyle};

static PUT: RemoteOperation = RemoteOperation::new("s3.PutObject", Idempotency::Idempotent, "/{bucket}/{key}");

circle_core_common::operations! {
    "Test" => {
        /// A call.
        CALL = "test.call", Write;
    }
}

/// Checks the date of a signature against its own clock, and the key against the one that it knows.
#[derive(Clone)]
struct Service(Arc<State>);

struct State {
    /// How far the clock is from this machine's, in seconds.
    offset: i64,
    age: bool,
    key: Mutex<String>,
    seen: Mutex<Vec<(HeaderMap, Bytes)>>,
}

impl Service {
    fn new(offset: i64, key: &str) -> Self {
        Self::aged(offset, key, false)
    }

    fn aged(offset: i64, key: &str, age: bool) -> Self {
        Self(Arc::new(State { offset, age, key: Mutex::new(key.to_owned()), seen: Mutex::default() }))
    }

    fn hits(&self) -> usize {
        self.0.seen.lock().unwrap().len()
    }

    fn last(&self) -> (HeaderMap, Bytes) {
        self.0.seen.lock().unwrap().last().cloned().unwrap()
    }

    fn now(&self) -> Timestamp {
        shifted(Environment::default().clock().timestamp(), self.0.offset)
    }

    fn client(&self, origin: &str, signer: SigV4) -> HttpClient {
        let environment = Environment::builder().transport(self.clone()).build();
        let cx = BuildContext::new(environment, "s").allow_loopback(true);
        cx.http(cx.origin(origin).unwrap()).auth(Auth::custom(signer)).build()
    }
}

fn shifted(at: Timestamp, seconds: i64) -> Timestamp {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { at - distance } else { at + distance }
}

/// As a `Date` header has it.
fn http_date(at: Timestamp) -> String {
    // No test runs long enough to meet two days or months of different names; what is parsed is day, month, year, time.
    let text = date_time(at);
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS[text[4..6].parse::<usize>().unwrap() - 1];
    format!("Sun, {} {month} {} {}:{}:{} GMT", &text[6..8], &text[..4], &text[9..11], &text[11..13], &text[13..15])
}

#[async_trait]
impl Transport for Service {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let body = match request.body {
            circle_core_common::http::TransportBody::Empty => Bytes::new(),
            circle_core_common::http::TransportBody::Bytes(bytes) => bytes,
            circle_core_common::http::TransportBody::Stream { stream, length } => {
                let bytes = stream.collect(None).await?;
                assert_eq!(Some(bytes.len() as u64), length, "the announced length");
                bytes
            }
        };
        let authorization = request.headers["authorization"].to_str().unwrap().to_owned();
        let dated = request.headers["x-amz-date"].to_str().unwrap().to_owned();
        self.0.seen.lock().unwrap().push((request.headers, body));
        let minute = |text: &str| text[9..11].parse::<i64>().unwrap() * 60 + text[11..13].parse::<i64>().unwrap();
        let distance = (minute(&dated) - minute(&date_time(self.now()))).rem_euclid(24 * 60);
        let skewed = distance.min(24 * 60 - distance) > 15;
        let known = authorization.contains(&format!("Credential={}/", self.0.key.lock().unwrap()));
        let code = match (skewed, known) {
            (true, _) => Some("RequestTimeTooSkewed"),
            (false, false) => Some("InvalidAccessKeyId"),
            (false, true) => None,
        };
        let mut headers = HeaderMap::new();
        headers.insert("date", http_date(self.now()).parse().unwrap());
        if self.0.age {
            headers.insert("age", HeaderValue::from_static("3"));
        }
        let status = if code.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
        let body = code.map(|code| format!(r#"{{"code":"{code}","message":"{authorization}"}}"#)).unwrap_or_default();
        Ok(TransportResponse::new(status, headers, Bytes::from(body)))
    }
}

fn keys(id: &str) -> AwsCredentials {
    AwsCredentials::new(id, "s3cr3t").session_token("t0k3n")
}

fn signer(id: &str) -> SigV4 {
    SigV4::s3(CredentialCache::new(Fixed::new(keys(id))), "eu-west-1")
}

fn context() -> CallContext {
    CallContext::new(&Environment::default(), &CALL, None)
}

const TLS: &str = "https://s3.example.org";
const PLAIN: &str = "http://localhost:9000";

async fn put(client: &HttpClient) -> Result<circle_core_common::http::Response> {
    client.send(&context(), &PUT, Request::put(client.target("/b/k")).body("abc")).await
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_corrected_once_and_for_good() {
    for offset in [16 * 60 + 30, -(16 * 60 + 30)] {
        let service = Service::new(offset, "A");
        let client = service.client(TLS, signer("A"));
        put(&client).await.unwrap();
        assert_eq!(service.hits(), 2, "{offset} s: refused, repeated");
        put(&client).await.unwrap();
        assert_eq!(service.hits(), 3, "{offset} s: known now");
    }
    let service = Service::aged(16 * 60 + 30, "A", true);
    let error = put(&service.client(TLS, signer("A"))).await.unwrap_err();
    assert_eq!((error.detail().unwrap().code.as_deref(), service.hits()), (Some("RequestTimeTooSkewed"), 1));
}

/// A new key each time that it is asked, up to the last.
struct Rotating(Mutex<Vec<&'static str>>);

#[async_trait]
impl CredentialSource for Rotating {
    type Credential = AwsCredentials;

    async fn load(&self, _: &CallContext) -> Result<Lease<AwsCredentials>> {
        let mut ids = self.0.lock().unwrap();
        let id = if ids.len() > 1 { ids.remove(0) } else { ids[0] };
        Ok(Lease::new(keys(id)))
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_replaced_where_there_is_another() {
    let service = Service::new(0, "NEW");
    let source = CredentialCache::new(Rotating(Mutex::new(vec!["OLD", "NEW"])));
    put(&service.client(TLS, SigV4::s3(source, "r"))).await.unwrap();
    assert_eq!(service.hits(), 2);
    let service = Service::new(0, "NEW");
    let error = put(&service.client(TLS, signer("OLD"))).await.unwrap_err();
    assert_eq!((service.hits(), error.attempts()), (1, 1), "the same key again is no reason to repeat");
    let text = format!("{error} {error:?}");
    let signature = service.last().0["authorization"].to_str().unwrap().rsplit('=').next().unwrap().to_owned();
    assert!(!text.contains("s3cr3t") && !text.contains("t0k3n") && !text.contains(&signature), "{text}");
}

#[tokio::test]
async fn a_request_may_name_another_region_and_service() {
    let service = Service::new(0, "A");
    let client = service.client(TLS, signer("A"));
    for (scope, expected) in [
        (None, "/eu-west-1/s3/aws4_request"),
        (Some(SigningScope::new("us-west-2", "s3")), "/us-west-2/s3/aws4_request"),
        (Some(SigningScope::new("auto", "s3express")), "/auto/s3express/aws4_request"),
    ] {
        let request = Request::get(client.target("/b?location"));
        let request = scope.into_iter().fold(request, Request::extension);
        client.send(&context(), &PUT, request).await.unwrap();
        let (headers, _) = service.last();
        assert!(headers["authorization"].to_str().unwrap().contains(expected));
    }
}

struct Length(usize);

impl TrailerChecksum for Length {
    fn update(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn finish(self: Box<Self>) -> String {
        format!("{:08}", self.0)
    }
}

#[tokio::test]
async fn the_payload_is_signed_as_the_request_and_the_transport_have_it() {
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let trailer = || Trailer::new(HeaderName::from_static("x-amz-checksum-crc32"), 8, || Box::new(Length(0)));
    let bytes = || Body::from("abc");
    let stream = || Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), Some(3));
    let service = Service::new(0, "A");
    for (origin, payload, body, hash, sent) in [
        (TLS, None, bytes(), ABC, "abc"),
        (PLAIN, None, bytes(), ABC, "abc"),
        (TLS, Some(PayloadHash::Unsigned), bytes(), "UNSIGNED-PAYLOAD", "abc"),
        (TLS, Some(PayloadHash::Unsigned), stream(), "UNSIGNED-PAYLOAD", "abc"),
        (PLAIN, Some(PayloadHash::Unsigned), bytes(), ABC, "abc"),
        (TLS, Some(PayloadHash::Known("0a".into())), stream(), "0a", "abc"),
        (TLS, None, stream(), "UNSIGNED-PAYLOAD", "abc"),
        (PLAIN, None, stream(), SIGNED, "3;chunk-signature="),
        (PLAIN, Some(PayloadHash::Unsigned), stream(), SIGNED, "3;chunk-signature="),
        (
            TLS,
            Some(PayloadHash::Streamed(Some(trailer()))),
            stream(),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:00000003\r\n\r\n",
        ),
        (
            PLAIN,
            Some(PayloadHash::Streamed(Some(trailer()))),
            bytes(),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            "3;chunk-signature=",
        ),
    ] {
        let client = service.client(origin, signer("A"));
        let request = Request::put(client.target("/b/k")).body(body).header("content-encoding", "gzip").unwrap();
        let request = payload.clone().into_iter().fold(request, Request::extension);
        client.send(&context(), &PUT, request).await.unwrap();
        let (headers, body) = service.last();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(text("x-amz-content-sha256"), Some(hash), "{origin} {payload:?}");
        assert!(String::from_utf8(body.to_vec()).unwrap().starts_with(sent), "{body:?}");
        let chunked = hash.starts_with("STREAMING");
        assert_eq!(text("content-encoding"), Some(if chunked { "aws-chunked,gzip" } else { "gzip" }));
        assert_eq!(text("x-amz-decoded-content-length"), chunked.then_some("3"));
        assert_eq!(text("x-amz-trailer"), hash.ends_with("-TRAILER").then_some("x-amz-checksum-crc32"));
        let authorization = text("authorization").unwrap();
        assert_eq!(authorization.contains("x-amz-decoded-content-length"), chunked, "signed: {authorization}");
    }
    // What has no length, or is signed as other services do, cannot be signed in chunks.
    let endless = Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), None);
    let other = SigV4::new(CredentialCache::new(Fixed::new(keys("A"))), SigningScope::new("r", "sqs"), SigningStyle::Standard);
    for (signer, payload, body) in
        [(signer("A"), None, endless), (other, None, stream()), (signer("A"), Some(PayloadHash::Signed), stream())]
    {
        let (client, hits) = (service.client(PLAIN, signer), service.hits());
        let request = payload.into_iter().fold(Request::put(client.target("/b/k")).body(body), Request::extension);
        let error = client.send(&context(), &PUT, request).await.unwrap_err();
        assert_eq!((error.kind(), service.hits()), (ErrorKind::InvalidInput, hits), "{error}");
    }
}

/// Credentials that end after an hour.
struct Temporary;

#[async_trait]
impl CredentialSource for Temporary {
    type Credential = AwsCredentials;

    async fn load(&self, cx: &CallContext) -> Result<Lease<AwsCredentials>> {
        Ok(Lease::new(keys("A")).until(cx.clock().timestamp() + Duration::from_secs(3600)))
    }
}

#[tokio::test]
async fn a_presigned_address_lives_as_long_as_it_may() {
    let target = || circle_core_common::http::Target::new(&Arc::new(Origin::parse(TLS).unwrap()), "/b/k?versionId=7");
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/plain"));
    let cx = context();
    for (life, fits) in [(1, true), (604_800, true), (604_801, false), (0, false)] {
        let signed = signer("A").presign(&cx, &Method::PUT, target(), &headers, Duration::from_secs(life), None).await;
        match signed {
            Ok((uri, expires_at)) => {
                let query = uri.query().unwrap();
                assert!(fits && query.contains("versionId=7") && query.contains(&format!("X-Amz-Expires={life}")), "{query}");
                assert!(query.contains("X-Amz-SignedHeaders=content-type%3Bhost") && query.contains("%2Feu-west-1%2Fs3%2F"));
                assert!(expires_at >= cx.clock().timestamp());
            }
            Err(error) => assert!(!fits && error.reason() == Some(Reason::OutsideLimit), "{life}: {error}"),
        }
    }
    let temporary = SigV4::s3(CredentialCache::new(Temporary), "r");
    let none = HeaderMap::new();
    let presign = |life| temporary.presign(&cx, &Method::GET, target(), &none, life, None);
    assert!(presign(Duration::from_secs(3590)).await.is_ok());
    let error = presign(PRESIGN_MAX).await.unwrap_err();
    assert!(error.message().starts_with("the credentials end at ") && error.reason() == Some(Reason::OutsideLimit), "{error}");
    let elsewhere = SigningScope::new("us-east-1", "s3");
    let signed = signer("A").presign(&cx, &Method::GET, target(), &HeaderMap::new(), PRESIGN_MAX, Some(&elsewhere)).await;
    assert!(signed.unwrap().0.query().unwrap().contains("%2Fus-east-1%2Fs3%2F"));
}
