//! The endpoints of one service: a bounded map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::telemetry::Telemetry;
use super::{Endpoint, Resolved};

/// The most endpoints that are remembered; a service that calls arbitrary hosts would grow for ever.
const MAX: usize = 256;

/// The most endpoints whose key is a label of metrics.
const LABELLED: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Endpoints {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Box<str>, Entry>,
    made: usize,
    /// Counts the look-ups: an entry with a smaller number was used longer ago.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    endpoint: Arc<Endpoint>,
    used: u64,
}

impl Endpoints {
    pub(super) fn get(&self, key: &str, settings: &Resolved, telemetry: &Arc<Telemetry>) -> Arc<Endpoint> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.uses += 1;
        let used = table.uses;
        if let Some(entry) = table.entries.get_mut(key) {
            entry.used = used;
            return Arc::clone(&entry.endpoint);
        }
        if table.entries.len() >= MAX {
            table.forget_one();
        }
        table.made += 1;
        let endpoint = Arc::new(Endpoint::new(key, table.made <= LABELLED, settings, Arc::clone(telemetry)));
        table.entries.insert(key.into(), Entry { endpoint: Arc::clone(&endpoint), used });
        endpoint
    }

    /// All of them, by key.
    pub(super) fn all(&self) -> Vec<Arc<Endpoint>> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = table.entries.values().map(|entry| Arc::clone(&entry.endpoint)).collect();
        all.sort_by(|a, b| a.key().cmp(b.key()));
        all
    }
}

impl Table {
    /// The one that was used longest ago, of those that nobody holds and that have nothing to remember if there is one.
    /// Whoever holds another keeps it.
    fn forget_one(&mut self) {
        let busy = |entry: &Entry| Arc::strong_count(&entry.endpoint) > 1 || !entry.endpoint.is_idle();
        let oldest = self.entries.iter().min_by_key(|(_, entry)| (busy(entry), entry.used)).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::resilience::Profile;

    #[test]
    fn thousands_of_keys_are_few_endpoints_and_those_in_use_stay() {
        let (endpoints, settings) = (Endpoints::default(), Profile::Interactive.values());
        let telemetry = Arc::new(Telemetry::new(&Environment::default(), "hooks"));
        let get = |key: &str| endpoints.get(key, &settings, &telemetry);
        let held = get("held");
        get("isolated").isolate();
        for key in 0..4000 {
            get(&key.to_string());
        }
        assert_eq!(endpoints.all().len(), MAX);
        assert!(Arc::ptr_eq(&held, &get("held")));
        assert_eq!(get("isolated").state().breaker, Some(crate::resilience::BreakerState::Isolated));
        assert!(Arc::ptr_eq(&get("3999"), &get("3999")));
    }
}
