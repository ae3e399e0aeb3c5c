//! The identity that a platform gives to what runs on it: a projected token, as the proof of an application.

use async_trait::async_trait;
use circle_core_common::credentials::links::{TextFile, TokenExchange, WorkloadIdentity};
use circle_core_common::credentials::{CredentialRequest, Lease};
use circle_core_common::{CallContext, Result};
use circle_core_protocol_oidc::AccessToken;
use secrecy::SecretString;

use super::Place;
use crate::application::{Application, Proof};
use crate::authority;
use crate::wanted::Wanted;

const FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// The token in the file that `AZURE_FEDERATED_TOKEN_FILE` names, for the application of `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`.
pub(super) fn link(place: Place) -> WorkloadIdentity<AccessToken> {
    WorkloadIdentity::new(TextFile::new(place.os.clone()).named_by(FILE), Federated { place })
}

struct Federated {
    place: Place,
}

#[async_trait]
impl TokenExchange for Federated {
    type Credential = AccessToken;

    async fn exchange(&self, cx: &CallContext, token: &SecretString, request: &CredentialRequest) -> Result<Lease<AccessToken>> {
        let place = &self.place;
        let wanted = Wanted::of(&place.resource, request)?;
        let (tenant, client_id) = place.names(FILE)?;
        let host = authority::cloud(&place.os)?;
        let proof = Proof::Assertion(token.clone());
        Application { host: &host, tenant: &tenant, client_id: &client_id, proof }.token(cx, &place.cx, &wanted).await
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
