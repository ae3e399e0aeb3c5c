//! Object storage of the services that speak S3, each with its deviations as data: a [`Preset`].
//!
//! ```no_run
//! use circle_core_common::Environment;
//! use circle_core_common::interfaces::object_store::ObjectStore;
//! use circle_core_s3_compatible::{Preset, S3Compatible, S3CompatibleConfig};
//!
//! # async fn example() -> circle_core_common::Result<()> {
//! let config = S3CompatibleConfig::new(Preset::R2, "documents").account("0123456789abcdef");
//! let files = ObjectStore::new(S3Compatible::new(config, &Environment::default())?);
//! files.put("reports/q3.md", "# Q3").await?;
//! # Ok(())
//! # }
//! ```

mod config;
mod object_store;
mod preset;

pub use circle_core_protocol_aws_auth::{AccessKeyId, AwsCredentialsConfig, RoleBy, RoleConfig, StaticCredentialsConfig};
pub use circle_core_protocol_s3::{
    Addressing, CopyObject, CopyPart, CustomerKey, DeleteEntry, Encryption, LifecycleRule, ListObjects, ListParts, ListQuery,
    ListUploads, ListVersions, ListedBucket, ListedObject, ListedPart, ListedUpload, ListedVersion, Made, S3Client, S3Copy,
    S3Error, S3Get, S3Meta, S3Put, TrailingChecksum, Versioning,
};
pub use config::S3CompatibleConfig;
pub use object_store::S3Compatible;
pub use preset::Preset;
