//! Walks a folder in an order that never changes, so that the same folder gives the same manifest.

use std::ffi::OsString;
use std::fs::{self, FileType};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use circle_core::{Error, ErrorKind, Result};
use glob::{MatchOptions, Pattern};

use super::entry::Stat;
use super::tree_path::TreePath;

/// What is left out.
#[derive(Clone, Debug, Default)]
pub struct Exclude {
    /// Each with whether it is matched with the whole path.
    patterns: Vec<(bool, Pattern)>,
    folders: Vec<PathBuf>,
}

impl Exclude {
    /// Leaves nothing out.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves out what matches: a pattern with a `/` is matched with the path within the folder, one without with the
    /// name at any depth. `**` stands for any number of folders. What is in an excluded folder is left out with it.
    ///
    /// # Errors
    /// `InvalidInput` for a text that is no pattern.
    pub fn pattern(mut self, pattern: &str) -> Result<Self> {
        let text = pattern.trim_end_matches('/');
        let parsed = Pattern::new(text.trim_start_matches('/'))
            .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("`{pattern}` is no pattern: {error}")))?;
        self.patterns.push((text.contains('/'), parsed));
        Ok(self)
    }

    /// Leaves out this folder, wherever it is met.
    #[must_use]
    pub fn folder(mut self, path: PathBuf) -> Self {
        self.folders.push(path);
        self
    }

    fn covers(&self, path: &TreePath, absolute: &Path) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        let name = path.as_path().file_name().map(Path::new);
        let matches = |(whole, pattern): &(bool, Pattern)| match name {
            Some(name) if !whole => pattern.matches_path_with(name, options),
            _ => pattern.matches_path_with(path.as_path(), options),
        };
        self.patterns.iter().any(matches) || self.folders.iter().any(|folder| folder == absolute)
    }
}

/// What is met on a walk.
#[derive(Debug)]
pub enum Found {
    /// A folder; what is in it follows.
    Folder(TreePath, Stat),
    /// A file.
    File(TreePath, Stat),
    /// A symbolic link and its target.
    Link(TreePath, Stat, Vec<u8>),
    /// Something that cannot be archived, and why.
    Problem(TreePath, String),
}

/// A walk through a folder: depth first, names in the order of their bytes, links not followed.
#[derive(Clone, Debug)]
pub struct Walk {
    root: PathBuf,
    exclude: Exclude,
    /// What is left in each folder on the way here.
    open: Vec<(TreePath, std::vec::IntoIter<OsString>)>,
    /// A folder that was given and whose entries are next.
    entered: Option<TreePath>,
    started: bool,
}

impl Walk {
    /// A walk through `root`, an absolute path without links in it.
    #[must_use]
    pub const fn new(root: PathBuf, exclude: Exclude) -> Self {
        Self { root, exclude, open: Vec::new(), entered: None, started: false }
    }

    fn look_at(&mut self, path: TreePath) -> Option<Found> {
        let absolute = self.root.join(path.as_path());
        if self.exclude.covers(&path, &absolute) {
            return None;
        }
        let metadata = match fs::symlink_metadata(&absolute) {
            Ok(metadata) => metadata,
            Err(error) => return Some(Found::Problem(path, format!("cannot be looked at: {error}"))),
        };
        let (kind, stat) = (metadata.file_type(), Stat::from(&metadata));
        Some(if kind.is_dir() {
            self.entered = Some(path.clone());
            Found::Folder(path, stat)
        } else if kind.is_file() {
            Found::File(path, stat)
        } else if kind.is_symlink() {
            match fs::read_link(&absolute) {
                Ok(target) => Found::Link(path, stat, target.into_os_string().into_vec()),
                Err(error) => Found::Problem(path, format!("cannot be read: {error}")),
            }
        } else {
            Found::Problem(path, format!("skipped: {} is not archived", name_of(kind)))
        })
    }

    /// Reads a folder's names; says why not, if it cannot.
    fn enter(&mut self, path: TreePath) -> Option<Found> {
        let names = fs::read_dir(self.root.join(path.as_path()))
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<std::io::Result<Vec<_>>>());
        match names {
            Ok(mut names) => {
                names.sort_unstable();
                self.open.push((path, names.into_iter()));
                None
            }
            Err(error) => Some(Found::Problem(path, format!("the folder cannot be read: {error}"))),
        }
    }
}

fn name_of(kind: FileType) -> &'static str {
    if kind.is_socket() {
        "a socket"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "a thing of this kind"
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if !self.started {
            self.started = true;
            return self.look_at(TreePath::root());
        }
        loop {
            if let Some(folder) = self.entered.take()
                && let Some(problem) = self.enter(folder)
            {
                return Some(problem);
            }
            let (folder, names) = self.open.last_mut()?;
            match names.next().map(|name| folder.join(&name)) {
                Some(path) => {
                    if let Some(found) = self.look_at(path) {
                        return Some(found);
                    }
                }
                None => {
                    self.open.pop();
                }
            }
        }
    }
}
