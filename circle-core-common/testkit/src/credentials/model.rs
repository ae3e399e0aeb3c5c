//! A cache of credentials beside a model of what it may do.

mod source;
mod trial;

use async_trait::async_trait;
use circle_core_common::credentials::CredentialCache;
use circle_core_common::suite::{Failed, Outcome};
use circle_core_common::{CallContext, Result};

pub use self::source::{Issued, ModelSource};
use self::trial::Trial;

/// A cache that is held to the model: the SDK's own, or one of yours.
#[async_trait]
pub trait CacheUnderTest: Send + Sync + 'static {
    /// A cache in front of this source.
    fn over(source: ModelSource) -> Self;

    /// The credential of the tenant of the context, and its version.
    ///
    /// # Errors
    /// Those of the source.
    async fn get(&self, cx: &CallContext) -> Result<(Issued, u64)>;

    /// Drops the credential of this version.
    fn invalidate(&self, version: u64);
}

#[async_trait]
impl CacheUnderTest for CredentialCache<Issued> {
    fn over(source: ModelSource) -> Self {
        Self::new(source)
    }

    async fn get(&self, cx: &CallContext) -> Result<(Issued, u64)> {
        let lease = Self::get(self, cx).await?;
        Ok((lease.value().clone(), lease.version()))
    }

    fn invalidate(&self, version: u64) {
        Self::invalidate(self, version);
    }
}

/// Callers of several tenants, loads that hang, fail and succeed, refusals, cancellations and time, in every order that the
/// seed gives; after each step the cache must have done nothing that the rules forbid:
///
/// - nobody gets what is another tenant's, what has ended, or what was refused before he asked; and nothing older than what was
///   given out before he asked;
/// - no two loads of one tenant run at once;
/// - who asks while something good is held gets it at once, whatever its refresh does and whatever other tenants do;
/// - what is long from its end causes no load;
/// - who is cancelled takes nothing away from those who wait for the same load;
/// - however it failed, half a minute later a source that works again is found.
///
/// ```
/// # use circle_core_common::credentials::CredentialCache;
/// # use circle_core_testkit::credentials::{CredentialModel, Issued};
/// CredentialModel::new().interleavings(200).check::<CredentialCache<Issued>>()?;
/// # Ok::<(), circle_core_testkit::Failed>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CredentialModel {
    seed: u64,
    interleavings: u32,
    steps: u32,
    tenants: usize,
}

impl Default for CredentialModel {
    fn default() -> Self {
        Self { seed: 1, interleavings: 1000, steps: 24, tenants: 2 }
    }
}

impl CredentialModel {
    /// A thousand interleavings of 24 steps of two tenants.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with this seed; the same seed gives the same steps.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// So many interleavings.
    #[must_use]
    pub const fn interleavings(mut self, interleavings: u32) -> Self {
        self.interleavings = interleavings;
        self
    }

    /// So many steps each.
    #[must_use]
    pub const fn steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// So many tenants, one at least.
    #[must_use]
    pub const fn tenants(mut self, tenants: usize) -> Self {
        self.tenants = if tenants == 0 { 1 } else { tenants };
        self
    }

    /// Holds a cache to the model. It runs a runtime of its own, and must not be called within one.
    ///
    /// # Errors
    /// What does not hold, with the seed and the steps that show it.
    pub fn check<C: CacheUnderTest>(&self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| Failed::Wrong(format!("there is no runtime: {error}")))?;
        for number in 0..self.interleavings {
            let seed = self.seed.wrapping_add(u64::from(number));
            runtime.block_on(async {
                let mut trial = Trial::<C>::new(seed, self.tenants);
                trial.run(self.steps).await.map_err(|why| {
                    Failed::Wrong(format!("seed {seed}, {} tenants: {why}; it went {}", self.tenants, trial.history()))
                })
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
