//! The queue before a sink: its bound, its order, its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::Result;
use circle_core_common::audit::{AuditMode, AuditQueue, AuditRecord, AuditSink, Recording};
use circle_core_common::interfaces::object_store::ObjectStore;

use super::{Sink, answering};

/// A queue that the test keeps.
struct Queued(Arc<AuditQueue>);

impl AuditSink for Queued {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        self.0.record(record)
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        self.0.flush()
    }
}

#[tokio::test]
async fn a_full_queue_loses_records_and_counts_them() {
    let queue = Arc::new(AuditQueue::undrained(3));
    let files = ObjectStore::builder(answering(2)).audit(Queued(Arc::clone(&queue)), AuditMode::BestEffort).build();
    files.head("a").await.unwrap();
    files.head("b").await.unwrap();
    assert_eq!(queue.dropped(), 1);
    assert_eq!(std::iter::from_fn(|| queue.take()).count(), 3);
    queue.flush().await.unwrap();
}

#[tokio::test]
async fn all_records_are_taken_in_order_however_full_the_queue_is() {
    let queue = Arc::new(AuditQueue::undrained(4));
    let files = ObjectStore::builder(answering(6)).audit(Queued(Arc::clone(&queue)), AuditMode::BestEffort).build();
    // Full, half full, and full again behind both: what is lost tells that the bound still holds.
    for (calls, taken, lost) in [(2, 4, 0), (1, 2, 0), (3, 4, 2)] {
        for at in 0..calls {
            files.head(format!("k{at}")).await.unwrap();
        }
        let records = queue.take_all();
        let names: Vec<_> = records.iter().filter_map(|record| record.resource.as_deref()).collect();
        assert_eq!(names, ["k0", "k0", "k1", "k1"][..taken]);
        assert_eq!(queue.dropped(), lost);
        queue.flush().await.unwrap();
        assert!(queue.take().is_none());
    }
}

#[tokio::test]
async fn a_flush_waits_for_what_is_taken_out() {
    let queue = Arc::new(AuditQueue::undrained(4));
    let files = ObjectStore::builder(answering(1)).audit(Queued(Arc::clone(&queue)), AuditMode::BestEffort).build();
    files.head("a").await.unwrap();
    let mut flush = queue.flush();
    let mut poll = || flush.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(poll().is_pending());
    assert!(queue.take().is_some());
    assert!(poll().is_pending(), "the outcome is still held");
    assert!(queue.take().is_some());
    assert!(poll().is_ready());
}

#[tokio::test]
async fn a_queue_hands_everything_to_its_sink() {
    let sink = Sink::default();
    let queue = AuditQueue::new(1000, sink.clone());
    let files = ObjectStore::builder(answering(100)).audit(queue, AuditMode::BestEffort).build();
    for at in 0..100 {
        files.head(format!("k{at}")).await.unwrap();
    }
    drop(files);
    for _ in 0..1000 {
        if sink.records.lock().unwrap().len() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("only {} of 200 records arrived", sink.records.lock().unwrap().len());
}

#[tokio::test]
async fn a_queue_hands_its_records_over_together_and_ends_with_a_flush() {
    /// Its records become durable together, once a second one is there.
    #[derive(Clone)]
    struct Pairs {
        records: Arc<tokio::sync::Semaphore>,
        flushed: Arc<tokio::sync::Semaphore>,
    }
    impl AuditSink for Pairs {
        fn record(&self, _: AuditRecord) -> Recording<'_> {
            self.records.add_permits(1);
            Recording::Pending(Box::pin(async {
                drop(self.records.acquire_many(2).await);
                Ok(())
            }))
        }
        fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
            Box::pin(async {
                self.flushed.add_permits(1);
                Ok(())
            })
        }
    }
    for _ in 0..200 {
        let none = || Arc::new(tokio::sync::Semaphore::new(0));
        let sink = Pairs { records: none(), flushed: none() };
        let files = ObjectStore::builder(answering(1)).audit(AuditQueue::new(8, sink.clone()), AuditMode::BestEffort).build();
        files.head("a").await.unwrap();
        drop(files);
        let flushed = tokio::time::timeout(Duration::from_secs(5), sink.flushed.acquire()).await;
        assert!(flushed.is_ok(), "the queue's task never ended");
    }
}
