//! Faults at a steady rate, for tests of applications.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::{Decorated, Decoration, Interception, Plan};
use crate::error::{Error, ErrorKind, Result, Sent};

/// A provider that fails now and then: `Faulty::over(Memory::new()).every(3, ErrorKind::Unavailable)`.
pub type Faulty<P> = Decorated<P, FaultyEvery>;

/// Fails every n-th call, before it is made.
#[derive(Clone, Debug, Default)]
pub struct FaultyEvery {
    faults: Vec<(u32, ErrorKind)>,
    calls: Arc<AtomicU32>,
}

impl<P> Faulty<P> {
    /// Does not fail yet.
    pub fn over(provider: P) -> Self {
        Self::new(provider, FaultyEvery::default())
    }

    /// Fails every `n`-th call with this kind, the first of them at the `n`-th; 0 is never. Of several, the first that
    /// applies counts.
    #[must_use]
    pub fn every(mut self, n: u32, kind: ErrorKind) -> Self {
        self.decoration.faults.push((n, kind));
        self
    }
}

#[async_trait]
impl Decoration for FaultyEvery {
    async fn before(&self, call: Interception<'_>) -> Result<Plan> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match self.faults.iter().find(|(n, _)| *n > 0 && number.is_multiple_of(*n)) {
            Some((_, kind)) => {
                let text = format!("an injected fault at call {number}, {}", call.method);
                Err(Error::new(*kind, text).with_sent(Sent::No))
            }
            None => Ok(Plan::Answer),
        }
    }
}
