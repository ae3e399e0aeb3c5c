//! What all endpoints of managed identities have in common.

use circle_core_common::http::{Answer, Classify, Guard, HttpClient, Origin, Request, Response, Rule, Said, Target};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, ByteSize, CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::Refusals;

use crate::config::ManagedIdentity;
use crate::wanted::Wanted;

pub(crate) static MANAGED_IDENTITY: RemoteOperation = RemoteOperation::new("entra.ManagedIdentityToken", Idempotency::Safe, "");

const ANSWER_MAX: ByteSize = ByteSize::kib(64);

/// What a user-assigned identity is called by its resource id: the endpoints differ.
pub(super) const RESOURCE_ID_OF_MACHINES: &str = "msi_res_id";
pub(super) const RESOURCE_ID_ELSEWHERE: &str = "mi_res_id";

/// An endpoint of managed identities: on this machine, or below it.
pub(super) struct Endpoint {
    client: HttpClient,
    path: String,
}

impl Endpoint {
    /// The endpoint at this address, which a variable of the platform names, or which is always there.
    ///
    /// # Errors
    /// `ConfigInvalid` for an address that is neither on this machine nor where clouds have metadata.
    pub(super) fn new(cx: &BuildContext, address: &str) -> Result<Self> {
        let path = address.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or("/");
        let base = address.strip_suffix(path).unwrap_or(address);
        // The platform itself listens on the loopback interface, which is no address that a configuration has to allow.
        let origin = Origin::parse_guarded(base, Guard::metadata().loopback(true))?;
        let client = cx.http(origin).classify(Judge).body_limit(ANSWER_MAX).traced(false).build();
        Ok(Self { client, path: path.to_owned() })
    }

    /// What asks for a token of an identity.
    pub(super) fn target(&self, version: &str, wanted: &Wanted, identity: &ManagedIdentity, resource_id: &str) -> Target {
        let target = self.client.target(&self.path).query("api-version", version).query("resource", &wanted.resource);
        match identity {
            ManagedIdentity::SystemAssigned => target,
            ManagedIdentity::ClientId(id) => target.query("client_id", id),
            ManagedIdentity::ObjectId(id) => target.query("object_id", id),
            ManagedIdentity::ResourceId(id) => target.query(resource_id, id),
        }
    }

    pub(super) async fn send(&self, cx: &CallContext, request: Request) -> Result<Response> {
        self.client.send(cx, &MANAGED_IDENTITY, request).await
    }
}

/// Judges answers as Azure documents them.
#[derive(Clone, Copy)]
struct Judge;

impl Classify for Judge {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        let mut bare = answer.clone();
        bare.body = &[];
        match answer.status.as_u16() {
            400 => {
                let meaning = "this machine has no managed identity, or not the one that was asked for";
                Some(bare.error(Rule::new(ErrorKind::ConfigInvalid), Said::new().meaning(meaning)))
            }
            // While the service is being updated.
            404 | 410 => Some(bare.error(Rule::new(ErrorKind::Unavailable), Said::new())),
            _ => Refusals.classify(answer),
        }
    }
}
