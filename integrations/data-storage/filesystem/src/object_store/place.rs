//! Where the file of a key is, or goes.
//!
//! Every segment has a plain name, if it is ordinary, and an escaped one; both are looked at, the plain one first.

use std::collections::VecDeque;
use std::sync::Arc;

use circle_core_common::{Error, ErrorKind, Result};

use crate::disk::{Dir, Kind, Stat};
use crate::error::{At, is_absent, is_taken, present};
use crate::naming::Role;
use crate::root::Root;

/// The path of a directory from the root. It shares what is above with its neighbours: paths can be very deep.
#[derive(Clone, Default)]
pub(crate) struct Trail(Option<Arc<Step>>);

struct Step {
    above: Trail,
    name: String,
}

impl Trail {
    pub(crate) fn is_top(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(step), Some(other)) => Arc::ptr_eq(step, other),
            (None, None) => true,
            _ => false,
        }
    }

    fn to(&self, name: &str) -> Self {
        Self(Some(Arc::new(Step { above: self.clone(), name: name.to_owned() })))
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            std::iter::successors(self.0.as_deref(), |step| step.above.0.as_deref()).map(|step| step.name.as_str()).collect();
        names.reverse();
        names
    }
}

/// A directory on the way to a file.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) dir: Arc<Dir>,
    pub(crate) trail: Trail,
}

/// How many directories are held open at once while a path is cleared away.
const OPEN_MAX: usize = 32;

/// A name in a directory, where a file is or will be.
pub(crate) struct Place {
    pub(crate) folder: Folder,
    pub(crate) name: String,
}

impl Root {
    fn top(&self) -> Folder {
        Folder { dir: Arc::clone(&self.dir), trail: Trail::default() }
    }

    pub(crate) fn open_folder(&self, at: &Folder, name: &str) -> Result<Option<Folder>> {
        let dir = present(self.disk.open_dir(&at.dir, name)).at("opening", &at.dir, name)?;
        Ok(dir.map(|dir| Folder { dir: Arc::new(dir), trail: at.trail.to(name) }))
    }

    /// Goes down a path of names.
    pub(crate) fn walk(&self, from: &Folder, names: &[impl AsRef<str>]) -> Result<Option<Folder>> {
        let mut folder = from.clone();
        for name in names {
            match self.open_folder(&folder, name.as_ref())? {
                Some(next) => folder = next,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    /// The directory of this path from the root.
    pub(crate) fn folder(&self, trail: &Trail) -> Result<Option<Folder>> {
        self.walk(&self.top(), &trail.names())
    }

    /// The directories that these segments name, in the order in which they count. Parents are closed on the way: a
    /// path can be deeper than a process may open files.
    pub(crate) fn folders<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Result<Vec<Folder>> {
        let mut folders = vec![self.top()];
        for segment in segments {
            let mut next = Vec::new();
            for folder in &folders {
                if self.naming.is_ordinary(segment, folder.trail.is_top()) {
                    next.extend(self.open_folder(folder, segment)?);
                }
                next.extend(self.walk(folder, &self.naming.escape(segment, Role::Dir))?);
            }
            folders = next;
            if folders.is_empty() {
                break;
            }
        }
        Ok(folders)
    }

    /// The files of a key, in the order in which they count: the first is the object.
    pub(crate) fn find_all(&self, key: &str) -> Result<Vec<(Place, Stat)>> {
        let mut found = Vec::new();
        self.visit(key, |place, stat| {
            found.push((place, stat));
            true
        })?;
        Ok(found)
    }

    /// The file of a key.
    pub(crate) fn find(&self, key: &str) -> Result<Option<(Place, Stat)>> {
        let mut found = None;
        self.visit(key, |place, stat| {
            found = Some((place, stat));
            false
        })?;
        Ok(found)
    }

    fn visit(&self, key: &str, mut found: impl FnMut(Place, Stat) -> bool) -> Result<()> {
        let (folders, segment) = cut(key);
        for folder in self.folders(folders)? {
            if self.naming.is_ordinary(segment, folder.trail.is_top())
                && let Some(stat) = self.file(&folder, segment)?
                && !found(Place { folder: folder.clone(), name: segment.to_owned() }, stat)
            {
                return Ok(());
            }
            let mut names = self.naming.escape(segment, Role::File);
            let Some(name) = names.pop() else { continue };
            let Some(folder) = self.walk(&folder, &names)? else { continue };
            if let Some(stat) = self.file(&folder, &name)?
                && !found(Place { folder, name }, stat)
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What is known of a regular file.
    pub(crate) fn file(&self, folder: &Folder, name: &str) -> Result<Option<Stat>> {
        let stat = present(self.disk.stat(&folder.dir, name)).at("asking for", &folder.dir, name)?;
        Ok(stat.filter(|stat| stat.kind == Kind::File))
    }

    /// The place for a key that has no file. Directories on the way are made.
    ///
    /// # Errors
    /// One that [`is_gone`](crate::error::is_gone) knows when a directory was removed meanwhile: begin anew.
    pub(crate) fn make_place(&self, key: &str) -> Result<Place> {
        let (segments, last) = cut(key);
        let mut folder = self.top();
        for segment in segments {
            let plain =
                if self.naming.is_ordinary(segment, folder.trail.is_top()) { self.make_folder(&folder, segment)? } else { None };
            folder = match plain {
                Some(next) => next,
                None => self.make_folders(folder, &self.naming.escape(segment, Role::Dir))?,
            };
        }
        if self.naming.is_ordinary(last, folder.trail.is_top()) {
            match self.disk.stat(&folder.dir, last) {
                Err(error) if is_absent(&error) => return Ok(Place { folder, name: last.to_owned() }),
                Err(error) if !is_taken(&error) => return Err(error).at("asking for", &folder.dir, last),
                _ => {}
            }
        }
        let mut names = self.naming.escape(last, Role::File);
        let name = names.pop().unwrap_or_default();
        Ok(Place { folder: self.make_folders(folder, &names)?, name })
    }

    fn make_folder(&self, at: &Folder, name: &str) -> Result<Option<Folder>> {
        let dir = self.open_or_make(&at.dir, name)?;
        Ok(dir.map(|dir| Folder { dir: Arc::new(dir), trail: at.trail.to(name) }))
    }

    fn make_folders(&self, mut folder: Folder, names: &[String]) -> Result<Folder> {
        for name in names {
            folder = self.make_folder(&folder, name)?.ok_or_else(|| {
                let path = folder.dir.path().join(name);
                let text = format!("{} is no directory; the name is the store's own, so move away what has it", path.display());
                Error::new(ErrorKind::Conflict, text)
            })?;
        }
        Ok(folder)
    }

    /// Removes the directories of a path that have become empty, from the inside out.
    pub(crate) fn prune(&self, trail: &Trail) -> Result<()> {
        let mut names = trail.names();
        while !names.is_empty() {
            let mut open = VecDeque::from([self.top()]);
            for name in &names[..names.len() - 1] {
                let Some(next) = open.back().map_or(Ok(None), |folder| self.open_folder(folder, name))? else { return Ok(()) };
                open.push_back(next);
                if open.len() > OPEN_MAX {
                    open.pop_front();
                }
            }
            while let Some(parent) = open.pop_back() {
                // Not empty, in use, or not ours to remove: it stays.
                if names.pop().is_none_or(|name| self.disk.remove_dir(&parent.dir, name).is_err()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The segments of a key that name directories, and the one that names the file.
fn cut(key: &str) -> (impl Iterator<Item = &str>, &str) {
    let (folders, file) = key.rsplit_once('/').map_or((None, key), |(folders, file)| (Some(folders), file));
    (folders.into_iter().flat_map(|folders| folders.split('/')), file)
}
