//! Where Google credentials come from, as links of a chain.

mod credentials_file;
mod metadata;
mod stated;

use std::sync::Arc;

use circle_core_common::BuildContext;
use circle_core_common::credentials::links::InstanceMetadata;
use circle_core_common::credentials::{Chain, CredentialCache, Os};
use circle_core_common::http::Auth;
use circle_core_protocol_oidc::{AccessToken, BearerTokens};

use self::credentials_file::{FileCredentials, Named};
use self::metadata::MetadataServer;
use self::stated::{StatedKey, StatedToken};
use crate::config::GoogleCredentialsConfig;
use crate::place::Place;

pub(crate) use self::metadata::METADATA;

impl GoogleCredentialsConfig {
    /// How a client sends tokens for these scopes; for `https://www.googleapis.com/auth/cloud-platform` where there are none.
    #[must_use]
    pub fn auth(&self, cx: &BuildContext, scopes: impl IntoIterator<Item = impl Into<String>>) -> Auth {
        match self.credentials(cx, scopes) {
            Some(tokens) => Auth::custom(BearerTokens::of(tokens)),
            None => Auth::None,
        }
    }

    /// The access tokens that the config means; `None` for [`Anonymous`](Self::Anonymous). Nothing is read before the first
    /// request.
    ///
    /// Who needs others asks for them ([`CredentialCache::requesting`]): other scopes; an audience, for a token that a service
    /// account signs itself; a subject, the user for whom a service account with domain-wide delegation acts.
    #[must_use]
    pub fn credentials(
        &self,
        cx: &BuildContext,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Option<CredentialCache<AccessToken>> {
        self.credentials_from(cx, &Os::System, scopes)
    }

    /// As [`credentials`](Self::credentials), with the variables and files of `os`.
    #[must_use]
    pub fn credentials_from(
        &self,
        cx: &BuildContext,
        os: &Os,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Option<CredentialCache<AccessToken>> {
        // Without the services that the provider refers to: credentials are no reason for them to live on.
        let (cx, scopes) = (cx.clone().services([]), scopes.into_iter().map(Into::into).collect::<Arc<[String]>>());
        let place =
            |also_at: &[String]| Place { cx: cx.clone(), os: os.clone(), scopes: Arc::clone(&scopes), also_at: also_at.into() };
        let chain = match self {
            Self::Anonymous => return None,
            Self::DefaultChain => files(place(&[])),
            Self::DefaultChainAndMetadata => {
                let place = place(&[]);
                files(place.clone()).then(InstanceMetadata::new(MetadataServer::new(place), true))
            }
            Self::Metadata => Chain::new().then(InstanceMetadata::new(MetadataServer::new(place(&[])), true)),
            Self::File { path, also_at } => Chain::new().then(FileCredentials::new(place(also_at), Named::Stated(path.clone()))),
            Self::Key { key, also_at } => Chain::new().then(StatedKey::new(place(also_at), key.clone())),
            Self::AccessToken(token) => Chain::new().then(StatedToken::new(&cx, token.clone())),
        };
        Some(CredentialCache::new(chain))
    }
}

/// The files of Application Default Credentials (AIP-4110).
fn files(place: Place) -> Chain<AccessToken> {
    let named = FileCredentials::new(place.clone(), Named::Variable);
    Chain::new().then(named).then(FileCredentials::new(place, Named::WellKnown))
}
