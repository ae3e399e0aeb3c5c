//! A retry budget in the hands of the calls that may draw from it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::shard::Padded;
use crate::clock::Clock;

/// A budget as one shard of threads lends it: each has a reference count of its own, so that handing it to every call
/// makes no two threads write one cache line.
#[derive(Clone, Debug)]
pub(crate) struct Lent(Arc<Padded<Arc<Budget>>>);

impl Lent {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self(Arc::new(Padded(Arc::clone(budget))))
    }

    pub(crate) fn draw(&self, now: Duration) -> bool {
        self.0.0.draw(now, false).is_some()
    }
}

/// The retry budget of the endpoint that a call went to, for repetitions above the policies: of a download that is
/// resumed, of a whole transaction.
#[derive(Clone)]
pub struct RetryBudget {
    lent: Lent,
    clock: Clock,
}

impl RetryBudget {
    pub(crate) fn new(lent: Lent, clock: Clock) -> Self {
        Self { lent, clock }
    }

    /// Takes the price of one repetition; `false` when the budget is used up, and nothing must be repeated.
    #[must_use]
    pub fn draw(&self) -> bool {
        self.lent.draw(self.clock.now().since_start())
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RetryBudget({} tokens)", self.lent.0.0.tokens(self.clock.now().since_start()))
    }
}
