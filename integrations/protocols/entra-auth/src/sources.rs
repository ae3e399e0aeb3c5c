//! Where Entra credentials come from, as links of a chain.

mod arc;
mod environment;
mod managed;
mod platform;
mod stated;
mod virtual_machine;
mod workload;

use std::sync::Arc;

use circle_core_common::BuildContext;
use circle_core_common::credentials::links::InstanceMetadata;
use circle_core_common::credentials::{Chain, CredentialCache, Os};
use circle_core_common::http::Auth;
use circle_core_protocol_oidc::{AccessToken, BearerTokens};

use self::environment::EnvironmentCredentials;
use self::platform::PlatformIdentity;
use self::stated::{StatedApplication, StatedToken};
use self::virtual_machine::MachineIdentity;
use crate::config::{EntraCredentialsConfig, ManagedIdentity};

pub(crate) use self::managed::MANAGED_IDENTITY;

/// The machine, the service, and what its tokens are usually for.
#[derive(Clone)]
struct Place {
    cx: BuildContext,
    os: Os,
    resource: Arc<str>,
}

impl EntraCredentialsConfig {
    /// How a client sends tokens for this resource: `https://storage.azure.com`.
    #[must_use]
    pub fn auth(&self, cx: &BuildContext, resource: impl Into<String>) -> Auth {
        match self.credentials(cx, resource) {
            Some(tokens) => Auth::custom(BearerTokens::of(tokens)),
            None => Auth::None,
        }
    }

    /// The access tokens that the config means; `None` for [`Anonymous`](Self::Anonymous). Nothing is read before the first
    /// request.
    ///
    /// Who needs others asks for them ([`CredentialCache::requesting`]): the scope `resource/.default` of another resource; the
    /// claims that a service challenged an application for.
    #[must_use]
    pub fn credentials(&self, cx: &BuildContext, resource: impl Into<String>) -> Option<CredentialCache<AccessToken>> {
        self.credentials_from(cx, &Os::System, resource)
    }

    /// As [`credentials`](Self::credentials), with the variables and files of `os`.
    #[must_use]
    pub fn credentials_from(
        &self,
        cx: &BuildContext,
        os: &Os,
        resource: impl Into<String>,
    ) -> Option<CredentialCache<AccessToken>> {
        // Without the services that the provider refers to: credentials are no reason for them to live on.
        let cx = cx.clone().services([]);
        let place = Place { cx: cx.clone(), os: os.clone(), resource: resource.into().into() };
        let chain = match self {
            Self::Anonymous => return None,
            Self::DefaultChain => usual(place),
            Self::DefaultChainAndManagedIdentity => {
                let machine = MachineIdentity::new(place.clone(), None);
                let chain = usual(place.clone()).then(PlatformIdentity::new(place, None));
                chain.then(InstanceMetadata::new(machine, true))
            }
            Self::Environment => Chain::new().then(EnvironmentCredentials::new(place)),
            Self::WorkloadIdentity => Chain::new().then(workload::link(place)),
            Self::ManagedIdentity(identity) => managed_identity(place, identity),
            Self::Application(application) => Chain::new().then(StatedApplication::new(place, application.clone())),
            Self::AccessToken(token) => Chain::new().then(StatedToken::new(&cx, token.clone())),
        };
        Some(CredentialCache::new(chain))
    }
}

fn usual(place: Place) -> Chain<AccessToken> {
    Chain::new().then(EnvironmentCredentials::new(place.clone())).then(workload::link(place))
}

/// A managed identity that was chosen: a machine that does not answer is waited for then, as long as any service is.
fn managed_identity(place: Place, identity: &ManagedIdentity) -> Chain<AccessToken> {
    let platform = PlatformIdentity::new(place.clone(), Some(identity.clone()));
    Chain::new().then(platform).then(MachineIdentity::new(place, Some(identity.clone())))
}
