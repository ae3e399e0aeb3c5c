//! What a piece of work holds in memory.

use std::future::Future;

/// The most bytes that were held at a time, and what is still held at the end: all on this thread, servers included.
fn measured<Fut: Future<Output = ()>>(work: impl FnOnce() -> Fut) -> allocation_counter::AllocationInfo {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut work = Some(work);
    allocation_counter::measure(|| {
        if let Some(work) = work.take() {
            runtime.block_on(work());
        }
    })
}

/// The most bytes that were held at a time.
pub(crate) fn most_while<Fut: Future<Output = ()>>(work: impl FnOnce() -> Fut) -> u64 {
    measured(work).bytes_max
}

/// The bytes that are still held at the end.
pub(crate) fn kept_by<Fut: Future<Output = ()>>(work: impl FnOnce() -> Fut) -> i64 {
    measured(work).bytes_current
}
