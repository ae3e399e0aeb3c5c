//! The folder that is restored into: everything is reached from it name by name and no link is followed, so that
//! nothing lands outside, whatever the archive or somebody else in the folder intends.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timestamps};
use rustix::io::Errno;

use super::entry::{Entry, FileTime};
use super::tree_path::TreePath;

/// While a folder is filled, only its owner may look.
const FILLING: Mode = Mode::RWXU;

/// The folder that is restored into.
#[derive(Debug)]
pub struct Target {
    root: Arc<OwnedFd>,
    replace: bool,
    /// The folder that was used last, which mostly is the next one too.
    last: Option<(TreePath, Arc<OwnedFd>)>,
}

impl Target {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When it cannot be made or opened, or is not empty and nothing may be replaced.
    pub fn open(path: &Path, replace: bool) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        if !replace && std::fs::read_dir(path)?.next().is_some() {
            return Err(io::Error::new(
                io::ErrorKind::DirectoryNotEmpty,
                "it is not empty (--force restores over what is there)",
            ));
        }
        let root = rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root: Arc::new(root), replace, last: None })
    }

    /// A folder in it; made, where it is not there.
    ///
    /// # Errors
    /// When something that is no folder is in the way.
    pub fn folder(&mut self, path: &TreePath) -> io::Result<Arc<OwnedFd>> {
        if let Some((last, folder)) = &self.last
            && last == path
        {
            return Ok(Arc::clone(folder));
        }
        let mut folder = Arc::clone(&self.root);
        for name in path.parts() {
            folder = Arc::new(self.enter(&folder, name)?);
        }
        self.last = Some((path.clone(), Arc::clone(&folder)));
        Ok(folder)
    }

    fn enter(&self, parent: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
        let open = || {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(parent, name, flags, Mode::empty())
        };
        match open() {
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR | Errno::LOOP) if self.replace => rustix::fs::unlinkat(parent, name, AtFlags::empty())?,
            opened => return Ok(opened?),
        }
        rustix::fs::mkdirat(parent, name, FILLING)?;
        Ok(open()?)
    }

    /// The place of an entry other than a folder.
    ///
    /// # Errors
    /// As [`folder`](Self::folder); for the root, which is a folder.
    pub fn place(&mut self, path: &TreePath) -> io::Result<Place> {
        let (parent, name) = path.split_last().ok_or_else(|| io::Error::other("the restored folder itself is a folder"))?;
        Ok(Place { folder: self.folder(&parent)?, name: name.to_owned(), replace: self.replace })
    }

    /// Gives a folder its mode and time, once it is filled.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish_folder(&mut self, entry: &Entry) -> io::Result<()> {
        let folder = self.folder(&entry.path)?;
        rustix::fs::futimens(&*folder, &times(entry.modified))?;
        rustix::fs::fchmod(&*folder, Mode::from_raw_mode(entry.mode & 0o7777))?;
        Ok(())
    }
}

/// Where something is restored.
#[derive(Debug)]
pub struct Place {
    folder: Arc<OwnedFd>,
    name: std::ffi::OsString,
    replace: bool,
}

impl Place {
    /// Makes an empty file that is not there yet.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || rustix::fs::openat(&*self.folder, &self.name, flags, Mode::RUSR | Mode::WUSR);
        Ok(File::from(self.or_replace(create)?))
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// What the file system says.
    pub fn link(&self, target: &[u8], modified: FileTime) -> io::Result<()> {
        self.or_replace(|| rustix::fs::symlinkat(OsStr::from_bytes(target), &*self.folder, &self.name))?;
        Ok(rustix::fs::utimensat(&*self.folder, &self.name, &times(modified), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn or_replace<T>(&self, make: impl Fn() -> Result<T, Errno>) -> io::Result<T> {
        match make() {
            Err(Errno::EXIST) if self.replace => {
                let kind = rustix::fs::statat(&*self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
                if FileType::from_raw_mode(kind) == FileType::Directory {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "a folder is in the way"));
                }
                rustix::fs::unlinkat(&*self.folder, &self.name, AtFlags::empty())?;
                Ok(make()?)
            }
            result => Ok(result?),
        }
    }

    /// Takes away what [`create`](Self::create) made.
    pub fn discard(&self) {
        // What cannot be taken away was reported with the file that failed.
        let _ = rustix::fs::unlinkat(&*self.folder, &self.name, AtFlags::empty());
    }
}

/// Gives a complete file its mode and time.
///
/// # Errors
/// What the file system says.
pub fn finish_file(file: &File, mode: u32, modified: FileTime) -> io::Result<()> {
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode & 0o7777))?;
    Ok(rustix::fs::futimens(file, &times(modified))?)
}

fn times(modified: FileTime) -> Timestamps {
    let omit = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let time = rustix::fs::Timespec { tv_sec: modified.0, tv_nsec: modified.1.min(999_999_999).into() };
    Timestamps { last_access: omit, last_modification: time }
}
