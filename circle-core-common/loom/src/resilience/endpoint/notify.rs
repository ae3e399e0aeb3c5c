//! A stand-in for the `Notify` of tokio that loom can run in every order, with what that promises: a notification wakes one who
//! is in line, or is kept for the next; and who is dropped with one that it has not heard of passes it on.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Notify(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    /// One that nobody was there for.
    kept: bool,
    waiting: VecDeque<Waiting>,
    /// Who was notified and has not heard of it, and whether as the last in line.
    told: Vec<(u64, bool)>,
    entered: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    waker: Option<Waker>,
}

impl Notify {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Line::default()))
    }

    pub(super) fn notified(&self) -> Notified<'_> {
        Notified { notify: self, number: None, heard: false }
    }

    pub(super) fn notify_one(&self) {
        self.notify(false);
    }

    pub(super) fn notify_last(&self) {
        self.notify(true);
    }

    fn notify(&self, last: bool) {
        let waker = {
            let mut line = self.line();
            let next = if last { line.waiting.pop_back() } else { line.waiting.pop_front() };
            match next {
                Some(next) => {
                    line.told.push((next.number, last));
                    next.waker
                }
                None => {
                    line.kept = true;
                    None
                }
            }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(|_| panic!("a thread of the model failed"))
    }
}

pub(super) struct Notified<'a> {
    notify: &'a Notify,
    /// Its number in line, until it has heard.
    number: Option<u64>,
    heard: bool,
}

impl Notified<'_> {
    /// Gets in line.
    pub(super) fn enable(mut self: Pin<&mut Self>) -> bool {
        if self.heard || self.number.is_some() {
            return self.heard;
        }
        let mut line = self.notify.line();
        if std::mem::take(&mut line.kept) {
            drop(line);
            self.heard = true;
            return true;
        }
        line.entered += 1;
        let number = line.entered;
        line.waiting.push_back(Waiting { number, waker: None });
        drop(line);
        self.number = Some(number);
        false
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.as_mut().enable() {
            return Poll::Ready(());
        }
        let mut line = self.notify.line();
        if let Some(at) = line.told.iter().position(|(told, _)| Some(*told) == self.number) {
            line.told.remove(at);
            drop(line);
            (self.number, self.heard) = (None, true);
            return Poll::Ready(());
        }
        if let Some(own) = line.waiting.iter_mut().find(|waiting| Some(waiting.number) == self.number) {
            own.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let unheard = {
            let mut line = self.notify.line();
            line.waiting.retain(|waiting| waiting.number != number);
            line.told.iter().position(|(told, _)| *told == number).map(|at| line.told.remove(at))
        };
        if let Some((_, last)) = unheard {
            self.notify.notify(last);
        }
    }
}
