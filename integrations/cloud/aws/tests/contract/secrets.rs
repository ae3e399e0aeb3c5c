//! Secrets Manager, as Amazon documents it.

use circle_core_aws::{SecretsManager, SecretsManagerConfig};
use circle_core_common::interfaces::secret_store::{Deleted, GetOptions, SecretFields, SecretStore};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{BuildContext, CallOptions, Environment, ErrorKind, Reason, Version};
use circle_core_testkit::{Canary, FaultServer, Received, Reply, Telemetry};

use super::{SECRET, hasty, key};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn secrets_of(change: impl FnOnce(SecretsManagerConfig) -> SecretsManagerConfig) -> (FaultServer, SecretStore) {
    let server = FaultServer::start().await.unwrap();
    let config = change(SecretsManagerConfig::new("eu-west-1").endpoint(server.origin()).credentials(key()));
    let cx = BuildContext::from(&Environment::default()).allow_loopback(true).resilience(hasty());
    let secrets = SecretStore::new(SecretsManager::new(config, cx).unwrap());
    (server, secrets.with(CallOptions::new().idempotency_key(TOKEN)))
}

async fn secrets() -> (FaultServer, SecretStore) {
    secrets_of(|config| config).await
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(format!(r#"{{"__type":"{code}","Message":"{message}"}}"#)).with_status(status)
}

/// The operation and the body of every request.
fn sent(received: &[Received]) -> Vec<(String, String)> {
    let one = |request: &Received| {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
        assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
        assert!(authorization.contains("/eu-west-1/secretsmanager/aws4_request, SignedHeaders="), "{authorization}");
        let target = request.header("x-amz-target").unwrap().to_owned();
        (target, String::from_utf8(request.body.to_vec()).unwrap())
    };
    received.iter().map(one).collect()
}

fn pair(operation: &str, body: &str) -> (String, String) {
    (format!("secretsmanager.{operation}"), body.to_owned())
}

const VALUE: &str = r#"{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1b2c3","CreatedDate":1523477145.713,"Name":"payments/db","SecretString":"{\"user\":\"app\",\"password\":\"p\"}","VersionId":"EXAMPLE1-90ab-cdef-fedc-ba987SECRET1","VersionStages":["AWSCURRENT"]}"#;

#[tokio::test]
async fn a_get_is_one_signed_request_and_an_object_of_strings_is_fields() {
    let (server, secrets) = secrets().await;
    server.always(Reply::json(VALUE));
    let secret = secrets.get("payments/db").await.unwrap();
    assert_eq!(secret.field("user").unwrap().expose_secret(), "app");
    assert_eq!(format!("{secret:?}"), "Secret(payments/db vEXAMPLE1-90ab-cdef-fedc-ba987SECRET1)");
    let version = Version::generation("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1");
    assert_eq!(secret.version, version);
    secrets.get_with("payments/db", GetOptions::new().version(version)).await.unwrap();
    assert_eq!(
        sent(&server.received()),
        [
            pair("GetSecretValue", r#"{"SecretId":"payments/db"}"#),
            pair("GetSecretValue", r#"{"SecretId":"payments/db","VersionId":"EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"}"#),
        ]
    );
}

#[tokio::test]
async fn versions_that_the_service_cannot_have_are_not_asked_for() {
    let (server, secrets) = secrets().await;
    for version in [Version::generation("3"), Version::etag("an-etag")] {
        let error = secrets.get_with("a", GetOptions::new().version(version)).await.unwrap_err();
        assert!(error.is(ErrorKind::NotFound));
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn a_put_adds_a_version_and_makes_the_secret_where_there_is_none() {
    let (server, secrets) = secrets().await;
    let made = Reply::json(format!(r#"{{"ARN":"arn","Name":"payments/db","VersionId":"{TOKEN}"}}"#));
    server.script([refusal(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")]);
    server.always(made);
    let version = secrets.put("payments/db", [("user", "app"), ("password", "p\"")]).await.unwrap();
    assert_eq!(version, Version::generation(TOKEN));
    let text = r#""SecretString":"{\"password\":\"p\\\"\",\"user\":\"app\"}""#;
    let added = pair("PutSecretValue", &format!(r#"{{"SecretId":"payments/db","ClientRequestToken":"{TOKEN}",{text}}}"#));
    let created = pair("CreateSecret", &format!(r#"{{"Name":"payments/db","ClientRequestToken":"{TOKEN}",{text}}}"#));
    assert_eq!(sent(&server.received()), [added, created]);
}

#[tokio::test]
async fn a_create_is_one_request_and_says_what_is_taken() {
    for (code, message) in [
        ("ResourceExistsException", "The operation failed because the secret a already exists."),
        (
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ),
    ] {
        let (server, secrets) = secrets().await;
        server.script([refusal(400, code, message)]);
        server.always(Reply::json(VALUE));
        let error = secrets.create("a", SecretFields::single("mine")).await.unwrap_err();
        assert!(error.is(ErrorKind::AlreadyExists), "{error}");
        let first = sent(&server.received()).remove(0);
        let body = format!(r#"{{"Name":"a","ClientRequestToken":"{TOKEN}","SecretString":"mine"}}"#);
        assert_eq!(first, pair("CreateSecret", &body));
    }
}

#[tokio::test]
async fn a_delete_is_for_good_unless_days_are_chosen() {
    let deleted = || Reply::json(r#"{"ARN":"arn","Name":"a","DeletionDate":1524085349.095}"#);
    let (server, secrets) = secrets().await;
    server.always(deleted());
    assert_eq!(secrets.delete("a").await.unwrap(), Deleted::Unknown);
    assert_eq!(sent(&server.received()), [pair("DeleteSecret", r#"{"SecretId":"a","ForceDeleteWithoutRecovery":true}"#)]);
    let (server, secrets) = secrets_of(|config| config.recovery_days(7)).await;
    server.script([deleted()]);
    server.always(refusal(400, "ResourceNotFoundException", "gone"));
    assert_eq!(secrets.delete("a").await.unwrap(), Deleted::Removed);
    assert_eq!(secrets.delete("a").await.unwrap(), Deleted::Absent);
    assert_eq!(sent(&server.received())[0], pair("DeleteSecret", r#"{"SecretId":"a","RecoveryWindowInDays":7}"#));
    let wrong = SecretsManager::new(SecretsManagerConfig::new("eu-west-1").recovery_days(3), &Environment::default());
    assert!(wrong.unwrap_err().is(ErrorKind::ConfigInvalid));
}

#[tokio::test]
async fn a_list_asks_for_its_prefix_and_leaves_out_what_is_found_otherwise() {
    let (server, secrets) = secrets().await;
    let entry = |name: &str| {
        format!(
            r#"{{"Name":"{name}","LastChangedDate":1523477145.5,"SecretVersionsToStages":{{"old":["AWSPREVIOUS"],"new":["AWSCURRENT"]}}}}"#
        )
    };
    server.script([Reply::json(format!(
        r#"{{"NextToken":"more","SecretList":[{},{}]}}"#,
        entry("payments/db"),
        entry("x/payments/")
    ))]);
    server.always(Reply::json(format!(r#"{{"SecretList":[{}]}}"#, entry("payments/api"))));
    let listed = secrets.list("payments/").page_size(2).all().await.unwrap();
    assert_eq!(listed.iter().map(|meta| meta.name.as_str()).collect::<Vec<_>>(), ["payments/db", "payments/api"]);
    assert_eq!(listed[0].version, Some(Version::generation("new")));
    assert_eq!(listed[0].changed_at.unwrap().unix_millis(), 1_523_477_145_500);
    let filter = r#""Filters":[{"Key":"name","Values":["payments/"]}]"#;
    assert_eq!(
        sent(&server.received()),
        [
            pair("ListSecrets", &format!(r#"{{"MaxResults":2,{filter}}}"#)),
            pair("ListSecrets", &format!(r#"{{"MaxResults":2,"NextToken":"more",{filter}}}"#)),
        ]
    );
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_its_hits_and_shows_nothing() {
    for (status, code, kind, hits) in [
        (400, "ResourceNotFoundException", ErrorKind::NotFound, 1),
        (400, "AccessDeniedException", ErrorKind::PermissionDenied, 1),
        (400, "UnrecognizedClientException", ErrorKind::Unauthenticated, 1),
        (400, "ExpiredTokenException", ErrorKind::Unauthenticated, 1),
        (400, "com.amazonaws.secretsmanager#ThrottlingException", ErrorKind::RateLimited, 3),
        (400, "InvalidParameterException", ErrorKind::InvalidInput, 1),
        (400, "DecryptionFailure", ErrorKind::PermissionDenied, 1),
        (500, "InternalServiceError", ErrorKind::Internal, 3),
        (503, "ServiceUnavailable", ErrorKind::Unavailable, 3),
        (404, "SomethingNew", ErrorKind::NotFound, 1),
    ] {
        let ((server, secrets), telemetry) = (secrets().await, Telemetry::new());
        server.always(refusal(status, code, "It is so."));
        let error = telemetry.within(async { secrets.get("a").await.unwrap_err() }).await;
        assert_eq!((error.kind(), server.hits()), (kind, hits), "{code}: {error}");
        let canary = Canary::of(SECRET);
        for text in [format!("{error}"), format!("{error:?}"), telemetry.text()] {
            assert!(!canary.is_in(&text) && !text.contains("AWS4-HMAC-SHA256"), "{text}");
        }
    }
}

#[tokio::test]
async fn what_is_written_is_in_no_error_and_no_log() {
    let canary = Canary::new();
    for reply in [refusal(400, "AccessDeniedException", "No."), refusal(500, "InternalServiceError", "No."), Reply::json("{")] {
        let ((server, secrets), telemetry) = (secrets().await, Telemetry::new());
        server.always(reply);
        let error = telemetry.within(async { secrets.put("a", SecretFields::single(canary.secret())).await.unwrap_err() }).await;
        for text in [format!("{error}"), format!("{error:?}"), telemetry.text()] {
            assert!(!canary.is_in(&text), "{text}");
        }
    }
}

#[tokio::test]
async fn binary_secrets_and_those_that_wait_for_their_end_say_what_they_are() {
    let (server, secrets) = secrets().await;
    server.script([Reply::json(r#"{"Name":"a","SecretBinary":"AAEC","VersionId":"EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"}"#)]);
    let text = "You can't perform this operation on the secret because it was marked for deletion.";
    server.always(refusal(400, "InvalidRequestException", text));
    assert!(secrets.get("a").await.unwrap_err().is(ErrorKind::Decode));
    assert!(secrets.get("a").await.unwrap_err().is(ErrorKind::NotFound));
    let large = secrets.put("a", [("a", "\u{1}".repeat(20_000))]).await.unwrap_err();
    assert_eq!((large.kind(), large.reason()), (ErrorKind::InvalidInput, Some(Reason::OutsideLimit)));
}
