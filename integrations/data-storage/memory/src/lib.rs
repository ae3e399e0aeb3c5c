//! The in-process reference provider: every storage interface with every capability but presigned requests, for tests,
//! for development and for data that may end with the process. Nothing is written anywhere; clones share one store.
//!
//! ```
//! use circle_core_common::interfaces::key_value_store::KeyValueStore;
//! use circle_core_common::interfaces::object_store::ObjectStore;
//! use circle_core_memory::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let memory = Memory::new();
//! let files = ObjectStore::new(memory.clone());
//! files.put("reports/q3.md", "# Q3").await?;
//! assert_eq!(files.get("reports/q3.md").await?.text().await?, "# Q3");
//! let counters = KeyValueStore::new(memory);
//! assert_eq!(counters.increment("reports", 1).await?, 1);
//! # Ok(())
//! # }
//! ```

mod config;
mod flag;
#[cfg(feature = "seal")]
mod key_service;
mod key_value_store;
mod object_store;
mod provider;
mod quota;
mod secret_store;
mod watchers;

pub use config::MemoryConfig;
#[cfg(feature = "seal")]
pub use config::{MemoryKeyUse, MemoryKeysConfig};
pub use flag::MemoryFlag;
#[cfg(feature = "seal")]
pub use key_service::MemoryKeys;
pub use provider::Memory;
