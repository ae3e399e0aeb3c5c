//! What of a filter a provider pushes down, and what is left to do after it.

use super::{Filter, FilterOperators};

impl Filter {
    /// The part that these operators can express, and the part that is left; both hold where the whole does.
    ///
    /// Only what stands at the top, joined by `and`, can be split; the rest is taken as one.
    #[must_use]
    pub fn split(self, pushed: FilterOperators) -> (Option<Self>, Option<Self>) {
        if self.operators().beyond(pushed).is_none() {
            return (Some(self), None);
        }
        match self {
            Self::And(filters) => {
                let (down, left): (Vec<_>, Vec<_>) =
                    filters.into_iter().partition(|filter| filter.operators().beyond(pushed).is_none());
                // Two conditions need an `and`, which the service may not have: then one of them goes down.
                let (down, left) = match down.len() {
                    0 | 1 => (down, left),
                    _ if pushed.has(super::FilterOperator::And) => (down, left),
                    _ => {
                        let mut down = down;
                        let rest = down.split_off(1);
                        (down, rest.into_iter().chain(left).collect())
                    }
                };
                (joined(down), joined(left))
            }
            filter => (None, Some(filter)),
        }
    }
}

fn joined(mut filters: Vec<Filter>) -> Option<Filter> {
    match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(Filter::And(filters)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::FilterOperator;

    #[test]
    fn what_can_be_pushed_goes_down_and_the_rest_is_left() {
        let (a, b, c) = (|| Filter::eq("a", 1), || Filter::prefix("b", "x"), || Filter::gt("c", 1));
        let no_prefix = FilterOperators::portable().without(FilterOperator::Prefix);
        assert_eq!((a() & c()).split(no_prefix), (Some(a() & c()), None));
        assert_eq!((a() & b()).split(no_prefix), (Some(a()), Some(b())));
        assert_eq!((a() & b() & c()).split(no_prefix), (Some(a() & c()), Some(b())));
        assert_eq!((a() | b()).split(no_prefix), (None, Some(a() | b())));
        let no_and = FilterOperators::none().with(FilterOperator::Eq).with(FilterOperator::Gt);
        assert_eq!((a() & b() & c()).split(no_and), (Some(a()), Some(c() & b())));
        assert_eq!(a().split(FilterOperators::none()), (None, Some(a())));
    }
}
