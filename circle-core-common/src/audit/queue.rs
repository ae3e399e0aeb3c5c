//! A bounded queue in front of a sink.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{AuditRecord, AuditSink, Recording};
use crate::error::{Error, ErrorKind, Result};

/// Takes records at once and hands them to a sink in the background; when it is full, a record is refused and counted.
///
/// A record costs its call one lock and no allocation: the queue's memory is taken at the start.
pub struct AuditQueue {
    shared: Arc<Shared>,
}

struct Shared {
    records: Mutex<VecDeque<AuditRecord>>,
    capacity: usize,
    dropped: AtomicU64,
    /// Records taken and not yet through the sink.
    open: AtomicU64,
    filled: Notify,
    drained: Notify,
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, VecDeque<AuditRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
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
        let queue = Self::undrained(capacity);
        let shared = Arc::clone(&queue.shared);
        tokio::spawn(async move {
            loop {
                let filled = shared.filled.notified();
                let next = shared.records().pop_front();
                match next {
                    Some(record) => {
                        let result = match sink.record(record) {
                            Recording::Done(result) => result,
                            Recording::Pending(wait) => wait.await,
                        };
                        if let Err(error) = result {
                            shared.dropped.fetch_add(1, Ordering::Relaxed);
                            tracing::warn!(target: "circle::audit", %error, "an audit record was lost");
                        }
                        if shared.open.fetch_sub(1, Ordering::AcqRel) == 1 {
                            shared.drained.notify_waiters();
                        }
                    }
                    // Nobody else holds the queue: it was dropped.
                    None if Arc::strong_count(&shared) == 1 => break,
                    None => filled.await,
                }
            }
            if let Err(error) = sink.flush().await {
                tracing::warn!(target: "circle::audit", %error, "the audit sink could not be flushed");
            }
        });
        queue
    }

    /// A queue that the application drains itself with [`AuditQueue::take`].
    #[must_use]
    pub fn undrained(capacity: usize) -> Self {
        let shared = Shared {
            records: Mutex::new(VecDeque::with_capacity(capacity)),
            capacity,
            dropped: AtomicU64::new(0),
            open: AtomicU64::new(0),
            filled: Notify::new(),
            drained: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// How many records were lost because the queue was full or the sink failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Takes the oldest record out of an undrained queue.
    #[must_use]
    pub fn take(&self) -> Option<AuditRecord> {
        let record = self.shared.records().pop_front()?;
        if self.shared.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.drained.notify_waiters();
        }
        Some(record)
    }
}

impl AuditSink for AuditQueue {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        let mut records = self.shared.records();
        if records.len() >= self.shared.capacity {
            drop(records);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Recording::Done(Err(Error::new(ErrorKind::QuotaExceeded, "the audit queue is full")));
        }
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        records.push_back(record);
        drop(records);
        self.shared.filled.notify_one();
        Recording::Done(Ok(()))
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move {
            loop {
                let drained = self.shared.drained.notified();
                tokio::pin!(drained);
                drained.as_mut().enable();
                if self.shared.open.load(Ordering::Acquire) == 0 {
                    return Ok(());
                }
                drained.await;
            }
        })
    }
}

impl Drop for AuditQueue {
    fn drop(&mut self) {
        self.shared.filled.notify_one();
    }
}

impl std::fmt::Debug for AuditQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditQueue({} of {}, {} dropped)", self.shared.records().len(), self.shared.capacity, self.dropped())
    }
}
