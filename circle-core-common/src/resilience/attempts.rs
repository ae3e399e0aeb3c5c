//! What the machine repeats.

use std::future::Future;
use std::time::Duration;

use tracing::Span;

use super::RemoteOperation;
use crate::clock::Tick;
use crate::error::{Error, Result};

/// One attempt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which it is; the first is 1.
    pub number: u32,
    /// When it began.
    pub began: Tick,
    /// When it must have ended: the attempt timeout or the deadline of the call, whichever is earlier.
    pub deadline: Option<Tick>,
    /// Whether it was started beside one that is still running.
    pub hedged: bool,
    /// By what it is counted in the quotas that the service tells of.
    pub(crate) counted: u16,
}

/// How long a request may take that lasts by its nature; `None` is as long as the policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lasting {
    /// One attempt.
    pub attempt_timeout: Option<Duration>,
    /// All attempts and the waits between them.
    pub total_timeout: Option<Duration>,
}

/// What a [`Policy`](super::Policy) makes: attempts of one request.
///
/// [`Policy::run`](super::Policy::run) takes a closure in its place, where there is nothing to say about bodies and
/// repairs.
pub trait Attempts: Sync {
    /// What an attempt gives.
    type Output: Send;

    /// Makes one attempt. Takes `&self`, because of two hedged attempts both are alive.
    fn attempt(&self, attempt: Attempt) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The span that is entered whenever the attempt is polled. None by default: what knows more about its attempts than
    /// the machine opens its own around them.
    fn span(&self, operation: &'static RemoteOperation, attempt: Attempt) -> Span {
        let _ = (operation, attempt);
        Span::none()
    }

    /// How long it may take where the policy's timeouts do not fit; the caller's own win.
    #[inline]
    fn lasting(&self) -> Lasting {
        Lasting::default()
    }

    /// The part of the service that the request is limited as, where the service counts those of each part by themselves: a
    /// model, a channel, a shop.
    #[inline]
    fn limited_as(&self) -> Option<&str> {
        None
    }

    /// Whether another attempt can be made: not when a body that can be sent only once has been touched.
    fn replayable(&self) -> bool {
        true
    }

    /// Repairs what `error` complains of, and says whether it did: a refused credential dropped, a clock skew
    /// corrected. Each call has one free repetition for it.
    fn repair(&self, error: &Error) -> impl Future<Output = bool> + Send {
        let _ = error;
        std::future::ready(false)
    }
}
