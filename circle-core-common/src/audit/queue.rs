//! A bounded queue in front of a sink.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{AuditRecord, AuditSink, Losses, Recording};
use crate::error::{Error, ErrorKind, Result};

/// Takes records at once and hands them to a sink in the background; when it is full, a record is refused and counted.
///
/// A record costs its call one lock and no allocation: the queue's memory is taken at the start. It is taken, not yet
/// durable, when its call goes on: behind a queue, [`AuditMode::Required`](super::AuditMode::Required) refuses calls
/// while the queue is full, and a crash loses what waits in it. For records that are durable before their call, give
/// the sink itself.
pub struct AuditQueue {
    shared: Arc<Shared>,
    /// Where the records go; nowhere from an undrained queue.
    sink: Option<Arc<dyn AuditSink>>,
}

struct Shared {
    held: Mutex<Held>,
    capacity: usize,
    lost: Losses,
    /// Whether the queue was dropped: what it holds is the last.
    closed: AtomicBool,
    filled: Notify,
    drained: Notify,
}

struct Held {
    records: VecDeque<AuditRecord>,
    /// How many records have left the queue and are not yet through the sink.
    leaving: usize,
}

impl Held {
    /// Whether all that was taken is through.
    fn settled(&self) -> bool {
        self.records.is_empty() && self.leaving == 0
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the lock, and wakes who waits for the last record to be through.
    fn release(&self, held: MutexGuard<'_, Held>) {
        let settled = held.settled();
        drop(held);
        if settled {
            self.drained.notify_waiters();
        }
    }
}

impl AuditQueue {
    /// A queue of `capacity` records, drained into `sink` by a task of the current tokio runtime.
    ///
    /// The task ends when the queue is dropped and empty.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(capacity: usize, sink: impl AuditSink) -> Self {
        let mut queue = Self::undrained(capacity);
        let sink: Arc<dyn AuditSink> = Arc::new(sink);
        queue.sink = Some(Arc::clone(&sink));
        tokio::spawn(drain(Arc::clone(&queue.shared), sink));
        queue
    }

    /// A queue that the application drains itself with [`AuditQueue::take_all`] or [`AuditQueue::take`].
    #[must_use]
    pub fn undrained(capacity: usize) -> Self {
        let shared = Shared {
            held: Mutex::new(Held { records: VecDeque::with_capacity(capacity), leaving: 0 }),
            capacity,
            lost: Losses::new(),
            closed: AtomicBool::new(false),
            filled: Notify::new(),
            drained: Notify::new(),
        };
        Self { shared: Arc::new(shared), sink: None }
    }

    /// How many records were lost because the queue was full or the sink failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lost.count()
    }

    /// Takes all records out of an undrained queue, the oldest first, at the price of one.
    #[must_use]
    pub fn take_all(&self) -> Vec<AuditRecord> {
        let mut held = self.shared.held();
        let records: Vec<AuditRecord> = if held.records.len() > self.shared.capacity / 2 {
            // Calls wait for the lock, so much is handed over with its memory, and not copied.
            std::mem::replace(&mut held.records, VecDeque::with_capacity(self.shared.capacity)).into()
        } else {
            held.records.drain(..).collect()
        };
        self.shared.release(held);
        records
    }

    /// Takes the oldest record out of an undrained queue.
    #[must_use]
    pub fn take(&self) -> Option<AuditRecord> {
        let mut held = self.shared.held();
        let record = held.records.pop_front()?;
        self.shared.release(held);
        Some(record)
    }
}

/// Records that are handed to the sink at once, so that it can make them durable together.
const BATCH_MAX: usize = 256;

/// Hands over what comes, until the queue is dropped and empty.
async fn drain(shared: Arc<Shared>, sink: Arc<dyn AuditSink>) {
    loop {
        // Read before the records are: of a queue that was dropped, none can come after them.
        let closed = shared.closed.load(Ordering::Acquire);
        let batch: Vec<AuditRecord> = {
            let mut held = shared.held();
            let count = held.records.len().min(BATCH_MAX);
            held.leaving = count;
            held.records.drain(..count).collect()
        };
        let count = batch.len();
        if count == 0 && closed {
            break;
        }
        if count == 0 {
            // Keeps a permit of a notification that came since.
            shared.filled.notified().await;
            continue;
        }
        let recordings: Vec<Recording<'_>> = batch.into_iter().map(|record| sink.record(record)).collect();
        for recording in recordings {
            let result = match recording {
                Recording::Done(result) => result,
                Recording::Pending(wait) => wait.await,
            };
            if let Err(error) = result {
                shared.lost.note(1, &error);
            }
        }
        let mut held = shared.held();
        held.leaving = 0;
        shared.release(held);
    }
    if let Err(error) = sink.flush().await {
        tracing::warn!(target: "circle::audit", %error, "the audit sink could not be flushed");
    }
}

impl AuditSink for AuditQueue {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        let mut held = self.shared.held();
        if held.records.len() >= self.shared.capacity {
            drop(held);
            let error = Error::new(ErrorKind::QuotaExceeded, "the audit queue is full");
            self.shared.lost.note(1, &error);
            return Recording::Done(Err(error));
        }
        let was_empty = held.records.is_empty();
        held.records.push_back(record);
        drop(held);
        // Who drains looks again until it finds nothing, so only the first record has to wake it.
        if was_empty {
            self.shared.filled.notify_one();
        }
        Recording::Done(Ok(()))
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move {
            loop {
                let drained = self.shared.drained.notified();
                tokio::pin!(drained);
                drained.as_mut().enable();
                if self.shared.held().settled() {
                    break;
                }
                drained.await;
            }
            match &self.sink {
                Some(sink) => sink.flush().await,
                None => Ok(()),
            }
        })
    }
}

impl Drop for AuditQueue {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.filled.notify_one();
    }
}

impl std::fmt::Debug for AuditQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditQueue({} of {}, {} dropped)", self.shared.held().records.len(), self.shared.capacity, self.dropped())
    }
}
