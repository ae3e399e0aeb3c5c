//! What a million hosts that users name leave behind.

use std::num::NonZeroU32;

use circle_core_common::resilience::Resilience;
use governor::{Quota, RateLimiter};

use super::{Ours, in_virtual_time};

const KEYS: u32 = 1_000_000;

pub fn run() {
    println!("\n| `many_keys`: a million hosts, a call to each | memory that stays |\n|---|---:|");
    let ours = in_virtual_time(async {
        let client = Ours::new(&Resilience::new());
        let before = resident();
        for key in 0..KEYS {
            drop(client.policy.endpoint(&format!("https://host-{key}.example.org")));
        }
        let grown = resident().saturating_sub(before);
        (grown, client.policy.endpoints().len())
    });
    println!("| Circle Core: breaker, budget, bulkhead and limits of {} hosts | {:.1} MiB |", ours.1, mebibytes(ours.0));
    let limiter = RateLimiter::keyed(Quota::per_second(NonZeroU32::new(10).expect("a number")));
    let before = resident();
    for key in 0..KEYS {
        let _ = limiter.check_key(&format!("https://host-{key}.example.org"));
    }
    let grown = resident().saturating_sub(before);
    println!("| governor 0.10: a rate limit of {} hosts | {:.1} MiB |", limiter.len(), mebibytes(grown));
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The bytes of this process in memory, as Linux tells them.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its size");
    let kibibytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kibibytes * 1024
}
