//! The metadata server of Google Cloud's machines (AIP-4115).

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, Found, Link};
use circle_core_common::http::{Guard, Origin, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteSize, CallContext, Error, ErrorKind, Result, Sent};
use circle_core_protocol_oidc::{AccessToken, Refusals, token_set};

use crate::place::{Place, paid_by};
use crate::wanted::Wanted;

pub(crate) static METADATA: RemoteOperation = RemoteOperation::new("google.MetadataToken", Idempotency::Safe, TOKEN);

const HOST: &str = "metadata.google.internal";
const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const FLAVOR: &str = "metadata-flavor";
const ANSWER_MAX: ByteSize = ByteSize::kib(64);

/// Tokens of the service account that the machine runs as.
pub(super) struct MetadataServer {
    place: Place,
}

impl MetadataServer {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }
}

#[async_trait]
impl Link for MetadataServer {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        "metadata server".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    /// # Errors
    /// `ConfigInvalid` for a `GCE_METADATA_HOST` that is no metadata server's; `NotFound` on a machine without a service account;
    /// `Decode` for an answer that is none of a metadata server.
    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let wanted = Wanted::of(&self.place.scopes, request)?;
        wanted.only_scopes()?;
        let (os, build) = (&self.place.os, &self.place.cx);
        let host = os.variable("GCE_METADATA_HOST")?;
        let address = format!("http://{}", host.as_deref().map_or(HOST, str::trim));
        // A variable must not lead the way to somewhere else: whoever answers there would say who this program is.
        let origin = Origin::parse_guarded(&address, Guard::metadata().loopback(build.allows_loopback()));
        let origin = origin.map_err(|error| error.context("`GCE_METADATA_HOST`"))?;
        let client = build.http(origin).classify(Refusals).body_limit(ANSWER_MAX).traced(false).build();
        let target = client.target(TOKEN).query("scopes", wanted.scopes.join(","));
        let asked = cx.clock().timestamp();
        let response = client.send(cx, &METADATA, Request::get(target).header(FLAVOR, "Google")?).await?;
        // Some networks answer for names that they do not know.
        if response.header(FLAVOR) != Some("Google") {
            let text = "what answered is no metadata server of Google's: it does not say `Metadata-Flavor: Google`";
            return Err(Error::new(ErrorKind::Decode, text).with_sent(Sent::Yes));
        }
        let project = os.variable("GOOGLE_CLOUD_QUOTA_PROJECT")?;
        let lease = token_set(&response, asked)?.lease();
        lease.try_map(|token| paid_by(token, project.as_deref().map(str::trim))).map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
