//! The service that breaks: four workers who take 20 ms for each order, and what goes wrong with them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use circle_core::{Error, ErrorKind, Result, Sent};
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep, sleep_until};

use super::chance::Chance;

/// How many orders are worked on at the same time.
const WORKERS: usize = 4;

/// How long one takes: 200 per second in all.
const WORK: Duration = Duration::from_millis(20);

/// How long a refusal takes.
const REFUSAL: Duration = Duration::from_millis(2);

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Every answer is a 503.
    Down,
    /// No answer comes.
    Silent,
    /// So many connections of a hundred break before the answer.
    Resets(u32),
    /// So many answers of a hundred take so long.
    Slow(u32, Duration),
    /// More requests than so many in a second are refused with 429.
    Limited(u32),
    /// The work takes so many times longer.
    Sluggish(u32),
}

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// What.
    pub fault: Fault,
    /// From when on, counted from the beginning.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
}

/// The service, over a wire that is none.
#[derive(Debug)]
pub struct Service {
    began: Instant,
    trouble: Trouble,
    chance: Chance,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When each worker has done what lies before him. What was ordered is done, even where nobody waits for it any more.
    free: [Instant; WORKERS],
    /// The requests of each second.
    requests: Vec<u32>,
    /// Those that were taken in a second, for its limit.
    taken: (u64, u32),
}

impl Service {
    /// A service that begins its day now.
    #[must_use]
    pub fn new(trouble: Trouble) -> Self {
        let began = Instant::now();
        let state = State { free: [began; WORKERS], requests: Vec::new(), taken: (0, 0) };
        Self { began, trouble, chance: Chance::default(), state: Mutex::new(state) }
    }

    /// How many requests came in each second.
    #[must_use]
    pub fn requests(&self) -> Vec<u32> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> Option<Fault> {
        let now = self.began.elapsed();
        (self.trouble.from <= now && now < self.trouble.until).then_some(self.trouble.fault)
    }

    async fn work(&self, times: u32) -> Result<TransportResponse> {
        let done = self.state().queue(WORK * times);
        sleep_until(done).await;
        Ok(answer(StatusCode::OK, HeaderMap::new()))
    }
}

#[async_trait::async_trait]
impl Transport for Service {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        let second = self.began.elapsed().as_secs();
        self.state().count(second);
        match self.fault() {
            Some(Fault::Down) => {
                sleep(REFUSAL).await;
                Ok(answer(StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new()))
            }
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::Resets(percent)) if self.chance.has_it(percent) => {
                sleep(REFUSAL).await;
                Err(Error::new(ErrorKind::Connection, "the connection was reset").with_sent(Sent::Maybe))
            }
            Some(Fault::Slow(percent, takes)) if self.chance.has_it(percent) => {
                sleep(takes).await;
                Ok(answer(StatusCode::OK, HeaderMap::new()))
            }
            Some(Fault::Limited(per_second)) if self.state().is_above(second, per_second) => {
                sleep(REFUSAL).await;
                Ok(answer(StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, HeaderValue::from_static("1"))].into_iter().collect()))
            }
            Some(Fault::Sluggish(times)) => self.work(times).await,
            _ => self.work(1).await,
        }
    }
}

impl State {
    fn count(&mut self, second: u64) {
        let second = usize::try_from(second).unwrap_or(usize::MAX);
        if self.requests.len() <= second {
            self.requests.resize(second + 1, 0);
        }
        self.requests[second] += 1;
    }

    /// Gives the work to the worker who is free first, and says when it will be done.
    fn queue(&mut self, work: Duration) -> Instant {
        let now = Instant::now();
        let first = self.free.iter_mut().min();
        first.map_or(now, |free| {
            *free = now.max(*free) + work;
            *free
        })
    }

    fn is_above(&mut self, second: u64, limit: u32) -> bool {
        if self.taken.0 != second {
            self.taken = (second, 0);
        }
        self.taken.1 += 1;
        self.taken.1 > limit
    }
}

fn answer(status: StatusCode, mut headers: HeaderMap) -> TransportResponse {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    TransportResponse::new(status, headers, bytes::Bytes::from_static(br#"{"order":7}"#))
}
