//! Signature schemes of webhooks, described as data, and what verifies by them.
//!
//! A [`Scheme`] says where signature, moment and id stand in a request and what is signed; a [`Verification`] is a scheme that
//! was checked. Presets are those of GitHub, Slack, Stripe, Shopify and Standard Webhooks.
//!
//! ```
//! use circle_core_common::Timestamp;
//! use circle_core_common::webhook::{Delivery, Scheme, Verification};
//!
//! let verification = Verification::new(Scheme::github())?;
//! let key = verification.key("It's a Secret to Everybody")?;
//! // The figures of GitHub's own page on the validation of deliveries.
//! let mut headers = http::HeaderMap::new();
//! let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! headers.insert("x-hub-signature-256", http::HeaderValue::from_static(signature));
//! let now = Timestamp::from_unix(1_700_000_000, 0);
//! assert!(verification.verify(&[key], &headers, b"Hello, World!", now).is_ok());
//! # Ok::<(), circle_core_common::Error>(())
//! ```

mod carried;
mod content;
mod key;
mod presets;
mod refused;
mod scheme;
mod template;
mod verification;

pub use key::WebhookKey;
pub use scheme::{Algorithm, Challenge, Encoding, Scheme, SecretEncoding};
pub use verification::{Delivery, Verification};

#[cfg(test)]
mod tests;
