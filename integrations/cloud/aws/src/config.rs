//! What a config file says about an S3 service.

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
