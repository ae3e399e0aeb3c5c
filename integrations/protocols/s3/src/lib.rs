//! The S3 dialect, written once: what tells one service from another is data ([`S3Profile`]).

mod base64;
mod config;
mod error;
mod extension;
mod metadata;
mod models;
mod profile;
mod uri;
mod xml;

pub use config::Addressing;
pub use error::S3Error;
pub use extension::{Encryption, S3Get, S3Meta, S3Put};
pub use models::*;
pub use profile::{BulkDelete, MetadataEncoding, RegionRule, S3Profile};
