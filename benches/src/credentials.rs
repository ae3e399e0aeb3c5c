//! Credentials that a cache holds already.

use std::time::Duration;

use async_trait::async_trait;
use circle_core::{CallContext, CallOptions, Environment, Result};
use circle_core_common::credentials::{CredentialCache, CredentialSource, Fixed, LOAD, Lease};

use crate::at_once;

/// A cache, and a call that finds the credential in it.
pub struct Cached {
    cache: CredentialCache<usize>,
    cx: CallContext,
}

/// A token that lives an hour, another one for each tenant.
struct Tokens;

#[async_trait]
impl CredentialSource for Tokens {
    type Credential = usize;

    async fn load(&self, cx: &CallContext) -> Result<Lease<usize>> {
        Ok(Lease::living(1 + cx.tenant().map_or(0, |tenant| tenant.len()), Duration::from_secs(3600), cx.clock().timestamp()))
    }
}

impl Cached {
    /// A secret that does not end: an API key.
    #[must_use]
    pub fn secret() -> Self {
        Self::of(CredentialCache::new(Fixed::new(7)), CallOptions::new())
    }

    /// A token that ends.
    #[must_use]
    pub fn token() -> Self {
        Self::of(CredentialCache::new(Tokens), CallOptions::new())
    }

    /// The token of one of a hundred tenants.
    #[must_use]
    pub fn token_of_a_tenant() -> Self {
        let cache = CredentialCache::new(Tokens);
        for tenant in 0..100 {
            let _ = Self::of(cache.clone(), CallOptions::new().tenant(format!("tenant-{tenant}")));
        }
        Self::of(cache, CallOptions::new().tenant("tenant-42"))
    }

    fn of(cache: CredentialCache<usize>, options: CallOptions) -> Self {
        let cx = CallContext::new(&Environment::default(), &LOAD, Some(options.into()));
        let cached = Self { cache, cx };
        cached.get();
        cached
    }

    /// The body of the measured call.
    ///
    /// # Panics
    /// When there is no credential.
    pub fn get(&self) -> usize {
        at_once(self.cache.get(&self.cx)).map_or_else(|error| panic!("{error}"), |lease| **lease)
    }
}
