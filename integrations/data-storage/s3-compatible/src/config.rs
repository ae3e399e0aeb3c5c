//! What a config file says about an S3-compatible service.

use circle_core_protocol_aws_auth::AwsCredentialsConfig;
use circle_core_protocol_s3::{Addressing, s3_config};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::preset::Preset;

/// Which service, which bucket, where, and with which credentials. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct S3CompatibleConfig {
    /// The service; it decides address, signing region and capabilities.
    pub preset: Preset,
    /// The bucket; of `cos` with its `-APPID`.
    pub bucket: String,
    /// The region, where the address of the service has one.
    pub region: Option<String>,
    /// The account: that of `r2`.
    pub account: Option<String>,
    /// The namespace: that of `oracle`.
    pub namespace: Option<String>,
    /// The address, in place of the preset's; needed for `minio`.
    pub endpoint: Option<String>,
    /// Where the bucket stands in an address; as the preset has it by default, in the path of an `endpoint`.
    pub addressing: Option<Addressing>,
    /// The credentials: an access key of the service.
    #[serde(default)]
    pub credentials: AwsCredentialsConfig,
    /// Whether the bucket keeps versions; then they can be read and listed.
    #[serde(default)]
    pub versions: bool,
    /// Capabilities that the service lacks all the same, by name: `["put_if_match"]`.
    #[serde(default)]
    pub lacks: Vec<String>,
}

impl S3CompatibleConfig {
    /// A bucket of a service; everything else at its default.
    #[must_use]
    pub fn new(preset: Preset, bucket: impl Into<String>) -> Self {
        Self {
            preset,
            bucket: bucket.into(),
            region: None,
            account: None,
            namespace: None,
            endpoint: None,
            addressing: None,
            credentials: AwsCredentialsConfig::default(),
            versions: false,
            lacks: Vec::new(),
        }
    }
}

s3_config! {
    S3CompatibleConfig;
    /// Sets the account.
    account,
    /// Sets the namespace.
    namespace,
}
