//! The examples that AWS documents, and what surrounds them.

mod client;

use std::time::Duration;

use aws_sigv4::http_request::SignableBody;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::scope::SigningScope;
use super::signature::{Signing, SigningStyle};
use crate::credentials::AwsCredentials;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, `sigv4-streaming.html`,
/// `sigv4-streaming-trailers.html`.
#[test]
fn the_examples_of_s3() {
    let credentials = AwsCredentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let scope = SigningScope::new("us-east-1", "s3");
    let time = "2013-05-24T00:00:00Z".parse().unwrap();
    let signing = Signing { credentials: &credentials, scope: &scope, style: SigningStyle::S3, time };
    let bucket = "https://examplebucket.s3.amazonaws.com";
    let streamed = |hash: &str| SignableBody::Precomputed(hash.to_owned());
    for (method, uri, sent, body, signed, signature) in [
        (
            Method::GET,
            format!("{bucket}/test.txt"),
            headers(&[("range", "bytes=0-9")]),
            SignableBody::Bytes(b""),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Method::PUT,
            format!("{bucket}/test%24file.text"),
            headers(&[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")]),
            SignableBody::Bytes(b"Welcome to Amazon S3."),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Method::GET,
            format!("{bucket}/?lifecycle"),
            headers(&[("user-agent", "not signed"), ("accept-encoding", "gzip")]),
            SignableBody::Bytes(b""),
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Method::GET,
            format!("{bucket}/?max-keys=2&prefix=J"),
            headers(&[("authorization", "an old one"), ("x-amz-date", "20000101T000000Z"), ("x-amz-content-sha256", "old")]),
            SignableBody::Bytes(b""),
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
        (
            Method::PUT,
            "https://s3.amazonaws.com/examplebucket/chunkObject.txt".to_owned(),
            headers(&[
                ("content-encoding", "aws-chunked"),
                ("content-length", "66824"),
                ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ]),
            streamed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ),
        (
            Method::PUT,
            "https://s3.amazonaws.com/examplebucket/chunkObject.txt".to_owned(),
            headers(&[
                ("content-encoding", "aws-chunked"),
                ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-trailer", "x-amz-checksum-crc32c"),
            ]),
            streamed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
            "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        ),
    ] {
        let mut sent = sent;
        assert_eq!(signing.headers(&method, &uri, &mut sent, body).unwrap(), signature, "{method} {uri}");
        let authorization = sent.get("authorization").unwrap();
        assert!(authorization.is_sensitive());
        assert_eq!(
            authorization.to_str().unwrap(),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders={signed}, \
                 Signature={signature}"
            )
        );
        assert_eq!(sent.get("x-amz-date").unwrap(), "20130524T000000Z");
        assert!(sent.contains_key("x-amz-content-sha256"));
    }
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    let uri = format!("{bucket}/test.txt").parse().unwrap();
    let presigned = signing.query(&Method::GET, &uri, &HeaderMap::new(), Duration::from_secs(86400)).unwrap();
    let mut query: Vec<_> = presigned.query().unwrap().split('&').collect();
    query.sort_unstable();
    assert_eq!(
        query,
        [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
            "X-Amz-Date=20130524T000000Z",
            "X-Amz-Expires=86400",
            "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            "X-Amz-SignedHeaders=host",
        ]
    );
}

/// The suite that AWS publishes for every other service.
#[test]
fn the_examples_of_other_services() {
    let credentials = AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let scope = SigningScope::new("us-east-1", "service");
    let time = "2015-08-30T12:36:00Z".parse().unwrap();
    let signing = Signing { credentials: &credentials, scope: &scope, style: SigningStyle::Standard, time };
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    for (method, path, signature) in [
        (Method::GET, "/", vanilla),
        (Method::GET, "/example/..", vanilla),
        (Method::GET, "/example1/example2/../..", vanilla),
        (Method::GET, "/./", vanilla),
        (Method::GET, "/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        (Method::GET, "//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        (Method::GET, "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        (Method::POST, "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ] {
        let mut sent = HeaderMap::new();
        let uri = format!("https://example.amazonaws.com{path}");
        assert_eq!(signing.headers(&method, &uri, &mut sent, SignableBody::Bytes(b"")).unwrap(), signature, "{method} {path}");
        assert!(!sent.contains_key("x-amz-content-sha256"));
    }
    // The path is encoded once more than it is sent.
    let sign = |style, path: &str| {
        let signing = Signing { credentials: &credentials, scope: &scope, style, time };
        signing.headers(&Method::GET, &format!("https://h{path}"), &mut HeaderMap::new(), SignableBody::Bytes(b"")).unwrap()
    };
    assert_eq!(sign(SigningStyle::Standard, "/a/../b%20c"), sign(SigningStyle::Standard, "/b%20c"));
    assert_ne!(sign(SigningStyle::Standard, "/b%20c"), sign(SigningStyle::Standard, "/b%2520c"));
    assert_ne!(sign(SigningStyle::S3, "/a/../b"), sign(SigningStyle::S3, "/b"));
}

#[test]
fn a_session_token_is_signed_and_shown_to_nobody() {
    let credentials = AwsCredentials::new("AKID", "s3cr3t").session_token("t0k3n");
    let scope = SigningScope::new("eu-west-1", "s3");
    let time = "2026-11-21T09:30:00Z".parse().unwrap();
    let signing = Signing { credentials: &credentials, scope: &scope, style: SigningStyle::S3, time };
    let mut sent = HeaderMap::new();
    signing.headers(&Method::GET, "https://h/", &mut sent, SignableBody::UnsignedPayload).unwrap();
    assert!(sent["x-amz-security-token"].is_sensitive());
    let authorization = sent["authorization"].to_str().unwrap();
    assert!(authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token"), "{authorization}");
    assert!(!format!("{sent:?} {credentials:?}").contains("t0k3n"), "{sent:?}");
    let presigned =
        signing.query(&Method::GET, &"https://h/k?versionId=1".parse().unwrap(), &HeaderMap::new(), Duration::from_secs(60));
    let query = presigned.unwrap().query().unwrap().to_owned();
    assert!(query.contains("X-Amz-Security-Token=t0k3n") && query.contains("versionId=1"), "{query}");
}

#[test]
fn what_cannot_be_signed_is_an_error_that_names_the_header_alone() {
    let credentials = AwsCredentials::new("AKID", "s3cr3t");
    let scope = SigningScope::new("eu-west-1", "s3");
    let signing = Signing {
        credentials: &credentials,
        scope: &scope,
        style: SigningStyle::S3,
        time: circle_core_common::Timestamp::UNIX_EPOCH,
    };
    let mut sent = HeaderMap::new();
    sent.insert("x-amz-meta-name", HeaderValue::from_bytes("früh".as_bytes()).unwrap());
    let error = signing.headers(&Method::PUT, "https://h/k", &mut sent, SignableBody::UnsignedPayload).unwrap_err();
    assert_eq!(error.message(), "the header `x-amz-meta-name` holds more than visible ASCII, which cannot be signed");
}

/// Keeps every field of every event.
#[derive(Clone, Default)]
struct Listener(std::sync::Arc<std::sync::Mutex<String>>);

impl tracing::field::Visit for Listener {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().push_str(&format!("{field}={value:?} "));
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn nothing_of_a_request_gets_into_the_log() {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), || {
        tracing::trace!(heard = true);
        let credentials = AwsCredentials::new("AKID", "s3cr3t").session_token("t0k3n");
        let scope = SigningScope::new("eu-west-1", "s3");
        let time = "2026-11-21T09:30:00Z".parse().unwrap();
        let signing = Signing { credentials: &credentials, scope: &scope, style: SigningStyle::S3, time };
        let mut sent = headers(&[("x-amz-server-side-encryption-customer-key", "cust0m3r")]);
        signing.headers(&Method::GET, "https://h/k?secret=qu3ry", &mut sent, SignableBody::UnsignedPayload).unwrap();
        signing.query(&Method::GET, &"https://h/k".parse().unwrap(), &HeaderMap::new(), Duration::from_secs(60)).unwrap();
    });
    let heard = listener.0.lock().unwrap();
    assert_eq!(*heard, "heard=true ");
}
