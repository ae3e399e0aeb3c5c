//! Secrets of this machine: environment variables, and sealed files.

mod environment;
#[cfg(feature = "seal")]
mod sealed;
#[cfg(feature = "seal")]
mod sealed_content;
#[cfg(all(test, feature = "seal"))]
mod tests;

pub use environment::EnvironmentSecrets;
#[cfg(feature = "seal")]
pub use sealed::SealedFiles;
