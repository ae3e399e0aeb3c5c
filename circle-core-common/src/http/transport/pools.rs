//! Connections that only requests of the same kind may share.

use std::sync::{Arc, PoisonError, RwLock};

use crate::error::Result;
use crate::http::Guard;

/// So many pools are kept; a process has few kinds of requests, and what a pool of an old kind still has is idle.
const KEPT: usize = 64;

/// One pool of connections for each guard: a connection that one service was allowed to make is none that another may use.
pub(super) struct Pools<C>(RwLock<Vec<(Guard, Arc<C>)>>);

impl<C> Pools<C> {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// The pool for this guard, made by the first that asks.
    pub(super) fn of(&self, guard: &Guard, make: impl FnOnce() -> Result<C>) -> Result<Arc<C>> {
        let found = |pools: &[(Guard, Arc<C>)]| pools.iter().find(|(own, _)| own == guard).map(|(_, pool)| Arc::clone(pool));
        if let Some(pool) = found(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(pool);
        }
        let mut pools = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = found(&pools) {
            return Ok(pool);
        }
        let made = Arc::new(make()?);
        if pools.len() >= KEPT {
            pools.remove(0);
        }
        pools.push((guard.clone(), Arc::clone(&made)));
        Ok(made)
    }
}
