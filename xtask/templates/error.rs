//! What {{Provider}} says when it refuses, and what that means here.

use std::{error::Error as StdError, fmt};

{{#keeps}}
use circle_core_common::ByteSize;
{{/keeps}}
use circle_core_common::{Error, ErrorKind, Reason};

/// An error in {{Provider}}'s own words: the source of the [`Error`] that callers see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum {{Provider}}Error {
{{#keeps}}
    /// There is no room for this.
    Full {
        /// How much is kept.
        capacity: ByteSize,
    },
{{/keeps}}
{{#collections}}
    /// There is no such collection.
    NoCollection {
        /// Its name.
        name: String,
    },
    /// The collection is there, and is another one than was asked for.
    OtherSpec {
        /// Its name.
        name: String,
    },
    /// A vector does not fit its collection.
    OtherWidth {
        /// How many numbers the vectors of the collection have.
        expected: u32,
        /// How many this one has.
        width: u32,
    },
{{/collections}}
{{#models}}
    /// The request has more words than the model takes.
    TooLong {
        /// How many.
        words: usize,
    },
{{/models}}
{{#signs}}
    /// There is no secret that webhooks could be signed with.
    NoSecret,
{{/signs}}
}

impl fmt::Display for {{Provider}}Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
{{#keeps}}
            Self::Full { capacity } => write!(f, "the capacity of {capacity} is used up"),
{{/keeps}}
{{#collections}}
            Self::NoCollection { name } => write!(f, "the collection `{name}` does not exist"),
            Self::OtherSpec { name } => write!(f, "the collection `{name}` has another width, metric or model"),
            Self::OtherWidth { expected, width } => {
                write!(f, "a vector of {width} numbers does not fit a collection of {expected}")
            }
{{/collections}}
{{#models}}
            Self::TooLong { words } => write!(f, "{words} words are more than the model takes"),
{{/models}}
{{#signs}}
            Self::NoSecret => f.write_str("`secrets` is empty: anyone could sign webhooks"),
{{/signs}}
        }
    }
}

impl StdError for {{Provider}}Error {}

/// The one table from {{Provider}}'s errors to kinds and reasons.
impl From<{{Provider}}Error> for Error {
    fn from(error: {{Provider}}Error) -> Self {
        let (kind, reason): (_, Option<Reason>) = match error {
{{#keeps}}
            {{Provider}}Error::Full { .. } => (ErrorKind::QuotaExceeded, None),
{{/keeps}}
{{#collections}}
            {{Provider}}Error::NoCollection { .. } => (ErrorKind::NotFound, None),
            {{Provider}}Error::OtherSpec { .. } => (ErrorKind::Conflict, None),
            {{Provider}}Error::OtherWidth { .. } => (ErrorKind::InvalidInput, None),
{{/collections}}
{{#models}}
            {{Provider}}Error::TooLong { .. } => (ErrorKind::InvalidInput, Some(Reason::ContextLength)),
{{/models}}
{{#signs}}
            {{Provider}}Error::NoSecret => (ErrorKind::ConfigInvalid, None),
{{/signs}}
        };
        let translated = Self::new(kind, error.to_string()).with_source(error);
        match reason {
            Some(reason) => translated.with_reason(reason),
            None => translated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(native: {{Provider}}Error, kind: ErrorKind, reason: Option<Reason>) {
        let error = Error::from(native.clone());
        assert_eq!((error.kind(), error.reason()), (kind, reason));
        assert_eq!(error.provider_error::<{{Provider}}Error>(), Some(&native));
    }
{{#keeps}}

    #[test]
    fn a_full_store_is_a_quota() {
        check({{Provider}}Error::Full { capacity: ByteSize::kib(1) }, ErrorKind::QuotaExceeded, None);
    }
{{/keeps}}
{{#collections}}

    #[test]
    fn what_does_not_fit_a_collection_is_told_apart() {
        let name = || "notes".to_owned();
        check({{Provider}}Error::NoCollection { name: name() }, ErrorKind::NotFound, None);
        check({{Provider}}Error::OtherSpec { name: name() }, ErrorKind::Conflict, None);
        check({{Provider}}Error::OtherWidth { expected: 2, width: 3 }, ErrorKind::InvalidInput, None);
    }
{{/collections}}
{{#models}}

    #[test]
    fn a_long_text_is_a_matter_of_the_context() {
        check({{Provider}}Error::TooLong { words: 9000 }, ErrorKind::InvalidInput, Some(Reason::ContextLength));
    }
{{/models}}
{{#signs}}

    #[test]
    fn a_verifier_without_a_secret_is_a_matter_of_the_config() {
        check({{Provider}}Error::NoSecret, ErrorKind::ConfigInvalid, None);
    }
{{/signs}}
}
