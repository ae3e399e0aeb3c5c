//! What breaks, and who calls.

use std::time::Duration;

use circle_core::resilience::{
    BackoffSettings, BreakerSettings, BudgetSettings, BulkheadSettings, HedgeSettings, Resilience, Retry,
};

use super::service::{Fault, Trouble};

/// A minute in which something breaks.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub what: &'static str,
    /// The trouble.
    pub trouble: Trouble,
    /// Who calls.
    pub contestants: Vec<Contestant>,
}

/// A way of calling.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// What it is called.
    pub name: &'static str,
    /// Its policies.
    pub resilience: Resilience,
}

fn contestant(name: &'static str, resilience: Resilience) -> Contestant {
    Contestant { name, resilience }
}

/// No policy but a timeout, as of a bare client.
fn bare() -> Contestant {
    contestant("one attempt", without_policies().retry(Retry::off().retry_after_max(Duration::ZERO)))
}

/// What is often written around a bare client.
fn loops() -> Contestant {
    let backoff = BackoffSettings::new().initial_interval(Duration::ZERO).max_interval(Duration::ZERO);
    let retry = Retry::new().max_attempts(3).backoff(backoff.clone()).throttle_backoff(backoff);
    let retry = retry.budget(BudgetSettings::new().enabled(false)).retry_after_max(Duration::ZERO);
    contestant("3 attempts in a loop", without_policies().retry(retry))
}

fn without_policies() -> Resilience {
    with_policies()
        .total_timeout(Duration::ZERO)
        .breaker(BreakerSettings::new().enabled(false))
        .bulkhead(BulkheadSettings::new().max_in_flight(0))
}

/// The defaults, and the attempt timeout that all of them have here.
fn with_policies() -> Resilience {
    Resilience::new().attempt_timeout(Duration::from_secs(2))
}

/// Every scenario.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let scenario = |name, what, fault| {
        let trouble = Trouble { fault, from: Duration::from_secs(20), until: Duration::from_secs(40) };
        Scenario { name, what, trouble, contestants: vec![bare(), loops(), contestant("Circle Core", with_policies())] }
    };
    let mut scenarios = vec![
        scenario("outage", "every answer is a 503", Fault::Down),
        scenario("silence", "no answer comes", Fault::Silent),
        scenario("resets", "1 connection of 5 breaks before its answer", Fault::Resets(20)),
        scenario("overload", "work takes 4 times longer, and is done although nobody waits for it any more", Fault::Sluggish(4)),
        scenario("limit", "60 requests per second are taken, the others are refused with 429", Fault::Limited(60)),
        scenario("tail", "5 answers of 100 take 1.5 s", Fault::Slow(5, Duration::from_millis(1500))),
    ];
    // Long enough for a queue that takes as long again to go away.
    scenarios.iter_mut().filter(|scenario| scenario.name == "overload").for_each(|overload| {
        overload.trouble.until = Duration::from_secs(30);
    });
    let hedged = contestant("Circle Core, hedge.enabled = true", with_policies().hedge(HedgeSettings::on()));
    scenarios.iter_mut().filter(|scenario| scenario.name == "tail").for_each(|tail| tail.contestants.push(hedged.clone()));
    scenarios
}
