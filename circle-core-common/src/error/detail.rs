//! What an error carries besides its codes.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::units::Timestamp;

/// Whether a request can have reached the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Proved unsent: repeating is always safe.
    No,
    /// It may have arrived.
    Maybe,
    /// It arrived and was answered.
    Yes,
}

/// What the service said, kept whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detail {
    /// The HTTP or protocol status.
    pub status: Option<u16>,
    /// The service's own code, such as `NoSuchKey`.
    pub code: Option<String>,
    /// The service's request id, for its support.
    pub request_id: Option<String>,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
    /// When the service answered, by its own clock; not of an answer that came from a cache.
    pub answered_at: Option<Timestamp>,
    /// When the answer came, by this machine's clock; known of refusals of requests that carry a credential.
    pub received_at: Option<Timestamp>,
    /// How long the answer took until then.
    pub round_trip: Option<Duration>,
    /// Whether it was a limit of some requests only, which the endpoint keeps by itself: others need not wait.
    pub(crate) limited_apart: bool,
    /// The service's own message.
    pub message: Option<String>,
    /// The body of the answer, redacted and capped at 64 KiB.
    pub body: Option<String>,
}

impl Detail {
    /// The longest body that [`Detail::with_body`] keeps, in bytes.
    pub const BODY_MAX: usize = 64 * 1024;

    /// Nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the body, cut at [`Detail::BODY_MAX`] on a character boundary. The caller redacts it first.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<String>) -> Self {
        let mut body = body.into();
        if body.len() > Self::BODY_MAX {
            let end = (0..=Self::BODY_MAX).rev().find(|&at| body.is_char_boundary(at)).unwrap_or(0);
            body.truncate(end);
        }
        self.body = Some(body);
        self
    }

    pub(super) fn write_brief(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map(|status| status.to_string());
        let head: Vec<&str> = status.as_deref().into_iter().chain(self.code.as_deref()).collect();
        let request = self.request_id.as_ref().map(|id| format!("request {id}"));
        let wait = self.retry_after.map(|wait| format!("retry after {wait:?}"));
        let head = (!head.is_empty()).then(|| head.join(" "));
        let parts: Vec<String> = [head, request, wait].into_iter().flatten().collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}

/// A limit that a value broke: `key must be at most 1024 bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Limit {
    /// What is limited, as the capability names it (`key_max`).
    pub name: &'static str,
    /// The smallest value allowed.
    pub min: Option<u64>,
    /// The largest value allowed.
    pub max: Option<u64>,
    /// The unit of both (`bytes`, `entries`, `ms`).
    pub unit: &'static str,
}

impl Limit {
    /// At most `max`.
    #[must_use]
    pub const fn at_most(name: &'static str, max: u64, unit: &'static str) -> Self {
        Self { name, min: None, max: Some(max), unit }
    }

    /// At least `min`.
    #[must_use]
    pub const fn at_least(name: &'static str, min: u64, unit: &'static str) -> Self {
        Self { name, min: Some(min), max: None, unit }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` allows ", self.name)?;
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(f, "{min} to {max} {}", self.unit),
            (Some(min), None) => write!(f, "at least {min} {}", self.unit),
            (None, Some(max)) => write!(f, "at most {max} {}", self.unit),
            (None, None) => f.write_str("anything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_cut_on_a_character_boundary() {
        let detail = Detail::new().with_body("é".repeat(Detail::BODY_MAX));
        let body = detail.body.unwrap();
        assert!(body.len() <= Detail::BODY_MAX && body.chars().all(|c| c == 'é'));
    }
}
