//! Secrets and keys on moto.

use std::sync::Arc;

use circle_core_aws::{AwsCredentialsConfig, Kms, KmsConfig, SecretsManager, SecretsManagerConfig};
use circle_core_common::http::Request;
use circle_core_common::interfaces::key_service::conformance::SuiteKeys;
use circle_core_common::interfaces::key_service::{self, Algorithm, KeyService};
use circle_core_common::interfaces::secret_store::SecretStore;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::suite::Case;
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Result, SecretRef};
use circle_core_testkit::{Failed, Fault, FaultProxy, Received, Reply, Runner, Subject, Suited};
use serde::Deserialize;
use serde_json::json;

use super::{MOTO, SECRET, environment};

/// What moto does otherwise than Amazon.
const SECRET_EXCUSES: &[(&str, &str)] = &[];
const KEY_EXCUSES: &[(&str, &str)] = &[
    ("another_key_is_corrupt", "moto answers AccessDeniedException where Amazon answers IncorrectKeyException"),
    ("flipped_bit_is_corrupt", "moto answers AccessDeniedException where Amazon answers InvalidCiphertextException"),
    ("key_that_encrypts_does_not_sign", "moto gives a public key of a key that has none, where Amazon refuses"),
    ("list_pages_cover_everything_once", "moto ignores the limit of a page"),
];

/// Adds the suites of both, or says why they cannot run.
pub(crate) fn add_to(mut runner: Runner) -> Runner {
    let server = std::env::var(MOTO.variable).ok();
    let missing = format!("{} is not set: `cargo xtask live` starts the server and sets it", MOTO.variable);
    runner = suite(runner, "SecretStore on moto", SecretStore::SUITE, SECRET_EXCUSES, server.clone(), &missing, secrets);
    runner = suite(runner, "KeyService on moto", KeyService::SUITE, KEY_EXCUSES, server.clone(), &missing, keys);
    let Some(endpoint) = server else { return runner };
    let of_secrets = endpoint.clone();
    runner = runner.negatives("SecretStore on moto", SecretStore::NEGATIVES, move |_| secrets(of_secrets.clone()));
    runner.negatives("KeyService on moto", KeyService::NEGATIVES, move |_| keys(endpoint.clone()))
}

fn suite<H, Fut>(
    mut runner: Runner,
    name: &str,
    cases: &'static [Case<H>],
    excuses: &'static [(&'static str, &'static str)],
    server: Option<String>,
    missing: &str,
    subject: fn(String) -> Fut,
) -> Runner
where
    H: Send + 'static,
    Fut: Future<Output = Result<Subject<H>>> + Send + 'static,
{
    for case in cases {
        let title = format!("{name}::{}", case.name);
        let excuse = excuses.iter().find(|(excused, _)| *excused == case.name).map(|(_, why)| (*why).to_owned());
        let why = excuse.or_else(|| server.is_none().then(|| missing.to_owned()));
        let endpoint = server.clone().unwrap_or_default();
        runner = runner.test(title, move || async move {
            match why {
                Some(why) => Err(Failed::Skipped(why)),
                None => (case.run)(subject(endpoint).await?).await,
            }
        });
    }
    runner
}

fn credentials() -> AwsCredentialsConfig {
    AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal(SECRET))
}

fn cx(environment: &Environment) -> BuildContext {
    BuildContext::from(environment).allow_loopback(true)
}

/// A proxy that breaks what is sent through it.
async fn proxy(endpoint: &str) -> Result<Arc<FaultProxy>> {
    let unreachable = |what: String| Error::new(ErrorKind::ConfigInvalid, format!("`{endpoint}` {what}"));
    let address = endpoint.strip_prefix("http://").unwrap_or(endpoint).trim_end_matches('/');
    let address = address.parse().map_err(|error| unreachable(format!("is no address of a server: {error}")))?;
    let refusal = |fault: &Fault| {
        let says =
            |status, code: &str| Some(Reply::json(format!(r#"{{"__type":"{code}","message":"{code}"}}"#)).with_status(status));
        match fault {
            Fault::Unavailable => says(503, "ServiceUnavailable"),
            Fault::Throttle { retry_after } => {
                says(400, "ThrottlingException").map(|reply| reply.header("retry-after-ms", retry_after.as_millis().to_string()))
            }
            _ => None,
        }
    };
    let proxy = FaultProxy::speaking(address, refusal, |_: &Received| false).await;
    proxy.map(Arc::new).map_err(|error| unreachable(format!("has no proxy: {error}")))
}

async fn secrets(endpoint: String) -> Result<Subject<SecretStore>> {
    let (environment, proxy) = (environment(), proxy(&endpoint).await?);
    let made = |endpoint: &str| {
        let config = SecretsManagerConfig::new("eu-west-1").endpoint(endpoint).credentials(credentials());
        SecretsManager::new(config, cx(&environment)).map(SecretStore::new)
    };
    let mut subject = made(&proxy.origin())?.subject()?;
    subject.second = Some(made(&endpoint)?);
    subject.native = Some(|handle| handle.native::<SecretsManager>().is_some());
    subject.faults = Some(proxy);
    Ok(subject)
}

async fn keys(endpoint: String) -> Result<Subject<KeyService>> {
    let (environment, proxy) = (environment(), proxy(&endpoint).await?);
    let made = |endpoint: &str| {
        let config = KmsConfig::new("eu-west-1").endpoint(endpoint).credentials(credentials());
        Kms::new(config, cx(&environment)).map(KeyService::new)
    };
    let mut subject = made(&proxy.origin())?.subject()?;
    subject.second = Some(made(&endpoint)?);
    subject.native = Some(|handle| handle.native::<Kms>().is_some());
    subject.faults = Some(proxy);
    let make = |spec, used| key(&environment, &endpoint, spec, used);
    subject.keys = SuiteKeys::new()
        .encrypting(make("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await?, make("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await?)
        .signing(make("ECC_NIST_P256", "SIGN_VERIFY").await?, Algorithm::EcdsaP256Sha256)
        .signing(make("RSA_2048", "SIGN_VERIFY").await?, Algorithm::RsaPssSha256);
    Ok(subject)
}

/// Makes a key, as its owner would in the console.
async fn key(environment: &Environment, endpoint: &str, spec: &str, used: &str) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Created {
        key_metadata: Metadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Metadata {
        key_id: String,
    }
    static CREATE: RemoteOperation = RemoteOperation::new("kms.CreateKey", Idempotency::NonIdempotent, "/");
    let cx = cx(environment);
    let base = cx.base_url(endpoint)?;
    let http = cx.http(Arc::clone(&base.origin)).build();
    let body = json!({ "KeySpec": spec, "KeyUsage": used }).to_string();
    let request = Request::post(base.target("/"))
        .header("content-type", "application/x-amz-json-1.1")?
        .header("x-amz-target", "TrentService.CreateKey")?
        // The region is that of the signature, which moto does not check.
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKTEST/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0",
        )?
        .body(body);
    let call = CallContext::new(environment, &key_service::LIST, None);
    let created: Created = http.send(&call, &CREATE, request).await?.json()?;
    Ok(created.key_metadata.key_id)
}
