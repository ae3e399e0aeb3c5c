//! Very many endpoints, as of a service that calls addresses of its users'.

use circle_core_common::Environment;
use circle_core_common::resilience::{Policy, Resilience};

use super::Soaked;

/// What a policy remembers at most.
const MOST: usize = 128;

/// So many keys are used one after the other: a bounded number is remembered, and who holds one keeps it.
pub fn many_keys(count: usize) -> Soaked {
    let environment = Environment::default();
    let policy = Policy::new(&environment, "soak", &Resilience::new());
    let held = policy.endpoint("https://held.test");
    held.isolate();
    let mut most = 0;
    for number in 0..count {
        let _ = policy.endpoint(&format!("https://host-{number}.test"));
        if number % 1024 == 0 {
            most = most.max(policy.endpoints().len());
        }
    }
    let remembered = policy.endpoints().len();
    let same = std::sync::Arc::ptr_eq(&held, &policy.endpoint("https://held.test"));
    Soaked::new("many keys")
        .figure("keys", count)
        .figure("remembered", remembered)
        .promise("a bounded number is remembered", remembered.max(most) <= MOST)
        .promise("one that is held is kept", same)
}
