//! What a verification found.

use std::fmt;

/// What somebody has done to a log, as far as its checkpoints tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "integrity", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Integrity {
    /// Every record is under an anchored checkpoint, and is what it was.
    Intact,
    /// Nothing contradicts the log, and nothing elsewhere speaks for the records from `first` on: whoever has the key can have
    /// written them anew, and cut off later ones.
    Unanchored {
        /// The first record that no anchor covers.
        first: u64,
    },
    /// Records are missing at the end.
    Truncated {
        /// How many records there were, at least.
        expected: u64,
        /// How many of those that are left are shown to be what they were; the others may be changed too.
        proven: u64,
    },
    /// Records, or checkpoints, are not what they were.
    Rewritten {
        /// The first record that can be concerned.
        first: u64,
        /// The last one that the first finding speaks of; later ones can be changed too.
        last: u64,
        /// What shows it.
        how: &'static str,
    },
}

impl Integrity {
    /// The name in reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Unanchored { .. } => "unanchored",
            Self::Truncated { .. } => "truncated",
            Self::Rewritten { .. } => "rewritten",
        }
    }
}

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// How many whole records the log has.
    pub records: u64,
    /// How many of them checkpoints speak of, the log's own included.
    pub signed: u64,
    /// How many of them anchored checkpoints speak of.
    pub anchored: u64,
    /// Bytes behind the last whole record: one that a crash tore, or that is being written.
    pub torn_bytes: u64,
    /// The verdict.
    #[serde(flatten)]
    pub integrity: Integrity,
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} records, {} signed, {} anchored", self.integrity.code(), self.records, self.signed, self.anchored)?;
        match self.integrity {
            Integrity::Intact => {}
            Integrity::Unanchored { first } if first == self.records => {}
            Integrity::Unanchored { first } => write!(f, "; no anchor speaks of the records from {first} on")?,
            Integrity::Truncated { expected, proven } => {
                write!(f, "; there were {expected}; {proven} of those that are left are proven")?;
            }
            Integrity::Rewritten { first, last, how } if first == last => write!(f, "; record {first}: {how}")?,
            Integrity::Rewritten { first, last, how } => write!(f, "; between the records {first} and {last}: {how}")?,
        }
        match self.torn_bytes {
            0 => Ok(()),
            bytes => write!(f, "; {bytes} bytes of a torn record behind them"),
        }
    }
}
