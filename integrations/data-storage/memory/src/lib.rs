//! The in-process reference provider: every storage interface with every capability but presigned requests, for tests,
//! for development and for data that may end with the process. Nothing is written anywhere; clones share one store.
//!
//! ```
//! use circle_core_common::interfaces::object_store::ObjectStore;
//! use circle_core_memory::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! let memory = Memory::new();
//! let files = ObjectStore::new(memory.clone());
//! files.put("reports/q3.md", "# Q3").await?;
//! let same = ObjectStore::new(memory);
//! assert_eq!(same.get("reports/q3.md").await?.text().await?, "# Q3");
//! # Ok(())
//! # }
//! ```

mod config;
mod flag;
mod object_store;
mod provider;
mod quota;

pub use config::MemoryConfig;
pub use flag::MemoryFlag;
pub use provider::Memory;
