//! Values that make no sense.

use super::{BackoffSettings, Resilience};

/// A setting that makes no sense: where it stands, and what it must be.
pub(crate) type Mistake = (&'static [&'static str], &'static str);

const SHARE: &str = "expected a number above 0 and at most 1";
const RATE: &str = "expected a number above 0";

impl Resilience {
    /// The settings whose type is right and whose value makes no sense. The machine bends such values to the nearest that
    /// works; a config file is told.
    #[cfg_attr(not(any(feature = "config", test)), allow(dead_code, reason = "only a config file has somebody to tell"))]
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let (retry, breaker) = (&self.retry, &self.breaker);
        let no_share = |ratio: Option<f64>| ratio.is_some_and(|ratio| !(ratio > 0.0 && ratio <= 1.0));
        let table: [(bool, Mistake); 11] = [
            (retry.max_attempts == Some(0), (&["retry", "max_attempts"], "expected at least 1, which is no retry")),
            (breaker.min_calls == Some(0), (&["breaker", "min_calls"], "expected at least 1")),
            (no_share(breaker.failure_ratio), (&["breaker", "failure_ratio"], SHARE)),
            (no_share(breaker.slow_ratio), (&["breaker", "slow_ratio"], SHARE)),
            (
                breaker.slow_ratio.is_some() && breaker.slow_after.is_none(),
                (&["breaker", "slow_ratio"], "without `slow_after` no answer is slow"),
            ),
            (no_share(self.hedge.max_ratio), (&["hedge", "max_ratio"], SHARE)),
            (
                breaker.close_after.is_some_and(|probes| !(1..=15).contains(&probes)),
                (&["breaker", "close_after"], "expected a whole number from 1 to 15"),
            ),
            (
                breaker.window.is_some_and(|window| window.as_millis() < 30),
                (&["breaker", "window"], "expected at least `30ms`: the window has 30 slots"),
            ),
            (
                self.rate_limit.per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())),
                (&["rate_limit", "per_second"], RATE),
            ),
            (self.rate_limit.burst == Some(0), (&["rate_limit", "burst"], "expected at least 1")),
            (
                self.rate_limit.burst.is_some() && self.rate_limit.per_second.is_none(),
                (&["rate_limit", "burst"], "without `per_second` there is no local limit that it could be a part of"),
            ),
        ];
        let table = table.into_iter().filter_map(|(wrong, mistake)| wrong.then_some(mistake));
        let backoff =
            schedule(&retry.backoff, &["retry", "backoff", "multiplier"], &["retry", "backoff", "randomization_factor"]);
        let throttle = schedule(
            &retry.throttle_backoff,
            &["retry", "throttle_backoff", "multiplier"],
            &["retry", "throttle_backoff", "randomization_factor"],
        );
        table.chain(backoff).chain(throttle).collect()
    }
}

fn schedule(
    settings: &BackoffSettings,
    multiplier: &'static [&'static str],
    factor: &'static [&'static str],
) -> impl Iterator<Item = Mistake> {
    let shrinks = settings.multiplier.is_some_and(|by| !(by >= 1.0 && by.is_finite()));
    let strays = settings.randomization_factor.is_some_and(|by| !(0.0..=1.0).contains(&by));
    let mistakes = [
        shrinks.then_some((multiplier, "expected a number from 1")),
        strays.then_some((factor, "expected a number from 0 to 1")),
    ];
    mistakes.into_iter().flatten()
}
