//! Reads and writes of one store: this process's view of the log, and the one way into it.
//!
//! Writers that come together are committed together: each puts its work into a queue and waits for its turn to
//! commit; whoever comes to it takes all the work that waits, appends one record, synchronises once, and answers all.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core_common::interfaces::key_value_store::{Entry, Key};
use circle_core_common::{Clock, Error, ErrorKind, Random, Result, Timestamp};
use tokio::sync::broadcast;

use super::draft::Draft;
use super::log::{Log, Since, append};
use super::record::Operation;
use super::state::{Event, Slot, State};
use crate::blocking::Alive;
use crate::error::At;
use crate::root::Root;

/// The name of the lock.
const LOCK: &str = "kv";
/// How many changes wait for a watch before it is told that it has missed some.
const EVENTS_MAX: usize = 1024;
/// The most bytes that are committed together, unless one call alone has more.
const COMMIT_MAX: usize = 32 << 20;
/// The most bytes of values in a page, unless one entry alone has more.
const PAGE_BYTES: usize = 32 << 20;
/// The smallest log that is worth a compaction.
const COMPACT_MIN: u64 = 1 << 20;
/// The most bytes of entries in one record of a compacted log.
const COMPACT_RECORD: usize = 1 << 20;

pub(crate) struct Engine {
    pub(super) root: Arc<Root>,
    pub(super) clock: Clock,
    random: Random,
    view: Mutex<View>,
    waiting: Mutex<VecDeque<Box<dyn Task>>>,
    /// Held by whoever commits.
    turn: Mutex<()>,
}

/// The log as far as this process has read it.
struct View {
    log: Option<Log>,
    state: State,
    /// `None` once the store is closed.
    events: Option<broadcast::Sender<Event>>,
    /// A log of this size was looked at, and could not be compacted.
    kept: u64,
}

impl View {
    fn tell(events: Option<&broadcast::Sender<Event>>, event: Event) {
        if let Some(events) = events {
            // Without a watch nobody hears it.
            let _ = events.send(event);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(event) = self.state.expire(now) {
            Self::tell(self.events.as_ref(), event);
        }
    }

    /// Brings the view up to the log. `silent` where the log was replaced and nothing has changed.
    fn refresh(&mut self, root: &Root, silent: bool) -> Result<()> {
        let Self { log, state, events, .. } = self;
        let mut replaced = false;
        // A log can be replaced again while it is opened; each time somebody got on.
        loop {
            match log {
                Some(known) => {
                    if matches!(known.since(root)?, Since::Appended) {
                        return known.replay(root, state, |event| Self::tell(events.as_ref(), event));
                    }
                    (*log, *state) = (None, State::default());
                    replaced = true;
                    if !silent {
                        Self::tell(events.as_ref(), Event::Lagged);
                    }
                }
                None => match Log::open(root)? {
                    Some(mut opened) => {
                        // In a log that takes the place of another, what is new cannot be told from what is not.
                        opened.replay(root, state, |event| {
                            if !replaced {
                                Self::tell(events.as_ref(), event);
                            }
                        })?;
                        *log = Some(opened);
                    }
                    None => return Ok(()),
                },
            }
        }
    }
}

/// Work on a draft, and who waits for it.
trait Task: Send {
    fn run(&mut self, draft: &mut Draft<'_>);
    fn fail(&mut self, error: &Error);
    fn size(&self) -> usize;
}

type Answer<T> = Arc<Mutex<Option<Result<T>>>>;

struct Work<T, F> {
    work: Option<F>,
    size: usize,
    alive: Alive,
    answer: Answer<T>,
}

impl<T: Send, F: FnOnce(&mut Draft<'_>) -> Result<T> + Send> Task for Work<T, F> {
    fn run(&mut self, draft: &mut Draft<'_>) {
        if let Some(work) = self.work.take() {
            *lock(&self.answer) = Some(self.alive.check().and_then(|()| work(draft)));
        }
    }

    fn fail(&mut self, error: &Error) {
        let mut answer = lock(&self.answer);
        // What has failed by itself keeps its own reason.
        if !matches!(&*answer, Some(Err(_))) {
            *answer = Some(Err(error.clone()));
        }
    }

    fn size(&self) -> usize {
        self.size
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    pub(crate) fn new(root: Arc<Root>, clock: Clock, random: Random) -> Self {
        let view = View { log: None, state: State::default(), events: Some(broadcast::channel(EVENTS_MAX).0), kept: 0 };
        Self { root, clock, random, view: Mutex::new(view), waiting: Mutex::default(), turn: Mutex::default() }
    }

    fn now(&self) -> Timestamp {
        self.clock.timestamp()
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        lock(&self.view).events = None;
    }

    /// The entries that are there now, of these keys, with the store's number.
    pub(super) fn get(&self, keys: &[Key]) -> Result<Vec<Result<Option<Entry>>>> {
        let (found, store) = {
            let mut view = lock(&self.view);
            view.refresh(&self.root, false)?;
            let now = self.now();
            let found: Vec<Option<Slot>> = keys.iter().map(|key| view.state.get(key, now).cloned()).collect();
            (found, view.log.as_ref().map_or(0, |log| log.store))
        };
        let disk = &*self.root.disk;
        let entry = |(key, slot): (&Key, Option<Slot>)| slot.map(|slot| slot.entry(key.clone(), store, disk)).transpose();
        Ok(keys.iter().zip(found).map(entry).collect())
    }

    /// The next entries of a prefix, and whether there are more.
    pub(super) fn list(&self, prefix: &str, behind: Option<&str>, size: usize) -> Result<(Vec<Entry>, bool)> {
        let (mut found, mut more, mut bytes) = (Vec::new(), false, 0);
        let store = {
            let mut view = lock(&self.view);
            view.refresh(&self.root, false)?;
            let now = self.now();
            let start = behind.map_or(Bound::Included(prefix), Bound::Excluded);
            let slots = view.state.slots.range::<str, _>((start, Bound::Unbounded));
            for (key, slot) in slots.take_while(|(key, _)| key.as_str().starts_with(prefix)).filter(|(_, slot)| slot.lives(now)) {
                more = found.len() >= size || bytes > PAGE_BYTES;
                if more {
                    break;
                }
                bytes += slot.place.length;
                found.push((key.clone(), slot.clone()));
            }
            view.log.as_ref().map_or(0, |log| log.store)
        };
        let disk = &*self.root.disk;
        let entries: Result<_> = found.into_iter().map(|(key, slot)| slot.entry(key, store, disk)).collect();
        Ok((entries?, more))
    }

    /// What changes from now on.
    pub(super) fn watch(&self) -> Result<broadcast::Receiver<Event>> {
        let mut view = lock(&self.view);
        view.refresh(&self.root, false)?;
        let closed = || Error::new(ErrorKind::Closed, "the filesystem store is closed");
        Ok(view.events.as_ref().ok_or_else(closed)?.subscribe())
    }

    pub(super) fn entry(&self, key: Key, slot: &Slot) -> Result<Entry> {
        let store = lock(&self.view).log.as_ref().map_or(0, |log| log.store);
        slot.entry(key, store, &*self.root.disk)
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        lock(&self.view).state.next_expiry()
    }

    /// Tells of what has expired.
    pub(super) fn expire(&self) {
        lock(&self.view).expire(self.now());
    }

    /// Does the work under the lock of the store; when it answers, what was done is in the log.
    pub(super) fn commit<T: Send + 'static>(
        &self,
        alive: &Alive,
        size: usize,
        work: impl FnOnce(&mut Draft<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let answer = Answer::default();
        let task = Work { work: Some(work), size, alive: alive.clone(), answer: Arc::clone(&answer) };
        lock(&self.waiting).push_back(Box::new(task));
        loop {
            let _turn = lock(&self.turn);
            if let Some(answer) = lock(&answer).take() {
                return answer;
            }
            let mut tasks = self.next_tasks();
            if tasks.is_empty() {
                return Err(Error::new(ErrorKind::Internal, "a commit has panicked").with_sent(circle_core_common::Sent::Maybe));
            }
            if let Err(error) = self.commit_all(&mut tasks) {
                tasks.iter_mut().for_each(|task| task.fail(&error));
            }
        }
    }

    fn next_tasks(&self) -> Vec<Box<dyn Task>> {
        let mut waiting = lock(&self.waiting);
        let (mut tasks, mut size) = (Vec::new(), 0_usize);
        while let Some(task) = waiting.front() {
            size = size.saturating_add(task.size());
            if size > COMMIT_MAX && !tasks.is_empty() {
                break;
            }
            tasks.extend(waiting.pop_front());
        }
        tasks
    }

    fn commit_all(&self, tasks: &mut [Box<dyn Task>]) -> Result<()> {
        let root = &*self.root;
        let _lock = root.disk.lock(&root.locks, LOCK).at("locking", &root.locks, LOCK)?;
        let mut payload = Vec::new();
        let (file, end) = {
            let mut view = lock(&self.view);
            view.refresh(root, false)?;
            if view.log.is_none() {
                Log::make(root, self.random.bits()? as u64, |_| Ok(()))?;
                view.refresh(root, true)?;
            }
            let Some(log) = &view.log else { return Err(super::state::corrupt("went away while it was locked")) };
            let mut draft = Draft::new(&*root.disk, &view.state, log.store, self.now());
            tasks.iter_mut().for_each(|task| task.run(&mut draft));
            draft.operations.iter().for_each(|operation| operation.write(&mut payload));
            (Arc::clone(&log.file), log.end)
        };
        if payload.is_empty() {
            return Ok(());
        }
        // Reads go on while the device works.
        append(root, &file, end, &payload)?;
        let mut view = lock(&self.view);
        view.refresh(root, false)?;
        view.expire(self.now());
        self.compact(&mut view);
        Ok(())
    }

    /// Leaves the history of the log behind, if that is most of it. The caller holds the lock and has refreshed.
    fn compact(&self, view: &mut View) {
        let Some((end, store)) = view.log.as_ref().map(|log| (log.end, log.store)) else { return };
        if end < COMPACT_MIN.max(view.kept * 2) || view.state.live * 2 > end {
            return;
        }
        let compacted = Log::make(&self.root, store, |write| self.write_present(&view.state, write));
        view.kept = 0;
        if let Err(error) = compacted.and_then(|()| view.refresh(&self.root, true)) {
            // The log is as good as before. It is tried again when it has doubled.
            tracing::warn!(target: "circle", %error, "the key-value log could not be compacted");
            view.kept = end;
        }
    }

    /// Writes payloads that say what is present, and nothing of how it came.
    fn write_present(&self, state: &State, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (now, mut payload) = (self.now(), Vec::new());
        Operation::Next(state.next).write(&mut payload);
        for (key, fence) in &state.fences {
            Operation::Fence(key.clone(), *fence).write(&mut payload);
        }
        for (key, slot) in state.slots.iter().filter(|(_, slot)| slot.lives(now)) {
            let value = slot.place.read(&*self.root.disk)?;
            Operation::Put(key.clone(), slot.stamp.clone(), value).write(&mut payload);
            if payload.len() > COMPACT_RECORD {
                write(&payload)?;
                payload.clear();
            }
        }
        if payload.is_empty() { Ok(()) } else { write(&payload) }
    }
}
