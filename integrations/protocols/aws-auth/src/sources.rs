//! Where AWS credentials come from, as links of a chain.

mod environment;
mod profile;
mod stated;

use circle_core_common::BuildContext;
use circle_core_common::credentials::{Chain, CredentialCache, Os};

pub use self::environment::EnvironmentCredentials;
pub use self::profile::ProfileCredentials;
pub use self::stated::StatedCredentials;

use crate::config::AwsCredentialsConfig;
use crate::credentials::AwsCredentials;

impl AwsCredentialsConfig {
    /// The credentials that the config means, one cache for all services of the hub that mean the same; `None` for
    /// [`Anonymous`](Self::Anonymous). Nothing is read before the first request.
    #[must_use]
    pub fn credentials(&self, cx: &BuildContext) -> Option<CredentialCache<AwsCredentials>> {
        let key = match self {
            Self::Anonymous => return None,
            // Two services with the same id may mean different secrets, and a literal shows nothing to tell them by.
            Self::Static(stated) => {
                let stated = StatedCredentials::new(stated.clone()).within(cx.environment());
                return Some(CredentialCache::new(Chain::new().then(stated)));
            }
            Self::DefaultChain => "aws:default-chain".to_owned(),
            Self::Environment => "aws:environment".to_owned(),
            Self::Profile(name) => format!("aws:profile:{name}"),
        };
        let shared = cx.shared(&key, || self.credentials_from(&Os::System));
        (*shared).clone()
    }

    /// As [`credentials`](Self::credentials), with the variables and files of `os`, and a cache of its own.
    #[must_use]
    pub fn credentials_from(&self, os: &Os) -> Option<CredentialCache<AwsCredentials>> {
        let chain = match self {
            Self::Anonymous => return None,
            Self::Static(stated) => Chain::new().then(StatedCredentials::new(stated.clone())),
            Self::Environment => Chain::new().then(EnvironmentCredentials::new(os.clone())),
            Self::Profile(name) => Chain::new().then(ProfileCredentials::named(os.clone(), name.clone())),
            Self::DefaultChain => {
                Chain::new().then(EnvironmentCredentials::new(os.clone())).then(ProfileCredentials::new(os.clone()))
            }
        };
        Some(CredentialCache::new(chain))
    }
}

#[cfg(test)]
mod tests;
