//! What a filter may be: bounded, and with values that can be compared.

use serde_json::Value;

use super::{Filter, GeoCircle};
use crate::error::{Error, ErrorKind, Limit, Reason, Result};

impl Filter {
    /// How many filters may stand within each other.
    pub const DEPTH_MAX: u64 = 32;
    /// How many conditions and values a filter may have.
    pub const SIZE_MAX: u64 = 10_000;

    /// Checks what every handle checks before it gives a filter to a provider.
    ///
    /// # Errors
    /// `InvalidInput`: outside [`DEPTH_MAX`](Self::DEPTH_MAX) or [`SIZE_MAX`](Self::SIZE_MAX), for a field without a
    /// name, for an order over what has none, for a circle that is none.
    pub fn check(&self) -> Result<()> {
        let mut size = 0;
        let mut left = vec![(self, 1)];
        while let Some((filter, depth)) = left.pop() {
            if depth > Self::DEPTH_MAX {
                return Err(Error::outside_limit(Limit::at_most("filter_depth", Self::DEPTH_MAX, "levels"), "more"));
            }
            size += 1 + filter.values() as u64;
            if size > Self::SIZE_MAX {
                return Err(Error::outside_limit(Limit::at_most("filter_size", Self::SIZE_MAX, "conditions and values"), "more"));
            }
            filter.check_condition()?;
            left.extend(filter.inner().iter().map(|inner| (inner, depth + 1)));
        }
        Ok(())
    }

    /// Whether it says nothing, and so matches everything without having looked: what must not delete everything.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(Self::is_unconditional),
            _ => false,
        }
    }

    fn values(&self) -> usize {
        match self {
            Self::In { values, .. } | Self::NotIn { values, .. } => values.len(),
            _ => 0,
        }
    }

    fn check_condition(&self) -> Result<()> {
        if let Some(field) = self.field()
            && field.split('.').any(str::is_empty)
        {
            let text = format!("`{field}` is no path to a field");
            return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
        }
        match self {
            Self::Gt { field, value } | Self::Gte { field, value } | Self::Lt { field, value } | Self::Lte { field, value }
                if !matches!(value, Value::Number(_) | Value::String(_)) =>
            {
                let text = format!("`{field}` is compared with something that has no order: give a number or text");
                Err(Error::new(ErrorKind::InvalidInput, text))
            }
            Self::Geo { field, circle } if !circle.is_one() => {
                let text = format!("`{field}` is compared with a circle that is none: degrees and metres");
                Err(Error::new(ErrorKind::InvalidInput, text))
            }
            _ => Ok(()),
        }
    }
}

impl GeoCircle {
    fn is_one(&self) -> bool {
        self.lat.abs() <= 90.0 && self.lon.abs() <= 180.0 && self.radius_metres >= 0.0 && self.radius_metres.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: u64) -> Filter {
        (1..depth).fold(Filter::exists("a"), |filter, _| Filter::And(vec![filter]))
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(nested(Filter::DEPTH_MAX).check().is_ok());
        let error = nested(Filter::DEPTH_MAX + 1).check().unwrap_err();
        assert_eq!(error.reason(), Some(Reason::OutsideLimit));
        assert!(Filter::is_in("a", 0..9_999).check().is_ok());
        assert!(Filter::is_in("a", 0..10_000).check().unwrap_err().is(ErrorKind::InvalidInput));
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        for filter in [
            Filter::gt("a", true),
            Filter::lte("a", Value::Null),
            Filter::gt("a", f64::NAN),
            Filter::eq("", 1),
            Filter::eq("a..b", 1),
            Filter::exists("a."),
            Filter::geo("a", 91.0, 0.0, 1.0),
            Filter::geo("a", 0.0, f64::NAN, 1.0),
            Filter::geo("a", 0.0, 0.0, -1.0),
            !(Filter::exists("a") | Filter::exists("")),
        ] {
            assert!(filter.check().unwrap_err().is(ErrorKind::InvalidInput), "{filter:?}");
        }
    }

    #[test]
    fn nothing_said_is_told_from_everything() {
        assert!(Filter::And(vec![]).is_unconditional() && Filter::And(vec![Filter::And(vec![])]).is_unconditional());
        assert!(!Filter::Or(vec![]).is_unconditional() && !Filter::exists("a").is_unconditional());
    }
}
