//! The seam under the store: every step on the disk, one method each.
//!
//! The provided methods are the real ones. A test brings a [`Disk`] that fails, fills up or stops between two steps
//! ([`FaultyDisk`]). Names are single path components, opened relative to a directory that is already open and never
//! through a symbolic link, so no name leads out of the root, whatever is swapped meanwhile.

mod faulty;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use faulty::FaultyDisk;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};

/// An open directory. The path is what it was opened by, for messages.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link, socket, pipe or device: never followed, never opened.
    Other,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            _ => Self::Other,
        }
    }
}

/// Seconds since 1970, and nanoseconds within the second.
pub type FileTime = (i64, u32);

/// What is known of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The file system that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How many bytes it has.
    pub size: u64,
    /// When its content was changed.
    pub modified: FileTime,
    /// When anything of it was changed; the kernel alone sets this.
    pub changed: FileTime,
}

impl From<rustix::fs::Stat> for Stat {
    #[allow(clippy::unnecessary_cast, reason = "the types of the fields differ between platforms")]
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode as _).into(),
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
        }
    }
}

/// An entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    /// Its name; not every name is text.
    pub name: OsString,
    /// What it is, where the file system says so without another call.
    pub kind: Option<Kind>,
}

/// Who may use what is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The user of the process alone: modes 0600 and 0700.
    #[default]
    Private,
    /// Whoever the process's umask lets: modes 0666 and 0777 without the umask's bits.
    Umask,
}

impl Access {
    fn file(self) -> Mode {
        Mode::from_raw_mode(if self == Self::Private { 0o600 } else { 0o666 })
    }

    fn dir_mode(self) -> u32 {
        if self == Self::Private { 0o700 } else { 0o777 }
    }

    fn dir(self) -> Mode {
        Mode::from_bits_truncate(self.dir_mode() as _)
    }
}

/// Whether a rename may replace a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Allow,
    /// It fails with `AlreadyExists`, atomically where the platform can do that (Linux, Apple's).
    Refuse,
}

/// A lock over processes and threads, until it is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

const DIR: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The steps. Those that change something are what [`FaultyDisk`] counts.
pub trait Disk: Send + Sync + std::fmt::Debug + 'static {
    /// Opens the root, which may be reached through symbolic links; makes it where it is missing.
    fn open_root(&self, path: &Path, access: Access) -> io::Result<Dir> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(access.dir_mode()).create(path)?;
        let fd = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Dir { fd, path: path.to_owned() })
    }

    /// Opens a directory in a directory.
    fn open_dir(&self, at: &Dir, name: &str) -> io::Result<Dir> {
        let fd = rustix::fs::openat(&at.fd, name, DIR, Mode::empty())?;
        Ok(Dir { fd, path: at.path.join(name) })
    }

    /// What an entry is, without following it.
    fn stat(&self, at: &Dir, name: &str) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&at.fd, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// What an open file is.
    fn stat_file(&self, file: &File) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(file)?.into())
    }

    /// The entries of a directory, in no order.
    fn entries(&self, at: &Dir) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&at.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let kind = Some(entry.file_type()).filter(|kind| *kind != FileType::Unknown).map(Kind::from);
                entries.push(DirEntry { name: OsString::from_vec(name.to_vec()), kind });
            }
        }
        Ok(entries)
    }

    /// Opens a file for reading. What is no regular file is refused, and a pipe does not block.
    fn open_file(&self, at: &Dir, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&at.fd, name, flags, Mode::empty())?);
        if self.stat_file(&file)?.kind != Kind::File {
            return Err(rustix::io::Errno::ISDIR.into());
        }
        Ok(file)
    }

    /// Reads at an offset; 0 bytes at the end.
    fn read_at(&self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    /// Waits for a lock on the file of this name, which is made where it is missing.
    fn lock(&self, at: &Dir, name: &str) -> io::Result<Lock> {
        let file = lock_file(at, name)?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))?;
        Ok(Lock { _file: file })
    }

    /// Takes the lock on the file of this name, unless somebody has it.
    fn try_lock(&self, at: &Dir, name: &str) -> io::Result<Option<Lock>> {
        let file = lock_file(at, name)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory.
    fn make_dir(&self, at: &Dir, name: &str, access: Access) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&at.fd, name, access.dir())?)
    }

    /// Makes a file that was not there, for reading and writing.
    fn create(&self, at: &Dir, name: &str, access: Access) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&at.fd, name, flags, access.file())?.into())
    }

    /// Opens a file of the store's own for reading and writing.
    fn open_for_writing(&self, at: &Dir, name: &str) -> io::Result<File> {
        Ok(rustix::fs::openat(&at.fd, name, OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?.into())
    }

    /// Writes some of the bytes at the end of what was written through this file, and says how many.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Writes some of the bytes at an offset, and says how many.
    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    /// Cuts or extends a file.
    fn truncate(&self, file: &File, size: u64) -> io::Result<()> {
        file.set_len(size)
    }

    /// Sets when the content was changed.
    fn set_modified(&self, file: &File, at: SystemTime) -> io::Result<()> {
        file.set_modified(at)
    }

    /// Has content and metadata of a file written to the device.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Has the entries of a directory written to the device.
    fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        Ok(rustix::fs::fsync(&dir.fd)?)
    }

    /// Renames a file, atomically.
    fn rename(&self, from: &Dir, from_name: &str, to: &Dir, to_name: &str, replace: Replace) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        if replace == Replace::Refuse {
            use rustix::io::Errno;
            match rustix::fs::renameat_with(&from.fd, from_name, &to.fd, to_name, rustix::fs::RenameFlags::NOREPLACE) {
                // A file system that knows no such rename is left with the check that follows.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                result => return Ok(result?),
            }
        }
        if replace == Replace::Refuse && rustix::fs::statat(&to.fd, to_name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(rustix::io::Errno::EXIST.into());
        }
        Ok(rustix::fs::renameat(&from.fd, from_name, &to.fd, to_name)?)
    }

    /// Removes a file.
    fn unlink(&self, at: &Dir, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&at.fd, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    fn remove_dir(&self, at: &Dir, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&at.fd, name, AtFlags::REMOVEDIR)?)
    }
}

fn lock_file(at: &Dir, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Everybody who may use the root must be able to lock; the umask says who that is.
    Ok(rustix::fs::openat(&at.fd, name, flags, Access::Umask.file())?.into())
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {}

impl dyn Disk {
    /// Writes all of the bytes; a short write is gone on with.
    pub(crate) fn write_all(&self, file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(file, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of the bytes at an offset.
    pub(crate) fn write_all_at(&self, file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(file, offset, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until the buffer is full or the file ends.
    pub(crate) fn read_full_at(&self, file: &File, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(file, offset, &mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// The whole of a small file of the store's own.
    pub(crate) fn read_small(&self, at: &Dir, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(at, name)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
