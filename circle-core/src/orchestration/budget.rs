//! Budgets of tokens and money.

mod chat;
mod embed;
mod ledger;
mod pricing;
mod reservation;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use circle_core_common::interfaces::chat_model::ModelId;
use circle_core_common::{CallContext, Environment, Handle, Provider};

pub use self::ledger::{Account, Budget, Per};
use self::pricing::Pricing;
use super::estimate::Assumed;
use super::forward::provided_by;
use super::frame::Frame;
use super::price::{NanoUsd, PriceTable};

/// What becomes of a call whose price nobody knows, where a budget counts money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownPrice {
    /// It is refused, with `ConfigInvalid`: an unknown price is not zero.
    #[default]
    Refuse,
    /// It counts as so much.
    Assume(NanoUsd),
}

/// Lets calls through as long as their budgets allow.
///
/// ```
/// # use circle_core::{ChatModel, orchestration::{Budget, Budgeted, NanoUsd, Per}};
/// # use std::time::Duration;
/// # fn example(model: ChatModel) -> ChatModel {
/// let day = Duration::from_secs(86_400);
/// let tenants = Budget::new("tenants").per(Per::Tenant).every(day).tokens(2_000_000);
/// let bill = Budget::new("bill").every(day).money(NanoUsd::dollars(100));
/// ChatModel::new(Budgeted::new(model).budget(tenants).budget(bill))
/// # }
/// ```
///
/// - *Before* a call an estimate is reserved in every budget, or in none: the text by a rule of thumb and the longest answer that
///   the request allows, or what is [`assumed`](Self::assumed). Where that is not left, the call is `QuotaExceeded`, reason
///   `BudgetExhausted`; nothing is sent, the message says which budget it was and when it refills, and so does `retry_after`.
/// - *After* it what was really used is booked. Tokens that the service does not tell are booked as estimated, and counted in
///   [`Account::estimated_calls`].
/// - *A stream* is booked when it ends. One that breaks off or is dropped is booked by what was received of it; so is a whole
///   call that is dropped or fails without an answer, which is its input. What was refused, or never sent, costs nothing.
/// - *Behind a fallback* only the service that answered is booked. One that failed on the way is booked by a budget of its own.
/// - *Money* is counted by a [`PriceTable`], by default the one of this crate, and never above what is reserved without being
///   noticed: a price that is not known is a rule, [`UnknownPrice`].
///
/// A budget is never overspent by calls that keep to their estimate, however many run at a time. A call that uses more than was
/// estimated is booked in full, and what is missing is missing until the budget refills: set `max_output_tokens`.
pub struct Budgeted<H> {
    frame: Frame<H>,
    budgets: Vec<Budget>,
    prices: PriceTable,
    models: Option<Vec<ModelId>>,
    unknown: UnknownPrice,
    assumed: Assumed,
}

impl<H: Handle> Budgeted<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "budget";

    /// This service, without a budget yet.
    #[must_use]
    pub fn new(handle: H) -> Self {
        let (prices, unknown, assumed) = (PriceTable::builtin(), UnknownPrice::Refuse, Assumed::new());
        Self { frame: Frame::new(Self::NAME, handle), budgets: Vec::new(), prices, models: None, unknown, assumed }
    }

    /// Adds a budget. Clones of one are the same budget, over however many services.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budgets.push(budget);
        self
    }

    /// Sets the prices.
    #[must_use]
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// Says which models these are, in the price table's words, where the service does not say or says otherwise.
    #[must_use]
    pub fn priced_as(mut self, models: impl IntoIterator<Item = ModelId>) -> Self {
        self.models = Some(models.into_iter().collect());
        self
    }

    /// Sets what becomes of calls whose price nobody knows.
    #[must_use]
    pub fn unknown_price(mut self, rule: UnknownPrice) -> Self {
        self.unknown = rule;
        self
    }

    /// Sets what is assumed of requests that do not say how long their answer may be.
    #[must_use]
    pub fn assumed(mut self, assumed: Assumed) -> Self {
        self.assumed = assumed;
        self
    }

    /// Sets the environment; that of the service by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.frame = self.frame.environment(environment);
        self
    }

    /// Whether any budget counts money.
    fn counts_money(&self) -> bool {
        self.budgets.iter().any(Budget::counts_money)
    }

    /// The accounts that a call draws on.
    fn accounts(&self, cx: &CallContext) -> Vec<(&Budget, Arc<str>)> {
        self.budgets.iter().map(|budget| (budget, budget.account_of(cx, self.frame.handle.service()))).collect()
    }
}

provided_by!(Budgeted<H: Handle>, frame);

impl<H: Handle> fmt::Debug for Budgeted<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budgeted({})", self.frame.info().target)
    }
}
