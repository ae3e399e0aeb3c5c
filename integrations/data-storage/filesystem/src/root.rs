//! The root directory, and the store's own part of it.
//!
//! ```text
//! <root>/
//!   reports/q3.md            objects, under the names of `naming`
//!   .circle/
//!     format                 how this root is named and kept
//!     locks/<xx>             one lock file for every 256th of all keys; `opening`; `kv`
//!     tmp/<session>.lock     held while the process lives
//!     tmp/<session>-<n>      what is being written
//!     meta/<xx>/…            metadata of objects
//!     uploads/<id>/…         parts of uploads
//!     kv/log                 the key-value store
//! ```
//!
//! Everything is written into `tmp` first, and a rename makes it visible. What a process leaves there when it dies is
//! removed by the next one that opens the root: the lock of a dead session is free, and that of a living one is not.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use circle_core_common::{Error, ErrorKind, Random, Result};
use serde::{Deserialize, Serialize};

use crate::config::FilesystemConfig;
use crate::disk::{Access, Dir, Disk};
use crate::error::{At, failed, is_absent, is_taken};
use crate::naming::{Naming, OWN};
use crate::session::{Session, Staged};

/// The format of the store's own files.
const FORMAT: u32 = 1;

/// An open root.
pub(crate) struct Root {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: Arc<Dir>,
    pub(crate) naming: Naming,
    pub(crate) locks: Dir,
    pub(crate) meta: Dir,
    pub(crate) uploads: Dir,
    pub(crate) kv: Dir,
    access: Access,
    sync: bool,
    session: Arc<Session>,
    /// The shares of the keys that this process has written into.
    written: Mutex<HashSet<String>>,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
    folds: bool,
}

impl Root {
    pub(crate) fn open(config: &FilesystemConfig, disk: Arc<dyn Disk>, random: &Random) -> Result<Self> {
        let access = if config.shared { Access::Umask } else { Access::Private };
        let dir = disk.open_root(&config.root, access).map_err(|error| {
            if is_taken(&error) {
                let text = format!("the root {} is not a directory, nor can it be made one", config.root.display());
                return Error::new(ErrorKind::ConfigInvalid, text).with_source(error);
            }
            failed("opening the root", &config.root, error)
        })?;
        let own = make_dir(&*disk, &dir, OWN, access)?;
        let part = |name| make_dir(&*disk, &own, name, access);
        let (locks, tmp) = (part("locks")?, part("tmp")?);
        let (meta, uploads, kv) = (part("meta")?, part("uploads")?, part("kv")?);
        if config.sync {
            disk.sync_dir(&own).on("synchronising", &own)?;
            disk.sync_dir(&dir).on("synchronising", &dir)?;
        }
        // Under this lock no session is half made, so that a lock that is free is a dead session's.
        let opening = disk.lock(&locks, "opening").at("locking", &locks, "opening")?;
        let session = Session::open(Arc::clone(&disk), tmp, access, config.sync, random)?;
        let mut root = Self {
            disk,
            dir: Arc::new(dir),
            naming: Naming { folds: false },
            locks,
            meta,
            uploads,
            kv,
            access,
            sync: config.sync,
            session,
            written: Mutex::default(),
        };
        root.naming = root.format(&own)?;
        drop(opening);
        Ok(root)
    }

    /// How this root is named: as was found out when it was made.
    fn format(&self, own: &Dir) -> Result<Naming> {
        let name = "format";
        let found = match self.disk.read_small(own, name) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => {
                let format = Format { format: FORMAT, folds: self.folds()? };
                let bytes = serde_json::to_vec(&format).map_err(|error| internal(&error))?;
                let mut staged = self.stage()?;
                staged.write(&bytes)?;
                staged.sync()?;
                staged.place(own, name)?;
                self.sync_dir(own)?;
                bytes
            }
            Err(error) => return Err(error).at("reading", own, name),
        };
        match serde_json::from_slice::<Format>(&found) {
            Ok(Format { format: FORMAT, folds }) => Ok(Naming { folds }),
            Ok(Format { format, .. }) => {
                let text = format!("{} has format {format}, and this version knows {FORMAT} only", self.dir.path().display());
                Err(Error::new(ErrorKind::ConfigInvalid, text))
            }
            Err(error) => {
                let text = format!("{} cannot be read", own.path().join(name).display());
                Err(Error::new(ErrorKind::Corrupt, text).with_source(error))
            }
        }
    }

    /// Whether the file system takes names that differ in case, or in the composition of a character, for the same.
    fn folds(&self) -> Result<bool> {
        let staged = Staged::new(&self.session, "case\u{e9}")?;
        let capitals = staged.name().replace("case", "CASE");
        let decomposed = staged.name().replace('\u{e9}', "e\u{301}");
        Ok(staged.is_called(&capitals)? || staged.is_called(&decomposed)?)
    }

    /// Whether this process has not written into this share of the keys before.
    pub(crate) fn is_first_write_in(&self, share: &str) -> bool {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(share.to_owned())
    }

    /// A new file that nobody sees, and that is gone when it is dropped before it is placed.
    pub(crate) fn stage(&self) -> Result<Staged> {
        Staged::new(&self.session, "")
    }

    /// Opens a directory, and makes it where it is missing. `None` when something else has the name; an error
    /// that [`is_gone`](crate::error::is_gone) knows when it, or the directory around it, was removed meanwhile.
    pub(crate) fn open_or_make(&self, at: &Dir, name: &str) -> Result<Option<Dir>> {
        match self.disk.open_dir(at, name) {
            Ok(dir) => return Ok(Some(dir)),
            Err(error) if is_taken(&error) => return Ok(None),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error).at("opening", at, name),
        }
        match self.disk.make_dir(at, name, self.access) {
            Ok(()) => self.sync_dir(at)?,
            // Somebody was faster.
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error).at("making", at, name),
        }
        match self.disk.open_dir(at, name) {
            Err(error) if is_taken(&error) => Ok(None),
            result => result.map(Some).at("opening", at, name),
        }
    }

    pub(crate) fn create(&self, at: &Dir, name: &str) -> Result<File> {
        self.disk.create(at, name, self.access).at("creating", at, name)
    }

    pub(crate) fn sync(&self, file: &File, at: &Dir, name: &str) -> Result<()> {
        if self.sync { self.disk.sync(file).at("synchronising", at, name) } else { Ok(()) }
    }

    pub(crate) fn sync_dir(&self, dir: &Dir) -> Result<()> {
        if self.sync { self.disk.sync_dir(dir).on("synchronising", dir) } else { Ok(()) }
    }

    /// Whether what was opened is still there under its path.
    pub(crate) fn check(&self) -> Result<()> {
        let ours = self.disk.stat(&self.dir, OWN).at("asking for", &self.dir, OWN)?;
        let path = self.dir.path().join(OWN);
        let now = std::fs::symlink_metadata(&path).map_err(|error| failed("asking for", path, error))?;
        if (ours.device, ours.inode) == (now.dev(), now.ino()) {
            return Ok(());
        }
        let text = format!("{} is another directory than the one that was opened", self.dir.path().display());
        Err(Error::new(ErrorKind::Unavailable, text))
    }

    /// Removes a file; one that is not there is fine. Whether it was there.
    pub(crate) fn unlink(&self, at: &Dir, name: &str) -> Result<bool> {
        match self.disk.unlink(at, name) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error).at("removing", at, name),
        }
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.dir.path().display())
    }
}

pub(crate) fn internal(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Internal, error.to_string())
}

fn make_dir(disk: &dyn Disk, at: &Dir, name: &str, access: Access) -> Result<Dir> {
    match disk.make_dir(at, name, access) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).at("making", at, name),
    }
    disk.open_dir(at, name).map_err(|error| {
        if is_taken(&error) {
            let text = format!("{} is not a directory, and the store needs it to be one", at.path().join(name).display());
            return Error::new(ErrorKind::ConfigInvalid, text).with_source(error);
        }
        failed("opening", at.path().join(name), error)
    })
}
