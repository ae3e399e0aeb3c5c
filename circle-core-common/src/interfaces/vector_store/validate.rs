//! What is checked before anything is sent: names, limits, capabilities.

use super::{Caps, CollectionSpec, Location, Record, RecordId, VectorQuery, VectorStore};
use crate::error::{Error, ErrorKind, Limit, Reason, Result};
use crate::filter::{Filter, FilterOperators};
use crate::interfaces::embedding_model::Embedding;
use crate::units::ByteSize;

fn invalid_name(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid)
}

fn within(name: &'static str, max: ByteSize, length: usize) -> Result<()> {
    if length as u64 <= max.as_u64() {
        return Ok(());
    }
    Err(Error::outside_limit(Limit::at_most(name, max.as_u64(), "bytes"), length))
}

impl VectorStore {
    /// A slash would make `a/b` both a collection and a namespace of `a`, in access rules and in errors.
    fn check_name(&self, what: &str, name: &str) -> Result<()> {
        if name.is_empty() || name.contains('/') || name.chars().any(char::is_control) {
            return Err(invalid_name(format!(
                "`{name}` is no name of a {what}: it is empty, or has a slash or a control character"
            )));
        }
        within("name_max", self.capabilities().name_max, name.len())
    }

    pub(super) fn check_location(&self, location: &Location) -> Result<()> {
        self.check_name("collection", location.collection.as_str())?;
        match &location.namespace {
            None => Ok(()),
            Some(namespace) => {
                Caps::NAMESPACES.check(self.capabilities())?;
                self.check_name("namespace", namespace.as_str())
            }
        }
    }

    fn check_dimensions(&self, dimensions: u32) -> Result<()> {
        let max = self.capabilities().dimensions_max;
        match dimensions {
            0 => Err(Error::outside_limit(Limit::at_least("dimensions", 1, "numbers"), 0)),
            _ if dimensions > max => {
                Err(Error::outside_limit(Limit::at_most("dimensions_max", max.into(), "numbers"), dimensions))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_spec(&self, spec: &CollectionSpec) -> Result<()> {
        self.check_dimensions(spec.dimensions)?;
        if !spec.vectors.is_empty() {
            Caps::MULTI_VECTOR.check(self.capabilities())?;
        }
        for (name, dimensions) in &spec.vectors {
            self.check_name("vector", name)?;
            self.check_dimensions(*dimensions)?;
        }
        if !self.capabilities().metrics.contains(&spec.metric) {
            return Err(Error::unsupported("metrics").context(format_args!("{:?}", spec.metric)));
        }
        spec.extensions.check(self.core.provider())
    }

    pub(super) fn check_id(&self, id: &RecordId) -> Result<()> {
        if id.as_str().is_empty() {
            return Err(invalid_name("the id of a record is empty".to_owned()));
        }
        within("id_max", self.capabilities().id_max, id.as_str().len())
    }

    fn check_vector(&self, vector: &Embedding) -> Result<()> {
        self.check_dimensions(vector.dimensions())?;
        if vector.is_finite() { Ok(()) } else { Err(not_finite()) }
    }

    pub(super) fn check_record(&self, record: &Record) -> Result<()> {
        self.check_id(&record.id)?;
        let named = |error: Error| error.context(format_args!("record `{}`", record.id));
        let Some(vector) = &record.vector else {
            return Err(Error::new(ErrorKind::InvalidInput, format!("record `{}` has no vector", record.id)));
        };
        self.check_vector(vector).map_err(named)?;
        if !record.vectors.is_empty() {
            Caps::MULTI_VECTOR.check(self.capabilities())?;
        }
        for vector in record.vectors.values() {
            self.check_vector(vector).map_err(named)?;
        }
        if let Some(sparse) = &record.sparse {
            Caps::SPARSE.check(self.capabilities())?;
            if !sparse.is_finite() {
                return Err(named(not_finite()));
            }
        }
        match record.fields.keys().find(|name| name.is_empty() || name.contains('.')) {
            None => Ok(()),
            Some(name) => Err(invalid_name(format!("record `{}`: no filter reaches a field called `{name}`", record.id))),
        }
    }

    /// A filter that goes to the store as it is.
    pub(super) fn check_filter(&self, filter: &Filter) -> Result<()> {
        filter.check()?;
        pushed(filter, self.capabilities().filter_operators)
    }

    pub(super) fn check_query(&self, query: &VectorQuery) -> Result<()> {
        let capabilities = self.capabilities();
        if query.searches() == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "the query looks for nothing: no vector and no words"));
        }
        if query.text.is_some() || query.searches() > 1 {
            Caps::HYBRID.check(capabilities)?;
        }
        if let Some(vector) = &query.vector {
            self.check_vector(vector)?;
        }
        if query.using.is_some() {
            Caps::MULTI_VECTOR.check(capabilities)?;
        }
        if let Some(sparse) = &query.sparse {
            Caps::SPARSE.check(capabilities)?;
            if !sparse.is_finite() {
                return Err(not_finite());
            }
        }
        match query.top_k {
            0 => return Err(Error::outside_limit(Limit::at_least("top_k", 1, "matches"), 0)),
            top_k if top_k > capabilities.top_k_max => {
                return Err(Error::outside_limit(Limit::at_most("top_k_max", capabilities.top_k_max.into(), "matches"), top_k));
            }
            _ => {}
        }
        if let Some(min_score) = query.min_score {
            Caps::MIN_SCORE.check(capabilities)?;
            if min_score.is_nan() {
                return Err(Error::new(ErrorKind::InvalidInput, "the lowest score is not a number"));
            }
        }
        if let Some(group) = &query.group_by {
            Caps::GROUP_BY.check(capabilities)?;
            if group.per_group == 0 {
                return Err(Error::outside_limit(Limit::at_least("per_group", 1, "matches"), 0));
            }
            Filter::exists(&*group.field).check()?;
        }
        if let Some(filter) = &query.filter {
            filter.check()?;
            self.check_emulation(query, filter)?;
        }
        query.extensions.check(self.core.provider())
    }

    /// A filter that goes to the store as it is, or that may be applied to what the store finds.
    fn check_emulation(&self, query: &VectorQuery, filter: &Filter) -> Result<()> {
        let refused = match pushed(filter, self.capabilities().filter_operators) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        // What only the service understands nobody emulates; and groups are made of what is left after the filter.
        let (_, left) = filter.clone().split(self.capabilities().filter_operators);
        let native = left.is_some_and(|left| left.operators().has(crate::FilterOperator::Native));
        if self.emulates() && !native && query.group_by.is_none() { Ok(()) } else { Err(refused) }
    }
}

fn pushed(filter: &Filter, operators: FilterOperators) -> Result<()> {
    match filter.operators().beyond(operators) {
        None => Ok(()),
        Some(operator) => Err(Error::unsupported("filter_operators").context(format_args!("the operator `{}`", operator.name()))),
    }
}

fn not_finite() -> Error {
    Error::new(ErrorKind::InvalidInput, "a number of the vector is not finite")
}
