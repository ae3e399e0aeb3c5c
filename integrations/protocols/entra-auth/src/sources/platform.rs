//! Managed identities of platforms that say by variables where their endpoint is.

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, Found, Lease, Link, Os};
use circle_core_common::http::Request;
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::{AccessToken, token_set};

use super::environment::CLIENT;
use super::managed::{Endpoint, RESOURCE_ID_ELSEWHERE};
use super::{Place, arc};
use crate::config::ManagedIdentity;
use crate::wanted::Wanted;

const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";
/// Set by Service Fabric, whose endpoint has a certificate that only its thumbprint tells.
const THUMBPRINT: &str = "IDENTITY_SERVER_THUMBPRINT";
/// Set by Azure Arc.
const ARC: &str = "IMDS_ENDPOINT";
/// Set by Cloud Shell, and by Azure Machine Learning.
const FORMER: &str = "MSI_ENDPOINT";
const VERSION: &str = "2019-08-01";

/// The managed identity of App Service (with Functions and Container Apps) or of Azure Arc.
pub(super) struct PlatformIdentity {
    place: Place,
    identity: Option<ManagedIdentity>,
}

impl PlatformIdentity {
    /// This identity; that of `AZURE_CLIENT_ID`, or the platform's own, where none was chosen.
    pub(super) const fn new(place: Place, identity: Option<ManagedIdentity>) -> Self {
        Self { place, identity }
    }

    async fn app_service(
        &self,
        cx: &CallContext,
        (address, header): (&str, &str),
        wanted: &Wanted,
    ) -> Result<Lease<AccessToken>> {
        let identity = chosen(self.identity.as_ref(), &self.place.os)?;
        let endpoint = Endpoint::new(&self.place.cx, address).map_err(|error| error.context(format_args!("`{ENDPOINT}`")))?;
        let target = endpoint.target(VERSION, wanted, &identity, RESOURCE_ID_ELSEWHERE);
        let request = Request::get(target).secret_header("x-identity-header", header);
        let request =
            request.map_err(|_| Error::new(ErrorKind::ConfigInvalid, format!("`{HEADER}` is none that can be sent")))?;
        let asked = cx.clock().timestamp();
        Ok(token_set(&endpoint.send(cx, request).await?, asked)?.lease())
    }
}

#[async_trait]
impl Link for PlatformIdentity {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "managed identity".into()
    }

    /// # Errors
    /// `ConfigInvalid` for an endpoint that is not this machine's, and where there is no such identity; `Unsupported` on Service
    /// Fabric, Cloud Shell and Azure Machine Learning, and for a user-assigned identity on Azure Arc.
    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let place = &self.place;
        let (endpoint, header) = (place.os.variable(ENDPOINT)?, place.os.variable(HEADER)?);
        let is_set = |name: &str| Ok::<_, Error>(place.os.variable(name)?.is_some());
        let unsupported =
            |where_: &str| Err(Error::new(ErrorKind::Unsupported, format!("the managed identity of {where_} is not supported")));
        let wanted = Wanted::of(&place.resource, request)?;
        wanted.only_resource()?;
        match (endpoint, header) {
            (Some(_), Some(_)) if is_set(THUMBPRINT)? => unsupported("Service Fabric"),
            (Some(endpoint), Some(header)) => {
                self.app_service(cx, (endpoint.trim(), header.trim()), &wanted).await.map(Found::Credential)
            }
            (Some(endpoint), None) if is_set(ARC)? => {
                if self.identity.as_ref().is_some_and(|identity| *identity != ManagedIdentity::SystemAssigned) {
                    return unsupported("a user, on Azure Arc,");
                }
                let endpoint = Endpoint::new(&place.cx, endpoint.trim());
                let endpoint = endpoint.map_err(|error| error.context(format_args!("`{ENDPOINT}`")))?;
                arc::token(cx, place, &endpoint, &wanted).await.map(Found::Credential)
            }
            (Some(_), None) => {
                Err(Error::new(ErrorKind::ConfigInvalid, format!("`{ENDPOINT}` is set, but neither `{HEADER}` nor `{ARC}`")))
            }
            (None, _) if is_set(FORMER)? => unsupported("Cloud Shell and Azure Machine Learning"),
            (None, _) => Ok(Found::NotConfigured(format!("`{ENDPOINT}` is not set").into())),
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

/// The identity that was chosen, or else that of `AZURE_CLIENT_ID`, or the one of the machine.
pub(super) fn chosen(identity: Option<&ManagedIdentity>, os: &Os) -> Result<ManagedIdentity> {
    Ok(match identity {
        Some(identity) => identity.clone(),
        None => {
            os.variable(CLIENT)?.map_or(ManagedIdentity::SystemAssigned, |id| ManagedIdentity::ClientId(id.trim().to_owned()))
        }
    })
}
