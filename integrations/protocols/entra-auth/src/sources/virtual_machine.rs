//! The instance metadata service of Azure's machines.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, Found, Link};
use circle_core_common::http::Request;
use circle_core_common::{CallContext, Result};
use circle_core_protocol_oidc::{AccessToken, token_set};

use super::Place;
use super::managed::{Endpoint, RESOURCE_ID_OF_MACHINES};
use super::platform::chosen;
use crate::config::ManagedIdentity;
use crate::wanted::Wanted;

const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const VERSION: &str = "2018-02-01";

/// An identity of the machine that this runs on.
pub(super) struct MachineIdentity {
    place: Place,
    identity: Option<ManagedIdentity>,
}

impl MachineIdentity {
    /// This identity; that of `AZURE_CLIENT_ID`, or the machine's own, where none was chosen.
    pub(super) const fn new(place: Place, identity: Option<ManagedIdentity>) -> Self {
        Self { place, identity }
    }
}

#[async_trait]
impl Link for MachineIdentity {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "instance metadata".into()
    }

    /// # Errors
    /// `ConfigInvalid` on a machine without such an identity; `Connection` and `Timeout` where no machine of Azure's answers.
    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let wanted = Wanted::of(&self.place.resource, request)?;
        wanted.only_resource()?;
        let identity = chosen(self.identity.as_ref(), &self.place.os)?;
        let endpoint = Endpoint::new(&self.place.cx, ENDPOINT)?;
        let target = endpoint.target(VERSION, &wanted, &identity, RESOURCE_ID_OF_MACHINES);
        let asked = cx.clock().timestamp();
        let response = endpoint.send(cx, Request::get(target).header("metadata", "true")?).await?;
        Ok(Found::Credential(token_set(&response, asked)?.lease()))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
