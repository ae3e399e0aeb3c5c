//! What is sent for Entra credentials, byte for byte, and what is made of the answers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod application;
mod chain;
mod keys;
mod managed;
mod properties;
mod refusals;

use circle_core_common::credentials::{CredentialCache, LOAD, Lease};
use circle_core_common::{BuildContext, CallContext, Environment, Result};
use circle_core_protocol_entra_auth::EntraCredentialsConfig;
use circle_core_protocol_oidc::AccessToken;
use circle_core_testkit::{CannedTransport, FakeOs, ManualClock, Received};
use secrecy::ExposeSecret;

/// What a provider of these tests usually needs.
const RESOURCE: &str = "https://storage.azure.com";
const TENANT: &str = "7b795fb9-09d3-42f4-a494-38864f99ba3c";
const CLIENT: &str = "0f0e0d0c-0b0a-0908-0706-050403020100";
/// Secrets in these tests begin so.
const CANARY: &str = "hunter2";
const TOKEN: &str = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3599,"ext_expires_in":3599}"#;

/// A machine without a network, with made-up variables and files, and a clock that stands in the year 2000.
struct Machine {
    canned: CannedTransport,
    os: FakeOs,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        Self::of(&ManualClock::new())
    }

    /// Whose waits end at once.
    fn jumping() -> Self {
        Self::of(&ManualClock::jumping())
    }

    fn of(clock: &ManualClock) -> Self {
        let canned = CannedTransport::new();
        let environment = Environment::builder().transport(canned.clone()).clock(clock.clock()).build();
        Self { canned, os: FakeOs::new(), environment }
    }

    /// With these variables.
    fn with(variables: &[(&str, &str)]) -> Self {
        let machine = Self::new();
        machine.set(variables);
        machine
    }

    fn set(&self, variables: &[(&str, &str)]) {
        variables.iter().for_each(|(name, value)| self.os.set(*name, *value));
    }

    fn cx(&self) -> CallContext {
        CallContext::new(&self.environment, &LOAD, None)
    }

    fn build(&self) -> BuildContext {
        BuildContext::new(self.environment.clone(), "documents")
    }

    fn tokens(&self, config: &EntraCredentialsConfig) -> CredentialCache<AccessToken> {
        config.credentials_from(&self.build(), &self.os.os(), RESOURCE).unwrap()
    }

    async fn load(&self, config: &EntraCredentialsConfig) -> Result<std::sync::Arc<Lease<AccessToken>>> {
        self.tokens(config).get(&self.cx()).await
    }

    /// The token as text.
    async fn token(&self, config: &EntraCredentialsConfig) -> Result<String> {
        Ok(self.load(config).await?.secret().expose_secret().to_owned())
    }
}

fn body(request: &Received) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

fn field(request: &Received, name: &str) -> Option<String> {
    form_urlencoded::parse(&request.body).find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
}

/// Host, path and query.
fn address(request: &Received) -> String {
    format!("{}{}", request.header("host").unwrap(), request.target)
}
