//! Credentials that the config refers to.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, CredentialSource, Found, Link, SecretSource};
use circle_core_common::{BuildContext, CallContext, Result, SecretRef};
use circle_core_protocol_oidc::AccessToken;
use secrecy::ExposeSecret;

use crate::place::Place;

/// A secret that is the content of a credentials file, read again for every token.
pub(super) struct StatedKey {
    key: SecretSource,
    place: Place,
}

impl StatedKey {
    pub(super) fn new(place: Place, key: SecretRef) -> Self {
        Self { key: SecretSource::new(key, place.cx.environment()), place }
    }
}

#[async_trait]
impl Link for StatedKey {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "config".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let key = self.key.load(cx).await?;
        self.place.token(cx, key.expose_secret(), "the key", request).await.map(Found::Credential)
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
