//! The results of a call on many things.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// One result per entry, in the order of the input and as many as there were.
///
/// The call that gives a `Bulk` fails as a whole only when *no* entry was attempted.
#[derive(Clone)]
#[must_use = "entries can have failed: call `.all()?` or look at `.failures()`"]
pub struct Bulk<T> {
    results: Vec<Result<T>>,
}

impl<T> Bulk<T> {
    /// From the results, in the order of the input.
    pub fn new(results: Vec<Result<T>>) -> Self {
        Self { results }
    }

    /// The values, if every entry succeeded.
    ///
    /// # Errors
    /// The first failure, preceded by how many there were: "3 of 100 failed".
    pub fn all(self) -> Result<Vec<T>> {
        let (total, failed) = (self.results.len(), self.failures().count());
        let values: Result<Vec<T>> = self.results.into_iter().collect();
        values.map_err(|error| error.context(format_args!("{failed} of {total} failed, first")))
    }

    /// The results, if there are as many as were asked for: what a provider gives is not taken for granted.
    pub(crate) fn complete(self, expected: usize) -> Result<Self> {
        if self.len() == expected {
            return Ok(self);
        }
        let text = format!("the provider gave {} results for {expected} entries", self.len());
        Err(Error::new(ErrorKind::Internal, text))
    }

    /// The result, if one was asked for.
    pub(crate) fn only(self) -> Result<T> {
        self.complete(1)?.results.remove(0)
    }

    /// The failures, each with its place in the input.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.results.iter().enumerate().filter_map(|(at, result)| Some((at, result.as_ref().err()?)))
    }

    /// The results in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Result<T>> {
        self.results.iter()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }
}

impl<T> IntoIterator for Bulk<T> {
    type Item = Result<T>;
    type IntoIter = std::vec::IntoIter<Result<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Bulk<T> {
    type Item = &'a Result<T>;
    type IntoIter = std::slice::Iter<'a, Result<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.iter()
    }
}

impl<T> FromIterator<Result<T>> for Bulk<T> {
    fn from_iter<I: IntoIterator<Item = Result<T>>>(results: I) -> Self {
        Self { results: results.into_iter().collect() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Bulk<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.results).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_counts_what_failed() {
        let bulk: Bulk<u8> =
            [Ok(1), Err(Error::new(ErrorKind::Conflict, "a")), Err(Error::new(ErrorKind::NotFound, "b"))].into_iter().collect();
        assert_eq!(bulk.failures().map(|(at, _)| at).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(bulk.all().unwrap_err().message(), "2 of 3 failed, first: a");
    }

    #[test]
    fn another_number_of_results_is_no_answer() {
        let bulk = |count: u8| -> Bulk<u8> { (0..count).map(Ok).collect() };
        assert_eq!(bulk(2).complete(2).unwrap().len(), 2);
        let error = bulk(2).complete(3).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Internal, "the provider gave 2 results for 3 entries"));
        assert_eq!(bulk(1).only().unwrap(), 0);
        assert!(bulk(0).only().is_err() && bulk(2).only().is_err());
    }
}
