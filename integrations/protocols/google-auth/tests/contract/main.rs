//! What is sent for Google credentials, byte for byte, and what is made of the answers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chain;
mod federation;
mod hostile;
mod impersonation;
mod keys;
mod metadata;
mod properties;
mod service_account;
mod user;

use circle_core_common::credentials::{CredentialCache, LOAD, Lease};
use circle_core_common::{BuildContext, CallContext, Environment, Result};
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_protocol_oidc::AccessToken;
use circle_core_testkit::{CannedTransport, FakeOs, ManualClock, Received};
use secrecy::ExposeSecret;
use serde_json::Value;

/// What a provider of these tests usually needs.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Secrets in these tests begin so.
const CANARY: &str = "hunter2";
/// Where the file of these tests is.
const FILE: &str = "/run/credentials.json";
const TOKEN: &str = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3599}"#;

/// A machine without a network, with made-up files, and a clock that stands in the year 2000.
struct Machine {
    canned: CannedTransport,
    os: FakeOs,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        Self::of(ManualClock::new())
    }

    /// Whose waits end at once.
    fn jumping() -> Self {
        Self::of(ManualClock::jumping())
    }

    fn of(clock: ManualClock) -> Self {
        let canned = CannedTransport::new();
        let environment = Environment::builder().transport(canned.clone()).clock(clock.clock()).build();
        let os = FakeOs::new().with_variable("HOME", "/ann");
        Self { canned, os, environment }
    }

    /// With this credentials file.
    fn with(file: &Value) -> Self {
        let machine = Self::new();
        machine.os.write(FILE, file.to_string());
        machine
    }

    fn cx(&self) -> CallContext {
        CallContext::new(&self.environment, &LOAD, None)
    }

    fn build(&self) -> BuildContext {
        BuildContext::new(self.environment.clone(), "documents")
    }

    fn tokens(&self, config: &GoogleCredentialsConfig) -> CredentialCache<AccessToken> {
        config.credentials_from(&self.build(), &self.os.os(), [SCOPE]).unwrap()
    }

    async fn load(&self, config: &GoogleCredentialsConfig) -> Result<std::sync::Arc<Lease<AccessToken>>> {
        self.tokens(config).get(&self.cx()).await
    }

    /// The token of the file, as text.
    async fn token(&self) -> Result<String> {
        let lease = self.load(&GoogleCredentialsConfig::file(FILE)).await?;
        Ok(lease.secret().expose_secret().to_owned())
    }
}

fn body(request: &Received) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

/// The fields of a form, in their order.
fn form(request: &Received) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn field(request: &Received, name: &str) -> Option<String> {
    form(request).into_iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// Host and path.
fn address(request: &Received) -> String {
    format!("{}{}", request.header("host").unwrap(), request.target)
}
