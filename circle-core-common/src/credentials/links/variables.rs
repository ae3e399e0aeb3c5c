//! A secret in an environment variable.

use std::borrow::Cow;

use async_trait::async_trait;
use secrecy::SecretString;

use super::stated::found;
use crate::context::CallContext;
use crate::credentials::{Found, Link, Os};
use crate::error::Result;

/// The first of several environment variables that is set. A blank one is not set.
#[derive(Clone, Debug)]
pub struct Variables {
    os: Os,
    names: Vec<String>,
}

impl Variables {
    /// These variables, in this order.
    #[must_use]
    pub fn new(os: Os, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { os, names: names.into_iter().map(Into::into).collect() }
    }
}

#[async_trait]
impl Link for Variables {
    type Credential = SecretString;

    fn name(&self) -> Cow<'static, str> {
        "environment".into()
    }

    /// # Errors
    /// `ConfigInvalid` for a value that is not UTF-8.
    async fn find(&self, _: &CallContext) -> Result<Found<SecretString>> {
        for name in &self.names {
            if let Some(value) = self.os.variable(name)? {
                return Ok(found(value.trim()));
            }
        }
        let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
        Ok(Found::NotConfigured(format!("{} not set", names.join(", ")).into()))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
