//! A hundred callers per second for a minute, whatever becomes of those before them.

use std::sync::Arc;
use std::time::Duration;

use circle_core::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::client::Client;
use super::scenario::{Contestant, Scenario};
use super::service::Service;

/// How long the day is.
pub const SECONDS: u32 = 60;

/// How many call in each second.
pub const PER_SECOND: u32 = 100;

/// How it went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Of the callers of each second, how many got an answer.
    pub answered: Vec<u32>,
    /// The requests that came to the service in each second; those of callers who waited on come behind the last.
    pub requests: Vec<u32>,
    /// How long each caller waited for an answer or an error, sorted.
    pub waits: Vec<Duration>,
}

/// Lets the callers call.
///
/// # Errors
/// When a client cannot be made.
pub async fn run(scenario: &Scenario, contestant: &Contestant) -> Result<Outcome> {
    let service = Arc::new(Service::new(scenario.trouble));
    let client = Client::new(Arc::clone(&service), contestant.resilience.clone())?;
    let (began, every) = (Instant::now(), Duration::from_secs(1) / PER_SECOND);
    let mut callers = JoinSet::new();
    for number in 0..SECONDS * PER_SECOND {
        let client = client.clone();
        callers.spawn(async move {
            let called = Instant::now();
            (number / PER_SECOND, client.order().await.is_ok(), called.elapsed())
        });
        sleep_until(began + every * (number + 1)).await;
    }
    let mut outcome = Outcome { answered: vec![0; SECONDS as usize], requests: Vec::new(), waits: Vec::new() };
    for (second, answered, waited) in callers.join_all().await {
        outcome.answered[second as usize] += u32::from(answered);
        outcome.waits.push(waited);
    }
    outcome.waits.sort_unstable();
    outcome.requests = service.requests();
    Ok(outcome)
}

impl Outcome {
    /// The share of callers that got an answer, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.answered.iter().sum::<u32>()) / f64::from(SECONDS * PER_SECOND)
    }

    /// The requests for each call.
    #[must_use]
    pub fn requests_per_call(&self) -> f64 {
        f64::from(self.requests.iter().sum::<u32>()) / f64::from(SECONDS * PER_SECOND)
    }

    /// How long the given share of callers waited at most.
    #[must_use]
    pub fn wait(&self, share: f64) -> Duration {
        let rank = (self.waits.len() as f64 * share).ceil() as usize;
        self.waits.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// How many seconds after `until` all callers got answers again, and from then on; `None` if that never was.
    #[must_use]
    pub fn back_after(&self, until: Duration) -> Option<u64> {
        let well = |answered: &u32| *answered * 100 >= PER_SECOND * 99;
        let bad = self.answered.iter().rposition(|answered| !well(answered)).map_or(0, |second| second as u64 + 1);
        (bad < u64::from(SECONDS)).then(|| bad.saturating_sub(until.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game_day::{in_simulated_time, scenario};

    fn outcomes(name: &str) -> Vec<Outcome> {
        let scenario = scenario::all().into_iter().find(|scenario| scenario.name == name).unwrap();
        let run = |contestant: &Contestant| in_simulated_time(run(&scenario, contestant)).unwrap().unwrap();
        scenario.contestants.iter().map(run).collect()
    }

    fn back(outcome: &Outcome) -> Option<u64> {
        outcome.back_after(Duration::from_secs(40))
    }

    #[test]
    fn a_run_is_like_another() {
        let (one, other) = (outcomes("resets"), outcomes("resets"));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!((&one.answered, &one.requests, &one.waits), (&other.answered, &other.requests, &other.waits));
        }
    }

    #[test]
    fn an_outage_is_not_multiplied() {
        let [bare, loops, ours] = &outcomes("outage")[..] else { panic!() };
        assert!(loops.requests_per_call() > 1.6 && ours.requests_per_call() < 0.75, "{loops:?}");
        assert!(back(bare) == Some(0) && back(ours).is_some_and(|seconds| seconds <= 20));
    }

    #[test]
    fn broken_connections_are_not_noticed() {
        let [bare, _, ours] = &outcomes("resets")[..] else { panic!() };
        assert!(bare.share() < 0.95 && ours.share() > 0.995, "{} {}", bare.share(), ours.share());
    }

    #[test]
    fn an_overloaded_service_comes_back() {
        let [_, loops, ours] = &outcomes("overload")[..] else { panic!() };
        assert!(back(ours).is_some() && ours.share() > loops.share(), "{} {}", ours.share(), loops.share());
    }

    #[test]
    fn a_hedge_shortens_the_tail() {
        let [bare, .., hedged] = &outcomes("tail")[..] else { panic!() };
        assert!(hedged.wait(0.995) * 5 < bare.wait(0.995) && hedged.requests_per_call() < 1.05);
    }
}
