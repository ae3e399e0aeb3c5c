//! Amazon Web Services: object storage in S3, secrets in Secrets Manager, keys in KMS; on thin clients of their own.
//!
//! ```no_run
//! use circle_core_aws::{S3, S3Config};
//! use circle_core_common::Environment;
//! use circle_core_common::interfaces::object_store::ObjectStore;
//!
//! # async fn example() -> circle_core_common::Result<()> {
//! let environment = Environment::default();
//! let files = ObjectStore::new(S3::new(S3Config::new("acme-documents").region("eu-west-1"), &environment)?);
//! files.put("reports/q3.md", "# Q3").await?;
//! # Ok(())
//! # }
//! ```

mod config;
mod json;
mod key_service;
mod object_store;
mod secret_store;

pub use circle_core_protocol_aws_auth::{AccessKeyId, AwsCredentialsConfig, RoleBy, RoleConfig, StaticCredentialsConfig};
pub use circle_core_protocol_s3::{
    Addressing, CopyObject, CopyPart, CustomerKey, DeleteEntry, Encryption, LifecycleRule, ListObjects, ListParts, ListQuery,
    ListUploads, ListVersions, ListedBucket, ListedObject, ListedPart, ListedUpload, ListedVersion, Made, S3Client, S3Copy,
    S3Error, S3Get, S3Meta, S3Put, TrailingChecksum, Versioning,
};
pub use config::{KmsConfig, S3Config, SecretsManagerConfig};
pub use key_service::Kms;
pub use object_store::S3;
pub use secret_store::SecretsManager;
