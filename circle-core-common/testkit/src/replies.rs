//! What requests are answered with, and what they were.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fault_server::{Received, Reply};

/// How many requests are kept; later ones are counted only.
const KEPT: usize = 20_000;
/// How many bytes of their bodies are kept in all; of later requests the head is.
const KEPT_BYTES: usize = 512 * 1024 * 1024;

/// The script of a [`FaultServer`](crate::FaultServer) or a [`CannedTransport`](crate::CannedTransport), and the record
/// of what arrived there.
///
/// A request that nothing is scripted for is answered with 501 and counted in [`unexpected`](Self::unexpected).
#[derive(Default)]
pub struct Replies {
    state: Mutex<State>,
    hits: AtomicUsize,
    unexpected: AtomicUsize,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    received: Vec<Received>,
    kept_bytes: usize,
    interruptions: VecDeque<Reply>,
}

struct Rule {
    matches: Box<dyn Fn(&Received) -> bool + Send>,
    once: VecDeque<Reply>,
    always: Option<Always>,
}

type Always = Box<dyn FnMut(&Received) -> Reply + Send>;

impl Replies {
    /// Answers the next requests, whatever they are, with these replies in order; behind those that wait already.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.any().script(replies);
    }

    /// Answers every request that has no other reply with this one.
    pub fn always(&self, reply: Reply) {
        self.any().always(reply);
    }

    /// Answers the next requests that have a body before it was read, or breaks them off; [`Reply::reading`] says how much
    /// of it is read. The connection is closed afterwards. For the server alone: canned requests are there at once.
    pub fn interrupt(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state().interruptions.extend(replies);
    }

    /// What requests of this path, the query left out, are answered with. Paths are compared byte for byte.
    pub fn at(&self, path: &str) -> Route<'_> {
        let path = path.to_owned();
        self.when(move |request| request.path() == path)
    }

    /// What requests that meet a condition are answered with. The first route that matches and has a reply answers,
    /// and those of [`script`](Self::script) and [`always`](Self::always) come last.
    pub fn when(&self, matches: impl Fn(&Received) -> bool + Send + 'static) -> Route<'_> {
        let mut state = self.state();
        let rule = Rule { matches: Box::new(matches), once: VecDeque::new(), always: None };
        // The rule for any request stays at the end.
        let index = state.rules.len().saturating_sub(1);
        if state.rules.is_empty() {
            state.rules.push(any());
        }
        state.rules.insert(index, rule);
        Route { replies: self, index: Some(index) }
    }

    fn any(&self) -> Route<'_> {
        let mut state = self.state();
        if state.rules.is_empty() {
            state.rules.push(any());
        }
        Route { replies: self, index: None }
    }

    /// How many requests arrived whole.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// How many of them nothing was scripted for.
    #[must_use]
    pub fn unexpected(&self) -> usize {
        self.unexpected.load(Ordering::SeqCst)
    }

    /// The requests that arrived, in order; the first 20,000 of them, and of their bodies the first 512 MiB.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    /// Forgets what arrived and what is scripted.
    pub fn reset(&self) {
        *self.state() = State::default();
        self.hits.store(0, Ordering::SeqCst);
        self.unexpected.store(0, Ordering::SeqCst);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reply(&self, request: Received) -> Reply {
        let mut state = self.state();
        let mut matching = state.rules.iter_mut().filter(|rule| (rule.matches)(&request));
        let reply = matching.find_map(|rule| rule.next(&request));
        let reply = reply.unwrap_or_else(|| {
            self.unexpected.fetch_add(1, Ordering::SeqCst);
            Reply::status(501).body(format!("nothing is scripted for {} {}", request.method, request.path()))
        });
        self.keep(&mut state, request);
        reply
    }

    pub(crate) fn interruption(&self, request: &Received) -> Option<Reply> {
        let mut state = self.state();
        let reply = state.interruptions.pop_front()?;
        self.keep(&mut state, request.clone());
        Some(reply)
    }

    fn keep(&self, state: &mut State, mut request: Received) {
        if state.received.len() < KEPT {
            let bytes = request.body.len() + request.raw.len();
            if bytes > KEPT_BYTES - state.kept_bytes {
                request.body.clear();
                request.raw.clear();
            } else {
                state.kept_bytes += bytes;
            }
            state.received.push(request);
        }
        self.hits.fetch_add(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replies({} hits)", self.hits())
    }
}

/// Some requests, and what they are answered with.
pub struct Route<'s> {
    replies: &'s Replies,
    /// None for the last rule, which matches any request.
    index: Option<usize>,
}

impl Route<'_> {
    fn with(self, change: impl FnOnce(&mut Rule)) -> Self {
        {
            let mut state = self.replies.state();
            let rule = match self.index {
                Some(index) => state.rules.get_mut(index),
                None => state.rules.last_mut(),
            };
            if let Some(rule) = rule {
                change(rule);
            }
        }
        self
    }

    /// Answers the next one with this.
    pub fn once(self, reply: Reply) -> Self {
        self.script([reply])
    }

    /// Answers the next ones with these, in order.
    pub fn script(self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.with(|rule| rule.once.extend(replies))
    }

    /// Answers all that have no other reply with this.
    pub fn always(self, reply: Reply) -> Self {
        self.always_with(move |_| reply.clone())
    }

    /// Answers all that have no other reply with what the function makes of them. It must not ask the server, which
    /// waits for it.
    pub fn always_with(self, reply: impl FnMut(&Received) -> Reply + Send + 'static) -> Self {
        self.with(|rule| rule.always = Some(Box::new(reply)))
    }
}

impl fmt::Debug for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

fn any() -> Rule {
    Rule { matches: Box::new(|_| true), once: VecDeque::new(), always: None }
}

impl Rule {
    fn next(&mut self, request: &Received) -> Option<Reply> {
        self.once.pop_front().or_else(|| self.always.as_mut().map(|always| always(request)))
    }
}
