//! The headers of a request that is described and not yet sent.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers in the order in which they were set first, one value each. A list and no map: a request has few, and a list of few
/// is made with one allocation and searched without a hash.
#[derive(Clone, Default)]
pub(in crate::http) struct Fields(Vec<(HeaderName, HeaderValue)>);

impl Fields {
    pub(in crate::http) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a header; a value that it had is replaced.
    pub(in crate::http) fn set(&mut self, name: HeaderName, value: HeaderValue) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name, value)),
        }
    }

    pub(in crate::http) fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    pub(in crate::http) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub(in crate::http) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds them to a map, which keeps what it has.
    pub(in crate::http) fn add_to(&self, map: &mut HeaderMap, wanted: impl Fn(&HeaderName) -> bool) {
        for (name, value) in self.iter().filter(|(name, _)| wanted(name)) {
            map.append(name.clone(), value.clone());
        }
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Fields {
    fn from_iter<T: IntoIterator<Item = (HeaderName, HeaderValue)>>(headers: T) -> Self {
        headers.into_iter().fold(Self::new(), |mut fields, (name, value)| {
            fields.set(name, value);
            fields
        })
    }
}
