//! What a job tells while it works.

use super::tree_path::TreePath;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// How much there is to do, once it is known.
    Total {
        /// Files, or chunks where chunks are the work.
        items: u64,
        /// Bytes.
        bytes: u64,
    },
    /// So much more is done.
    Done {
        /// Files, or chunks where chunks are the work.
        items: u64,
        /// Bytes.
        bytes: u64,
    },
    /// The file is stored for good: its chunks, its line in the run's journal and its index entry are written and
    /// synced. It can be restored from now on, whatever happens to the run.
    Stored(&'a TreePath),
    /// The file is as the index knows it, and everything that it needs is in the archive.
    Unchanged(&'a TreePath),
    /// The file, folder or link is restored.
    Restored(&'a TreePath),
    /// Something is left out, damaged or in doubt.
    Problem {
        /// Of what.
        path: Option<&'a TreePath>,
        /// In words.
        text: &'a str,
    },
    /// What the job is waiting for, or does besides.
    Note(&'a str),
}

/// Hears what happens. Calls come from one task at a time and must not block for long.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);

    /// Whether it is worth counting what there is to do before it is done.
    fn wants_total(&self) -> bool {
        false
    }
}

/// Hears nothing.
impl Observer for () {
    fn event(&self, _: Event<'_>) {}
}
