//! {{Provider}} as a provider of {{interfaces}}.
//!
//! ```
//! use circle_core_common::Environment;
//! use circle_core_common::interfaces::{{module}}::{{interface}};
//! use {{library}}::{{{Provider}}, {{Provider}}Config};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let provider = {{Provider}}::new({{Provider}}Config::new(){{example_config}}, &Environment::default())?;
//! let {{handle}} = {{interface}}::new(provider);
{{example}}
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod error;
{{modules}}
mod provider;

{{#signs}}
pub use client::signing::scheme;
{{/signs}}
pub use config::{{Provider}}Config;
pub use error::{{Provider}}Error;
pub use provider::{{Provider}};
