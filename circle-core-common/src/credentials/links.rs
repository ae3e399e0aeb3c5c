//! The places where secrets usually are, as links of a chain.
//!
//! In the order in which a chain asks: [`Stated`] (the application, the config), [`Variables`], [`TextFile`],
//! [`ProfileFile`], [`Keyring`], a reference into a secret store ([`Stated`] again), [`WorkloadIdentity`] and, where somebody
//! asked for it, [`InstanceMetadata`]. A link that is not configured says why and is passed over; one that is configured but
//! broken ends the search.

#[cfg(feature = "keyring")]
mod keyring;
mod metadata;
#[cfg(feature = "config")]
mod profile;
mod stated;
mod text_file;
mod variables;
mod workload;

#[cfg(feature = "keyring")]
pub use self::keyring::{Keyring, KeyringSecrets};
pub use self::metadata::InstanceMetadata;
#[cfg(feature = "config")]
pub use self::profile::ProfileFile;
pub use self::stated::Stated;
pub use self::text_file::TextFile;
pub use self::variables::Variables;
pub use self::workload::{TokenExchange, WorkloadIdentity};

#[cfg(test)]
mod tests;
