//! What a filter means.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{Filter, FilterOperator, GeoCircle};
use crate::error::{Error, Result};

/// The mean radius of the earth, (2a + b) / 3 of GRS 80 (Moritz, Journal of Geodesy 74, 2000).
const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

impl Filter {
    /// Whether it matches these fields.
    ///
    /// # Errors
    /// `Unsupported` for a native filter, which only its own service understands.
    pub fn matches(&self, fields: &Map<String, Value>) -> Result<bool> {
        if self.operators().has(FilterOperator::Native) {
            return Err(Error::unsupported("filter_operators").context("a native filter has a meaning at its service only"));
        }
        Ok(self.holds(fields))
    }

    /// As [`matches`](Self::matches), of a filter that is known to have nothing native in it: there it is `false`.
    #[must_use]
    pub fn holds(&self, fields: &Map<String, Value>) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.holds(fields)),
            Self::Or(filters) => filters.iter().any(|filter| filter.holds(fields)),
            Self::Not(filter) => !filter.holds(fields),
            Self::Native(_) => false,
            condition => {
                let found = condition.field().and_then(|path| find(fields, path));
                found.is_some_and(|found| condition.holds_of(found))
            }
        }
    }

    /// Whether a condition on one field holds of its value.
    fn holds_of(&self, found: &Value) -> bool {
        match self {
            Self::Exists { .. } => true,
            Self::Eq { value, .. } => equal(found, value),
            Self::Ne { value, .. } => !equal(found, value),
            Self::In { values, .. } => values.iter().any(|value| equal(found, value)),
            Self::NotIn { values, .. } => !values.iter().any(|value| equal(found, value)),
            Self::Gt { value, .. } => order(found, value).is_some_and(Ordering::is_gt),
            Self::Gte { value, .. } => order(found, value).is_some_and(Ordering::is_ge),
            Self::Lt { value, .. } => order(found, value).is_some_and(Ordering::is_lt),
            Self::Lte { value, .. } => order(found, value).is_some_and(Ordering::is_le),
            Self::Contains { value, .. } => match (found, value) {
                (Value::Array(elements), value) => elements.iter().any(|element| equal(element, value)),
                (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
                _ => false,
            },
            Self::Prefix { prefix, .. } => found.as_str().is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::Geo { circle, .. } => circle.has(found),
            Self::And(_) | Self::Or(_) | Self::Not(_) | Self::Native(_) => false,
        }
    }
}

/// The value at a path.
fn find<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = fields.get(names.next()?)?;
    names.try_fold(first, |value, name| value.as_object()?.get(name))
}

/// Equality by value: `1` and `1.0` are equal, within lists and objects too.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => order_numbers(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| equal(one, other)))
        }
        _ => one == other,
    }
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => order_numbers(one, other),
        // UTF-8 is ordered as its code points are.
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// The exact order: 2^53 + 1 is greater than 2^53 as a float, which a conversion to floats would call equal.
fn order_numbers(one: &Number, other: &Number) -> Option<Ordering> {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (Some(one), None) => order_mixed(one, other.as_f64()?),
        (None, Some(other)) => order_mixed(other, one.as_f64()?).map(Ordering::reverse),
        (None, None) => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn order_mixed(integer: i128, float: f64) -> Option<Ordering> {
    // The conversion saturates, and no 64-bit integer is near its ends.
    let floor = float.floor();
    let whole = integer.cmp(&(floor as i128));
    Some(if whole.is_eq() && float > floor { Ordering::Less } else { whole })
}

impl GeoCircle {
    fn has(&self, place: &Value) -> bool {
        let coordinate = |name, max| place.get(name).and_then(Value::as_f64).filter(|degrees: &f64| degrees.abs() <= max);
        let (Some(lat), Some(lon)) = (coordinate("lat", 90.0), coordinate("lon", 180.0)) else { return false };
        self.distance_metres(lat, lon) <= self.radius_metres
    }

    /// The haversine of the great circle, which is exact for near places too.
    fn distance_metres(&self, lat: f64, lon: f64) -> f64 {
        let (from, to) = (self.lat.to_radians(), lat.to_radians());
        let (north, east) = ((to - from) / 2.0, (lon - self.lon).to_radians() / 2.0);
        let haversine = north.sin().powi(2) + from.cos() * to.cos() * east.sin().powi(2);
        2.0 * EARTH_RADIUS_METRES * haversine.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn fields() -> Map<String, Value> {
        let fields = json!({
            "text": "Riga", "number": 7, "float": 7.5, "big": 9_007_199_254_740_993_i64, "huge": u64::MAX, "yes": true,
            "null": null, "list": ["a", 1, [2]], "object": { "city": "Riga", "deep": { "x": 1 } },
            "place": { "lat": 56.9496, "lon": 24.1052 }, "no place": { "lat": 156, "lon": 24 }, "empty": "",
        });
        fields.as_object().cloned().unwrap_or_default()
    }

    #[track_caller]
    fn check(expected: bool, filters: impl IntoIterator<Item = Filter>) {
        for filter in filters {
            assert_eq!(filter.matches(&fields()).unwrap(), expected, "{filter:?}");
        }
    }

    #[test]
    fn equality_is_by_value_and_never_over_types() {
        check(
            true,
            [
                Filter::eq("text", "Riga"),
                Filter::eq("number", 7.0),
                Filter::eq("yes", true),
                Filter::eq("null", Value::Null),
                Filter::eq("list", json!(["a", 1.0, [2]])),
                Filter::eq("object", json!({ "deep": { "x": 1.0 }, "city": "Riga" })),
                Filter::is_in("number", [1, 7]),
                Filter::eq("huge", u64::MAX),
            ],
        );
        check(
            false,
            [
                Filter::eq("text", "riga"),
                Filter::eq("number", "7"),
                Filter::eq("yes", 1),
                Filter::eq("null", ""),
                Filter::eq("empty", Value::Null),
                Filter::eq("list", "a"),
                Filter::eq("big", 9_007_199_254_740_992.0),
                Filter::eq("huge", 1.8446744073709552e19),
                Filter::is_in("number", ["7"]),
                Filter::is_in("number", [0; 0]),
            ],
        );
    }

    #[test]
    fn a_missing_field_matches_no_operator_and_null_is_not_missing() {
        for field in ["absent", "text.deep", "object.absent", "list.0", "absent.absent"] {
            let conditions = [
                Filter::eq(field, 1),
                Filter::ne(field, 1),
                Filter::is_in(field, [1]),
                Filter::not_in(field, [1]),
                Filter::not_in(field, [0; 0]),
                Filter::gt(field, 0),
                Filter::lte(field, 0),
                Filter::exists(field),
                Filter::contains(field, 1),
                Filter::prefix(field, ""),
                Filter::geo(field, 0.0, 0.0, 1e9),
            ];
            check(true, conditions.clone().map(|condition| !condition));
            check(false, conditions);
        }
        check(true, [Filter::exists("null"), Filter::ne("null", 1), Filter::not_in("null", [1]), Filter::ne("text", 1)]);
        check(false, [Filter::eq("absent", Value::Null), Filter::ne("null", Value::Null), Filter::not_in("number", [7])]);
    }

    #[test]
    fn order_is_among_numbers_or_among_texts() {
        check(
            true,
            [
                Filter::gt("number", 6.9),
                Filter::gte("number", 7),
                Filter::lt("float", 8),
                Filter::gt("float", 7),
                Filter::gt("big", 9_007_199_254_740_992.0),
                Filter::lt("huge", 1e30),
                Filter::gt("text", "Rig"),
                Filter::lt("text", "a"),
                Filter::gt("object.deep.x", 0),
            ],
        );
        check(
            false,
            [
                Filter::lt("number", 7),
                Filter::gt("number", "1"),
                Filter::gt("text", 1),
                Filter::gt("yes", 0),
                Filter::lt("null", 1),
                Filter::gte("list", "a"),
                Filter::lt("number", f64::NEG_INFINITY),
            ],
        );
    }

    #[test]
    fn contains_prefix_and_geo() {
        check(
            true,
            [
                Filter::contains("list", "a"),
                Filter::contains("list", 1.0),
                Filter::contains("list", json!([2])),
                Filter::contains("text", "ig"),
                Filter::prefix("text", "Ri"),
                Filter::prefix("empty", ""),
                // Vilnius is 262 km away.
                Filter::geo("place", 54.6872, 25.2797, 263_500.0),
                Filter::geo("place", 56.9496, 24.1052, 0.0),
            ],
        );
        check(
            false,
            [
                Filter::contains("list", 2),
                Filter::contains("text", 1),
                Filter::contains("number", 7),
                Filter::prefix("text", "ri"),
                Filter::prefix("number", "7"),
                Filter::geo("place", 54.6872, 25.2797, 261_000.0),
                Filter::geo("no place", 56.9, 24.1, 1e8),
                Filter::geo("text", 56.9, 24.1, 1e8),
            ],
        );
    }

    #[test]
    fn joined_by_and_or_not() {
        let (yes, no) = (|| Filter::eq("number", 7), || Filter::eq("number", 8));
        check(true, [yes() & yes(), yes() | no(), !no(), Filter::And(vec![]), !(yes() & no())]);
        check(false, [yes() & no(), no() | no(), !yes(), Filter::Or(vec![])]);
        let native = yes() | Filter::native(json!({}));
        assert_eq!(native.matches(&fields()).unwrap_err().capability(), Some("filter_operators"));
    }

    #[test]
    fn places_beyond_the_date_line_are_near() {
        let circle = GeoCircle::new(0.0, 179.9, 0.0);
        assert!((circle.distance_metres(0.0, -179.9) - 22_239.0).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn the_order_of_numbers_is_total_and_consistent(a in number(), b in number(), c in number()) {
            let order = |one: &Value, other: &Value| order(one, other).unwrap();
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
            prop_assert_eq!(equal(&a, &b), order(&a, &b).is_eq());
        }
    }

    fn number() -> impl Strategy<Value = Value> {
        let near = (1_u64 << 53) - 3..(1_u64 << 53) + 3;
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            near.clone().prop_map(Value::from),
            near.prop_map(|number| Value::from(number as f64)),
            (-1000_i64..1000).prop_map(|number| Value::from(number as f64 / 4.0)),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ]
    }
}
