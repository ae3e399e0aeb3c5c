//! Credentials in environment variables.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{Found, Lease, Link, Os};
use circle_core_common::{CallContext, Error, ErrorKind, Result};

use crate::credentials::AwsCredentials;

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for a temporary key, `AWS_SESSION_TOKEN`. A blank one is not set.
#[derive(Debug)]
pub struct EnvironmentCredentials {
    os: Os,
}

impl EnvironmentCredentials {
    /// The variables of `os`.
    #[must_use]
    pub const fn new(os: Os) -> Self {
        Self { os }
    }
}

#[async_trait]
impl Link for EnvironmentCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "environment".into()
    }

    /// # Errors
    /// `ConfigInvalid` when one half of the key is set and the other is not.
    async fn find(&self, _: &CallContext) -> Result<Found<AwsCredentials>> {
        let half = |set: &str, unset: &str| Error::new(ErrorKind::ConfigInvalid, format!("`{set}` is set, but not `{unset}`"));
        match (self.os.variable(ID)?, self.os.variable(SECRET)?) {
            (Some(id), Some(secret)) => {
                let credentials = AwsCredentials::new(id.trim(), secret.trim());
                let credentials = match self.os.variable(TOKEN)? {
                    Some(token) => credentials.session_token(token.trim()),
                    None => credentials,
                };
                Ok(Found::Credential(Lease::new(credentials)))
            }
            (Some(_), None) => Err(half(ID, SECRET)),
            (None, Some(_)) => Err(half(SECRET, ID)),
            (None, None) => Ok(Found::NotConfigured(format!("neither `{ID}` nor `{SECRET}` is set").into())),
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
