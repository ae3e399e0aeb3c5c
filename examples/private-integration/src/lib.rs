//! Acme as a provider of KeyValueStore.
//!
//! ```
//! use circle_core_common::Environment;
//! use circle_core_common::interfaces::key_value_store::KeyValueStore;
//! use acme::{Acme, AcmeConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let provider = Acme::new(AcmeConfig::new(), &Environment::default())?;
//! let entries = KeyValueStore::new(provider);
//! entries.put("greeting", "hello").await?;
//! let entry = entries.get("greeting").await?;
//! assert_eq!(entry.expect("just put").value, "hello");
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod error;
mod key_value_store;
mod provider;

pub use config::AcmeConfig;
pub use error::AcmeError;
pub use provider::Acme;
