//! Several sources, asked in order.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{CredentialRequest, CredentialSource, Lease, cannot_choose};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};

/// What a link of a chain found.
pub enum Found<C> {
    /// A credential.
    Credential(Lease<C>),
    /// Nothing: the link is not configured, and this is why, without values: "`AWS_PROFILE` is not set".
    NotConfigured(Cow<'static, str>),
}

/// A source that may have nothing to say.
#[async_trait]
pub trait Link: Send + Sync + 'static {
    /// What is found.
    type Credential: Send + Sync + 'static;

    /// The name in reports: "environment".
    fn name(&self) -> Cow<'static, str>;

    /// Looks for the credential.
    ///
    /// # Errors
    /// The link is configured but broken; the chain stops, because going on would run as somebody else.
    async fn find(&self, cx: &CallContext) -> Result<Found<Self::Credential>>;

    /// As [`find`](Self::find), for a credential that is good for something in particular.
    ///
    /// # Errors
    /// As [`find`](Self::find); `Unsupported` from a link that has a credential and cannot choose, for a request that is not
    /// [plain](CredentialRequest::is_plain).
    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<Self::Credential>> {
        match self.find(cx).await? {
            Found::Credential(_) if !request.is_plain() => Err(cannot_choose()),
            found => Ok(found),
        }
    }

    /// Whether each tenant gets a credential of its own; see [`CredentialSource::by_tenant`].
    fn by_tenant(&self) -> bool {
        true
    }
}

/// Links asked in order: one that is not configured is passed over, one that is configured but broken ends the search.
pub struct Chain<C> {
    links: Vec<Arc<dyn Link<Credential = C>>>,
}

impl<C: Send + Sync + 'static> Chain<C> {
    /// A chain without links.
    #[must_use]
    pub const fn new() -> Self {
        Self { links: Vec::new() }
    }

    /// Asks this link after those before it.
    #[must_use]
    pub fn then(mut self, link: impl Link<Credential = C>) -> Self {
        self.links.push(Arc::new(link));
        self
    }
}

impl<C: Send + Sync + 'static> Default for Chain<C> {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl<C: Send + Sync + 'static> CredentialSource for Chain<C> {
    type Credential = C;

    /// # Errors
    /// `ConfigInvalid` when no link is configured; the error of a link that is broken, with its name in front. Both
    /// have the [`ChainReport`] as their source.
    async fn load(&self, cx: &CallContext) -> Result<Lease<C>> {
        self.load_for(cx, &CredentialRequest::new()).await
    }

    async fn load_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Lease<C>> {
        let mut report = ChainReport { links: Vec::new(), cause: None };
        for link in &self.links {
            let name = link.name();
            match link.find_for(cx, request).await {
                Ok(Found::Credential(lease)) => return Ok(lease),
                Ok(Found::NotConfigured(why)) => report.links.push((name, why)),
                Err(error) => {
                    report.links.push((name.clone(), error.message().to_owned().into()));
                    report.cause = Some(error.clone());
                    return Err(error.with_source(report).context(format_args!("credentials from `{name}`")));
                }
            }
        }
        let text = format!("no credentials are configured ({report})");
        Err(Error::new(ErrorKind::ConfigInvalid, text).with_source(report))
    }

    /// One link that knows tenants is enough: which link it will be is not known before.
    fn by_tenant(&self) -> bool {
        self.links.iter().any(|link| link.by_tenant())
    }
}

impl<C: Send + Sync + 'static> fmt::Debug for Chain<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.links.iter().map(|link| link.name())).finish()
    }
}

/// What each link of a chain said, up to the one that ended the search; no values.
#[derive(Clone, Debug)]
pub struct ChainReport {
    links: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    cause: Option<Error>,
}

impl ChainReport {
    /// Each link that was asked, and why it gave nothing.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.links.iter().map(|(name, why)| (&**name, &**why))
    }
}

impl fmt::Display for ChainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, why)) in self.links.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{name}: {why}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ChainReport {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The link's own error keeps its chain: the search replaced only what stands in front.
        self.cause.as_ref().and_then(|cause| std::error::Error::source(cause))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::environment::Environment;

    struct Named(&'static str, std::result::Result<u32, Option<&'static str>>, Arc<AtomicU32>);

    #[async_trait]
    impl Link for Named {
        type Credential = u32;

        fn name(&self) -> Cow<'static, str> {
            self.0.into()
        }

        async fn find(&self, _: &CallContext) -> Result<Found<u32>> {
            self.2.fetch_add(1, Ordering::Relaxed);
            match self.1 {
                Ok(value) => Ok(Found::Credential(Lease::new(value))),
                Err(None) => Ok(Found::NotConfigured("nothing is set".into())),
                Err(Some(text)) => Err(Error::new(ErrorKind::ConfigInvalid, text)),
            }
        }
    }

    async fn load(links: &[(&'static str, std::result::Result<u32, Option<&'static str>>)]) -> (Result<Lease<u32>>, u32) {
        let asked = Arc::new(AtomicU32::new(0));
        let chain = links.iter().fold(Chain::new(), |chain, (name, says)| chain.then(Named(name, *says, asked.clone())));
        let result = chain.load(&CallContext::new(&Environment::default(), &super::super::LOAD, None)).await;
        (result, asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn the_first_that_is_configured_is_taken() {
        let (lease, asked) = load(&[("a", Err(None)), ("b", Ok(2)), ("c", Ok(3))]).await;
        assert_eq!((**lease.as_ref().unwrap(), asked), (2, 2));
    }

    #[tokio::test]
    async fn a_broken_link_ends_the_search_and_is_named() {
        let (lease, asked) = load(&[("a", Err(None)), ("b", Err(Some("half a key"))), ("c", Ok(3))]).await;
        let error = lease.unwrap_err();
        assert_eq!((error.message(), asked), ("credentials from `b`: half a key", 2));
        let report = error.provider_error::<ChainReport>().unwrap();
        assert_eq!(report.links().collect::<Vec<_>>(), [("a", "nothing is set"), ("b", "half a key")]);
    }

    #[tokio::test]
    async fn nothing_configured_tells_what_each_link_lacks() {
        let (lease, _) = load(&[("a", Err(None)), ("b", Err(None))]).await;
        let error = lease.unwrap_err();
        assert_eq!(error.message(), "no credentials are configured (a: nothing is set; b: nothing is set)");
        assert!(error.is(ErrorKind::ConfigInvalid));
    }
}
