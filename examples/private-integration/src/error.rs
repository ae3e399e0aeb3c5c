//! What Acme says when it refuses, and what that means here.

use std::{error::Error as StdError, fmt};

use circle_core_common::{ByteSize, Error, ErrorKind};

/// An error in Acme's own words: the source of the [`Error`] that callers see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcmeError {
    /// There is no room for this.
    Full {
        /// How much is kept in all.
        capacity: ByteSize,
    },
}

impl fmt::Display for AcmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(f, "the capacity of {capacity} is used up"),
        }
    }
}

impl StdError for AcmeError {}

/// The one table from Acme's errors to kinds.
impl From<AcmeError> for Error {
    fn from(error: AcmeError) -> Self {
        let kind = match error {
            AcmeError::Full { .. } => ErrorKind::QuotaExceeded,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_store_is_a_quota() {
        let native = AcmeError::Full { capacity: ByteSize::kib(1) };
        let error = Error::from(native.clone());
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert_eq!(error.provider_error::<AcmeError>(), Some(&native));
    }
}
