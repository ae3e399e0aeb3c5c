//! What callers see of a service of which two answers in a hundred take a second.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core_benches::at_once;
use circle_core_common::resilience::{HedgeSettings, Resilience};
use tokio::time::Instant;
use tower::hedge::{Hedge, Policy};
use tower::{Service, ServiceExt, service_fn};

use super::{Count, Ours, in_virtual_time};

const CALLS: u32 = 20_000;
const EVERY: Duration = Duration::from_millis(2);
const QUICK: Duration = Duration::from_millis(10);
const SLOW: Duration = Duration::from_secs(1);

pub fn run() {
    println!(
        "\n| `hedged_tail`: 2 answers in 100 take 1 s, the others 10 ms | half of the calls | 99 of 100 | requests for each call |"
    );
    println!("|---|---:|---:|---:|");
    print("Circle Core", ours(&Resilience::new()));
    print("Circle Core, hedged", ours(&Resilience::new().hedge(HedgeSettings::on())));
    print("tower 0.5, hedged behind 95 of 100", theirs());
}

fn print(name: &str, (mut times, sent): (Vec<Duration>, u64)) {
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize - 1];
    println!("| {name} | {:.0?} | {:.0?} | {:.3} |", at(0.5), at(0.99), sent as f64 / f64::from(CALLS));
}

/// Of fifty requests, the one that is slow is drawn: a multiplicative generator is random enough for that.
async fn request(sent: &Count) {
    sent.one();
    let draw = sent.get().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    tokio::time::sleep(if draw % 50 == 0 { SLOW } else { QUICK }).await;
}

fn ours(resilience: &Resilience) -> (Vec<Duration>, u64) {
    in_virtual_time(async {
        let (client, sent, times) = (Ours::new(resilience), Count::default(), Arc::new(Mutex::new(Vec::new())));
        super::offer(CALLS, EVERY, || {
            let (client, sent, times) = (client.clone(), sent.clone(), Arc::clone(&times));
            async move {
                let began = Instant::now();
                let attempt = || async {
                    request(&sent).await;
                    Ok(())
                };
                client.call(attempt).await.expect("an answer");
                times.lock().expect("no panic").push(began.elapsed());
            }
        })
        .await;
        let times = std::mem::take(&mut *times.lock().expect("no panic"));
        (times, sent.get())
    })
}

/// Everything may be hedged.
#[derive(Clone)]
struct Always;

impl Policy<()> for Always {
    fn clone_request(&self, (): &()) -> Option<()> {
        Some(())
    }

    fn can_retry(&self, (): &()) -> bool {
        true
    }
}

fn theirs() -> (Vec<Duration>, u64) {
    in_virtual_time(async {
        let (sent, times) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
        let counted = sent.clone();
        let service = service_fn(move |()| {
            let sent = counted.clone();
            async move {
                request(&sent).await;
                Ok::<(), tower::BoxError>(())
            }
        });
        let hedged = Mutex::new(Hedge::new(service, Always, 100, 0.95, Duration::from_secs(10)));
        super::offer(CALLS, EVERY, || {
            let (mut hedged, times) = (hedged.lock().expect("no panic"), Arc::clone(&times));
            // A function is always ready.
            at_once(async { hedged.ready().await.map(drop) }).expect("a service");
            let answer = hedged.call(());
            async move {
                let began = Instant::now();
                answer.await.expect("an answer");
                times.lock().expect("no panic").push(began.elapsed());
            }
        })
        .await;
        let times = std::mem::take(&mut *times.lock().expect("no panic"));
        (times, sent.get())
    })
}
