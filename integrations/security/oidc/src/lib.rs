//! Logins, tokens and their verification with any OpenID provider.
//!
//! ```no_run
//! use circle_core_common::{Environment, SecretRef};
//! use circle_core_oidc::{Expect, Oidc, OidcConfig};
//!
//! # async fn example(callback_query: &str, bearer: &secrecy::SecretString) -> circle_core_common::Result<()> {
//! let config = OidcConfig::new("https://login.example.org", "shop")
//!     .client_secret(SecretRef::environment("OIDC_CLIENT_SECRET"))
//!     .redirect_uri("https://shop.example.org/back");
//! let oidc = Oidc::new(config, &Environment::default())?;
//!
//! let login = oidc.start_login().await?; // send the browser to login.url(), keep login.to_secret() in its session
//! let session = oidc.finish_login(login, callback_query).await?; // state, issuer, signature, audience, nonce, times: verified
//! println!("{} has logged in", session.subject());
//!
//! let claims = oidc.verify(bearer, &Expect::audience("orders-api").scope("orders:read")).await?;
//! println!("a request of {:?}", claims.subject());
//! # Ok(())
//! # }
//! ```

mod config;
mod provider;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use circle_core_protocol_oidc::{
    AccessToken, Algorithm, BearerTokens, Claims, DeviceLogin, DeviceRequest, Expect, Introspection, Login, LoginRequest,
    OAuthError, OAuthErrorCode, OpenIdClient, Session, TokenHint, TokenRefusal, TokenSet,
};
pub use config::{ClientAuthMethod, OidcConfig, Preset, SigningKeyConfig};
pub use provider::Oidc;
