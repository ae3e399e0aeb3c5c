//! One process's use of a root: what it writes before anybody may see it.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use circle_core_common::{Error, ErrorKind, Random, Result};

use crate::disk::{Access, Dir, Disk, Lock, Replace, Stat};
use crate::error::{At, is_absent};

/// One process's use of a root. It ends when nothing is being written by it any more.
pub(crate) struct Session {
    disk: Arc<dyn Disk>,
    tmp: Dir,
    access: Access,
    sync: bool,
    id: String,
    next: AtomicU64,
    /// Tells other processes that this one lives.
    _alive: Lock,
}

impl Session {
    /// Removes what dead sessions left, and begins one. The caller holds the lock that everybody opens a root under, so
    /// that no session is half made: a lock that is free then is a dead session's.
    pub(crate) fn open(disk: Arc<dyn Disk>, tmp: Dir, access: Access, sync: bool, random: &Random) -> Result<Arc<Self>> {
        sweep(&*disk, &tmp)?;
        let id = format!("{:032x}", random.bits()?);
        let lock = lock_of(&id);
        let alive = disk.try_lock(&tmp, &lock).at("locking", &tmp, &lock)?;
        let alive = alive.ok_or_else(|| Error::new(ErrorKind::Internal, "two sessions drew the same 128 random bits"))?;
        Ok(Arc::new(Self { disk, tmp, access, sync, id, next: AtomicU64::new(0), _alive: alive }))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without it the next process that opens the root would do it.
        let _ = self.disk.unlink(&self.tmp, &lock_of(&self.id));
    }
}

const LOCK: &str = ".lock";

fn lock_of(id: &str) -> String {
    format!("{id}{LOCK}")
}

/// Removes what dead sessions left.
fn sweep(disk: &dyn Disk, tmp: &Dir) -> Result<()> {
    let entries = disk.entries(tmp).on("reading", tmp)?;
    let names: Vec<&str> = entries.iter().filter_map(|entry| entry.name.to_str()).collect();
    let (mut living, mut dead) = (Vec::new(), Vec::new());
    for id in names.iter().filter_map(|name| name.strip_suffix(LOCK)) {
        let lock = lock_of(id);
        match disk.try_lock(tmp, &lock).at("locking", tmp, &lock)? {
            Some(free) => dead.push((lock, free)),
            None => living.push(id),
        }
    }
    for name in names.iter().filter(|name| !name.ends_with(LOCK)) {
        let id = name.split('-').next().unwrap_or(name);
        if !living.contains(&id) {
            remove(disk, tmp, name)?;
        }
    }
    // Locks go last: without one, a file has no owner that can be asked.
    for (lock, free) in dead {
        remove(disk, tmp, &lock)?;
        drop(free);
    }
    Ok(())
}

fn remove(disk: &dyn Disk, at: &Dir, name: &str) -> Result<()> {
    match disk.unlink(at, name) {
        Err(error) if !is_absent(&error) => Err(error).at("removing", at, name),
        _ => Ok(()),
    }
}

/// A file that nobody sees yet; gone when it is dropped before it is placed.
pub(crate) struct Staged {
    session: Arc<Session>,
    name: String,
    file: File,
    size: u64,
    placed: bool,
}

impl Staged {
    pub(crate) fn new(session: &Arc<Session>, suffix: &str) -> Result<Self> {
        let name = format!("{}-{}{suffix}", session.id, session.next.fetch_add(1, Ordering::Relaxed));
        let file = session.disk.create(&session.tmp, &name, session.access).at("creating", &session.tmp, &name)?;
        Ok(Self { session: Arc::clone(session), name, file, size: 0, placed: false })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the file system finds the file by this name, too.
    pub(crate) fn is_called(&self, name: &str) -> Result<bool> {
        match self.session.disk.stat(&self.session.tmp, name) {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error).at("asking for", &self.session.tmp, name),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let session = &self.session;
        session.disk.write_all(&mut self.file, bytes).at("writing", &session.tmp, &self.name)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn is_placed(&self) -> bool {
        self.placed
    }

    pub(crate) fn set_modified(&self, at: SystemTime) -> Result<()> {
        self.session.disk.set_modified(&self.file, at).at("dating", &self.session.tmp, &self.name)
    }

    pub(crate) fn sync(&self) -> Result<()> {
        let session = &self.session;
        if session.sync { session.disk.sync(&self.file).at("synchronising", &session.tmp, &self.name) } else { Ok(()) }
    }

    pub(crate) fn stat(&self) -> Result<Stat> {
        self.session.disk.stat_file(&self.file).at("asking for", &self.session.tmp, &self.name)
    }

    /// Gives the file its name: from here on it is seen. The caller says what an error means.
    pub(crate) fn rename(&mut self, to: &Dir, name: &str, replace: Replace) -> std::io::Result<()> {
        self.session.disk.rename(&self.session.tmp, &self.name, to, name, replace)?;
        self.placed = true;
        Ok(())
    }

    /// Gives the file its name in a directory of the store's own.
    pub(crate) fn place(mut self, to: &Dir, name: &str) -> Result<Stat> {
        self.rename(to, name, Replace::Allow).at("renaming to", to, name)?;
        self.stat()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            // What stays is litter that the next session removes.
            let _ = self.session.disk.unlink(&self.session.tmp, &self.name);
        }
    }
}
