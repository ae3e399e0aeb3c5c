//! What stands in for the service: collections in memory, of which a query looks at every vector.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use circle_core_common::interfaces::vector_store::{CollectionSpec, Record};
use circle_core_common::{ByteSize, Result};

use crate::{config::{{Provider}}Config, error::{{Provider}}Error};

pub(crate) struct Collections {
    capacity: ByteSize,
    kept: Mutex<BTreeMap<String, Collection>>,
}

pub(crate) struct Collection {
    pub(crate) spec: CollectionSpec,
    /// By id, so that a list has an order that does not change.
    pub(crate) records: BTreeMap<String, Record>,
    used: u64,
}

impl Collection {
    /// Whether there was one.
    pub(crate) fn delete(&mut self, id: &str) -> bool {
        let removed = self.records.remove(id);
        self.used -= removed.as_ref().map_or(0, size);
        removed.is_some()
    }

    pub(crate) fn check_width(&self, width: u32) -> Result<(), {{Provider}}Error> {
        match self.spec.dimensions {
            expected if expected == width => Ok(()),
            expected => Err({{Provider}}Error::OtherWidth { expected, width }),
        }
    }
}

impl Collections {
    pub(crate) fn new(config: &{{Provider}}Config) -> Self {
        Self { capacity: config.capacity, kept: Mutex::default() }
    }

    pub(crate) fn ensure(&self, name: &str, spec: CollectionSpec) -> Result<(), {{Provider}}Error> {
        let mut kept = self.kept();
        let there = kept.entry(name.to_owned()).or_insert_with(|| Collection { spec: spec.clone(), records: BTreeMap::new(), used: 0 });
        let same = |one: &CollectionSpec| (one.dimensions, one.metric, one.model.clone());
        if same(&there.spec) == same(&spec) { Ok(()) } else { Err({{Provider}}Error::OtherSpec { name: name.to_owned() }) }
    }

    pub(crate) fn remove(&self, name: &str) {
        self.kept().remove(name);
    }

    pub(crate) fn put(&self, name: &str, record: Record) -> Result<(), {{Provider}}Error> {
        let mut kept = self.kept();
        let used: u64 = kept.values().map(|collection| collection.used).sum();
        let collection = found(&mut kept, name)?;
        collection.check_width(record.vector.as_ref().map_or(0, |vector| vector.dimensions()))?;
        let (freed, needed) = (collection.records.get(record.id.as_str()).map_or(0, size), size(&record));
        if used - freed + needed > self.capacity.as_u64() {
            return Err({{Provider}}Error::Full { capacity: self.capacity });
        }
        collection.used = collection.used - freed + needed;
        collection.records.insert(record.id.as_str().to_owned(), record);
        Ok(())
    }

    /// Does something with a collection, which nobody else changes meanwhile.
    pub(crate) fn with<T>(&self, name: &str, act: impl FnOnce(&mut Collection) -> Result<T>) -> Result<T> {
        act(found(&mut self.kept(), name)?)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Collection>> {
        // Nothing between lock and unlock can leave a collection half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found<'k>(kept: &'k mut BTreeMap<String, Collection>, name: &str) -> Result<&'k mut Collection, {{Provider}}Error> {
    kept.get_mut(name).ok_or_else(|| {{Provider}}Error::NoCollection { name: name.to_owned() })
}

fn size(record: &Record) -> u64 {
    let numbers = record.vector.as_ref().map_or(0, |vector| vector.len() * size_of::<f32>());
    let fields: usize = record.fields.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
    (record.id.as_str().len() + numbers + fields + record.text.as_ref().map_or(0, |text| text.len())) as u64
}

/// Without the records, which may be secret.
impl fmt::Debug for Collections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collections({})", self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_is_replaced_or_dropped_makes_room() {
        let collections = Collections::new(&{{Provider}}Config::new().capacity(ByteSize::bytes(20)));
        for name in ["a", "b"] {
            assert_eq!(collections.ensure(name, CollectionSpec::new(2)), Ok(()));
        }
        let put = |name: &str, id: &str| collections.put(name, Record::new(id, [1.0, 0.0]));
        assert_eq!((put("a", "1"), put("b", "1"), put("b", "1")), (Ok(()), Ok(()), Ok(())));
        assert_eq!(put("a", "2"), Err({{Provider}}Error::Full { capacity: ByteSize::bytes(20) }));
        collections.remove("b");
        assert_eq!(put("a", "2"), Ok(()));
        assert_eq!(put("b", "1"), Err({{Provider}}Error::NoCollection { name: "b".to_owned() }));
    }
}
