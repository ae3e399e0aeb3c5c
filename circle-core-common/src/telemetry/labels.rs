//! Values of labels that nobody bounds: the first are kept apart, all later ones are one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The value of a label that stands for all that are too many.
pub(crate) const OTHER: &str = "_OTHER";

/// Something for each of the first `max` names, and one for all others together.
#[derive(Debug)]
pub(crate) struct Labels<T> {
    max: usize,
    table: RwLock<HashMap<Arc<str>, Arc<T>>>,
}

impl<T> Labels<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, table: RwLock::default() }
    }

    /// What belongs to this name; `make` gets the name, or [`OTHER`].
    pub(crate) fn get(&self, name: &str, make: impl FnOnce(&str) -> T) -> Arc<T> {
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let known = table.get(name).or_else(|| if table.len() > self.max { table.get(OTHER) } else { None });
            if let Some(known) = known {
                return Arc::clone(known);
            }
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let name = if table.len() < self.max || table.contains_key(name) { name } else { OTHER };
        if let Some(known) = table.get(name) {
            return Arc::clone(known);
        }
        let made = Arc::new(make(name));
        table.insert(name.into(), Arc::clone(&made));
        made
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = table.iter().map(|(name, one)| (Arc::clone(name), Arc::clone(one))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_end_are_bounded() {
        let labels = Labels::new(3);
        for name in ["a", "b", "a", "c", "d", "e", "b", "f"] {
            labels.get(name, str::to_owned);
        }
        let all: Vec<_> = labels.all().into_iter().map(|(_, name)| name.to_string()).collect();
        assert_eq!(all, [OTHER, "a", "b", "c"]);
        assert_eq!(*labels.get("b", |_| unreachable!()), "b");
        assert_eq!(*labels.get("z", |_| unreachable!()), OTHER);
    }

    #[test]
    fn a_name_that_is_the_overflow_takes_no_place_twice() {
        let labels = Labels::new(1);
        for name in [OTHER, "a", "b"] {
            labels.get(name, str::to_owned);
        }
        assert_eq!(labels.all().len(), 1);
    }
}
