//! OAuth 2.0 grants, OpenID Connect discovery and the verification of JWTs, for every provider that needs them.
//!
//! ```
//! use circle_core_common::http::Auth;
//! use circle_core_common::{BuildContext, Environment, SecretRef};
//! use circle_core_protocol_oidc::{AuthorizationServer, BearerTokens, ClientAuth, ClientCredentials, OAuthClient};
//!
//! let cx = BuildContext::new(Environment::default(), "orders");
//! let server = AuthorizationServer::builder("https://login.example.org").build(&cx)?;
//! let client = OAuthClient::new(server, "shop", ClientAuth::basic(SecretRef::environment("CLIENT_SECRET")));
//! let tokens = BearerTokens::new(ClientCredentials::new(client).scopes(["orders:read"]));
//! let http = cx.http(cx.origin("https://api.example.org")?).auth(Auth::custom(tokens)).build();
//! # Ok::<(), circle_core_common::Error>(())
//! ```

mod algorithm;
mod assertion;
mod bearer;
mod client;
mod client_auth;
mod device;
mod error;
mod form;
mod grants;
mod jwk;
mod jwt;
mod keys;
mod login;
mod loopback;
mod openid;
mod operations;
mod pkce;
mod random;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
mod refresh;
mod server;
mod tokens;
mod verifier;

pub use algorithm::Algorithm;
pub use assertion::{Assertion, SigningKey};
pub use bearer::BearerTokens;
pub use circle_core_common::interfaces::identity_provider::{
    AccessToken, DeviceLogin, DeviceRequest, Login, LoginRequest, LoginState, Session, TokenSet, UserInfo,
};
pub use circle_core_common::interfaces::token_verifier::{Claims, Expect, Introspection, TokenHint, TokenRefusal};
pub use client::OAuthClient;
pub use client_auth::ClientAuth;
pub use error::{OAuthError, OAuthErrorCode, Refusals};
pub use grants::{ClientCredentials, JwtBearer, TokenExchange, TokenType};
pub use jwk::KeySet;
pub use loopback::LoopbackListener;
pub use openid::OpenIdClient;
pub use operations::OPERATIONS;
pub use refresh::RefreshToken;
pub use server::{AuthorizationServer, AuthorizationServerBuilder, Endpoints};
pub use tokens::token_set;
pub use verifier::{ExpectIdToken, JwtVerifier, Nonce};
