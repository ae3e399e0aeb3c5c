//! What a verifier's provider implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Claims, IntrospectRequest, Introspection, TokenVerifierCapabilities, VerifyTokenRequest};
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::Result;
use crate::provider::{Health, Provider, ProviderInfo};

/// A verifier of tokens, as providers implement it.
///
/// The handle has refused what is no token at all, and every capability that is off.
#[async_trait]
pub trait TokenVerifierProvider: Provider {
    /// What it can do; constant over the provider's life.
    fn capabilities(&self) -> &TokenVerifierCapabilities;

    /// Decides whether a token is its authority's, meant for this side and good now.
    ///
    /// Algorithms are those of the configuration, and what the token says chooses among them only. Issuer, audience and end are
    /// always checked, by [`Expect::check`](super::Expect::check) what else is expected. A key that is not known has the keys
    /// read again once, whatever number of tokens names it. A refusal is a [`TokenRefusal`](super::TokenRefusal), and nothing
    /// that is not the token's fault is one.
    async fn verify(&self, cx: &CallContext, request: VerifyTokenRequest) -> Result<Claims>;

    /// Asks the authority what a token is good for. One that is not, or no longer, good is no error.
    async fn introspect(&self, cx: &CallContext, request: IntrospectRequest) -> Result<Introspection>;
}

shared_provider!(TokenVerifierProvider);

#[async_trait]
impl TokenVerifierProvider for Arc<dyn TokenVerifierProvider> {
    fn capabilities(&self) -> &TokenVerifierCapabilities {
        (**self).capabilities()
    }

    async fn verify(&self, cx: &CallContext, request: VerifyTokenRequest) -> Result<Claims> {
        (**self).verify(cx, request).await
    }

    async fn introspect(&self, cx: &CallContext, request: IntrospectRequest) -> Result<Introspection> {
        (**self).introspect(cx, request).await
    }
}
