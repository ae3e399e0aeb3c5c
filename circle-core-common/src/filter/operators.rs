//! Which operators a filter uses, and which a provider pushes down.

use std::fmt;

use super::Filter;

macro_rules! operators {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// An operator of a [`Filter`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FilterOperator { $($(#[$doc])* $variant,)+ }

        impl FilterOperator {
            /// Every operator.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name, as in a filter that is written down.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

operators! {
    /// All match.
    And = "and";
    /// One matches.
    Or = "or";
    /// It does not match.
    Not = "not";
    /// Equal.
    Eq = "eq";
    /// There and not equal.
    Ne = "ne";
    /// One of several.
    In = "in";
    /// There and none of several.
    NotIn = "not_in";
    /// Greater.
    Gt = "gt";
    /// Greater or equal.
    Gte = "gte";
    /// Less.
    Lt = "lt";
    /// Less or equal.
    Lte = "lte";
    /// There.
    Exists = "exists";
    /// Has an element, or a text within it.
    Contains = "contains";
    /// Begins so.
    Prefix = "prefix";
    /// Within a circle.
    Geo = "geo";
    /// The provider's own.
    Native = "native";
}

impl FilterOperator {
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of operators.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FilterOperators(u32);

impl FilterOperators {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// All but `native`, which a store in this process, say, has no meaning for.
    #[must_use]
    pub const fn portable() -> Self {
        Self(FilterOperator::Native.bit() - 1)
    }

    /// All.
    #[must_use]
    pub const fn all() -> Self {
        Self::portable().with(FilterOperator::Native)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, operator: FilterOperator) -> Self {
        Self(self.0 | operator.bit())
    }

    /// These without one.
    #[must_use]
    pub const fn without(self, operator: FilterOperator) -> Self {
        Self(self.0 & !operator.bit())
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, operator: FilterOperator) -> bool {
        self.0 & operator.bit() != 0
    }

    /// The first that is among these and not among `others`.
    #[must_use]
    pub fn beyond(self, others: Self) -> Option<FilterOperator> {
        Self(self.0 & !others.0).iter().next()
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = FilterOperator> {
        FilterOperator::ALL.iter().copied().filter(move |operator| self.has(*operator))
    }
}

impl FromIterator<FilterOperator> for FilterOperators {
    fn from_iter<I: IntoIterator<Item = FilterOperator>>(operators: I) -> Self {
        operators.into_iter().fold(Self::none(), Self::with)
    }
}

impl fmt::Debug for FilterOperators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(FilterOperator::name)).finish()
    }
}

impl Filter {
    /// The operator at its top.
    #[must_use]
    pub const fn operator(&self) -> FilterOperator {
        match self {
            Self::And(_) => FilterOperator::And,
            Self::Or(_) => FilterOperator::Or,
            Self::Not(_) => FilterOperator::Not,
            Self::Eq { .. } => FilterOperator::Eq,
            Self::Ne { .. } => FilterOperator::Ne,
            Self::In { .. } => FilterOperator::In,
            Self::NotIn { .. } => FilterOperator::NotIn,
            Self::Gt { .. } => FilterOperator::Gt,
            Self::Gte { .. } => FilterOperator::Gte,
            Self::Lt { .. } => FilterOperator::Lt,
            Self::Lte { .. } => FilterOperator::Lte,
            Self::Exists { .. } => FilterOperator::Exists,
            Self::Contains { .. } => FilterOperator::Contains,
            Self::Prefix { .. } => FilterOperator::Prefix,
            Self::Geo { .. } => FilterOperator::Geo,
            Self::Native(_) => FilterOperator::Native,
        }
    }

    /// Every operator in it.
    #[must_use]
    pub fn operators(&self) -> FilterOperators {
        let mut operators = FilterOperators::none();
        let mut left = vec![self];
        while let Some(filter) = left.pop() {
            operators = operators.with(filter.operator());
            left.extend(filter.inner());
        }
        operators
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_tells_what_is_missing_from_another() {
        let filter = Filter::eq("a", 1) & !Filter::prefix("b", "x");
        let used = filter.operators();
        assert_eq!(format!("{used:?}"), r#"{"and", "not", "eq", "prefix"}"#);
        assert_eq!(used.beyond(FilterOperators::portable()), None);
        assert_eq!(used.beyond(FilterOperators::portable().without(FilterOperator::Prefix)), Some(FilterOperator::Prefix));
        assert!(FilterOperators::all().has(FilterOperator::Native) && !FilterOperators::portable().has(FilterOperator::Native));
        assert_eq!(FilterOperators::all().iter().count(), FilterOperator::ALL.len());
        assert_eq!(FilterOperator::ALL.iter().copied().collect::<FilterOperators>(), FilterOperators::all());
    }
}
