//! Who knocks at a service that may be back: a breaker that has been open long enough, and ten thousand callers at once.

use std::time::Duration;

use circle_core_common::resilience::Resilience;
use failsafe::futures::CircuitBreaker;
use failsafe::{Config, backoff, failure_policy};

use super::{Count, Ours, in_virtual_time, unavailable};

const CALLERS: u32 = 10_000;
const ANSWER: Duration = Duration::from_millis(100);

pub fn run() {
    println!("\n| `half_open`: 10,000 callers when the breaker may close | requests |\n|---|---:|");
    println!("| Circle Core | {} |", ours());
    println!("| failsafe 1 | {} |", theirs());
}

fn ours() -> u64 {
    in_virtual_time(async {
        let client = Ours::new(&Resilience::new());
        for _ in 0..40 {
            let _ = client.call(|| async { Err::<(), _>(unavailable()) }).await;
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
        let sent = Count::default();
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLERS {
            let (client, sent) = (client.clone(), sent.clone());
            calls.spawn(async move {
                let attempt = || async {
                    sent.one();
                    tokio::time::sleep(ANSWER).await;
                    Err::<(), _>(unavailable())
                };
                let _ = client.call(attempt).await;
            });
        }
        calls.join_all().await;
        sent.get()
    })
}

/// failsafe reads the machine's own clock.
fn theirs() -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let open = Duration::from_millis(50);
        let breaker = Config::new().failure_policy(failure_policy::consecutive_failures(5, backoff::constant(open))).build();
        for _ in 0..5 {
            let _ = breaker.call(async { Err::<(), _>(unavailable()) }).await;
        }
        assert!(!breaker.is_call_permitted());
        tokio::time::sleep(open * 2).await;
        let sent = Count::default();
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLERS {
            let (breaker, sent) = (breaker.clone(), sent.clone());
            calls.spawn(async move {
                let request = async {
                    sent.one();
                    tokio::time::sleep(ANSWER).await;
                    Err::<(), _>(unavailable())
                };
                let _ = breaker.call(request).await;
            });
        }
        calls.join_all().await;
        sent.get()
    })
}
