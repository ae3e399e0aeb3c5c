//! What is different for single remote operations.

use std::collections::BTreeMap;

use super::{BudgetSettings, CacheSettings, HedgeSettings, OperationSettings, Resilience, Retry};

/// Settings of single remote operations, by their names (`s3.GetObject`): the names in spans and metrics.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "config", serde(transparent))]
pub struct Operations(BTreeMap<String, OperationSettings>);

impl Operations {
    /// What is chosen for the operation of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OperationSettings> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OperationSettings)> {
        self.0.iter().map(|(name, settings)| (name.as_str(), settings))
    }

    /// These settings over `base`, operation by operation.
    #[must_use]
    pub fn over(mut self, base: &Self) -> Self {
        for (name, settings) in &base.0 {
            let own = self.0.remove(name).unwrap_or_default();
            self.0.insert(name.clone(), own.over(settings));
        }
        self
    }
}

impl Resilience {
    /// Chooses what is different for the remote operation of this name.
    #[must_use]
    pub fn operation(mut self, name: impl Into<String>, settings: OperationSettings) -> Self {
        self.operations.0.insert(name.into(), settings);
        self
    }

    /// The settings of one operation as if they were the service's. What belongs to an endpoint stays the service's: its
    /// breaker, its limits, the size of its budget.
    pub(super) fn of_operation(&self, own: &OperationSettings) -> Self {
        let retry = Retry { budget: shared(&own.retry.budget, &self.retry.budget), ..own.retry.clone().over(&self.retry) };
        let hedge = HedgeSettings { max_ratio: self.hedge.max_ratio, ..own.hedge.clone().over(&self.hedge) };
        let cache = CacheSettings { max_size: self.cache.max_size, ..own.cache.clone().over(&self.cache) };
        Self {
            stall: own.stall.clone().over(&self.stall),
            cache,
            total_timeout: own.total_timeout.or(self.total_timeout),
            attempt_timeout: own.attempt_timeout.or(self.attempt_timeout),
            retry,
            hedge,
            operations: Self::default().operations,
            ..self.clone()
        }
    }
}

/// The budget of an endpoint for one of those that share it: each may pay from it or go without.
fn shared(own: &BudgetSettings, base: &BudgetSettings) -> BudgetSettings {
    BudgetSettings { enabled: own.enabled.or(base.enabled), ..base.clone() }
}
