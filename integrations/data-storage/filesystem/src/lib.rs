//! A directory as a store: every object is a file that other tools can read, and every file that they put there is an
//! object. Writes are atomic and survive a crash; processes can share a directory.
//!
//! ```
//! use circle_core_common::interfaces::object_store::ObjectStore;
//! use circle_core_filesystem::Filesystem;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> circle_core_common::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path();
//! let files = ObjectStore::new(Filesystem::open(directory)?);
//! files.put("reports/q3.md", "# Q3").await?;
//! assert_eq!(std::fs::read_to_string(directory.join("reports/q3.md")).unwrap(), "# Q3");
//! # Ok(())
//! # }
//! ```

#[cfg(not(unix))]
compile_error!(
    "circle-core-filesystem needs a Unix system: its safety rests on openat, O_NOFOLLOW, flock and renames that replace; \
     leave the feature `filesystem` out here"
);

mod blocking;
mod config;
#[doc(hidden)]
pub mod disk;
mod error;
mod key_value_store;
mod naming;
mod object_store;
mod provider;
mod root;
mod secret_store;
mod session;

#[cfg(feature = "seal")]
pub use config::SealedFilesConfig;
pub use config::{EnvironmentConfig, FilesystemConfig};
pub use error::FilesystemError;
pub use provider::Filesystem;
pub use secret_store::EnvironmentSecrets;
#[cfg(feature = "seal")]
pub use secret_store::SealedFiles;
