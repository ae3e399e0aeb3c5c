//! The endpoints of one service: a bounded map.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::telemetry::Telemetry;
use super::{Endpoint, RateLimitStore, Resolved};

/// The most endpoints that are remembered; a service that calls arbitrary hosts would grow for ever.
const MAX: usize = 128;

/// The most endpoints whose key is a label of metrics.
const LABELLED: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Endpoints {
    table: RwLock<Table>,
}

/// A clock: the hand goes round the slots, and whoever was not used since it came by last makes room. Finding one costs a few
/// steps, however many keys there are.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<Slot>,
    /// Where each key is.
    index: HashMap<Box<str>, usize>,
    hand: usize,
    made: usize,
}

#[derive(Debug)]
struct Slot {
    endpoint: Arc<Endpoint>,
    used: AtomicBool,
}

impl Slot {
    fn take(&self) -> Arc<Endpoint> {
        // Most are marked already, and a mark that is written again and again would slow every thread down.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        Arc::clone(&self.endpoint)
    }

    /// Whether it would be missed: somebody has it, or it knows something that matters.
    fn is_busy(&self) -> bool {
        Arc::strong_count(&self.endpoint) > 1 || !self.endpoint.is_idle()
    }
}

impl Endpoints {
    pub(super) fn get(
        &self,
        key: &str,
        settings: &Resolved,
        telemetry: &Arc<Telemetry>,
        rates: Option<&Arc<dyn RateLimitStore>>,
    ) -> Arc<Endpoint> {
        if let Some(known) = self.table.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return known;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = table.get(key) {
            return known;
        }
        table.made += 1;
        let endpoint = Endpoint::new(key, table.made <= LABELLED, settings, Arc::clone(telemetry), rates);
        table.add(key, Arc::new(endpoint))
    }

    /// All of them, by key.
    pub(super) fn all(&self) -> Vec<Arc<Endpoint>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = table.slots.iter().map(|slot| Arc::clone(&slot.endpoint)).collect();
        all.sort_by(|a, b| a.key().cmp(b.key()));
        all
    }
}

impl Table {
    fn get(&self, key: &str) -> Option<Arc<Endpoint>> {
        self.index.get(key).map(|&at| self.slots[at].take())
    }

    fn add(&mut self, key: &str, endpoint: Arc<Endpoint>) -> Arc<Endpoint> {
        let slot = Slot { endpoint: Arc::clone(&endpoint), used: AtomicBool::new(false) };
        let at = if self.slots.len() < MAX {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let at = self.next_to_go();
            self.index.remove(self.slots[at].endpoint.key());
            self.slots[at] = slot;
            at
        };
        self.index.insert(key.into(), at);
        endpoint
    }

    /// One that nobody holds, that has nothing to remember and that was not used for a round; if there is none, any. Whoever
    /// holds that keeps it.
    fn next_to_go(&mut self) -> usize {
        for _ in 0..2 * self.slots.len() {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[at];
            if !std::mem::take(slot.used.get_mut()) && !slot.is_busy() {
                return at;
            }
        }
        let at = self.hand;
        self.hand = (self.hand + 1) % self.slots.len();
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::resilience::{BreakerState, Profile};

    fn get(endpoints: &Endpoints, key: &str) -> Arc<Endpoint> {
        let telemetry = Arc::new(Telemetry::new(&Environment::default(), "hooks"));
        endpoints.get(key, &Profile::Interactive.values(), &telemetry, None)
    }

    #[test]
    fn thousands_of_keys_are_few_endpoints_and_those_in_use_stay() {
        let endpoints = Endpoints::default();
        let held = get(&endpoints, "held");
        get(&endpoints, "isolated").isolate();
        for key in 0..4000 {
            get(&endpoints, &key.to_string());
        }
        assert_eq!(endpoints.all().len(), MAX);
        assert!(Arc::ptr_eq(&held, &get(&endpoints, "held")));
        assert_eq!(get(&endpoints, "isolated").state().breaker, Some(BreakerState::Isolated));
        assert!(Arc::ptr_eq(&get(&endpoints, "3999"), &get(&endpoints, "3999")));
        let table = endpoints.table.read().unwrap();
        assert_eq!(table.index.len(), MAX);
        assert!(table.index.iter().all(|(key, &at)| *table.slots[at].endpoint.key() == **key));
    }

    #[test]
    fn when_all_are_held_one_goes_all_the_same() {
        let endpoints = Endpoints::default();
        let held: Vec<_> = (0..2 * MAX).map(|key| get(&endpoints, &key.to_string())).collect();
        assert_eq!(endpoints.all().len(), MAX);
        assert_eq!(held.len(), 2 * MAX);
    }

    #[test]
    fn an_endpoint_used_often_survives_a_flood_of_others() {
        let endpoints = Endpoints::default();
        let first = Arc::downgrade(&get(&endpoints, "often"));
        for key in 0..4000 {
            get(&endpoints, &key.to_string());
            if key % 50 == 0 {
                get(&endpoints, "often");
            }
        }
        assert!(first.upgrade().is_some_and(|first| Arc::ptr_eq(&first, &get(&endpoints, "often"))));
    }
}
