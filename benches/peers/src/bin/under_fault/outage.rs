//! How many requests an outage gets: a minute of 503, a hundred calls each second.

use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use circle_core_common::resilience::{BreakerSettings, Resilience};
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::rng::HasherRng;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::{Count, Ours, in_virtual_time, offer, unavailable};

const CALLS: u32 = 6_000;
const EVERY: Duration = Duration::from_millis(10);
const ANSWER: Duration = Duration::from_millis(5);

pub fn run() {
    println!("\n| `outage`: a minute of 503, 100 calls per second | requests for each call |\n|---|---:|");
    let print = |name: &str, sent: u64| println!("| {name} | {:.3} |", sent as f64 / f64::from(CALLS));
    print("Circle Core", ours(&Resilience::new()));
    print("Circle Core without its breaker", ours(&Resilience::new().breaker(BreakerSettings::new().enabled(false))));
    print("tower 0.5, 2 retries with its budget of 20 %, at least 10 per second", tower());
    print("backon 1, 3 retries: its defaults", backon());
}

async fn answer(sent: Count) {
    sent.one();
    tokio::time::sleep(ANSWER).await;
}

fn ours(resilience: &Resilience) -> u64 {
    in_virtual_time(async {
        let (client, sent) = (Ours::new(resilience), Count::default());
        offer(CALLS, EVERY, || {
            let (client, sent) = (client.clone(), sent.clone());
            async move {
                let attempt = || async {
                    answer(sent.clone()).await;
                    Err::<(), _>(unavailable())
                };
                assert!(client.call(attempt).await.is_err());
            }
        })
        .await;
        sent.get()
    })
}

fn backon() -> u64 {
    in_virtual_time(async {
        let sent = Count::default();
        offer(CALLS, EVERY, || {
            let sent = sent.clone();
            async move {
                let attempt = || async {
                    answer(sent.clone()).await;
                    Err::<(), _>(unavailable())
                };
                assert!(attempt.retry(backon::ExponentialBuilder::default().with_jitter()).await.is_err());
            }
        })
        .await;
        sent.get()
    })
}

/// tower's retry with what tower has for it: a budget and a backoff.
#[derive(Clone)]
struct Retries {
    left: u32,
    budget: Arc<TpsBudget>,
    backoff: ExponentialBackoff,
}

impl<E> tower::retry::Policy<(), (), E> for Retries {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, (): &mut (), result: &mut Result<(), E>) -> Option<Self::Future> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.budget.withdraw().then(|| self.backoff.next_backoff())
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

fn tower() -> u64 {
    in_virtual_time(async {
        let sent = Count::default();
        let (least, most) = (Duration::from_millis(50), Duration::from_secs(20));
        let backoff = ExponentialBackoffMaker::new(least, most, 0.5, HasherRng::default()).expect("a backoff").make_backoff();
        let retries = Retries { left: 2, budget: Arc::new(TpsBudget::default()), backoff };
        offer(CALLS, EVERY, || {
            let (sent, retries) = (sent.clone(), retries.clone());
            async move {
                let service = ServiceBuilder::new().retry(retries).service(service_fn(move |()| {
                    let sent = sent.clone();
                    async move {
                        answer(sent).await;
                        Err::<(), tower::BoxError>(unavailable().into())
                    }
                }));
                assert!(service.oneshot(()).await.is_err());
            }
        })
        .await;
        sent.get()
    })
}
