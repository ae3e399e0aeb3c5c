//! Rates that the policies of one process share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{RateLimitStore, TakeRequest, Taken};
use crate::error::Result;

/// The most keys that are kept at once.
const KEYS: usize = 16 * 1024;

/// Rates in memory: several services, or several hubs, of one process share them.
#[derive(Default)]
pub struct LocalRates {
    arrivals: Mutex<HashMap<Box<str>, u64>>,
}

impl LocalRates {
    /// Nothing taken yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl RateLimitStore for LocalRates {
    async fn take(&self, request: TakeRequest<'_>) -> Result<Taken> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let (wait, next) = request.against(arrivals.get(request.key).copied().unwrap_or(0));
        if !wait.is_zero() {
            return Ok(Taken::Wait(wait));
        }
        if let Some(arrival) = arrivals.get_mut(request.key) {
            *arrival = next;
            return Ok(Taken::Granted);
        }
        if arrivals.len() >= KEYS {
            // One whose next request is due is as one that never was.
            let now = request.nanos();
            arrivals.retain(|_, arrival| *arrival > now);
            if arrivals.len() >= KEYS {
                let any = arrivals.keys().next().cloned();
                any.and_then(|key| arrivals.remove(&key));
            }
        }
        arrivals.insert(request.key.into(), next);
        Ok(Taken::Granted)
    }
}

impl fmt::Debug for LocalRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRates").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn passes_the_suite() {
        crate::resilience::conformance::rate_limit_store(Arc::new(LocalRates::new()), "a").await.unwrap();
    }
}
