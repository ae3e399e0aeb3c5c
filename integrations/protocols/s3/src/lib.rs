//! The S3 dialect, written once: what tells one service from another is data ([`S3Profile`]).

mod client;
mod config;
mod customer_key;
mod error;
mod extension;
mod metadata;
mod models;
mod object_store;
mod profile;
#[cfg(feature = "testkit")]
pub mod servers;
mod settings;
mod store;
mod trailing;

use circle_core_protocol_aws_auth::xml;

pub use client::{CopyObject, CopyPart, ListQuery, Made, OPERATIONS, S3Client};
pub use config::Addressing;
pub use customer_key::CustomerKey;
pub use error::S3Error;
pub use extension::{Encryption, S3Copy, S3Get, S3Meta, S3Put};
pub use models::*;
pub use profile::{BulkDelete, MetadataEncoding, RegionRule, S3Profile};
pub use settings::S3Settings;
pub use store::{S3Store, private};
pub use trailing::TrailingChecksum;
