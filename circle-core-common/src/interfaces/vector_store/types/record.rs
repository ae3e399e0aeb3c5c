//! Records.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::interfaces::embedding_model::Embedding;

crate::name! {
    /// The id of a record: any text; stores that want numbers or UUIDs are given one made of it.
    pub struct RecordId;
}

/// A vector of which few numbers are not 0: pairs of place and number, by growing place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SparseVector {
    entries: Arc<[(u32, f32)]>,
}

impl SparseVector {
    /// From pairs of place and number, in any order; numbers at the same place are added, zeros are left out.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = (u32, f32)>) -> Self {
        let mut sums = BTreeMap::new();
        for (place, number) in entries {
            *sums.entry(place).or_insert(0.0) += number;
        }
        Self { entries: sums.into_iter().filter(|(_, number)| *number != 0.0).collect() }
    }

    /// The pairs, by growing place.
    #[must_use]
    pub fn entries(&self) -> &[(u32, f32)] {
        &self.entries
    }

    /// The dot product.
    #[must_use]
    pub fn dot(&self, other: &Self) -> f32 {
        let (mut ours, mut theirs) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        let mut sum = 0.0;
        while let (Some(one), Some(two)) = (ours.peek(), theirs.peek()) {
            match one.0.cmp(&two.0) {
                std::cmp::Ordering::Less => drop(ours.next()),
                std::cmp::Ordering::Greater => drop(theirs.next()),
                std::cmp::Ordering::Equal => {
                    sum += one.1 * two.1;
                    ours.next();
                    theirs.next();
                }
            }
        }
        sum
    }

    /// Whether all its numbers are finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.entries.iter().all(|(_, number)| number.is_finite())
    }
}

/// What is kept under an id: a vector, fields to filter by, and a text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The id.
    pub id: RecordId,
    /// The vector. It is always given to a store; a list leaves it out unless it is asked for.
    pub vector: Option<Embedding>,
    /// Further vectors, by name.
    pub vectors: BTreeMap<Arc<str>, Embedding>,
    /// A sparse vector.
    pub sparse: Option<SparseVector>,
    /// Fields, for filters. A name at the top has no dot in it: a filter's path could not lead there.
    pub fields: Map<String, Value>,
    /// The text that the vector stands for.
    pub text: Option<Arc<str>>,
}

impl Record {
    /// A record of a vector.
    #[must_use]
    pub fn new(id: impl Into<RecordId>, vector: impl Into<Embedding>) -> Self {
        Self { vector: Some(vector.into()), ..Self::without_vector(id) }
    }

    /// A record as a list gives it.
    #[must_use]
    pub fn without_vector(id: impl Into<RecordId>) -> Self {
        let (vectors, fields) = (BTreeMap::new(), Map::new());
        Self { id: id.into(), vector: None, vectors, sparse: None, fields, text: None }
    }

    /// Sets a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn text(mut self, text: impl Into<Arc<str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Adds a further vector under a name.
    #[must_use]
    pub fn vector(mut self, name: impl Into<Arc<str>>, vector: impl Into<Embedding>) -> Self {
        self.vectors.insert(name.into(), vector.into());
        self
    }

    /// Sets the sparse vector.
    #[must_use]
    pub fn sparse(mut self, sparse: SparseVector) -> Self {
        self.sparse = Some(sparse);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_vectors_are_sorted_summed_and_multiplied_by_place() {
        let one = SparseVector::new([(7, 2.0), (1, 1.0), (7, 1.0), (9, 0.0)]);
        assert_eq!(one.entries(), [(1, 1.0), (7, 3.0)]);
        assert_eq!(one.dot(&SparseVector::new([(0, 5.0), (7, 2.0), (8, 4.0)])), 6.0);
        assert_eq!(one.dot(&SparseVector::default()), 0.0);
        let read: SparseVector = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(read, one);
    }
}
