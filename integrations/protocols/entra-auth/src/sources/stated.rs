//! Credentials that the config states.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, CredentialSource, Found, Link, SecretSource};
use circle_core_common::{BuildContext, CallContext, Result, SecretRef};
use circle_core_protocol_oidc::AccessToken;
use secrecy::{ExposeSecret, SecretString};

use super::Place;
use crate::application::{Application, Proof};
use crate::authority;
use crate::config::{ApplicationConfig, ApplicationProof};
use crate::wanted::Wanted;

/// An application of the config; what proves it is read anew for every token.
pub(super) struct StatedApplication {
    place: Place,
    config: ApplicationConfig,
}

impl StatedApplication {
    pub(super) const fn new(place: Place, config: ApplicationConfig) -> Self {
        Self { place, config }
    }

    async fn read(&self, cx: &CallContext, reference: &SecretRef) -> Result<SecretString> {
        let source = SecretSource::new(reference.clone(), self.place.cx.environment());
        Ok(source.load(cx).await?.value().expose_secret().trim().into())
    }
}

#[async_trait]
impl Link for StatedApplication {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "config".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let (place, config) = (&self.place, &self.config);
        let wanted = Wanted::of(&place.resource, request)?;
        let proof = match &config.proof {
            ApplicationProof::Secret(reference) => Proof::Secret(self.read(cx, reference).await?),
            ApplicationProof::Certificate(reference) => Proof::Certificate(self.read(cx, reference).await?),
            ApplicationProof::Assertion(reference) => Proof::Assertion(self.read(cx, reference).await?),
        };
        let host = match &config.authority_host {
            Some(host) => host.clone(),
            None => authority::cloud(&place.os)?,
        };
        let application = Application { host: &host, tenant: &config.tenant_id, client_id: &config.client_id, proof };
        application.token(cx, &place.cx, &wanted).await.map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

/// An access token that somebody else keeps fresh.
pub(super) struct StatedToken {
    token: SecretSource,
}

impl StatedToken {
    pub(super) fn new(cx: &BuildContext, token: SecretRef) -> Self {
        Self { token: SecretSource::new(token, cx.environment()) }
    }
}

#[async_trait]
impl Link for StatedToken {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "config".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        let lease = self.token.load(cx).await?;
        lease.try_map(|token| AccessToken::new(token.expose_secret().trim())).map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
