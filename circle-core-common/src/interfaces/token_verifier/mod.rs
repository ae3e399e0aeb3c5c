//! Verifiers of tokens: who asks, and whether they may.
//!
//! ```
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::token_verifier::{Expect, TokenVerifier};
//! # async fn example(verifier: TokenVerifier, bearer: secrecy::SecretString) -> Result<()> {
//! let claims = verifier.verify(&bearer, Expect::audience("orders").scope("orders:read")).await?;
//! println!("a request of {:?}", claims.subject());
//! # Ok(())
//! # }
//! ```
//!
//! *The algorithm* is the configuration's choice, and a token's word chooses nothing beyond it; what is not signed is refused.
//! *Issuer, audience and end* are always checked: none can be left out. *A key that is not known* has the keys read again once.
//! *A refusal* is `Unauthenticated` with a [`TokenRefusal`], `PermissionDenied` for a scope, and tells nothing of the token.

mod capabilities;
mod claims;
#[cfg(feature = "testkit")]
pub mod conformance;
mod expect;
#[cfg(feature = "mock")]
mod mock;
mod provider;
mod refusal;
mod types;

pub use capabilities::TokenVerifierCapabilities;
pub use claims::Claims;
pub(in crate::interfaces) use claims::claim;
pub use expect::{Expect, is_type};
#[cfg(feature = "mock")]
pub use mock::MockTokenVerifierProvider;
pub use provider::TokenVerifierProvider;
pub use refusal::TokenRefusal;
use secrecy::{ExposeSecret, SecretString};
pub use types::*;

use crate::error::Result;
use crate::scope::Resources;

crate::operations! {
    "TokenVerifier" => {
        /// Verifies.
        VERIFY = "token_verifier.verify", Read;
        /// Asks the authority.
        INTROSPECT = "token_verifier.introspect", Read;
    }
}

crate::handle! {
    /// A verifier of tokens: what applications hold.
    TokenVerifier over TokenVerifierProvider with TokenVerifierCapabilities as "TokenVerifier"
}

type Caps = TokenVerifierCapabilities;

impl TokenVerifier {
    /// What a token says that came with a request, if its authority signed it for this side and it is good now.
    ///
    /// Answer `Unauthenticated` with 401, `PermissionDenied` with 403, and nothing else of it. Other errors are not the sender's.
    ///
    /// # Errors
    /// `Unauthenticated` with a [`TokenRefusal`], without a call for what is no token at all: blank, longer than `token_max`, or
    /// of letters that no token has; `PermissionDenied` for one that is good for less than what is expected; why the keys could
    /// not be read.
    pub async fn verify(&self, bearer: &SecretString, expect: Expect) -> Result<Claims> {
        self.check(bearer)
            .and_then(|()| expect.extensions.check(self.core.provider()))
            .map_err(|error| self.core.place(error, &VERIFY))?;
        let mut call = self.open(&VERIFY);
        let provider = self.start(&mut call, Resources::None).await?;
        let request = VerifyTokenRequest::new(bearer.clone(), expect);
        let result = call.guard(provider.verify(call.cx(), request)).await;
        call.finish(result).await
    }

    /// What the authority says of a token, of which nothing can be told here: because it says nothing itself, or may be revoked.
    ///
    /// # Errors
    /// As [`verify`](Self::verify) for what is no token; those of the authority; `Unsupported` without `introspect`, and where
    /// the authority is not to be asked. A token that is not, or no longer, good is none: [`Introspection::active`].
    pub async fn introspect(&self, token: &SecretString, hint: Option<TokenHint>) -> Result<Introspection> {
        let checked = Caps::INTROSPECT.check(self.capabilities()).and_then(|()| self.check(token));
        checked.map_err(|error| self.core.place(error, &INTROSPECT))?;
        let mut call = self.open(&INTROSPECT);
        let provider = self.start(&mut call, Resources::None).await?;
        let result = call.guard(provider.introspect(call.cx(), IntrospectRequest::new(token.clone(), hint))).await;
        call.finish(result).await
    }

    /// Whether a text can be a token at all (RFC 6750, 2.1): anybody may send any.
    fn check(&self, token: &SecretString) -> Result<()> {
        let text = token.expose_secret();
        let max = self.capabilities().token_max.as_u64();
        let is_one = !text.is_empty() && text.len() as u64 <= max && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_one { Ok(()) } else { Err(TokenRefusal::Malformed.into()) }
    }
}
