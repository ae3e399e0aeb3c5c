//! Where kept answers lie: bounded, and who was not asked for longest goes first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::key::Whose;
use super::rules::{Found, Kept};

/// The most answers for one address and caller: what a service varies them by is up to it.
const VARIANTS: usize = 8;
/// One answer may take up to this part of the whole, so that no single one drives all others out.
const SHARE: u64 = 4;

pub(super) struct Store {
    capacity: u64,
    size: u64,
    /// Counts the uses: a slot with a smaller number was used longer ago.
    uses: u64,
    targets: HashMap<Arc<str>, Vec<Slot>>,
    order: BTreeMap<u64, Arc<str>>,
}

struct Slot {
    whose: Whose,
    kept: Kept,
    used: u64,
}

impl Store {
    pub(super) fn new(capacity: u64) -> Self {
        Self { capacity, size: 0, uses: 0, targets: HashMap::new(), order: BTreeMap::new() }
    }

    /// What `look` makes of the answers that are kept for `whose`, the newest first: a fresh one, or else one that may be
    /// confirmed.
    pub(super) fn find(&mut self, target: &str, whose: &Whose, look: impl Fn(&Kept) -> Found) -> Found {
        let Some((key, _)) = self.targets.get_key_value(target) else { return Found::Nothing };
        let key = Arc::clone(key);
        let Some(slots) = self.targets.get_mut(target) else { return Found::Nothing };
        let mut best = Found::Nothing;
        for slot in slots.iter_mut().rev().filter(|slot| slot.whose == *whose) {
            let found = look(&slot.kept);
            if matches!(found, Found::Nothing) {
                continue;
            }
            self.uses += 1;
            self.order.remove(&slot.used);
            slot.used = self.uses;
            self.order.insert(slot.used, Arc::clone(&key));
            if matches!(found, Found::Fresh(_)) {
                return found;
            }
            if matches!(best, Found::Nothing) {
                best = found;
            }
        }
        best
    }

    /// Keeps an answer in place of the one that it replaces, and makes room for it.
    pub(super) fn put(&mut self, target: &str, whose: Whose, kept: Kept) {
        self.drop_where(target, |slot| slot.whose == whose && slot.kept.is_replaced_by(&kept));
        let size = kept.size() + target.len() as u64;
        if size > self.capacity / SHARE {
            return;
        }
        let variants = |slots: &Vec<Slot>| slots.iter().filter(|slot| slot.whose == whose).map(|slot| slot.used).collect();
        let mut variants: Vec<u64> = self.targets.get(target).map(variants).unwrap_or_default();
        variants.sort_unstable();
        if let Some(&oldest) = variants.first().filter(|_| variants.len() >= VARIANTS) {
            self.drop_where(target, |slot| slot.used == oldest);
        }
        while self.size + size > self.capacity {
            let Some((used, oldest)) = self.order.first_key_value().map(|(used, target)| (*used, Arc::clone(target))) else {
                break;
            };
            self.drop_where(&oldest, |slot| slot.used == used);
        }
        self.uses += 1;
        let key = match self.targets.get_key_value(target) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::from(target),
        };
        self.order.insert(self.uses, Arc::clone(&key));
        self.size += size;
        self.targets.entry(key).or_default().push(Slot { whose, kept, used: self.uses });
    }

    /// Forgets everybody's answers at an address.
    pub(super) fn forget(&mut self, target: &str) {
        self.drop_where(target, |_| true);
    }

    /// Forgets the answers of one caller at an address.
    pub(super) fn remove(&mut self, target: &str, whose: &Whose) {
        self.drop_where(target, |slot| slot.whose == *whose);
    }

    fn drop_where(&mut self, target: &str, dropped: impl Fn(&Slot) -> bool) {
        let Some(slots) = self.targets.get_mut(target) else { return };
        let (order, size) = (&mut self.order, &mut self.size);
        slots.retain(|slot| {
            if !dropped(slot) {
                return true;
            }
            order.remove(&slot.used);
            *size -= slot.kept.size() + target.len() as u64;
            false
        });
        if slots.is_empty() {
            self.targets.remove(target);
        }
    }
}
