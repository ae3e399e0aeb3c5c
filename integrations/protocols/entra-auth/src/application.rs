//! An application that is registered with a tenant, and its tokens (RFC 6749, 4.4).

use circle_core_common::credentials::{Fixed, Lease};
use circle_core_common::{BuildContext, CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::{AccessToken, ClientAuth, ClientCredentials, OAuthClient};
use secrecy::SecretString;

use crate::authority::server;
use crate::certificate::signing_key;
use crate::error::told;
use crate::wanted::Wanted;

/// Which application of which tenant, where, and what proves it: read just now.
pub(crate) struct Application<'a> {
    pub(crate) host: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) proof: Proof,
}

/// What proves that a client is the application.
pub(crate) enum Proof {
    Secret(SecretString),
    /// PEM of a certificate and its key.
    Certificate(SecretString),
    /// An assertion of somebody whom the application trusts.
    Assertion(SecretString),
}

impl Application<'_> {
    pub(crate) async fn token(self, cx: &CallContext, build: &BuildContext, wanted: &Wanted) -> Result<Lease<AccessToken>> {
        let client_id = self.client_id.trim();
        if client_id.is_empty() {
            return Err(Error::new(ErrorKind::ConfigInvalid, "the client id is blank"));
        }
        let auth = match self.proof {
            Proof::Secret(secret) => ClientAuth::post(Fixed::new(secret)),
            Proof::Certificate(text) => ClientAuth::private_key_jwt(signing_key(&text)?),
            Proof::Assertion(assertion) => ClientAuth::assertion(Fixed::new(assertion)),
        };
        let client = OAuthClient::new(server(build, self.host, self.tenant.trim())?, client_id, auth);
        let grant = ClientCredentials::new(client).scopes([wanted.scope()]);
        let grant = wanted.claims.iter().fold(grant, |grant, claims| grant.parameter("claims", claims));
        Ok(grant.request(cx).await.map_err(told)?.lease())
    }
}
