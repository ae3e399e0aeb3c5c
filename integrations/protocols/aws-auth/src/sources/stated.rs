//! An access key that the config states.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{Found, Lease, Link};
use circle_core_common::{CallContext, Result};
use secrecy::ExposeSecret;

use crate::config::{AccessKeyId, StaticCredentialsConfig};
use crate::credentials::AwsCredentials;

/// The access key of the config; its references are read at first use, and again when the key was refused.
#[derive(Debug)]
pub struct StatedCredentials {
    config: StaticCredentialsConfig,
}

impl StatedCredentials {
    /// The access key of this config.
    #[must_use]
    pub const fn new(config: StaticCredentialsConfig) -> Self {
        Self { config }
    }
}

#[async_trait]
impl Link for StatedCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "config".into()
    }

    async fn find(&self, _: &CallContext) -> Result<Found<AwsCredentials>> {
        let id = match &self.config.access_key_id {
            AccessKeyId::Plain(id) => id.clone(),
            AccessKeyId::Reference(reference) => reference.resolve().await?.expose_secret().to_owned(),
        };
        let mut credentials = AwsCredentials::new(id, self.config.secret_access_key.resolve().await?);
        if let Some(token) = &self.config.session_token {
            credentials = credentials.session_token(token.resolve().await?);
        }
        Ok(Found::Credential(Lease::new(credentials)))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
