//! A disk that fails, fills up, or stops between two steps.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::io::Errno;

use super::{Access, Dir, DirEntry, Disk, Kind, LocalDisk, Lock, Replace, Stat};

/// The local disk with faults. Only steps that change something are counted.
///
/// After the power cut of [`crash_after`](Self::crash_after) nothing works any more, and what was written and never
/// synchronised is lost: files end where they ended at their last `sync`. Open the root with another disk to see what
/// is left.
#[derive(Debug, Default)]
pub struct FaultyDisk {
    disk: LocalDisk,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    steps: Vec<&'static str>,
    crash_after: Option<usize>,
    crashed: bool,
    space: Option<u64>,
    longest_write: Option<usize>,
    failing: Option<(&'static str, Errno)>,
    /// By device and inode: the file, and how much of it is safe.
    unsafe_files: HashMap<(u64, u64), (File, u64)>,
}

impl FaultyDisk {
    /// A disk without faults, which counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power after so many more steps.
    pub fn crash_after(&self, steps: usize) {
        let mut state = self.state();
        state.crash_after = Some(state.steps.len() + steps);
    }

    /// Lets so many more bytes be written; then the disk is full. `None` ends that.
    pub fn space(&self, bytes: impl Into<Option<u64>>) {
        self.state().space = bytes.into();
    }

    /// Lets no write write more than so many bytes. `None` ends that.
    pub fn longest_write(&self, bytes: impl Into<Option<usize>>) {
        self.state().longest_write = bytes.into();
    }

    /// Lets every step of this name (`"sync"`, `"rename"`) fail with this error of the system. `None` ends that.
    pub fn fail(&self, step: impl Into<Option<(&'static str, i32)>>) {
        self.state().failing = step.into().map(|(step, code)| (step, Errno::from_raw_os_error(code)));
    }

    /// The names of the steps that were taken.
    #[must_use]
    pub fn steps(&self) -> Vec<&'static str> {
        self.state().steps.clone()
    }

    /// Whether the power is cut.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.state().crashed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> io::Result<LocalDisk> {
        if self.state().crashed { Err(Errno::IO.into()) } else { Ok(self.disk) }
    }

    /// Counts a step, unless the power is cut before it.
    fn step(&self, name: &'static str) -> io::Result<LocalDisk> {
        let mut state = self.state();
        if state.crash_after.is_some_and(|last| state.steps.len() >= last) && !state.crashed {
            state.crashed = true;
            for (file, safe) in std::mem::take(&mut state.unsafe_files).into_values() {
                if file.metadata()?.len() > safe {
                    file.set_len(safe)?;
                }
            }
        }
        if state.crashed {
            return Err(Errno::IO.into());
        }
        if let Some((_, error)) = state.failing.filter(|(failing, _)| *failing == name) {
            return Err(error.into());
        }
        state.steps.push(name);
        Ok(self.disk)
    }

    fn track(&self, file: &File, safe: u64) -> io::Result<()> {
        let stat = self.disk.stat_file(file)?;
        self.state().unsafe_files.entry((stat.device, stat.inode)).or_insert((file.try_clone()?, safe));
        Ok(())
    }

    /// How many of these bytes are written; at least one while there is space.
    fn admit(&self, bytes: usize) -> io::Result<usize> {
        let mut state = self.state();
        let mut admitted = state.longest_write.map_or(bytes, |longest| longest.min(bytes));
        if let Some(space) = &mut state.space {
            admitted = admitted.min(usize::try_from(*space).unwrap_or(usize::MAX));
            if admitted == 0 && bytes > 0 {
                return Err(Errno::NOSPC.into());
            }
            *space -= admitted as u64;
        }
        Ok(admitted)
    }
}

impl Disk for FaultyDisk {
    fn open_root(&self, path: &Path, access: Access) -> io::Result<Dir> {
        self.read()?.open_root(path, access)
    }

    fn open_dir(&self, at: &Dir, name: &str) -> io::Result<Dir> {
        self.read()?.open_dir(at, name)
    }

    fn stat(&self, at: &Dir, name: &str) -> io::Result<Stat> {
        self.read()?.stat(at, name)
    }

    fn stat_file(&self, file: &File) -> io::Result<Stat> {
        self.read()?.stat_file(file)
    }

    fn entries(&self, at: &Dir) -> io::Result<Vec<DirEntry>> {
        self.read()?.entries(at)
    }

    fn open_file(&self, at: &Dir, name: &str) -> io::Result<File> {
        self.read()?.open_file(at, name)
    }

    fn read_at(&self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.read()?.read_at(file, offset, buffer)
    }

    fn lock(&self, at: &Dir, name: &str) -> io::Result<Lock> {
        self.read()?.lock(at, name)
    }

    fn try_lock(&self, at: &Dir, name: &str) -> io::Result<Option<Lock>> {
        self.read()?.try_lock(at, name)
    }

    fn make_dir(&self, at: &Dir, name: &str, access: Access) -> io::Result<()> {
        self.step("make_dir")?.make_dir(at, name, access)
    }

    fn create(&self, at: &Dir, name: &str, access: Access) -> io::Result<File> {
        let file = self.step("create")?.create(at, name, access)?;
        self.track(&file, 0)?;
        Ok(file)
    }

    fn open_for_writing(&self, at: &Dir, name: &str) -> io::Result<File> {
        let file = self.read()?.open_for_writing(at, name)?;
        self.track(&file, file.metadata()?.len())?;
        Ok(file)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let disk = self.step("write")?;
        disk.write(file, &bytes[..self.admit(bytes.len())?])
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let disk = self.step("write")?;
        disk.write_at(file, offset, &bytes[..self.admit(bytes.len())?])
    }

    fn truncate(&self, file: &File, size: u64) -> io::Result<()> {
        self.step("truncate")?.truncate(file, size)
    }

    fn set_modified(&self, file: &File, at: SystemTime) -> io::Result<()> {
        self.step("set_modified")?.set_modified(file, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step("sync")?.sync(file)?;
        let stat = self.disk.stat_file(file)?;
        if let Some((_, safe)) = self.state().unsafe_files.get_mut(&(stat.device, stat.inode)) {
            *safe = stat.size;
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        self.step("sync_dir")?.sync_dir(dir)
    }

    fn rename(&self, from: &Dir, from_name: &str, to: &Dir, to_name: &str, replace: Replace) -> io::Result<()> {
        self.step("rename")?.rename(from, from_name, to, to_name, replace)
    }

    fn unlink(&self, at: &Dir, name: &str) -> io::Result<()> {
        let disk = self.step("unlink")?;
        // An inode that is free again must not be taken for the file that had it.
        if let Ok(stat) = disk.stat(at, name)
            && stat.kind == Kind::File
        {
            self.state().unsafe_files.remove(&(stat.device, stat.inode));
        }
        disk.unlink(at, name)
    }

    fn remove_dir(&self, at: &Dir, name: &str) -> io::Result<()> {
        self.step("remove_dir")?.remove_dir(at, name)
    }
}
