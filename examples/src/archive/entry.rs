//! What an archive keeps of a file, folder or symbolic link.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::tree_path::{TreePath, raw};

/// A moment as file systems keep it: seconds since 1970, which may be negative, and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileTime(pub i64, pub u32);

/// A file, folder or symbolic link in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    pub path: TreePath,
    /// The permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// When it was last modified.
    pub modified: FileTime,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A folder; what is in it are entries of their own.
    Folder,
    /// A file.
    File {
        /// What it holds.
        #[serde(flatten)]
        content: Content,
        /// Whether it changed while it was read, so that it may be of two minds.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        torn: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it points, byte for byte.
        #[serde(with = "raw")]
        target: Vec<u8>,
    },
}

/// What tells whether a file is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The permission bits.
    pub mode: u32,
    /// How many bytes it has.
    pub size: u64,
    /// When its content was last modified; programs can set it.
    pub modified: FileTime,
    /// When anything of it last changed; nothing can set it.
    pub changed: FileTime,
    /// Which file it is on its file system.
    pub inode: u64,
}

impl From<&Metadata> for Stat {
    fn from(metadata: &Metadata) -> Self {
        let time = |seconds, nanos: i64| FileTime(seconds, nanos.clamp(0, 999_999_999) as u32);
        Self {
            mode: metadata.mode() & 0o7777,
            size: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

impl Stat {
    /// The entry of a thing with this stat.
    #[must_use]
    pub fn entry(&self, path: TreePath, kind: Kind) -> Entry {
        Entry { path, mode: self.mode, modified: self.modified, kind }
    }
}
