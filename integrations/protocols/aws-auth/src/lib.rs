//! AWS credentials and Signature Version 4, for every provider that signs as AWS does.

mod config;
mod credentials;
mod profile_file;
mod sigv4;
mod sources;

pub use config::{AccessKeyId, AwsCredentialsConfig, StaticCredentialsConfig};
pub use credentials::AwsCredentials;
pub use sigv4::{PayloadHash, SigningScope, SigningStyle, Trailer, TrailerChecksum};
pub use sources::{EnvironmentCredentials, ProfileCredentials, StatedCredentials};
