//! KMS, as Amazon documents it.

use circle_core_aws::{Kms, KmsConfig};
use circle_core_common::interfaces::key_service::{Algorithm, KeyService};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{BuildContext, Environment, ErrorKind, Reason};
use circle_core_testkit::{Canary, FaultServer, Received, Reply, Telemetry};

use super::{SECRET, hasty, key};

async fn keys() -> (FaultServer, KeyService) {
    let server = FaultServer::start().await.unwrap();
    let config = KmsConfig::new("eu-west-1").endpoint(server.origin()).credentials(key());
    let cx = BuildContext::from(&Environment::default()).allow_loopback(true).resilience(hasty());
    (server, KeyService::new(Kms::new(config, cx).unwrap()))
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::json(format!(r#"{{"__type":"{code}","message":"It is so."}}"#)).with_status(status)
}

fn sent(received: &[Received]) -> Vec<(String, String)> {
    let one = |request: &Received| {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
        assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.contains("/eu-west-1/kms/aws4_request, SignedHeaders="), "{authorization}");
        let target = request.header("x-amz-target").unwrap().to_owned();
        (target, String::from_utf8(request.body.to_vec()).unwrap())
    };
    received.iter().map(one).collect()
}

fn pair(operation: &str, body: &str) -> (String, String) {
    (format!("TrentService.{operation}"), body.to_owned())
}

#[tokio::test]
async fn encryption_is_one_signed_request_each_way() {
    let (server, keys) = keys().await;
    server.script([
        Reply::json(r#"{"CiphertextBlob":"Y2lwaGVy","EncryptionAlgorithm":"SYMMETRIC_DEFAULT","KeyId":"arn"}"#),
        Reply::json(r#"{"Plaintext":"cGxhaW4=","EncryptionAlgorithm":"SYMMETRIC_DEFAULT","KeyId":"arn"}"#),
        Reply::json(r#"{"CiphertextBlob":"Y2lwaGVy","KeyId":"arn"}"#),
    ]);
    let context = [("tenant", "acme"), ("purpose", "orders")];
    let encrypted = keys.encrypt("alias/orders", "plain", context).await.unwrap();
    assert_eq!(encrypted.ciphertext, "cipher");
    let plain = keys.decrypt("alias/orders", encrypted.ciphertext, context).await.unwrap();
    assert_eq!(plain.expose_secret(), b"plain");
    keys.encrypt("alias/orders", "plain", ()).await.unwrap();
    let context = r#""EncryptionContext":{"purpose":"orders","tenant":"acme"}"#;
    assert_eq!(
        sent(&server.received()),
        [
            pair("Encrypt", &format!(r#"{{"KeyId":"alias/orders","Plaintext":"cGxhaW4=",{context}}}"#)),
            pair("Decrypt", &format!(r#"{{"KeyId":"alias/orders","CiphertextBlob":"Y2lwaGVy",{context}}}"#)),
            pair("Encrypt", r#"{"KeyId":"alias/orders","Plaintext":"cGxhaW4="}"#),
        ]
    );
}

#[tokio::test]
async fn a_data_key_has_32_bytes_or_is_refused() {
    let (server, keys) = keys().await;
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    server.script([
        Reply::json(format!(r#"{{"CiphertextBlob":"Y2lwaGVy","KeyId":"arn","Plaintext":"{key}"}}"#)),
        Reply::json(r#"{"CiphertextBlob":"Y2lwaGVy","KeyId":"arn","Plaintext":"c2hvcnQ="}"#),
    ]);
    let made = keys.generate_data_key("alias/orders", ()).await.unwrap();
    assert_eq!(made.key.expose_secret(), b"0123456789abcdef0123456789abcdef");
    assert_eq!(sent(&server.received()), [pair("GenerateDataKey", r#"{"KeyId":"alias/orders","KeySpec":"AES_256"}"#)]);
    assert!(keys.generate_data_key("alias/orders", ()).await.unwrap_err().is(ErrorKind::Decode));
}

#[tokio::test]
async fn what_is_sealed_takes_one_data_key_for_many_messages() {
    let (server, keys) = keys().await;
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    server.always(Reply::json(format!(r#"{{"CiphertextBlob":"Y2lwaGVy","KeyId":"arn","Plaintext":"{key}"}}"#)));
    for number in 0..5 {
        let sealed = keys.seal("alias/orders", format!("message {number}"), [("tenant", "acme")]).await.unwrap();
        let plain = keys.open(&sealed, [("tenant", "acme")]).await.unwrap();
        assert_eq!(plain.expose_secret(), format!("message {number}").as_bytes());
    }
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn hashes_are_signed_and_little_messages_for_ed25519() {
    let (server, keys) = keys().await;
    server.script([
        Reply::json(r#"{"KeyId":"arn","Signature":"c2ln","SigningAlgorithm":"ECDSA_SHA_256"}"#),
        Reply::json(r#"{"KeyId":"arn","SignatureValid":true,"SigningAlgorithm":"ECDSA_SHA_256"}"#),
        refusal(400, "KMSInvalidSignatureException"),
        Reply::json(r#"{"KeyId":"arn","Signature":"c2ln","SigningAlgorithm":"ED25519_SHA_512"}"#),
    ]);
    let signature = keys.sign("k", Algorithm::EcdsaP256Sha256, "a,b").await.unwrap();
    assert_eq!(signature, "sig");
    keys.verify("k", Algorithm::EcdsaP256Sha256, "a,b", signature.clone()).await.unwrap();
    let error = keys.verify("k", Algorithm::EcdsaP256Sha256, "a,b", signature).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Corrupt, Some(Reason::SignatureInvalid)));
    keys.sign("k", Algorithm::Ed25519, "a,b").await.unwrap();
    // SHA-256 of `a,b`.
    let hash = "HrfFTVKDG7/olCrwscVrdAlSOlntbKmcEXT+9+sywbU=";
    let digest = format!(r#""Message":"{hash}","MessageType":"DIGEST","SigningAlgorithm":"ECDSA_SHA_256""#);
    let verify = pair("Verify", &format!(r#"{{"KeyId":"k",{digest},"Signature":"c2ln"}}"#));
    let raw = r#"{"KeyId":"k","Message":"YSxi","MessageType":"RAW","SigningAlgorithm":"ED25519_SHA_512"}"#;
    assert_eq!(
        sent(&server.received()),
        [pair("Sign", &format!(r#"{{"KeyId":"k",{digest}}}"#)), verify.clone(), verify, pair("Sign", raw)]
    );
    let large = keys.sign("k", Algorithm::Ed25519, vec![0; 4097]).await.unwrap_err();
    assert_eq!(large.reason(), Some(Reason::OutsideLimit));
}

#[tokio::test]
async fn public_keys_rotations_and_lists_are_as_documented() {
    let (server, keys) = keys().await;
    server.script([
        Reply::json(
            r#"{"KeyId":"arn","PublicKey":"MIIB","SigningAlgorithms":["ECDSA_SHA_384","SM2DSA"],"KeyUsage":"SIGN_VERIFY"}"#,
        ),
        Reply::json(
            r#"{"KeyId":"arn","PublicKey":"MIIB","EncryptionAlgorithms":["RSAES_OAEP_SHA_256"],"KeyUsage":"ENCRYPT_DECRYPT"}"#,
        ),
        Reply::json(r#"{"KeyId":"k"}"#),
        Reply::json(r#"{"Keys":[{"KeyId":"k1","KeyArn":"a1"}],"NextMarker":"m","Truncated":true}"#),
        Reply::json(r#"{"Keys":[{"KeyId":"k2","KeyArn":"a2"}],"Truncated":false}"#),
    ]);
    let public = keys.public_key("k").await.unwrap();
    assert_eq!(public.algorithms, [Algorithm::EcdsaP384Sha384, Algorithm::Other("SM2DSA".to_owned())]);
    assert!(keys.public_key("k").await.unwrap_err().is(ErrorKind::InvalidInput));
    keys.rotate("k").await.unwrap();
    let listed = keys.list("").page_size(1).all().await.unwrap();
    assert_eq!(listed.iter().map(|info| info.name.as_str()).collect::<Vec<_>>(), ["k1", "k2"]);
    let of_key = r#"{"KeyId":"k"}"#;
    assert_eq!(
        sent(&server.received()),
        [
            pair("GetPublicKey", of_key),
            pair("GetPublicKey", of_key),
            pair("RotateKeyOnDemand", of_key),
            pair("ListKeys", r#"{"Limit":1}"#),
            pair("ListKeys", r#"{"Limit":1,"Marker":"m"}"#),
        ]
    );
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_its_hits_and_shows_nothing() {
    for (status, code, kind, hits) in [
        (400, "NotFoundException", ErrorKind::NotFound, 1),
        (400, "AccessDeniedException", ErrorKind::PermissionDenied, 1),
        (400, "InvalidCiphertextException", ErrorKind::Corrupt, 1),
        (400, "IncorrectKeyException", ErrorKind::Corrupt, 1),
        (400, "InvalidKeyUsageException", ErrorKind::InvalidInput, 1),
        (400, "DisabledException", ErrorKind::Conflict, 1),
        (400, "KMSInvalidStateException", ErrorKind::Conflict, 1),
        (400, "LimitExceededException", ErrorKind::QuotaExceeded, 1),
        (400, "ThrottlingException", ErrorKind::RateLimited, 3),
        (500, "KeyUnavailableException", ErrorKind::Unavailable, 3),
        (500, "KMSInternalException", ErrorKind::Internal, 3),
        (503, "DependencyTimeoutException", ErrorKind::Unavailable, 3),
    ] {
        let ((server, keys), telemetry) = (keys().await, Telemetry::new());
        server.always(refusal(status, code));
        let canary = Canary::new();
        let error = telemetry.within(async { keys.encrypt("k", canary.secret(), ()).await.unwrap_err() }).await;
        assert_eq!((error.kind(), server.hits()), (kind, hits), "{code}: {error}");
        for text in [format!("{error}"), format!("{error:?}"), telemetry.text()] {
            assert!(!Canary::of(SECRET).is_in(&text) && !canary.is_in(&text), "{text}");
        }
    }
}
