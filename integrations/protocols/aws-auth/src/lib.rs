//! AWS credentials and Signature Version 4, for every provider that signs as AWS does.
//!
//! A provider's config has a field [`AwsCredentialsConfig`]; its client signs with [`SigV4`]:
//!
//! ```
//! use circle_core_common::http::Auth;
//! use circle_core_common::{BuildContext, Environment};
//! use circle_core_protocol_aws_auth::{AwsCredentialsConfig, SigV4};
//!
//! let cx = BuildContext::new(Environment::default(), "documents");
//! let auth = match AwsCredentialsConfig::DefaultChain.credentials(&cx) {
//!     Some(credentials) => Auth::custom(SigV4::s3(credentials, "eu-west-1")),
//!     None => Auth::None,
//! };
//! let client = cx.http(cx.origin("https://s3.eu-west-1.amazonaws.com")?).auth(auth).build();
//! # Ok::<(), circle_core_common::Error>(())
//! ```

mod config;
mod credentials;
mod document;
mod outside;
mod profile_file;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
#[doc(hidden)]
pub mod region;
mod sigv4;
mod sources;
mod sts;
#[doc(hidden)]
pub mod xml;

pub use config::{AccessKeyId, AwsCredentialsConfig, RoleBy, RoleConfig, StaticCredentialsConfig};
pub use credentials::AwsCredentials;
pub use sigv4::{PRESIGN_MAX, PayloadHash, SigV4, SigningScope, SigningStyle, Trailer, TrailerChecksum};
pub use sources::{EnvironmentCredentials, ProfileCredentials, StatedCredentials};
