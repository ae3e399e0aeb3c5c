//! Values that make no sense.

use super::{BackoffSettings, BudgetSettings, HedgeSettings, OperationSettings, Resilience, Retry};

/// A setting that makes no sense: the keys under which it stands, and what it must be.
pub(crate) type Mistake = (Vec<String>, &'static str);

const SHARE: &str = "expected a number above 0 and at most 1";
const RATE: &str = "expected a number above 0";
const OF_THE_ENDPOINT: &str = "the budget is that of an endpoint, for all its operations: only `enabled` can be chosen for one";

fn no_share(ratio: Option<f64>) -> bool {
    ratio.is_some_and(|ratio| !(ratio > 0.0 && ratio <= 1.0))
}

/// The settings of a budget of tokens, and whether they are chosen.
fn tokens(budget: &BudgetSettings) -> [(&'static str, bool); 4] {
    [
        ("tokens", budget.tokens.is_some()),
        ("retry_cost", budget.retry_cost.is_some()),
        ("throttle_cost", budget.throttle_cost.is_some()),
        ("refill_per_second", budget.refill_per_second.is_some()),
    ]
}

/// Those of a share.
fn share(budget: &BudgetSettings) -> [(&'static str, bool); 2] {
    [("ratio", budget.ratio.is_some()), ("min_per_second", budget.min_per_second.is_some())]
}

/// Collects mistakes under a table.
struct Check {
    table: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Check {
    fn wrong(&mut self, wrong: bool, keys: &[&str], message: &'static str) {
        if wrong {
            let keys = self.table.iter().cloned().chain(keys.iter().map(|key| (*key).to_owned()));
            self.mistakes.push((keys.collect(), message));
        }
    }

    fn retry(&mut self, retry: &Retry) {
        let expected = "expected at least 1, which is no retry";
        self.wrong(retry.max_attempts == Some(0), &["retry", "max_attempts"], expected);
        self.schedule("backoff", &retry.backoff);
        self.schedule("throttle_backoff", &retry.throttle_backoff);
    }

    fn schedule(&mut self, name: &str, settings: &BackoffSettings) {
        let shrinks = settings.multiplier.is_some_and(|by| !(by >= 1.0 && by.is_finite()));
        self.wrong(shrinks, &["retry", name, "multiplier"], "expected a number from 1");
        let strays = settings.randomization_factor.is_some_and(|by| !(0.0..=1.0).contains(&by));
        self.wrong(strays, &["retry", name, "randomization_factor"], "expected a number from 0 to 1");
    }

    fn hedge(&mut self, hedge: &HedgeSettings) {
        self.wrong(no_share(hedge.max_ratio), &["hedge", "max_ratio"], SHARE);
    }

    fn operation(&mut self, settings: &OperationSettings) {
        self.retry(&settings.retry);
        let budget = &settings.retry.budget;
        for (key, chosen) in tokens(budget).into_iter().chain(share(budget)) {
            self.wrong(chosen, &["retry", "budget", key], OF_THE_ENDPOINT);
        }
        let of_the_endpoint = "the share is that of an endpoint, for all its operations";
        self.wrong(settings.hedge.max_ratio.is_some(), &["hedge", "max_ratio"], of_the_endpoint);
        let of_the_service = "the size is that of the whole cache, for all operations";
        self.wrong(settings.cache.max_size.is_some(), &["cache", "max_size"], of_the_service);
    }
}

impl Resilience {
    /// The settings whose type is right and whose value makes no sense. The machine bends such values to the nearest that
    /// works; a config file is told.
    #[cfg_attr(not(any(feature = "config", test)), allow(dead_code, reason = "only a config file has somebody to tell"))]
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut check = Check { table: Vec::new(), mistakes: Vec::new() };
        check.retry(&self.retry);
        check.hedge(&self.hedge);
        let budget = &self.retry.budget;
        check.wrong(no_share(budget.ratio), &["retry", "budget", "ratio"], SHARE);
        for (key, chosen) in tokens(budget) {
            check.wrong(chosen && budget.ratio.is_some(), &["retry", "budget", key], "with `ratio` there are no tokens");
        }
        let alone = budget.min_per_second.is_some() && budget.ratio.is_none();
        check.wrong(alone, &["retry", "budget", "min_per_second"], "without `ratio` retries are paid with tokens");
        let (breaker, rate) = (&self.breaker, &self.rate_limit);
        check.wrong(breaker.min_calls == Some(0), &["breaker", "min_calls"], "expected at least 1");
        check.wrong(no_share(breaker.failure_ratio), &["breaker", "failure_ratio"], SHARE);
        check.wrong(no_share(breaker.slow_ratio), &["breaker", "slow_ratio"], SHARE);
        let pointless = breaker.slow_ratio.is_some() && breaker.slow_after.is_none();
        check.wrong(pointless, &["breaker", "slow_ratio"], "without `slow_after` no answer is slow");
        let probes = breaker.close_after.is_some_and(|probes| !(1..=15).contains(&probes));
        check.wrong(probes, &["breaker", "close_after"], "expected a whole number from 1 to 15");
        let short = breaker.window.is_some_and(|window| window.as_millis() < 30);
        check.wrong(short, &["breaker", "window"], "expected at least `30ms`: the window has 30 slots");
        let no_rate = rate.per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite()));
        check.wrong(no_rate, &["rate_limit", "per_second"], RATE);
        check.wrong(rate.burst == Some(0), &["rate_limit", "burst"], "expected at least 1");
        let alone = rate.burst.is_some() && rate.per_second.is_none();
        let message = "without `per_second` there is no local limit that it could be a part of";
        check.wrong(alone, &["rate_limit", "burst"], message);
        let unlimited = "without `per_second` there is no local limit to divide";
        check.wrong(rate.by.is_some() && rate.per_second.is_none(), &["rate_limit", "by"], unlimited);
        let nothing = rate.store.is_some() && rate.per_second.is_none();
        check.wrong(nothing, &["rate_limit", "store"], "without `per_second` there is no rate that could be shared");
        check.wrong(no_share(rate.local_share), &["rate_limit", "local_share"], SHARE);
        let unshared = rate.store.is_none() && (rate.local_share.is_some() || rate.on_store_failure.is_some());
        let message = "`on_store_failure` and `local_share` are for a rate that is kept in a `store`";
        check.wrong(unshared, &["rate_limit"], message);
        let pace = rate.pace.is_some_and(|pace| !(0.0..=1.0).contains(&pace));
        check.wrong(pace, &["rate_limit", "pace"], "expected a number from 0 to 1");
        let endless = self.bulkhead.adaptive == Some(true) && self.bulkhead.max_in_flight == Some(0);
        check.wrong(endless, &["bulkhead", "max_in_flight"], "a limit that adapts needs a most, above 0");
        for (name, settings) in self.operations.iter() {
            check.table = vec!["operations".to_owned(), name.to_owned()];
            check.operation(settings);
        }
        check.mistakes
    }
}
