//! Credentials for the token of an identity provider: service accounts of Kubernetes, jobs of a CI
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>).

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::links::{TextFile, TokenExchange, WorkloadIdentity};
use circle_core_common::credentials::{CredentialRequest, Found, Lease, Link};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::SecretString;

use crate::credentials::AwsCredentials;
use crate::outside::Outside;
use crate::sts::{Role, Sts};

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE_ARN: &str = "AWS_ROLE_ARN";
const SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";

/// `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and, if it is set, `AWS_ROLE_SESSION_NAME`.
pub(crate) fn of_environment(outside: Outside) -> WorkloadIdentity<AwsCredentials> {
    WorkloadIdentity::new(TextFile::new(outside.os.clone()).named_by(TOKEN_FILE), OfEnvironment { outside })
}

struct OfEnvironment {
    outside: Outside,
}

#[async_trait]
impl TokenExchange for OfEnvironment {
    type Credential = AwsCredentials;

    async fn exchange(
        &self,
        cx: &CallContext,
        token: &SecretString,
        request: &CredentialRequest,
    ) -> Result<Lease<AwsCredentials>> {
        if !request.is_plain() {
            return Err(Error::new(ErrorKind::Unsupported, "a role cannot choose scopes, audience, claims or subject"));
        }
        let os = &self.outside.os;
        let missing = || Error::new(ErrorKind::ConfigInvalid, format!("`{TOKEN_FILE}` is set, but not `{ROLE_ARN}`"));
        let arn = os.variable(ROLE_ARN)?.ok_or_else(missing)?.trim().to_owned();
        let session_name = os.variable(SESSION_NAME)?.map(|name| name.trim().to_owned());
        let role = Role { arn, session_name, ..Role::default() };
        Sts::new(&self.outside, None, None)?.with_web_identity(cx, token, &role).await
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

/// A role for the token in a file, as the config states both.
pub(crate) struct WebIdentityCredentials {
    pub(crate) outside: Outside,
    pub(crate) role: Role,
    pub(crate) token_file: String,
    pub(crate) region: Option<String>,
}

#[async_trait]
impl Link for WebIdentityCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "web identity".into()
    }

    /// # Errors
    /// `ConfigInvalid` when there is no such file or it is empty; what STS says.
    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let token = self.outside.secret_file(&self.token_file, "the config").await?;
        let sts = Sts::new(&self.outside, self.region.as_deref(), None)?;
        sts.with_web_identity(cx, &token, &self.role).await.map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
