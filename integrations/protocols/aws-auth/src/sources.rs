//! Where AWS credentials come from, as links of a chain.

mod container;
mod environment;
mod instance;
mod process;
mod profile;
mod role;
mod sso;
mod stated;
mod web_identity;

use circle_core_common::BuildContext;
use circle_core_common::credentials::{Chain, CredentialCache, Os};

use self::container::ContainerCredentials;
pub use self::environment::EnvironmentCredentials;
use self::instance::InstanceCredentials;
pub use self::profile::ProfileCredentials;
use self::role::RoleCredentials;
pub use self::stated::StatedCredentials;
use self::web_identity::WebIdentityCredentials;

use crate::config::{AwsCredentialsConfig, RoleBy, RoleConfig};
use crate::credentials::AwsCredentials;
use crate::outside::Outside;
use crate::sts::Role;

impl AwsCredentialsConfig {
    /// The credentials that the config means, one cache for all services of the hub that mean the same; `None` for
    /// [`Anonymous`](Self::Anonymous). Nothing is read or asked before the first request.
    #[must_use]
    pub fn credentials(&self, cx: &BuildContext) -> Option<CredentialCache<AwsCredentials>> {
        self.within(cx, &Os::System, true)
    }

    /// As [`credentials`](Self::credentials), with the variables and files of `os`, and a cache of its own.
    #[must_use]
    pub fn credentials_from(&self, cx: &BuildContext, os: &Os) -> Option<CredentialCache<AwsCredentials>> {
        self.within(cx, os, false)
    }

    fn within(&self, cx: &BuildContext, os: &Os, shares: bool) -> Option<CredentialCache<AwsCredentials>> {
        if matches!(self, Self::Anonymous) {
            return None;
        }
        // Made before the table of what is shared is locked: the source of a role is in it, too.
        let made = || CredentialCache::new(self.chain(cx, os, shares));
        match self.key(cx).filter(|_| shares) {
            Some(key) => {
                let made = made();
                Some((*cx.shared(&key, || made)).clone())
            }
            None => Some(made()),
        }
    }

    fn chain(&self, cx: &BuildContext, os: &Os, shares: bool) -> Chain<AwsCredentials> {
        let outside = || Outside::new(cx, os);
        let chain = Chain::new();
        match self {
            Self::Anonymous => chain,
            Self::Static(stated) => {
                chain.then(StatedCredentials::new(stated.clone()).within(&cx.environment().sharing_nothing()))
            }
            Self::Environment => chain.then(EnvironmentCredentials::new(os.clone())),
            Self::Container => chain.then(ContainerCredentials::new(outside())),
            Self::Instance => chain.then(InstanceCredentials::new(outside(), true)),
            Self::Profile(name) => chain.then(ProfileCredentials::within(outside(), Some(name.clone()))),
            Self::Role(role) => role.link(chain, cx, os, shares),
            // The order of AWS's SDKs for Java and PHP (<https://docs.aws.amazon.com/sdk-for-java/latest/developer-guide/credentials-chain.html>);
            // some others ask the profile before the web identity.
            Self::DefaultChain | Self::DefaultChainWithInstance => chain
                .then(EnvironmentCredentials::new(os.clone()))
                .then(web_identity::of_environment(outside()))
                .then(ProfileCredentials::within(outside(), None))
                .then(ContainerCredentials::new(outside()))
                .then(InstanceCredentials::new(outside(), matches!(self, Self::DefaultChainWithInstance))),
        }
    }

    /// What tells one source from another, and one that may ask this machine from one that may not; `None` where nothing tells.
    fn key(&self, cx: &BuildContext) -> Option<String> {
        let networks = (cx.allows_loopback(), cx.allows_private(), cx.allowed_networks());
        self.can_be_told().then(|| format!("aws:{self:?}:{networks:?}"))
    }

    fn can_be_told(&self) -> bool {
        match self {
            // Two services with the same id may mean different secrets, and a literal shows nothing to tell them by.
            Self::Static(_) => false,
            Self::Role(RoleConfig { by: RoleBy::Credentials(source, _), .. }) => source.can_be_told(),
            _ => true,
        }
    }
}

impl RoleConfig {
    fn link(&self, chain: Chain<AwsCredentials>, cx: &BuildContext, os: &Os, shares: bool) -> Chain<AwsCredentials> {
        let (outside, region) = (Outside::new(cx, os), self.region.clone());
        let role = Role {
            arn: self.role_arn.clone(),
            session_name: self.session_name.clone(),
            external_id: None,
            duration: self.session_duration,
        };
        match &self.by {
            RoleBy::WebIdentity(token_file) => {
                chain.then(WebIdentityCredentials { outside, role, token_file: token_file.clone(), region })
            }
            RoleBy::Credentials(source, external_id) => {
                let role = Role { external_id: external_id.clone(), ..role };
                match source.within(cx, os, shares) {
                    Some(by) => chain.then(RoleCredentials { outside, role, by, region }),
                    None => chain,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
