//! The random source of a hub.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// A random source that an application or a test brings.
pub trait RandomSource: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Where operation ids and jitter come from.
#[derive(Clone, Default)]
pub enum Random {
    /// The operating system's.
    #[default]
    System,
    /// Somebody else's; repeatable in tests.
    Source(Arc<dyn RandomSource>),
}

impl Random {
    /// A random source from a value.
    #[must_use]
    pub fn from_source(source: impl RandomSource) -> Self {
        Self::Source(Arc::new(source))
    }

    /// 128 random bits.
    ///
    /// # Errors
    /// `Internal` when the operating system has no randomness to give.
    pub fn bits(&self) -> Result<u128> {
        let mut bytes = [0; 16];
        match self {
            Self::System => getrandom::fill(&mut bytes).map_err(|error| {
                Error::new(ErrorKind::Internal, "the operating system gave no random bytes").with_source(error)
            })?,
            Self::Source(source) => source.fill(&mut bytes),
        }
        Ok(u128::from_le_bytes(bytes))
    }

    /// A number in `0.0..1.0`, for jitter.
    ///
    /// # Errors
    /// As [`Random::bits`].
    pub fn unit(&self) -> Result<f64> {
        // The 53 bits that a double holds exactly.
        Ok((self.bits()? >> 75) as f64 / (1_u64 << 53) as f64)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "Random(system)",
            Self::Source(_) => "Random(source)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_stays_below_one() {
        struct Ones;
        impl RandomSource for Ones {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0xFF);
            }
        }
        let largest = Random::from_source(Ones).unit().unwrap();
        assert!(largest < 1.0 && largest > 0.999_999);
    }
}
