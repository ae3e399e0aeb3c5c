//! What a provider's config comes to.

use circle_core_common::interfaces::object_store::ObjectStoreCapabilities;
use circle_core_common::{Error, ErrorKind, Flag, Result};
use circle_core_protocol_aws_auth::AwsCredentialsConfig;

use crate::config::Addressing;
use crate::profile::S3Profile;

/// A bucket, where it is, and how its service is spoken to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct S3Settings {
    /// What the service does.
    pub profile: S3Profile,
    /// The bucket.
    pub bucket: String,
    /// The region; needed where the profile's address has one.
    pub region: Option<String>,
    /// The address, in place of the profile's.
    pub endpoint: Option<String>,
    /// The account, where the profile's address has one.
    pub account: Option<String>,
    /// The namespace, where the profile's address has one.
    pub namespace: Option<String>,
    /// Where the bucket stands in an address; as the profile has it by default.
    pub addressing: Option<Addressing>,
    /// The credentials.
    pub credentials: AwsCredentialsConfig,
    /// Whether the bucket keeps versions.
    pub versions: bool,
    /// Capabilities that the service lacks, by name.
    pub lacks: Vec<String>,
}

impl S3Settings {
    /// A bucket of a service of this profile; everything else at its default.
    #[must_use]
    pub fn new(profile: S3Profile, bucket: impl Into<String>) -> Self {
        Self {
            profile,
            bucket: bucket.into(),
            region: None,
            endpoint: None,
            account: None,
            namespace: None,
            addressing: None,
            credentials: AwsCredentialsConfig::default(),
            versions: false,
            lacks: Vec::new(),
        }
    }

    pub(crate) fn capabilities(&self) -> Result<ObjectStoreCapabilities> {
        if self.versions && !self.profile.versions {
            let text = format!("`versions` is on, and `{}` lists no versions", self.profile.name);
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let mut capabilities = self.profile.capabilities(self.versions);
        if matches!(self.credentials, AwsCredentialsConfig::Anonymous) {
            capabilities.presign_get = false;
            capabilities.presign_put = false;
        }
        for name in &self.lacks {
            let Some(flag) = ObjectStoreCapabilities::FLAGS.iter().find(|flag| flag.name() == name) else {
                let known = ObjectStoreCapabilities::FLAGS.iter().map(Flag::name).collect::<Vec<_>>().join(", ");
                let text = format!("`lacks` names `{}`, which is none of {known}", name.escape_debug());
                return Err(Error::new(ErrorKind::ConfigInvalid, text));
            };
            flag.set(&mut capabilities, false);
        }
        Ok(capabilities)
    }
}
