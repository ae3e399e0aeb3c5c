//! Equal work that is asked for at the same time, done once.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// Does equal work once for all who ask for it at the same time.
///
/// The first caller of a key does the work, within its own future: nothing is spawned. Whoever asks for the same key
/// meanwhile waits for it.
///
/// - *The caller who works is dropped*, or panics: one of those who wait does the work anew, its own way.
/// - *An output that is not to be shared*, an error that speaks of its caller alone, is given to the caller who worked; of
///   those who wait, one does the work anew.
/// - *Nothing is kept*: whoever comes after the work has ended does it again.
/// - *Deadlines* are the callers' own: whoever is dropped while it waits disturbs nobody.
///
/// Work must not ask for its own key: it would wait for itself.
///
/// ```
/// # use circle_core_common::coalesce::Coalesce;
/// # async fn fetch(name: &str) -> Result<String, String> { Ok(name.to_owned()) }
/// # async fn example(reads: &Coalesce<String, Result<String, String>>) {
/// let done = reads.run("a".to_owned(), || fetch("a"), |output| output.is_ok()).await;
/// println!("{:?}, shared: {}", done.output, done.joined);
/// # }
/// ```
pub struct Coalesce<K, T> {
    running: Mutex<HashMap<K, Flight<T>>>,
}

/// A key that is worked on.
struct Flight<T> {
    cell: Arc<OnceCell<T>>,
    callers: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalesced<T> {
    /// The output.
    pub output: T,
    /// Whether another caller did the work.
    pub joined: bool,
}

impl<K: Eq + Hash + Clone, T: Clone> Coalesce<K, T> {
    /// Nothing that is worked on yet.
    #[must_use]
    pub fn new() -> Self {
        Self { running: Mutex::new(HashMap::new()) }
    }

    /// The output of `work`, or of equal work that another caller does already. `shares` says of an output whether it is that
    /// of everybody who waits.
    pub async fn run<F: Future<Output = T>>(
        &self,
        key: K,
        work: impl FnOnce() -> F,
        shares: impl FnOnce(&T) -> bool,
    ) -> Coalesced<T> {
        let seat = self.sit(key);
        let mut joined = true;
        let done = async {
            joined = false;
            let output = work().await;
            if !shares(&output) {
                return Err(output);
            }
            // Before the output is there: nobody who comes later may find it.
            seat.leave();
            Ok(output)
        };
        // The cell lets one in at a time, and the next one when that has failed or was dropped.
        let output = match seat.cell.get_or_try_init(|| done).await {
            Ok(output) => output.clone(),
            Err(own) => own,
        };
        Coalesced { output, joined }
    }

    /// How many keys are worked on.
    #[must_use]
    pub fn running(&self) -> usize {
        self.lock().len()
    }

    fn sit(&self, key: K) -> Seat<'_, K, T> {
        let mut running = self.lock();
        let flight = running.entry(key.clone()).or_insert_with(|| Flight { cell: Arc::default(), callers: 0 });
        flight.callers += 1;
        let cell = Arc::clone(&flight.cell);
        drop(running);
        Seat { of: self, key, cell }
    }
}

impl<K, T> Coalesce<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<T>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one caller.
struct Seat<'c, K: Eq + Hash, T> {
    of: &'c Coalesce<K, T>,
    key: K,
    cell: Arc<OnceCell<T>>,
}

impl<K: Eq + Hash, T> Seat<'_, K, T> {
    /// Whoever asks from now on begins anew.
    fn leave(&self) {
        let mut running = self.of.lock();
        if running.get(&self.key).is_some_and(|flight| Arc::ptr_eq(&flight.cell, &self.cell)) {
            running.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, T> Drop for Seat<'_, K, T> {
    fn drop(&mut self) {
        let mut running = self.of.lock();
        let Some(flight) = running.get_mut(&self.key).filter(|flight| Arc::ptr_eq(&flight.cell, &self.cell)) else { return };
        flight.callers -= 1;
        if flight.callers == 0 {
            running.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash + Clone, T: Clone> Default for Coalesce<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, T> fmt::Debug for Coalesce<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coalesce({} running)", self.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, poll_fn};
    use std::pin::{Pin, pin};
    use std::task::Poll;

    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    type Answers = Coalesce<&'static str, Result<u32, &'static str>>;

    /// Polls once.
    async fn begin<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Work that counts how often it is begun, and ends when it is told to.
    struct Work {
        begun: Cell<u32>,
        end: Notify,
    }

    impl Work {
        fn new() -> Self {
            Self { begun: Cell::new(0), end: Notify::new() }
        }

        async fn give<T>(&self, output: T) -> T {
            self.begun.set(self.begun.get() + 1);
            self.end.notified().await;
            output
        }
    }

    #[tokio::test]
    async fn equal_work_is_done_once_and_later_again() {
        let (answers, work) = (Answers::new(), Work::new());
        let (answers, work) = (&answers, &work);
        let run = |output| answers.run("key", move || work.give(Ok(output)), Result::is_ok);
        let (mut first, mut second, mut third) = (pin!(run(1)), pin!(run(2)), pin!(run(3)));
        for future in [first.as_mut(), second.as_mut(), third.as_mut()] {
            assert!(begin(future).await.is_none());
        }
        assert_eq!((work.begun.get(), answers.running()), (1, 1));
        work.end.notify_one();
        assert_eq!(first.await, Coalesced { output: Ok(1), joined: false });
        assert_eq!(answers.running(), 0);
        let mut later = pin!(run(4));
        assert!(begin(later.as_mut()).await.is_none());
        assert_eq!(work.begun.get(), 2, "those who waited have the first output, who comes later begins anew");
        assert_eq!(second.await, Coalesced { output: Ok(1), joined: true });
        assert_eq!(third.await, Coalesced { output: Ok(1), joined: true });
        work.end.notify_one();
        assert_eq!(later.await, Coalesced { output: Ok(4), joined: false });
        assert_eq!(answers.running(), 0);
    }

    #[tokio::test]
    async fn other_work_is_its_own() {
        let answers = Answers::new();
        let mut blocked = pin!(answers.run("a", pending, Result::is_ok));
        assert!(begin(blocked.as_mut()).await.is_none());
        assert_eq!(answers.run("b", async || Ok(2), Result::is_ok).await.output, Ok(2));
        assert_eq!(answers.running(), 1);
    }

    /// Failure test 44: a leader that is cancelled is replaced, and its errors do not stay.
    #[tokio::test]
    async fn t44_when_the_one_who_works_is_dropped_a_waiter_takes_over() {
        let (answers, work) = (Answers::new(), Work::new());
        let (answers, work) = (&answers, &work);
        let run = |output| answers.run("key", move || work.give(Ok(output)), Result::is_ok);
        let mut first = Box::pin(run(1));
        let (mut second, mut third) = (Box::pin(run(2)), pin!(run(3)));
        assert!(begin(first.as_mut()).await.is_none());
        assert!(begin(second.as_mut()).await.is_none());
        assert!(begin(third.as_mut()).await.is_none());
        drop(first);
        assert!(begin(second.as_mut()).await.is_none());
        assert_eq!(work.begun.get(), 2, "the next one works");
        assert!(begin(third.as_mut()).await.is_none());
        drop(second);
        work.end.notify_one();
        assert_eq!(third.await, Coalesced { output: Ok(3), joined: false });
        assert_eq!((work.begun.get(), answers.running()), (3, 0));
    }

    #[tokio::test]
    async fn t44_an_error_is_of_those_who_waited_and_of_nobody_later() {
        let (answers, work) = (Answers::new(), Work::new());
        let (answers, work) = (&answers, &work);
        let run = |output| answers.run("key", move || work.give(output), |_| true);
        let (mut first, mut second) = (pin!(run(Err("down"))), pin!(run(Ok(2))));
        assert!(begin(first.as_mut()).await.is_none() && begin(second.as_mut()).await.is_none());
        work.end.notify_one();
        assert_eq!(first.await.output, Err("down"));
        assert_eq!(second.await, Coalesced { output: Err("down"), joined: true });
        work.end.notify_one();
        assert_eq!(run(Ok(3)).await, Coalesced { output: Ok(3), joined: false });
    }

    #[tokio::test]
    async fn an_error_of_one_s_own_is_not_shared() {
        let (answers, work) = (Answers::new(), Work::new());
        let (answers, work) = (&answers, &work);
        let run = |output| answers.run("key", move || work.give(output), Result::is_ok);
        let (mut first, mut second) = (pin!(run(Err("late"))), pin!(run(Ok(2))));
        assert!(begin(first.as_mut()).await.is_none() && begin(second.as_mut()).await.is_none());
        work.end.notify_one();
        assert_eq!(first.await, Coalesced { output: Err("late"), joined: false });
        work.end.notify_one();
        assert_eq!(second.await, Coalesced { output: Ok(2), joined: false });
        assert_eq!((work.begun.get(), answers.running()), (2, 0));
    }

    #[tokio::test]
    async fn who_is_dropped_at_any_await_leaves_nothing() {
        let answers = Answers::new();
        for polls in 1..=4 {
            for callers in 1..=3 {
                let run = || answers.run("key", async || (yield_now().await, yield_now().await, Ok(1)).2, Result::is_ok);
                let mut running: Vec<_> = (0..callers).map(|_| Some(Box::pin(run()))).collect();
                for _ in 0..polls {
                    for place in &mut running {
                        let Some(future) = place else { continue };
                        if begin(future.as_mut()).await.is_some() {
                            *place = None;
                        }
                    }
                }
                drop(running);
                assert_eq!(answers.running(), 0, "{polls} polls of {callers} callers");
            }
        }
    }

    #[test]
    fn many_who_come_and_go_on_several_threads_leave_nothing() {
        let answers: Coalesce<u32, u32> = Coalesce::new();
        let one = async |at: u32| {
            let work = async || {
                yield_now().await;
                at % 7
            };
            let mut run = pin!(answers.run(at % 7, work, |_| !at.is_multiple_of(3)));
            // Some are dropped where they are.
            let first = begin(run.as_mut()).await;
            match first {
                Some(done) => assert_eq!(done.output, at % 7),
                None if at.is_multiple_of(5) => {}
                None => assert_eq!(run.await.output, at % 7),
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    (0..1_000).for_each(|at| runtime.block_on(one(at * 4 + thread)));
                });
            }
        });
        assert_eq!(answers.running(), 0);
    }

    #[tokio::test]
    async fn one_who_panics_is_replaced() {
        let answers = Arc::new(Answers::new());
        let (work, waits) = (Arc::new(Notify::new()), Arc::clone(&answers));
        let told = Arc::clone(&work);
        let panics = tokio::spawn(async move {
            let work = async || {
                told.notified().await;
                panic!("a panic that is part of the test")
            };
            waits.run("key", work, Result::is_ok).await
        });
        yield_now().await;
        let mut second = pin!(answers.run("key", async || Ok(2), Result::is_ok));
        assert!(begin(second.as_mut()).await.is_none());
        work.notify_one();
        assert!(panics.await.is_err());
        assert_eq!(second.await, Coalesced { output: Ok(2), joined: false });
        assert_eq!(answers.running(), 0);
    }
}
