//! Examples that vendors have published, and that nothing of what is described can change unnoticed.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::canonical::Signed;
use super::*;
use crate::clock::{Clock, ClockSource, Tick};
use crate::context::CallContext;
use crate::credentials::LOAD;
use crate::environment::Environment;
use crate::error::{ErrorKind, Result};
use crate::http::auth::Sign as _;
use crate::http::{Origin, Target, TransportBody, TransportRequest};
use crate::random::RandomSource;
use crate::secret::SecretRef;
use crate::units::Timestamp;

/// The moment and the randomness of an example.
struct Example {
    seconds: i64,
    nanos: u32,
    bits: u128,
}

impl ClockSource for Example {
    fn now(&self) -> Tick {
        Clock::System.now()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(self.seconds, self.nanos)
    }

    fn sleep_until(&self, _: Tick) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

impl RandomSource for Example {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.bits.to_le_bytes()[..bytes.len()]);
    }
}

fn at(seconds: i64, nanos: u32, bits: u128) -> CallContext {
    let clock = Clock::from_source(Example { seconds, nanos, bits });
    let random = crate::random::Random::from_source(Example { seconds, nanos, bits });
    CallContext::new(&Environment::builder().clock(clock).random(random).build(), &LOAD, None)
}

fn request(method: Method, origin: &str, path_and_query: &str, body: &'static str) -> TransportRequest {
    let origin = Arc::new(Origin::parse(origin).unwrap());
    let body = if body.is_empty() { TransportBody::Empty } else { TransportBody::Bytes(body.into()) };
    TransportRequest::new(method, Target::new(&origin, path_and_query), HeaderMap::new(), body)
}

async fn signed(
    scheme: HmacScheme,
    key_id: &str,
    secret: &str,
    cx: &CallContext,
    request: TransportRequest,
) -> Result<TransportRequest> {
    let mut request = request;
    scheme.signer(key_id, SecretRef::literal(secret))?.sign(cx, &mut request).await?;
    Ok(request)
}

fn binance() -> HmacScheme {
    HmacScheme::new(Hash::Sha256, [Part::Query, Part::Body])
        .moment(MomentFormat::UnixMillis)
        .header("x-mbx-apikey", "{key_id}")
        .query("timestamp", "{timestamp}")
        .query("signature", "{signature}")
}

/// Binance, "SIGNED request example (HMAC)" of its REST API: `binance/binance-spot-api-docs`, `rest-api.md`, and
/// <https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security>, both of its examples.
#[tokio::test]
async fn the_examples_of_binance() {
    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    let rest = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000";
    for (symbol, expected) in [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ] {
        let path = format!("/api/v3/order?symbol={symbol}&{rest}");
        let cx = at(1_499_827_319, 559_000_000, 0);
        let order = request(Method::POST, "https://api.binance.com", &path, "");
        let sent = signed(binance(), KEY, SECRET, &cx, order).await.unwrap();
        assert_eq!(sent.target.path_and_query, format!("{path}&timestamp=1499827319559&signature={expected}"));
        assert_eq!(sent.headers["x-mbx-apikey"], KEY);
    }
}

/// Kraken, "Spot REST Authentication": <https://docs.kraken.com/api/docs/guides/spot-rest-auth>.
#[tokio::test]
async fn the_example_of_kraken() {
    let parts = [Part::Path, Part::raw(Hash::Sha256, [Part::FormField("nonce".to_owned()), Part::Body])];
    let scheme = HmacScheme::new(Hash::Sha512, parts)
        .key_encoding(KeyEncoding::Base64)
        .signature_encoding(SignatureEncoding::Base64)
        .header("api-key", "{key_id}")
        .header("api-sign", "{signature}");
    let body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    let secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
    let order = request(Method::POST, "https://api.kraken.com", "/0/private/AddOrder", body);
    let sent = signed(scheme, "key", secret, &at(0, 0, 0), order).await.unwrap();
    assert_eq!(
        sent.headers["api-sign"],
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    );
    assert!(sent.headers["api-sign"].is_sensitive());
}

/// Alibaba Cloud, "Request signatures" of the RPC style: `DescribeRegions` of the ECS API reference.
#[tokio::test]
async fn the_example_of_alibaba_cloud() {
    let parts = [
        Part::Method,
        Part::text("&"),
        Part::PercentEncoded(vec![Part::Path]),
        Part::text("&"),
        Part::PercentEncoded(vec![Part::SortedQuery(Pairs::query())]),
    ];
    let scheme = HmacScheme::new(Hash::Sha1, parts)
        .key_suffix("&")
        .signature_encoding(SignatureEncoding::Base64)
        .moment(MomentFormat::Rfc3339)
        .query("AccessKeyId", "{key_id}")
        .query("Timestamp", "{timestamp}")
        .query("SignatureNonce", "{nonce}")
        .query("Signature", "{signature}");
    let query = "/?Format=XML&Action=DescribeRegions&SignatureMethod=HMAC-SHA1&Version=2014-05-26&SignatureVersion=1.0";
    let cx = at(1_456_231_584, 0, 0x3ee8_c1b8_83d3_44af_a94f_4e0a_d82f_d6cf);
    let regions = request(Method::GET, "https://ecs.aliyuncs.com", query, "");
    let sent = signed(scheme, "testid", "testsecret", &cx, regions).await.unwrap();
    let added = "&AccessKeyId=testid&Timestamp=2016-02-23T12%3A46%3A24Z&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf\
                 &Signature=OLeaidS1JvxuMvnyHOwuJ%2BuX5qY%3D";
    assert_eq!(sent.target.path_and_query, format!("{query}{added}"));
}

/// Azure Storage, "Authorize with Shared Key": the text that is signed of its example `Get Container Metadata`, of version
/// 2015-02-21. The key of the example is not published.
#[test]
fn what_is_signed_in_the_example_of_azure_storage() {
    let standard =
        ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"];
    let header = |name: &'static str| [Part::Header(HeaderName::from_static(name)), Part::text("\n")];
    let mut parts = vec![Part::Method, Part::text("\n")];
    parts.extend(["content-encoding", "content-language"].into_iter().flat_map(header));
    parts.extend([Part::ContentLength, Part::text("\n")]);
    parts.extend(standard.into_iter().flat_map(header));
    parts.push(Part::SortedHeaders { prefix: "x-ms-", pairs: Pairs::lines() });
    parts.extend([Part::text("/"), Part::KeyId, Part::Path, Part::SortedQuery(Pairs::lines().before("\n").after(""))]);
    let path = "/mycontainer?restype=container&comp=metadata&timeout=20";
    let mut request = request(Method::GET, "https://myaccount.blob.core.windows.net", path, "");
    request.headers.insert("x-ms-version", HeaderValue::from_static("2015-02-21"));
    request.headers.insert("x-ms-date", MomentFormat::HttpDate.write(Timestamp::from_unix(1_435_361_952, 0)).parse().unwrap());
    let signed = Signed { request: &request, key_id: "myaccount", timestamp: "", nonce: "" };
    let text = String::from_utf8(signed.canonical(&parts).unwrap()).unwrap();
    let expected = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
                    /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20";
    assert_eq!(text, expected);
}

/// A scheme with every part there is.
fn everything() -> HmacScheme {
    let mut parts = vec![
        Part::text("v1"),
        Part::Method,
        Part::Path,
        Part::Query,
        Part::SortedQuery(Pairs::lines()),
        Part::Header(HeaderName::from_static("x-one")),
        Part::SortedHeaders { prefix: "x-more-", pairs: Pairs::lines() },
        Part::ContentLength,
        Part::Body,
        Part::FormField("field".to_owned()),
        Part::KeyId,
        Part::Timestamp,
        Part::Nonce,
        Part::hex(Hash::Sha512, [Part::Body]),
        Part::PercentEncoded(vec![Part::Path]),
    ];
    for at in (1..parts.len()).rev() {
        parts.insert(at, Part::text("\n"));
    }
    HmacScheme::new(Hash::Sha256, parts)
        .header("x-timestamp", "{timestamp}")
        .header("x-nonce", "{nonce}")
        .header("authorization", "Acme {key_id}:{signature}")
}

async fn authorization(scheme: HmacScheme, key_id: &str, secret: &str, cx: &CallContext, request: TransportRequest) -> String {
    let sent = signed(scheme, key_id, secret, cx, request).await.unwrap();
    sent.headers["authorization"].to_str().unwrap().rsplit_once(':').unwrap().1.to_owned()
}

fn base(method: Method, path: &str, one: &str, more: &str, body: &'static str) -> TransportRequest {
    let mut request = request(method, "https://api.example.org", path, body);
    request.headers.insert("x-one", HeaderValue::from_str(one).unwrap());
    request.headers.insert("x-more-a", HeaderValue::from_str(more).unwrap());
    request
}

#[tokio::test]
async fn whatever_is_described_changes_the_signature() {
    const BODY: &str = "field=1&other=2";
    let usual = || base(Method::POST, "/a/b?x=1&y=2", "1", "2", BODY);
    let cx = at(1_700_000_000, 0, 1);
    let right = authorization(everything(), "key", "secret", &cx, usual()).await;
    assert_eq!(authorization(everything(), "key", "secret", &cx, usual()).await, right, "the same is signed the same");
    let mut all = std::collections::BTreeSet::from([right]);
    let others = [
        ("the method", base(Method::PUT, "/a/b?x=1&y=2", "1", "2", BODY)),
        ("the path", base(Method::POST, "/a/c?x=1&y=2", "1", "2", BODY)),
        ("the query", base(Method::POST, "/a/b?x=1&y=3", "1", "2", BODY)),
        ("the order of the query", base(Method::POST, "/a/b?y=2&x=1", "1", "2", BODY)),
        ("a header", base(Method::POST, "/a/b?x=1&y=2", "2", "2", BODY)),
        ("one of several headers", base(Method::POST, "/a/b?x=1&y=2", "1", "3", BODY)),
        ("the body", base(Method::POST, "/a/b?x=1&y=2", "1", "2", "field=1&other=3")),
        ("a field of the body", base(Method::POST, "/a/b?x=1&y=2", "1", "2", "field=2&other=2")),
        ("no body", base(Method::POST, "/a/b?x=1&y=2", "1", "2", "")),
    ];
    for (what, request) in others {
        assert!(all.insert(authorization(everything(), "key", "secret", &cx, request).await), "{what}");
    }
    for (what, cx) in [("the moment", at(1_700_000_001, 0, 1)), ("the nonce", at(1_700_000_000, 0, 2))] {
        assert!(all.insert(authorization(everything(), "key", "secret", &cx, usual()).await), "{what}");
    }
    assert!(all.insert(authorization(everything(), "yek", "secret", &cx, usual()).await), "the name of the key");
    assert!(all.insert(authorization(everything(), "key", "terces", &cx, usual()).await), "the key");
    for (what, scheme) in [
        ("what is appended to the key", everything().key_suffix("&")),
        ("how the moment is written", everything().moment(MomentFormat::UnixMillis)),
        ("how the signature is written", everything().signature_encoding(SignatureEncoding::Base64)),
    ] {
        assert!(all.insert(authorization(scheme, "key", "secret", &cx, usual()).await), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Two requests are signed the same when what is described of them is the same, and else not.
    #[test]
    fn only_equal_requests_are_signed_equally(
        one in ("[a-z/]{0,4}", "[a-z=&]{0,5}", "[a-z]{0,3}"),
        other in ("[a-z/]{0,4}", "[a-z=&]{0,5}", "[a-z]{0,3}"),
    ) {
        // Parts with nothing between them would let one pass as another: the separator is none of their letters.
        let parts = [Part::Path, Part::text("\n"), Part::Query, Part::text("\n"), Part::Header(HeaderName::from_static("x-one"))];
        let of = |(path, query, header): &(String, String, String)| {
            let request = base(Method::GET, &format!("/{path}?{query}"), header, "", "");
            let signed = Signed { request: &request, key_id: "", timestamp: "", nonce: "" };
            signed.canonical(&parts).unwrap()
        };
        prop_assert_eq!(of(&one) == of(&other), one == other);
    }
}

#[tokio::test]
async fn schemes_that_protect_nothing_and_keys_that_are_none_are_refused() {
    let wrong = [
        HmacScheme::new(Hash::Sha256, []).header("authorization", "{signature}"),
        HmacScheme::new(Hash::Sha256, [Part::text("x")]).header("authorization", "{signature}"),
        HmacScheme::new(Hash::Sha256, [Part::Path]),
        HmacScheme::new(Hash::Sha256, [Part::Path]).header("a", "{signature}").query("b", "{signature}"),
        HmacScheme::new(Hash::Sha256, [Part::Path, Part::Nonce]).header("a", "{signature}"),
        HmacScheme::new(Hash::Sha256, [Part::hex(Hash::Sha256, [Part::Timestamp])]).header("a", "{signature}"),
        HmacScheme::new(Hash::Sha256, [Part::Path]).header("a b", "{signature}"),
        HmacScheme::new(Hash::Sha256, [Part::Path]).header("a", "{signature} {other}"),
        HmacScheme::new(Hash::Sha256, [Part::Path]).header("a", "{signature"),
    ];
    for scheme in wrong {
        let error = scheme.clone().auth("key", SecretRef::literal("hunter2")).map(drop).unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid), "{scheme:?}: {error}");
    }
    for (encoding, secret) in [
        (KeyEncoding::Base64, "hunter2!"),
        (KeyEncoding::Hex, "hunter2"),
        (KeyEncoding::Hex, "abc"),
        (KeyEncoding::Hex, "+1ab"),
        (KeyEncoding::Base64, "===="),
    ] {
        let request = base(Method::GET, "/", "", "", "");
        let error =
            signed(everything().key_encoding(encoding), "key", secret, &at(0, 0, 0), request).await.map(drop).unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error:?}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_prints_a_secret_and_streams_are_not_signed() {
    let signer = everything().signer("key", SecretRef::literal("hunter2")).unwrap();
    let auth = everything().auth("key", SecretRef::literal("hunter2")).unwrap();
    assert!(!format!("{signer:?} {auth:?}").contains("hunter2"));
    let mut request = base(Method::POST, "/", "", "", "");
    let stream = crate::body::ByteStream::unfold((), |()| async { Ok(None) });
    request.body = TransportBody::Stream { stream, length: None };
    let error = signer.sign(&at(0, 0, 0), &mut request).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput), "{error}");
}

#[tokio::test]
async fn what_is_sent_of_a_signature_is_marked_as_secret() {
    let request = base(Method::POST, "/", "", "", "");
    let sent = signed(everything(), "key", "secret", &at(0, 0, 0), request).await.unwrap();
    for name in ["x-timestamp", "x-nonce", "authorization"] {
        assert!(sent.headers[name].is_sensitive(), "{name}");
    }
    assert!(sent.credential.is_some());
}
