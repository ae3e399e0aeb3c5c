//! Putting and deleting: what is decided and done under the lock of a key.
//!
//! The lock is one of 256 files under `.circle/locks`, by the hash of the key: an advisory lock of the kernel that
//! holds between threads and processes alike and ends with its process. Between writers of this store it makes every
//! condition exact. Against other tools, which know no locks, a create still never replaces what it did not see: its
//! rename refuses to, where the platform can.

use circle_core_common::interfaces::object_store::{ObjectKey, ObjectMeta, Precondition};
use circle_core_common::{Error, ErrorKind, Reason, Result, Timestamp, Version};

use super::attributes::{Attributes, Share};
use super::place::Place;
use crate::blocking::Alive;
use crate::disk::{Lock, Replace, Stat};
use crate::error::{At, is_absent, is_gone, is_taken};
use crate::root::Root;
use crate::session::Staged;

/// How often a write begins anew because directories come and go around it.
const ATTEMPTS: u32 = 100;

/// An object that is to be.
pub(super) struct Write<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) attributes: Attributes,
    pub(super) precondition: &'a Precondition,
    pub(super) now: Timestamp,
}

/// The version of a file in this state. Two states of one key that follow each other differ in the inode, since the
/// new file is there before the old one goes; changes in place differ in times that the kernel keeps.
pub(super) fn version(stat: &Stat) -> Version {
    let ((modified, modified_nanos), (changed, changed_nanos)) = (stat.modified, stat.changed);
    Version::etag(format!("{:x}-{:x}-{modified:x}.{modified_nanos:x}-{changed:x}.{changed_nanos:x}", stat.inode, stat.size))
}

/// What is known of an object by its file alone.
pub(super) fn meta(key: &ObjectKey, stat: &Stat) -> ObjectMeta {
    let mut meta = ObjectMeta::new(key.clone(), stat.size, Timestamp::from_unix(stat.modified.0, stat.modified.1));
    meta.version = Some(version(stat));
    meta
}

pub(super) fn mismatch(key: &ObjectKey) -> Error {
    let text = format!("`{key}` has another version, or is absent");
    Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch)
}

fn check(key: &ObjectKey, precondition: &Precondition, current: Option<&Stat>) -> Result<()> {
    match (precondition, current) {
        (Precondition::None, _) | (Precondition::IfAbsent, None) => Ok(()),
        (Precondition::IfAbsent, Some(_)) => Err(Error::new(ErrorKind::AlreadyExists, format!("`{key}` exists already"))),
        (Precondition::IfMatch(expected), Some(stat)) if version(stat) == *expected => Ok(()),
        (Precondition::IfMatch(_), _) => Err(mismatch(key)),
        _ => Err(Error::new(ErrorKind::Unsupported, "the filesystem provider does not know this precondition")),
    }
}

impl Root {
    fn lock(&self, share: &Share) -> Result<Lock> {
        self.disk.lock(&self.locks, &share.name).at("locking", &self.locks, &share.name)
    }

    /// Whether a write can succeed, before its content is written anywhere. What it finds may change until the end.
    pub(super) fn precheck(&self, key: &ObjectKey, precondition: &Precondition) -> Result<()> {
        if *precondition == Precondition::None {
            return Ok(());
        }
        check(key, precondition, self.find(key.as_str())?.map(|(_, stat)| stat).as_ref())
    }

    /// Makes a staged file the object.
    pub(super) fn commit(&self, alive: &Alive, mut staged: Staged, write: Write<'_>) -> Result<ObjectMeta> {
        let key = write.key.as_str();
        staged.set_modified(write.now.into())?;
        // The content is on the device before the lock is taken, so that a large one holds up nobody.
        staged.sync()?;
        let share = Share::of(key);
        let _lock = self.lock(&share)?;
        if self.is_first_write_in(&share.name)
            && let Err(error) = self.sweep_attributes(&share)
        {
            tracing::debug!(target: "circle", %error, "attributes that belong to nothing stay");
        }
        let mut ready = None;
        for _ in 0..ATTEMPTS {
            match self.try_commit(alive, &mut staged, &write, &share, &mut ready) {
                Ok(Some(meta)) => return Ok(meta),
                Ok(None) => {}
                Err(error) if is_gone(&error) && !staged.is_placed() => {}
                Err(error) => {
                    if !staged.is_placed() {
                        self.forget(&share, ready.as_ref());
                    }
                    return Err(error);
                }
            }
        }
        self.forget(&share, ready.as_ref());
        Err(Error::new(ErrorKind::Unavailable, format!("directories keep coming and going around `{key}`")))
    }

    /// Removes attributes that belong to nothing any more. If that fails, they are swept another time.
    fn forget(&self, share: &Share, stat: Option<&Stat>) {
        if let Some(error) = stat.and_then(|stat| self.remove_attributes(share, stat).err()) {
            tracing::debug!(target: "circle", %error, "attributes that belong to nothing stay");
        }
    }

    /// One attempt; `None` when what it found has changed meanwhile.
    fn try_commit(
        &self,
        alive: &Alive,
        staged: &mut Staged,
        write: &Write<'_>,
        share: &Share,
        ready: &mut Option<Stat>,
    ) -> Result<Option<ObjectMeta>> {
        let key = write.key.as_str();
        let current = self.find(key)?;
        check(write.key, write.precondition, current.as_ref().map(|(_, stat)| stat))?;
        let stat = distinct(staged, current.as_ref().map(|(_, stat)| stat))?;
        if ready.as_ref().is_none_or(|ready| ready.modified != stat.modified) {
            self.forget(share, ready.as_ref());
            self.put_attributes(share, key, &stat, &write.attributes)?;
            *ready = Some(stat);
        }
        let (place, replace) = match &current {
            Some((place, _)) => (place, Replace::Allow),
            None => (&self.make_place(key)?, Replace::Refuse),
        };
        // The last moment at which a dropped call can still leave everything as it was.
        alive.check()?;
        match staged.rename(&place.folder.dir, &place.name, replace) {
            Ok(()) => {}
            Err(error) if is_taken(&error) || is_absent(&error) => return Ok(None),
            Err(error) => return Err(error).at("renaming to", &place.folder.dir, &place.name),
        }
        self.sync_dir(&place.folder.dir)?;
        self.forget(share, current.as_ref().map(|(_, old)| old));
        let mut meta = meta(write.key, &staged.stat()?);
        write.attributes.clone().give(&mut meta);
        Ok(Some(meta))
    }

    /// Deletes an object on a condition. Whether there was one.
    pub(super) fn delete(&self, alive: &Alive, key: &ObjectKey, if_match: Option<&Version>) -> Result<bool> {
        let share = Share::of(key.as_str());
        let _lock = self.lock(&share)?;
        let files = self.find_all(key.as_str())?;
        match (files.first(), if_match) {
            (None, None) => return Ok(false),
            (Some((_, stat)), Some(expected)) if version(stat) != *expected => return Err(mismatch(key)),
            (None, Some(_)) => return Err(mismatch(key)),
            _ => {}
        }
        alive.check()?;
        // The first file is the object, so it goes last: until then nothing has changed, and then everything has.
        for (Place { folder, name }, _) in files.iter().rev() {
            self.unlink(&folder.dir, name)?;
            self.sync_dir(&folder.dir)?;
        }
        for (place, stat) in &files {
            self.forget(&share, Some(stat));
            self.prune(&place.folder.trail)?;
        }
        Ok(true)
    }
}

/// Sees to it that the new file has another size or time than the old one, whatever the clock and the file system's
/// resolution of times are: that is what tells their attributes apart.
fn distinct(staged: &Staged, old: Option<&Stat>) -> Result<Stat> {
    let mut stat = staged.stat()?;
    for step in [1, 1_000, 1_000_000, 2_000_000_000] {
        let Some(old) = old.filter(|old| (old.size, old.modified) == (stat.size, stat.modified)) else { return Ok(stat) };
        let next = Timestamp::from_unix(old.modified.0, old.modified.1) + std::time::Duration::from_nanos(step);
        staged.set_modified(next.into())?;
        staged.sync()?;
        stat = staged.stat()?;
    }
    Ok(stat)
}
