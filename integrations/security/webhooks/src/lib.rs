//! Signed webhooks: of GitHub, Slack, Stripe, Shopify and Standard Webhooks by a preset, of others by a scheme that says what is
//! signed and where the signature stands.
//!
//! ```
//! use circle_core_common::interfaces::webhook_verifier::WebhookVerifier;
//! use circle_core_common::{Environment, SecretRef};
//! use circle_core_webhooks::{Preset, Webhooks, WebhooksConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let config = WebhooksConfig::new(Preset::Github).secret(SecretRef::literal("It's a Secret to Everybody"));
//! let hooks = WebhookVerifier::new(Webhooks::new(config, &Environment::default())?);
//!
//! let mut headers = http::HeaderMap::new(); // as the web server gives them
//! let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! headers.insert("x-hub-signature-256", http::HeaderValue::from_static(signature));
//! let event = hooks.verify(&headers, &"Hello, World!".into()).await?;
//! assert_eq!(hooks.once(&event, || async { Ok("handled") }).await?, Some("handled"));
//! assert_eq!(hooks.once(&event, || async { Ok("again") }).await?, None);
//! # Ok(())
//! # }
//! ```

mod config;
mod provider;
mod webhook_verifier;

pub use circle_core_common::webhook::{Algorithm, Challenge, Encoding, Scheme, SecretEncoding};
pub use config::{Preset, WebhooksConfig};
pub use provider::Webhooks;
