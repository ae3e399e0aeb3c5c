//! Connections that only requests of the same kind may share.

use std::sync::{Arc, PoisonError, RwLock};

use super::identity::TlsIdentity;
use crate::error::Result;
use crate::http::Guard;

/// So many pools are kept; a process has few kinds of requests, and what a pool of an old kind still has is idle.
const KEPT: usize = 64;

/// One pool of connections for each guard and identity: a connection that one service was allowed to make is none that another may
/// use, and what one has shown of itself no other has.
pub(super) struct Pools<C>(RwLock<Vec<Kept<C>>>);

struct Kept<C> {
    guard: Guard,
    identity: Option<TlsIdentity>,
    pool: Arc<C>,
}

impl<C> Pools<C> {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// The pool for these, made by the first that asks.
    pub(super) fn of(&self, guard: &Guard, identity: Option<&TlsIdentity>, make: impl FnOnce() -> Result<C>) -> Result<Arc<C>> {
        let found = |pools: &[Kept<C>]| {
            let mut fitting = pools.iter().filter(|kept| kept.guard == *guard && kept.identity.as_ref() == identity);
            fitting.next().map(|kept| Arc::clone(&kept.pool))
        };
        if let Some(pool) = found(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(pool);
        }
        let mut pools = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = found(&pools) {
            return Ok(pool);
        }
        let pool = Arc::new(make()?);
        if pools.len() >= KEPT {
            pools.remove(0);
        }
        pools.push(Kept { guard: guard.clone(), identity: identity.cloned(), pool: Arc::clone(&pool) });
        Ok(pool)
    }
}
