//! What the configs of S3 services have in common.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the bucket stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Addressing {
    /// In the path: `https://host/bucket/key`.
    Path,
    /// In front of the host: `https://bucket.host/key`.
    Virtual,
}

/// Gives the config of an S3 service, which has the fields of [`S3Settings`](crate::S3Settings) but the profile, a setter for
/// each of them, and makes it settings. Those that only some services have are named, with their documentation.
#[macro_export]
macro_rules! s3_config {
    ($config:ident $(; $($(#[$meta:meta])* $some:ident),+ $(,)?)?) => {
        impl $config {
            /// Sets the region.
            #[must_use]
            pub fn region(mut self, region: impl Into<String>) -> Self {
                self.region = Some(region.into());
                self
            }

            $($($(#[$meta])*
            #[must_use]
            pub fn $some(mut self, $some: impl Into<String>) -> Self {
                self.$some = Some($some.into());
                self
            })+)?

            /// Sets the address, in place of the service's own.
            #[must_use]
            pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
                self.endpoint = Some(endpoint.into());
                self
            }

            /// Sets where the bucket stands in an address.
            #[must_use]
            pub fn addressing(mut self, addressing: $crate::Addressing) -> Self {
                self.addressing = Some(addressing);
                self
            }

            /// Sets the credentials.
            #[must_use]
            pub fn credentials(mut self, credentials: $crate::private::AwsCredentialsConfig) -> Self {
                self.credentials = credentials;
                self
            }

            /// Sets whether the bucket keeps versions.
            #[must_use]
            pub fn versions(mut self, versions: bool) -> Self {
                self.versions = versions;
                self
            }

            /// Adds a capability that the service lacks.
            #[must_use]
            pub fn lacks(mut self, capability: impl Into<String>) -> Self {
                self.lacks.push(capability.into());
                self
            }

            pub(crate) fn settings(self, profile: $crate::S3Profile) -> $crate::S3Settings {
                let mut settings = $crate::S3Settings::new(profile, self.bucket);
                settings.region = self.region;
                $($(settings.$some = self.$some;)+)?
                settings.endpoint = self.endpoint;
                settings.addressing = self.addressing;
                settings.credentials = self.credentials;
                settings.versions = self.versions;
                settings.lacks = self.lacks;
                settings
            }
        }
    };
}
