//! An application by environment variables.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, Found, Link};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::AccessToken;

use super::Place;
use crate::application::{Application, Proof};
use crate::authority;
use crate::wanted::Wanted;

pub(super) const TENANT: &str = "AZURE_TENANT_ID";
pub(super) const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";

/// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, and `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH`. A blank one is not set.
pub(super) struct EnvironmentCredentials {
    place: Place,
}

impl EnvironmentCredentials {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    async fn proof(&self) -> Result<Option<Proof>> {
        let os = &self.place.os;
        let Some(path) = os.variable(CERTIFICATE)? else {
            return Ok(os.variable(SECRET)?.map(|secret| Proof::Secret(secret.trim().into())));
        };
        if os.variable(SECRET)?.is_some() {
            let text = format!("`{SECRET}` and `{CERTIFICATE}` are both set: which of them is meant, nobody knows");
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let path = os.expand(path.trim())?;
        let missing = || {
            Error::new(ErrorKind::ConfigInvalid, format!("there is no file `{}`, which `{CERTIFICATE}` names", path.display()))
        };
        let text = os.read(&path).await?.ok_or_else(missing)?;
        Ok(Some(Proof::Certificate(text.into())))
    }
}

impl Place {
    /// Tenant and client, of which a link that is configured needs both.
    pub(super) fn names(&self, because: &str) -> Result<(String, String)> {
        let needed = |name: &str| -> Result<String> {
            let missing = || Error::new(ErrorKind::ConfigInvalid, format!("`{because}` is set, but not `{name}`"));
            self.os.variable(name)?.ok_or_else(missing)
        };
        Ok((needed(TENANT)?, needed(CLIENT)?))
    }
}

#[async_trait]
impl Link for EnvironmentCredentials {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "environment".into()
    }

    /// # Errors
    /// `ConfigInvalid` when there is a secret or a certificate and no tenant or client, both of the two, or a certificate that cannot
    /// be used; those of the token endpoint.
    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let place = &self.place;
        let Some(proof) = self.proof().await? else {
            return Ok(Found::NotConfigured(format!("neither `{SECRET}` nor `{CERTIFICATE}` is set").into()));
        };
        let wanted = Wanted::of(&place.resource, request)?;
        let (tenant, client_id) = place.names(if matches!(proof, Proof::Secret(_)) { SECRET } else { CERTIFICATE })?;
        let host = authority::cloud(&place.os)?;
        let application = Application { host: &host, tenant: &tenant, client_id: &client_id, proof };
        application.token(cx, &place.cx, &wanted).await.map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
