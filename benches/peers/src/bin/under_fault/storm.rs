//! Ten thousand calls at once to a service that takes a hundred each second and says so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use circle_core_common::resilience::{BulkheadSettings, Profile, Resilience, Retry};
use circle_core_common::{Detail, Error, ErrorKind, Result};
use tokio::time::Instant;

use super::{Ours, in_virtual_time};

const CALLS: u32 = 10_000;
const EACH_SECOND: u32 = 100;
const AT_ONCE: u32 = 100;
const ANSWER: Duration = Duration::from_millis(20);

/// The service: windows of a second, and `Retry-After` in whole seconds for what comes above.
struct Service {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    window: u64,
    taken: u32,
    requests: u64,
    refused: u64,
    /// When the last request was taken.
    last: Duration,
}

impl Service {
    fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), state: Mutex::default() })
    }

    async fn request(&self) -> Result<()> {
        tokio::time::sleep(ANSWER / 2).await;
        let answer = self.look();
        tokio::time::sleep(ANSWER / 2).await;
        answer
    }

    fn look(&self) -> Result<()> {
        let (now, mut state) = (self.began.elapsed(), self.state.lock().expect("no panic"));
        if now.as_secs() != state.window {
            (state.window, state.taken) = (now.as_secs(), 0);
        }
        state.requests += 1;
        if state.taken < EACH_SECOND {
            (state.taken, state.last) = (state.taken + 1, now);
            return Ok(());
        }
        state.refused += 1;
        let mut detail = Detail::default();
        detail.retry_after = Some(Duration::from_secs(1));
        Err(Error::new(ErrorKind::RateLimited, "429").with_detail(detail))
    }
}

pub fn run() {
    println!(
        "\n| `throttle_storm`: 10,000 calls at once, 100 per second are taken | refused requests | of the allowed rate | calls that failed |"
    );
    println!("|---|---:|---:|---:|");
    print("Circle Core, 100 at once", ours());
    print("backon 1: 8 attempts, heeding Retry-After, 100 at once", theirs(true));
    print("backon 1: 8 attempts, 100 at once", theirs(false));
}

fn print(name: &str, (state, failed): (State, u64)) {
    let refused = state.refused as f64 / state.requests as f64 * 100.0;
    let taken = (state.requests - state.refused) as f64;
    let rate = taken / state.last.as_secs_f64() / f64::from(EACH_SECOND) * 100.0;
    println!("| {name} | {refused:.1} % | {rate:.0} % | {failed} |");
}

fn ours() -> (State, u64) {
    in_virtual_time(async {
        let resilience = Resilience::new()
            .profile(Profile::Batch)
            .total_timeout(Duration::ZERO)
            .retry(Retry::new().max_attempts(8))
            .bulkhead(BulkheadSettings::new().max_in_flight(AT_ONCE).max_queued(CALLS));
        let (client, service) = (Ours::new(&resilience), Service::new());
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLS {
            let (client, service) = (client.clone(), Arc::clone(&service));
            calls.spawn(async move { client.call(|| service.request()).await });
        }
        let failed = calls.join_all().await.iter().filter(|result| result.is_err()).count() as u64;
        let state = *service.state.lock().expect("no panic");
        (state, failed)
    })
}

fn theirs(heeds: bool) -> (State, u64) {
    in_virtual_time(async {
        let (service, places) = (Service::new(), Arc::new(tokio::sync::Semaphore::new(AT_ONCE as usize)));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLS {
            let (service, places) = (Arc::clone(&service), Arc::clone(&places));
            calls.spawn(async move {
                let attempt = || async {
                    let _place = places.acquire().await;
                    service.request().await
                };
                let retry = attempt.retry(ExponentialBuilder::default().with_jitter().with_max_times(7));
                retry.adjust(|error, wait| wait.map(|wait| error.retry_after().filter(|_| heeds).unwrap_or(wait))).await
            });
        }
        let failed = calls.join_all().await.iter().filter(|result| result.is_err()).count() as u64;
        let state = *service.state.lock().expect("no panic");
        (state, failed)
    })
}
