//! One algebra of filters over fields, for documents, vectors, search and knowledge.
//!
//! A provider pushes a filter down to its service, says in its capabilities which [`FilterOperators`] it can push, and
//! never pastes a value into a query text. What a filter means is defined here, once: [`Filter::matches`] is the
//! evaluator of stores in this process, of emulations, and the oracle of the suites.

mod bounds;
mod evaluate;
mod operators;
mod split;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use operators::{FilterOperator, FilterOperators};

/// A condition on the fields of a thing.
///
/// ```
/// use circle_core_common::Filter;
///
/// let filter = Filter::eq("lang", "en") & (Filter::gte("year", 2024) | !Filter::exists("year"));
/// let fields = serde_json::json!({ "lang": "en", "year": 2025 });
/// assert!(filter.matches(fields.as_object().unwrap())?);
/// # Ok::<(), circle_core_common::Error>(())
/// ```
///
/// *Fields* are named by paths: `address.city` is the field `city` of the object `address`. A path does not lead into
/// lists.
///
/// *Types* are never converted. Numbers are equal and ordered by their value, whether written as integer or float;
/// text is ordered by its Unicode code points; nothing else has an order. `1` is not `"1"`, and a comparison of unlike
/// types does not match. `null` is a value: a field that is `null` exists.
///
/// *Missing fields* match no operator, `ne` and `not_in` included. `!` is plain negation: `!Filter::eq("a", 1)` matches
/// where `a` is missing, `Filter::ne("a", 1)` does not.
///
/// Written down, a filter is `{"eq":{"field":"lang","value":"en"}}`, `{"and":[…]}`, `{"not":…}`; the form is stable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// All of them match; of none, everything does.
    And(Vec<Filter>),
    /// One of them matches; of none, nothing does.
    Or(Vec<Filter>),
    /// It does not match.
    Not(Box<Filter>),
    /// The field has this value; lists and objects are compared as a whole.
    Eq {
        /// The field.
        field: String,
        /// The value.
        value: Value,
    },
    /// The field is there and has another value.
    Ne {
        /// The field.
        field: String,
        /// The value.
        value: Value,
    },
    /// The field has one of these values.
    In {
        /// The field.
        field: String,
        /// The values.
        values: Vec<Value>,
    },
    /// The field is there and has none of these values.
    NotIn {
        /// The field.
        field: String,
        /// The values.
        values: Vec<Value>,
    },
    /// The field is greater.
    Gt {
        /// The field.
        field: String,
        /// A number or text.
        value: Value,
    },
    /// The field is greater or equal.
    Gte {
        /// The field.
        field: String,
        /// A number or text.
        value: Value,
    },
    /// The field is less.
    Lt {
        /// The field.
        field: String,
        /// A number or text.
        value: Value,
    },
    /// The field is less or equal.
    Lte {
        /// The field.
        field: String,
        /// A number or text.
        value: Value,
    },
    /// The field is there, be it `null`.
    Exists {
        /// The field.
        field: String,
    },
    /// The field is a list that has this value as an element, or a text that has this text within it.
    Contains {
        /// The field.
        field: String,
        /// The element, or the text.
        value: Value,
    },
    /// The field is a text that begins so, code point by code point.
    Prefix {
        /// The field.
        field: String,
        /// The beginning.
        prefix: String,
    },
    /// The field is a place, `{"lat": …, "lon": …}` in degrees, within a circle.
    Geo {
        /// The field.
        field: String,
        /// The circle.
        circle: GeoCircle,
    },
    /// The provider's own filter, as its service writes it; every other provider refuses it.
    Native(Value),
}

/// A circle on the earth, which is taken for a sphere of 6,371,008.8 m (the mean radius of GRS 80).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GeoCircle {
    /// The latitude of its centre, from -90 to 90.
    pub lat: f64,
    /// The longitude of its centre, from -180 to 180.
    pub lon: f64,
    /// Its radius in metres; the edge belongs to it.
    pub radius_metres: f64,
}

impl GeoCircle {
    /// A circle.
    #[must_use]
    pub const fn new(lat: f64, lon: f64, radius_metres: f64) -> Self {
        Self { lat, lon, radius_metres }
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident = $variant:ident;)+) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(field: impl Into<String>, value: impl Into<Value>) -> Self {
                Self::$variant { field: field.into(), value: value.into() }
            }
        )+
    };
}

impl Filter {
    comparisons! {
        /// The field has this value.
        eq = Eq;
        /// The field is there and has another value.
        ne = Ne;
        /// The field is greater.
        gt = Gt;
        /// The field is greater or equal.
        gte = Gte;
        /// The field is less.
        lt = Lt;
        /// The field is less or equal.
        lte = Lte;
        /// The field is a list that has this element, or a text that has this text within it.
        contains = Contains;
    }

    /// The field has one of these values.
    #[must_use]
    pub fn is_in<V: Into<Value>>(field: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        Self::In { field: field.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// The field is there and has none of these values.
    #[must_use]
    pub fn not_in<V: Into<Value>>(field: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        Self::NotIn { field: field.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// The field is there.
    #[must_use]
    pub fn exists(field: impl Into<String>) -> Self {
        Self::Exists { field: field.into() }
    }

    /// The field is a text that begins so.
    #[must_use]
    pub fn prefix(field: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self::Prefix { field: field.into(), prefix: prefix.into() }
    }

    /// The field is a place within a circle: degrees of latitude and longitude, and the radius in metres.
    #[must_use]
    pub fn geo(field: impl Into<String>, lat: f64, lon: f64, radius_metres: f64) -> Self {
        Self::Geo { field: field.into(), circle: GeoCircle::new(lat, lon, radius_metres) }
    }

    /// The provider's own filter, as its service writes it.
    #[must_use]
    pub fn native(filter: impl Into<Value>) -> Self {
        Self::Native(filter.into())
    }

    /// The filters within this one, one level down.
    #[must_use]
    pub fn inner(&self) -> &[Self] {
        match self {
            Self::And(filters) | Self::Or(filters) => filters,
            Self::Not(filter) => std::slice::from_ref(filter),
            _ => &[],
        }
    }

    /// The field that it looks at, where it is a condition on one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Eq { field, .. }
            | Self::Ne { field, .. }
            | Self::In { field, .. }
            | Self::NotIn { field, .. }
            | Self::Gt { field, .. }
            | Self::Gte { field, .. }
            | Self::Lt { field, .. }
            | Self::Lte { field, .. }
            | Self::Exists { field }
            | Self::Contains { field, .. }
            | Self::Prefix { field, .. }
            | Self::Geo { field, .. } => Some(field),
            Self::And(_) | Self::Or(_) | Self::Not(_) | Self::Native(_) => None,
        }
    }
}

/// Both match. Chains stay flat.
impl std::ops::BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        let mut all = match self {
            Self::And(filters) => filters,
            filter => vec![filter],
        };
        match other {
            Self::And(filters) => all.extend(filters),
            filter => all.push(filter),
        }
        Self::And(all)
    }
}

/// One of both matches. Chains stay flat.
impl std::ops::BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let mut any = match self {
            Self::Or(filters) => filters,
            filter => vec![filter],
        };
        match other {
            Self::Or(filters) => any.extend(filters),
            filter => any.push(filter),
        }
        Self::Or(any)
    }
}

/// It does not match. Twice is not at all.
impl std::ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Not(filter) => *filter,
            filter => Self::Not(Box::new(filter)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn chains_stay_flat_and_negation_undoes_itself() {
        let (a, b, c) = (|| Filter::exists("a"), || Filter::exists("b"), || Filter::exists("c"));
        assert_eq!(a() & b() & c(), Filter::And(vec![a(), b(), c()]));
        assert_eq!(a() | (b() | c()), Filter::Or(vec![a(), b(), c()]));
        assert_eq!(a() & (b() | c()), Filter::And(vec![a(), Filter::Or(vec![b(), c()])]));
        assert_eq!(!!a(), a());
    }

    /// Filters are kept in configs and cursors: their form changes by addition only.
    #[test]
    fn the_written_form_is_stable() {
        let filter = Filter::And(vec![
            Filter::eq("a", 1),
            Filter::ne("a.b", "x"),
            Filter::is_in("c", ["x", "y"]),
            Filter::not_in("c", [1, 2]),
            Filter::gt("d", 1.5),
            Filter::gte("d", 1),
            Filter::lt("d", 1),
            Filter::lte("d", 1),
            !Filter::exists("e"),
            Filter::contains("f", "x") | Filter::prefix("f", "x"),
            Filter::geo("g", 56.9, 24.1, 1000.0),
            Filter::native(json!({ "must": [] })),
        ]);
        let written = json!({ "and": [
            { "eq": { "field": "a", "value": 1 } },
            { "ne": { "field": "a.b", "value": "x" } },
            { "in": { "field": "c", "values": ["x", "y"] } },
            { "not_in": { "field": "c", "values": [1, 2] } },
            { "gt": { "field": "d", "value": 1.5 } },
            { "gte": { "field": "d", "value": 1 } },
            { "lt": { "field": "d", "value": 1 } },
            { "lte": { "field": "d", "value": 1 } },
            { "not": { "exists": { "field": "e" } } },
            { "or": [{ "contains": { "field": "f", "value": "x" } }, { "prefix": { "field": "f", "prefix": "x" } }] },
            { "geo": { "field": "g", "circle": { "lat": 56.9, "lon": 24.1, "radius_metres": 1000.0 } } },
            { "native": { "must": [] } },
        ] });
        assert_eq!(serde_json::to_value(&filter).unwrap(), written);
        assert_eq!(serde_json::from_value::<Filter>(written).unwrap(), filter);
    }
}
