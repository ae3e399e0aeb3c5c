//! Queries and what they find.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Metric, RecordId, SparseVector};
use crate::extension::Extensions;
use crate::filter::Filter;
use crate::interfaces::embedding_model::Embedding;

/// At most so many matches for each value of a field. Records without the field are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupBy {
    /// The field.
    pub field: Arc<str>,
    /// How many matches of one value.
    pub per_group: u32,
}

/// What to look for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VectorQuery {
    /// Near this vector.
    pub vector: Option<Embedding>,
    /// The name of the vector that it is compared with; the record's own without one.
    pub using: Option<Arc<str>>,
    /// Near this sparse vector, by the dot product.
    pub sparse: Option<SparseVector>,
    /// With these words in the text.
    pub text: Option<Arc<str>>,
    /// Only what this matches.
    pub filter: Option<Filter>,
    /// How many matches at most.
    pub top_k: u32,
    /// Only matches of this score or a higher one.
    pub min_score: Option<f32>,
    /// At most so many of each group.
    pub group_by: Option<GroupBy>,
    /// Whether matches carry their vectors.
    pub with_vectors: bool,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl VectorQuery {
    fn nothing() -> Self {
        Self {
            vector: None,
            using: None,
            sparse: None,
            text: None,
            filter: None,
            top_k: 10,
            min_score: None,
            group_by: None,
            with_vectors: false,
            extensions: Extensions::default(),
        }
    }

    /// What is near a vector: ten matches, unless said otherwise.
    #[must_use]
    pub fn near(vector: impl Into<Embedding>) -> Self {
        Self { vector: Some(vector.into()), ..Self::nothing() }
    }

    /// What is near a sparse vector.
    #[must_use]
    pub fn near_sparse(sparse: SparseVector) -> Self {
        Self { sparse: Some(sparse), ..Self::nothing() }
    }

    /// What has these words in its text.
    #[must_use]
    pub fn words(text: impl Into<Arc<str>>) -> Self {
        Self { text: Some(text.into()), ..Self::nothing() }
    }

    /// Searches for words, too: what either finds is joined into one ranking.
    #[must_use]
    pub fn hybrid(mut self, text: impl Into<Arc<str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Searches by a sparse vector, too: what either finds is joined into one ranking.
    #[must_use]
    pub fn sparse(mut self, sparse: SparseVector) -> Self {
        self.sparse = Some(sparse);
        self
    }

    /// Compares with the vector of this name.
    #[must_use]
    pub fn using(mut self, name: impl Into<Arc<str>>) -> Self {
        self.using = Some(name.into());
        self
    }

    /// Only what this matches; given again, both must.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter {
            Some(first) => first & filter,
            None => filter,
        });
        self
    }

    /// Sets how many matches there are at most.
    #[must_use]
    pub fn top_k(mut self, top_k: u32) -> Self {
        self.top_k = top_k;
        self
    }

    /// Only matches of this score or a higher one.
    #[must_use]
    pub fn min_score(mut self, min_score: f32) -> Self {
        self.min_score = Some(min_score);
        self
    }

    /// At most so many matches for each value of a field; records without the field are left out.
    #[must_use]
    pub fn group_by(mut self, field: impl Into<Arc<str>>, per_group: u32) -> Self {
        self.group_by = Some(GroupBy { field: field.into(), per_group });
        self
    }

    /// Gives the vectors of the matches, too.
    #[must_use]
    pub fn with_vectors(mut self) -> Self {
        self.with_vectors = true;
        self
    }

    extension_setter!();

    /// How many searches it is made of; the ranking of several is joined.
    #[must_use]
    pub fn searches(&self) -> usize {
        usize::from(self.vector.is_some()) + usize::from(self.sparse.is_some()) + usize::from(self.text.is_some())
    }
}

/// What a query found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Match {
    /// The id of the record.
    pub id: RecordId,
    /// How well it fits: higher is better, whatever the store and the metric. Of one dense search it is
    /// [`Metric::score`]; of others it orders the matches of one query and means nothing else.
    pub score: f32,
    /// What the store called it: a distance, say, of which less is better.
    pub raw_score: f32,
    /// What the score is of; `None` where it is of words, or of several searches.
    pub metric: Option<Metric>,
    /// The fields of the record.
    pub fields: Map<String, Value>,
    /// The text of the record.
    pub text: Option<Arc<str>>,
    /// The vector that was compared, or the record's own, where the query asked for it.
    pub vector: Option<Embedding>,
}

impl Match {
    /// A match with nothing but its score.
    #[must_use]
    pub fn new(id: impl Into<RecordId>, score: f32, metric: impl Into<Option<Metric>>) -> Self {
        let (raw_score, metric) = (score, metric.into());
        Self { id: id.into(), score, raw_score, metric, fields: Map::new(), text: None, vector: None }
    }
}

/// What to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// Only what this matches.
    pub filter: Option<Filter>,
    /// Whether records carry their vectors.
    pub with_vectors: bool,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl ListOptions {
    options!();

    /// Only what this matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Gives the vectors, too.
    #[must_use]
    pub fn with_vectors(mut self) -> Self {
        self.with_vectors = true;
        self
    }
}
