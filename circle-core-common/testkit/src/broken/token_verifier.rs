//! Broken verifiers of tokens.

use async_trait::async_trait;
use circle_core_common::interfaces::token_verifier::{
    Claims, IntrospectRequest, Introspection, TokenRefusal, TokenVerifierCapabilities, TokenVerifierProvider, VerifyTokenRequest,
};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{CallContext, Error, Result};

use super::{Broken, Defect};

/// Claims that no token says.
pub(super) fn made_up() -> Result<Claims> {
    Claims::from_json(br#"{"iss":"https://login.example.org","sub":"overlooked","aud":"overlooked"}"#)
}

impl<P> Broken<P> {
    /// What is said of a token of which is overlooked what is wrong.
    pub(super) fn overlooks(&self, error: &Error) -> bool {
        match error.provider_error::<TokenRefusal>() {
            Some(TokenRefusal::Signature | TokenRefusal::UnknownKey) => self.is(Defect::TrustsTokens),
            Some(TokenRefusal::Algorithm) => self.is(Defect::TakesAnyAlgorithm),
            Some(TokenRefusal::Audience) => self.is(Defect::IgnoresAudiences),
            Some(TokenRefusal::Issuer) => self.is(Defect::IgnoresIssuers),
            Some(TokenRefusal::Expired) => self.is(Defect::IgnoresEnds),
            Some(TokenRefusal::Nonce) => self.is(Defect::IgnoresNonces),
            Some(TokenRefusal::Scope) => self.is(Defect::IgnoresScopes),
            _ => false,
        }
    }
}

#[async_trait]
impl<P: TokenVerifierProvider> TokenVerifierProvider for Broken<P> {
    fn capabilities(&self) -> &TokenVerifierCapabilities {
        self.provider.capabilities()
    }

    async fn verify(&self, cx: &CallContext, request: VerifyTokenRequest) -> Result<Claims> {
        let token = request.token.clone();
        match self.provider.verify(cx, request).await {
            Err(error) if self.overlooks(&error) => made_up(),
            Err(error) if self.is(Defect::TellsTheToken) => {
                let text = format!("{} is refused: {}", token.expose_secret(), error.message());
                let told = Error::new(error.kind(), text);
                Err(match error.provider_error::<TokenRefusal>() {
                    Some(refusal) => told.with_source(*refusal),
                    None => told,
                })
            }
            verified => verified,
        }
    }

    async fn introspect(&self, cx: &CallContext, request: IntrospectRequest) -> Result<Introspection> {
        let mut told = self.provider.introspect(cx, request).await?;
        told.active |= self.is(Defect::TakesTokensForActive);
        Ok(told)
    }
}
