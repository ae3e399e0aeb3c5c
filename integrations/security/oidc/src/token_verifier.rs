//! An OpenID provider as the authority of tokens that come with requests.

use async_trait::async_trait;
use circle_core_common::interfaces::token_verifier::{
    Claims, IntrospectRequest, Introspection, TokenVerifierCapabilities, TokenVerifierProvider, VerifyTokenRequest,
};
use circle_core_common::{CallContext, Result};

use crate::provider::Oidc;

#[async_trait]
impl TokenVerifierProvider for Oidc {
    fn capabilities(&self) -> &TokenVerifierCapabilities {
        &self.shared.token_verifier
    }

    async fn verify(&self, cx: &CallContext, request: VerifyTokenRequest) -> Result<Claims> {
        self.opened()?.verifier().verify(cx, &request.token, &request.expect).await
    }

    async fn introspect(&self, cx: &CallContext, request: IntrospectRequest) -> Result<Introspection> {
        self.opened()?.oauth().introspect(cx, &request.token, request.hint).await
    }
}
