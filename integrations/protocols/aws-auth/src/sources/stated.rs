//! An access key that the config states.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialSource, Found, Lease, Link, SecretSource};
use circle_core_common::{CallContext, Environment, Result, SecretRef, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{AccessKeyId, StaticCredentialsConfig};
use crate::credentials::AwsCredentials;

/// The access key of the config; its references are read at first use, followed when they rotate, and read again when the key
/// was refused.
#[derive(Debug)]
pub struct StatedCredentials {
    config: StaticCredentialsConfig,
    environment: Environment,
}

impl StatedCredentials {
    /// The access key of this config, without references into secret stores.
    #[must_use]
    pub fn new(config: StaticCredentialsConfig) -> Self {
        Self { config, environment: Environment::default() }
    }

    /// Reads references into secret stores as this environment says.
    #[must_use]
    pub fn within(mut self, environment: &Environment) -> Self {
        self.environment = environment.clone();
        self
    }

    /// A secret, and the earliest moment when one of those read so far wants to be read again.
    async fn read(&self, cx: &CallContext, reference: &SecretRef, due: &mut Option<Timestamp>) -> Result<SecretString> {
        let lease = SecretSource::new(reference.clone(), &self.environment).load(cx).await?;
        *due = [*due, lease.refresh_at(), lease.expires_at()].into_iter().flatten().min();
        Ok(lease.value().clone())
    }
}

#[async_trait]
impl Link for StatedCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "config".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let mut due = None;
        let id = match &self.config.access_key_id {
            AccessKeyId::Plain(id) => id.clone(),
            AccessKeyId::Reference(reference) => self.read(cx, reference, &mut due).await?.expose_secret().to_owned(),
        };
        let mut credentials = AwsCredentials::new(id, self.read(cx, &self.config.secret_access_key, &mut due).await?);
        if let Some(token) = &self.config.session_token {
            credentials = credentials.session_token(self.read(cx, token, &mut due).await?);
        }
        Ok(Found::Credential(due.into_iter().fold(Lease::new(credentials), Lease::refresh_from)))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
