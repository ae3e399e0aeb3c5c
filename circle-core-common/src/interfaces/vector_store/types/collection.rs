//! Collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::extension::Extensions;
use crate::interfaces::embedding_model::similarity;

crate::name! {
    /// The name of a collection.
    pub struct CollectionName;
}

crate::name! {
    /// A part of a collection whose records the others do not see: a tenant, say.
    pub struct Namespace;
}

/// How nearness is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The cosine of the angle; the score is the cosine, from -1 to 1.
    #[default]
    Cosine,
    /// The dot product; it is the score.
    Dot,
    /// The straight distance d; the score is 1 / (1 + d).
    Euclidean,
}

impl Metric {
    /// The score of two vectors: higher is nearer. NaN when their widths differ.
    #[must_use]
    pub fn score(self, one: &[f32], other: &[f32]) -> f32 {
        match self {
            Self::Cosine => similarity::cosine(one, other),
            Self::Dot => similarity::dot(one, other),
            Self::Euclidean => Self::score_of_distance(similarity::distance(one, other)),
        }
    }

    /// The score of a straight distance.
    #[must_use]
    pub fn score_of_distance(distance: f32) -> f32 {
        1.0 / (1.0 + distance)
    }
}

/// What a collection is: everything here is fixed when it is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CollectionSpec {
    /// How many numbers every vector has.
    pub dimensions: u32,
    /// How nearness is measured.
    pub metric: Metric,
    /// The model that makes the vectors, so that those of another one are not put beside them.
    pub model: Option<Arc<str>>,
    /// Further vectors of every record, by name, each with its width.
    pub vectors: BTreeMap<Arc<str>, u32>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl CollectionSpec {
    /// Vectors of so many numbers, compared by cosine.
    #[must_use]
    pub fn new(dimensions: u32) -> Self {
        Self { dimensions, metric: Metric::Cosine, model: None, vectors: BTreeMap::new(), extensions: Extensions::default() }
    }

    /// Measures nearness by the cosine.
    #[must_use]
    pub fn cosine(self) -> Self {
        self.metric(Metric::Cosine)
    }

    /// Measures nearness by the dot product.
    #[must_use]
    pub fn dot(self) -> Self {
        self.metric(Metric::Dot)
    }

    /// Measures nearness by the straight distance.
    #[must_use]
    pub fn euclidean(self) -> Self {
        self.metric(Metric::Euclidean)
    }

    /// Sets how nearness is measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Names the model that makes the vectors.
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Adds a further vector of every record, under a name.
    #[must_use]
    pub fn vector(mut self, name: impl Into<Arc<str>>, dimensions: u32) -> Self {
        self.vectors.insert(name.into(), dimensions);
        self
    }

    extension_setter!();

    /// The width of a vector: of the record's own without a name.
    #[must_use]
    pub fn width(&self, name: Option<&str>) -> Option<u32> {
        match name {
            None => Some(self.dimensions),
            Some(name) => self.vectors.get(name).copied(),
        }
    }
}

/// A collection, or a namespace of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Location {
    /// The collection.
    pub collection: CollectionName,
    /// The namespace; without one, the records that are in none.
    pub namespace: Option<Namespace>,
}

impl Location {
    /// A collection.
    #[must_use]
    pub fn new(collection: impl Into<CollectionName>) -> Self {
        Self { collection: collection.into(), namespace: None }
    }

    /// A namespace of it.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<Namespace>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_is_nearer_by_every_metric() {
        let (here, near, far) = ([1.0, 0.0], [0.9, 0.1], [-1.0, 0.5]);
        for metric in [Metric::Cosine, Metric::Dot, Metric::Euclidean] {
            assert!(metric.score(&here, &near) > metric.score(&here, &far), "{metric:?}");
        }
        assert_eq!(Metric::Euclidean.score(&[0.0, 0.0], &[3.0, 4.0]), 1.0 / 6.0);
    }
}
