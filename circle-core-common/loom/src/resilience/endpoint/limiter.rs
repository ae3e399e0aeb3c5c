//! The word of the local rate limit.

#[path = "../../../../src/resilience/endpoint/limiter/gcra.rs"]
mod gcra;

use std::time::Duration;

use loom::sync::Arc;

use self::gcra::{Gcra, Rate, nanos};
use super::models::together;

/// One request each second: of those that come together each has its own second, and one that cannot wait takes none.
pub(super) fn model() {
    let limit = Arc::new(Gcra::new(Rate::new(1.0, Some(1))));
    let shared = Arc::clone(&limit);
    let came = together(3, move |at| {
        let patience = if at == 2 { Duration::ZERO } else { Duration::MAX };
        let reserved = shared.reserve(0, 0, patience, 1);
        if at == 1 {
            // This one comes to nothing.
            shared.release(1);
        }
        (at, reserved)
    });
    let kept: Vec<Duration> = came.iter().filter_map(|(at, reserved)| reserved.ok().filter(|_| *at != 1)).collect();
    assert!(kept.len() == 1 || kept[0] != kept[1] || came[1].1 == Ok(kept[0]), "one second for two: {came:?}");
    assert_eq!(limit.reserve(0, 0, Duration::MAX, 1), Ok(Duration::from_secs(kept.len() as u64)));
    assert_eq!(limit.reserve(nanos(Duration::from_secs(9)), 0, Duration::ZERO, 1), Ok(Duration::ZERO));
}
