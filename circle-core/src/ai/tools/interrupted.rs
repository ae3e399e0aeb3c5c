//! A run inside the error that ended it.

use std::error::Error as StdError;
use std::fmt;

use circle_core_common::Error;

use super::ToolRun;

/// In the source chain of an error that ended a run: the run, and the error as it was.
pub(super) struct Interrupted {
    pub(super) run: ToolRun,
    error: Error,
}

impl Interrupted {
    /// The error, with the run in its source chain.
    pub(super) fn attach(error: Error, run: ToolRun) -> Error {
        error.clone().with_source(Self { run, error })
    }
}

/// Without the content.
impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupted").field("run", &self.run).field("error", &self.error).finish()
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} was interrupted", self.run)
    }
}

impl StdError for Interrupted {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.error)
    }
}
