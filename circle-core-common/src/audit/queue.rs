//! A bounded queue in front of a sink.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    records: Mutex<VecDeque<AuditRecord>>,
    capacity: usize,
    lost: Losses,
    /// Whether the queue was dropped: what it holds is the last.
    closed: AtomicBool,
    /// Records taken and not yet through the sink.
    open: AtomicU64,
    filled: Notify,
    drained: Notify,
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, VecDeque<AuditRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many records are through.
    fn settled(&self, records: u64) {
        if records > 0 && self.open.fetch_sub(records, Ordering::AcqRel) == records {
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
            records: Mutex::new(VecDeque::with_capacity(capacity)),
            capacity,
            lost: Losses::new(),
            closed: AtomicBool::new(false),
            open: AtomicU64::new(0),
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
        let records: Vec<AuditRecord> = self.shared.records().drain(..).collect();
        self.shared.settled(records.len() as u64);
        records
    }

    /// Takes the oldest record out of an undrained queue.
    #[must_use]
    pub fn take(&self) -> Option<AuditRecord> {
        let record = self.shared.records().pop_front()?;
        self.shared.settled(1);
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
            let mut records = shared.records();
            let count = records.len().min(BATCH_MAX);
            records.drain(..count).collect()
        };
        let count = batch.len() as u64;
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
        shared.settled(count);
    }
    if let Err(error) = sink.flush().await {
        tracing::warn!(target: "circle::audit", %error, "the audit sink could not be flushed");
    }
}

impl AuditSink for AuditQueue {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        let mut records = self.shared.records();
        if records.len() >= self.shared.capacity {
            drop(records);
            let error = Error::new(ErrorKind::QuotaExceeded, "the audit queue is full");
            self.shared.lost.note(1, &error);
            return Recording::Done(Err(error));
        }
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        let was_empty = records.is_empty();
        records.push_back(record);
        drop(records);
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
                if self.shared.open.load(Ordering::Acquire) == 0 {
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
        write!(f, "AuditQueue({} of {}, {} dropped)", self.shared.records().len(), self.shared.capacity, self.dropped())
    }
}
