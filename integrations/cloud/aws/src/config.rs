//! What a config file says about the services of Amazon.

use circle_core_protocol_aws_auth::AwsCredentialsConfig;
use circle_core_protocol_s3::{Addressing, s3_config};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which bucket, where, and with which credentials. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// The region, such as `eu-west-1`. Needed unless `endpoint` is given; a bucket that is elsewhere is found there.
    pub region: Option<String>,
    /// The address, in place of Amazon's: a VPC endpoint, FIPS, dual stack, a server for tests.
    pub endpoint: Option<String>,
    /// Where the bucket stands in an address; in front of Amazon's hosts, in the path of an `endpoint` by default.
    pub addressing: Option<Addressing>,
    /// The credentials.
    #[serde(default)]
    pub credentials: AwsCredentialsConfig,
    /// Whether the bucket keeps versions; then they can be read and listed.
    #[serde(default)]
    pub versions: bool,
    /// Capabilities that the server behind `endpoint` lacks, by name: `["delete_if_match"]`.
    #[serde(default)]
    pub lacks: Vec<String>,
}

impl S3Config {
    /// A bucket; everything else at its default.
    #[must_use]
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            region: None,
            endpoint: None,
            addressing: None,
            credentials: AwsCredentialsConfig::default(),
            versions: false,
            lacks: Vec::new(),
        }
    }
}

s3_config!(S3Config);

/// Which Secrets Manager, and with which credentials. An unknown key is an error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SecretsManagerConfig {
    /// The region, such as `eu-west-1`. Needed unless `endpoint` is given.
    pub region: Option<String>,
    /// The address, in place of Amazon's: a VPC endpoint, FIPS, a server for tests.
    pub endpoint: Option<String>,
    /// The credentials.
    pub credentials: AwsCredentialsConfig,
    /// For how many days, 7 to 30, what was deleted can be restored in the console; its name is not free so long. By default
    /// it is deleted for good, at once.
    pub recovery_days: Option<u8>,
}

/// Which KMS, and with which credentials. An unknown key is an error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KmsConfig {
    /// The region, such as `eu-west-1`. Needed unless `endpoint` is given.
    pub region: Option<String>,
    /// The address, in place of Amazon's: a VPC endpoint, FIPS, a server for tests.
    pub endpoint: Option<String>,
    /// The credentials.
    pub credentials: AwsCredentialsConfig,
}

/// The setters of a service that is found by its region.
macro_rules! regional {
    ($config:ident) => {
        impl $config {
            /// The service of a region, with credentials by the default chain.
            #[must_use]
            pub fn new(region: impl Into<String>) -> Self {
                Self { region: Some(region.into()), ..Self::default() }
            }

            /// Sets the address.
            #[must_use]
            pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
                self.endpoint = Some(endpoint.into());
                self
            }

            /// Sets the credentials.
            #[must_use]
            pub fn credentials(mut self, credentials: AwsCredentialsConfig) -> Self {
                self.credentials = credentials;
                self
            }
        }
    };
}

regional!(SecretsManagerConfig);
regional!(KmsConfig);

impl SecretsManagerConfig {
    /// Sets for how many days what was deleted can be restored.
    #[must_use]
    pub fn recovery_days(mut self, days: u8) -> Self {
        self.recovery_days = Some(days);
        self
    }
}
