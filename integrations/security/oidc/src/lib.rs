//! Logins, tokens and their verification with any OpenID provider.
//!
//! ```no_run
//! use circle_core_common::interfaces::identity_provider::{IdentityProvider, LoginRequest};
//! use circle_core_common::interfaces::token_verifier::{Expect, TokenVerifier};
//! use circle_core_common::{Environment, SecretRef};
//! use circle_core_oidc::{Oidc, OidcConfig};
//!
//! # async fn example(callback_query: &str, bearer: &secrecy::SecretString) -> circle_core_common::Result<()> {
//! let config = OidcConfig::new("https://login.example.org", "shop")
//!     .client_secret(SecretRef::environment("OIDC_CLIENT_SECRET"))
//!     .redirect_uri("https://shop.example.org/back");
//! let oidc = Oidc::new(config, &Environment::default())?;
//!
//! let users = IdentityProvider::new(oidc.clone());
//! let login = users.start_login(LoginRequest::default()).await?; // send the browser to `login.url`, keep `login.state`
//! let session = users.finish_login(login.state, callback_query).await?; // state, issuer, signature, audience, nonce, times
//! println!("{} has logged in", session.subject());
//!
//! let verifier = TokenVerifier::new(oidc);
//! let claims = verifier.verify(bearer, Expect::audience("orders-api").scope("orders:read")).await?;
//! println!("a request of {:?}", claims.subject());
//! # Ok(())
//! # }
//! ```

mod config;
mod identity_provider;
mod provider;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
mod token_verifier;

pub use circle_core_protocol_oidc::{
    AccessToken, Algorithm, BearerTokens, Claims, DeviceLogin, DeviceRequest, Expect, Introspection, Login, LoginRequest,
    LoginState, OAuthError, OAuthErrorCode, OpenIdClient, Session, TokenHint, TokenRefusal, TokenSet, UserInfo,
};
pub use config::{ClientAuthMethod, OidcConfig, Preset, SigningKeyConfig};
pub use provider::Oidc;
