//! An HTTP/1.1 server whose every byte is a test's.

mod connection;
mod gzip;
mod received;
mod reply;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
pub(crate) use connection::{Connection, Handler, Listener};
pub use received::Received;
pub(crate) use received::{malformed, parse_head};
pub use reply::{Break, Place, Reply};

/// How many requests are kept; later ones are counted only.
const KEPT: usize = 20_000;

/// A server on loopback that answers as a test says: right, late, in drips, in halves, with garbage, or never.
///
/// ```
/// # use std::time::Duration;
/// # use circle_core_testkit::{Break, FaultServer, Place, Reply};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = FaultServer::start().await?;
/// server.script([
///     Reply::status(503).header("retry-after", "1"),
///     Reply::ok("half of it").breaking(Place::Body(4), Break::Reset),
///     Reply::ok("all of it").after(Duration::from_millis(10)),
/// ]);
/// server.at("/slow").always(Reply::silent());
/// // … a client that calls `server.origin()` …
/// assert_eq!(server.hits(), 0);
/// # Ok(())
/// # }
/// ```
///
/// A request that nothing is scripted for is answered with 501 and counted in [`unexpected`](Self::unexpected). Real
/// sockets need real time: not under a paused clock. What is held, a request's head and body included, is bounded.
/// Dropped, the server closes its port and all its connections.
pub struct FaultServer {
    listener: Listener,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    state: Mutex<State>,
    hits: AtomicUsize,
    unexpected: AtomicUsize,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    received: Vec<Received>,
}

struct Rule {
    matches: Box<dyn Fn(&Received) -> bool + Send>,
    once: VecDeque<Reply>,
    always: Option<Always>,
}

type Always = Box<dyn FnMut(&Received) -> Reply + Send>;

impl FaultServer {
    /// Starts a server on a free port of loopback, with nothing scripted.
    ///
    /// # Errors
    /// Why no port can be had.
    pub async fn start() -> std::io::Result<Self> {
        let script = Arc::new(Script::default());
        let listener = Listener::start(Arc::clone(&script) as Arc<dyn Handler>).await?;
        Ok(Self { listener, script })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its origin: `http://127.0.0.1:…`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Answers the next requests, whatever they are, with these replies in order; behind those that wait already.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.any().script(replies);
    }

    /// Answers every request that has no other reply with this one.
    pub fn always(&self, reply: Reply) {
        self.any().always(reply);
    }

    /// What requests of this path, the query left out, are answered with. Paths are compared byte for byte.
    pub fn at(&self, path: &str) -> Route<'_> {
        let path = path.to_owned();
        self.when(move |request| request.path() == path)
    }

    /// What requests that meet a condition are answered with. The first route that matches and has a reply answers,
    /// and those of [`script`](Self::script) and [`always`](Self::always) come last.
    pub fn when(&self, matches: impl Fn(&Received) -> bool + Send + 'static) -> Route<'_> {
        let mut state = self.script.state();
        let rule = Rule { matches: Box::new(matches), once: VecDeque::new(), always: None };
        // The rule for any request stays at the end.
        let index = state.rules.len().saturating_sub(1);
        if state.rules.is_empty() {
            state.rules.push(any());
        }
        state.rules.insert(index, rule);
        Route { script: &self.script, index: Some(index) }
    }

    fn any(&self) -> Route<'_> {
        let mut state = self.script.state();
        if state.rules.is_empty() {
            state.rules.push(any());
        }
        Route { script: &self.script, index: None }
    }

    /// How many requests arrived whole.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.script.hits.load(Ordering::SeqCst)
    }

    /// How many of them nothing was scripted for.
    #[must_use]
    pub fn unexpected(&self) -> usize {
        self.script.unexpected.load(Ordering::SeqCst)
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.listener.connections()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.listener.open_connections()
    }

    /// The largest number of requests that were being answered at one time.
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.listener.peak_in_flight()
    }

    /// The requests that arrived, in order; the first 20,000 of them.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.script.state().received.clone()
    }

    /// Forgets what arrived and what is scripted.
    pub fn reset(&self) {
        *self.script.state() = State::default();
        self.script.hits.store(0, Ordering::SeqCst);
        self.script.unexpected.store(0, Ordering::SeqCst);
    }
}

impl fmt::Debug for FaultServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultServer({}, {} hits)", self.address(), self.hits())
    }
}

/// Some requests of a [`FaultServer`], and what they are answered with.
pub struct Route<'s> {
    script: &'s Script,
    /// None for the last rule, which matches any request.
    index: Option<usize>,
}

impl Route<'_> {
    fn with(self, change: impl FnOnce(&mut Rule)) -> Self {
        {
            let mut state = self.script.state();
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

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, request: Received) -> Reply {
        let mut state = self.state();
        let mut matching = state.rules.iter_mut().filter(|rule| (rule.matches)(&request));
        let reply = matching.find_map(|rule| rule.next(&request));
        let reply = reply.unwrap_or_else(|| {
            self.unexpected.fetch_add(1, Ordering::SeqCst);
            Reply::status(501).body(format!("nothing is scripted for {} {}", request.method, request.path()))
        });
        if state.received.len() < KEPT {
            state.received.push(request);
        }
        self.hits.fetch_add(1, Ordering::SeqCst);
        reply
    }
}

impl Rule {
    fn next(&mut self, request: &Received) -> Option<Reply> {
        self.once.pop_front().or_else(|| self.always.as_mut().map(|always| always(request)))
    }
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, request: Received) -> Reply {
        self.reply(request)
    }
}
