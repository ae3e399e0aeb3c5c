//! A role that is assumed with other credentials, as the config states it.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, Found, Link};
use circle_core_common::{CallContext, Result};

use crate::credentials::AwsCredentials;
use crate::outside::Outside;
use crate::sts::{Role, Sts};

/// The role, and by which credentials it is assumed: those have a cache of their own.
pub(crate) struct RoleCredentials {
    pub(crate) outside: Outside,
    pub(crate) role: Role,
    pub(crate) by: CredentialCache<AwsCredentials>,
    pub(crate) region: Option<String>,
}

#[async_trait]
impl Link for RoleCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "role".into()
    }

    /// # Errors
    /// Those of the credentials that it is assumed by; what STS says.
    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let sts = Sts::new(&self.outside, self.region.as_deref(), None)?;
        sts.assume_role(cx, self.by.clone(), &self.role).await.map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
