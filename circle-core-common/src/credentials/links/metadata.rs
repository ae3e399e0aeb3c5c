//! Credentials from the metadata service of the machine.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::context::CallContext;
use crate::credentials::{CredentialRequest, Found, Link};
use crate::error::{ErrorKind, Result};

/// How long the metadata service may take. It is on the machine; an address that nobody answers would take minutes.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The metadata service of a cloud's machines, which has to be switched on: elsewhere nobody is there to answer, and on a
/// machine of somebody else's it would be somebody else's identity.
///
/// It has one second. When nobody answers by then the link is not configured; an answer that is no credential ends the search.
pub struct InstanceMetadata<L> {
    link: Option<L>,
}

impl<L: Link> InstanceMetadata<L> {
    /// The metadata service that this link asks, if it is to be asked.
    #[must_use]
    pub fn new(link: L, switched_on: bool) -> Self {
        Self { link: switched_on.then_some(link) }
    }
}

#[async_trait]
impl<L: Link> Link for InstanceMetadata<L> {
    type Credential = L::Credential;

    fn name(&self) -> Cow<'static, str> {
        "instance metadata".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<Self::Credential>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<Self::Credential>> {
        let Some(link) = &self.link else { return Ok(Found::NotConfigured("it is not switched on".into())) };
        let brief = cx.part(Some(cx.clock().now().after(TIMEOUT)));
        match brief.guard(link.find_for(&brief, request)).await {
            Err(error) if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Connection) => {
                Ok(Found::NotConfigured("nobody answers".into()))
            }
            found => found,
        }
    }

    fn by_tenant(&self) -> bool {
        self.link.as_ref().is_some_and(Link::by_tenant)
    }
}

impl<L> fmt::Debug for InstanceMetadata<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceMetadata({})", if self.link.is_some() { "on" } else { "off" })
    }
}
