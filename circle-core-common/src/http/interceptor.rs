//! An application's own eyes on every attempt.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use super::headers;
use super::origin::Origin;
use crate::error::{Error, ErrorKind, Result};
use crate::resilience::{Attempt, RemoteOperation};

/// Sees every attempt: adds headers before, hears the outcome after. It runs before signing, so that what it adds is
/// signed too, and so that it never sees a credential.
///
/// Given to an environment with `Environment::builder().interceptor(…)`. Called on the call's own task: it must be quick.
pub trait Interceptor: Send + Sync + 'static {
    /// Before an attempt is signed and sent.
    ///
    /// # Errors
    /// What ends the attempt; nothing is sent then.
    fn before(&self, outgoing: &mut Outgoing<'_>) -> Result<()> {
        let _ = outgoing;
        Ok(())
    }

    /// After an attempt. An attempt that is dropped has no outcome and is not told.
    fn after(&self, outcome: &Outcome<'_>) {
        let _ = outcome;
    }
}

/// An attempt that is about to be signed and sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// What is asked for.
    pub operation: &'static RemoteOperation,
    /// Which attempt.
    pub attempt: Attempt,
    /// The method.
    pub method: &'a Method,
    /// Where it goes.
    pub origin: &'a Origin,
    headers: &'a mut HeaderMap,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(
        operation: &'static RemoteOperation,
        attempt: Attempt,
        method: &'a Method,
        origin: &'a Origin,
        headers: &'a mut HeaderMap,
    ) -> Self {
        Self { operation, attempt, method, origin, headers }
    }

    /// Adds a header that the request does not have.
    ///
    /// # Errors
    /// `InvalidInput` when the request has the header already, when it is one that carries credentials or that the transport
    /// alone may set, and for a value that headers cannot carry.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<()> {
        let parsed = headers::name(name)?;
        if self.headers.contains_key(&parsed) || matches!(parsed.as_str(), "authorization" | "cookie") {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("an interceptor cannot set the header `{parsed}` of this request"),
            ));
        }
        let (name, value) = headers::field(name, value)?;
        self.headers.insert(name, value);
        Ok(())
    }
}

/// What came of an attempt.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// What was asked for.
    pub operation: &'static RemoteOperation,
    /// Which attempt.
    pub attempt: Attempt,
    /// Where it went.
    pub origin: &'a Origin,
    /// The status, where there was an answer.
    pub status: Option<StatusCode>,
    /// The answer's headers, where there was one.
    pub headers: Option<&'a HeaderMap>,
    /// Until the headers, or until the end of a body that is read into memory.
    pub duration: Duration,
    /// Why it failed, if it did.
    pub error: Option<&'a Error>,
}

impl fmt::Debug for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("operation", &self.operation.name())
            .field("attempt", &self.attempt.number)
            .field("status", &self.status)
            .field("duration", &self.duration)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
