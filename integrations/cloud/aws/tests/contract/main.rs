//! What is sent for each call, byte for byte, and what every refusal comes to.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]

mod conditional;
mod encryption;
mod failures;
mod keys;
mod lasting;
mod multipart;
mod region;
mod requests;
mod secrets;
mod trailing;

use circle_core_aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::resilience::{BackoffSettings, Resilience, Retry};
use circle_core_common::{BuildContext, Environment, SecretRef};
use circle_core_testkit::{CannedTransport, FaultServer, Received, Reply};
use std::time::Duration;

/// What no error, span or log may show.
pub(crate) const SECRET: &str = "s3cr3t-canary-0123456789abcdef";

pub(crate) fn key() -> AwsCredentialsConfig {
    AwsCredentialsConfig::access_key("AKIDEXAMPLE", SecretRef::literal(SECRET.to_owned()))
}

/// Repetitions follow at once: what is tested is whether they do.
pub(crate) fn hasty() -> Resilience {
    let at_once = || BackoffSettings::new().initial_interval(Duration::from_millis(1)).max_interval(Duration::from_millis(2));
    Resilience::new().retry(Retry::new().backoff(at_once()).throttle_backoff(at_once()))
}

/// A bucket on a server of the test's own.
pub(crate) struct Bucket {
    pub(crate) server: FaultServer,
    pub(crate) files: ObjectStore,
}

pub(crate) async fn bucket() -> Bucket {
    bucket_with(|config| config).await
}

pub(crate) async fn bucket_with(change: impl FnOnce(S3Config) -> S3Config) -> Bucket {
    bucket_in(&Environment::default(), hasty(), change).await
}

pub(crate) async fn bucket_in(
    environment: &Environment,
    resilience: Resilience,
    change: impl FnOnce(S3Config) -> S3Config,
) -> Bucket {
    let server = FaultServer::start().await.expect("a server");
    let config = change(S3Config::new("bucket").region("eu-west-1").endpoint(server.origin()).credentials(key()));
    let cx = BuildContext::from(environment).allow_loopback(true).resilience(resilience);
    let files = ObjectStore::new(S3::new(config, cx).expect("a provider"));
    Bucket { server, files }
}

/// A bucket of Amazon itself, answered from memory.
pub(crate) fn canned(config: S3Config) -> (CannedTransport, ObjectStore) {
    let canned = CannedTransport::new();
    let environment = Environment::builder().transport(canned.clone()).build();
    let cx = BuildContext::from(&environment).resilience(hasty());
    (canned, ObjectStore::new(S3::new(config.credentials(key()), cx).expect("a provider")))
}

pub(crate) fn refusal(status: u16, code: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>It is {code}.</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    Reply::xml(body).with_status(status)
}

/// An answer that has made or found an object.
pub(crate) fn made(etag: &str) -> Reply {
    Reply::status(200).header("etag", format!("\"{etag}\"")).header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
}

pub(crate) fn targets(received: &[Received]) -> Vec<String> {
    received.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
}
