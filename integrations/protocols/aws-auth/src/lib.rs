//! AWS credentials and Signature Version 4, for every provider that signs as AWS does.

mod config;
mod credentials;
mod profile_file;
mod sources;

pub use config::{AccessKeyId, AwsCredentialsConfig, StaticCredentialsConfig};
pub use credentials::AwsCredentials;
pub use sources::{EnvironmentCredentials, ProfileCredentials, StatedCredentials};
