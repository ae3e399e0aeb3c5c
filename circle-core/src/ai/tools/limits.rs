//! How far a run may go, and how far it has gone.

use std::fmt;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::Usage;
use circle_core_common::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// How far a run may go, over all of its parts: a run that is resumed goes on counting.
///
/// ```
/// use circle_core::ai::tools::ToolLimits;
///
/// let limits = ToolLimits::new().model_requests(10).total_tokens(100_000);
/// assert_eq!(limits.tool_calls, Some(200)); // a default
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolLimits {
    /// Answers of the model; 50 by default.
    pub model_requests: Option<u32>,
    /// Calls that the model wants made, those that were refused included; 200 by default.
    pub tool_calls: Option<u32>,
    /// Tokens of all requests.
    pub input_tokens: Option<u64>,
    /// Tokens of all answers.
    pub output_tokens: Option<u64>,
    /// Tokens of both.
    pub total_tokens: Option<u64>,
    /// The time that the run is driven: the time that it lies in a store does not count.
    pub time: Option<Duration>,
    /// How often the same tool is called with the same arguments; 5 by default. Models can go round in circles.
    pub repeats: Option<u32>,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self { model_requests: Some(50), tool_calls: Some(200), repeats: Some(5), ..Self::none() }
    }
}

impl ToolLimits {
    /// 50 answers, 200 calls, 5 of them the same; as many tokens and as much time as that takes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// None at all: the run ends when the model has enough.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            model_requests: None,
            tool_calls: None,
            input_tokens: None,
            output_tokens: None,
            total_tokens: None,
            time: None,
            repeats: None,
        }
    }

    /// Sets how often the model is asked.
    #[must_use]
    pub fn model_requests(mut self, most: u32) -> Self {
        self.model_requests = Some(most);
        self
    }

    /// Sets how many calls the model may make.
    #[must_use]
    pub fn tool_calls(mut self, most: u32) -> Self {
        self.tool_calls = Some(most);
        self
    }

    /// Sets the most tokens of all requests.
    #[must_use]
    pub fn input_tokens(mut self, most: u64) -> Self {
        self.input_tokens = Some(most);
        self
    }

    /// Sets the most tokens of all answers.
    #[must_use]
    pub fn output_tokens(mut self, most: u64) -> Self {
        self.output_tokens = Some(most);
        self
    }

    /// Sets the most tokens of requests and answers together.
    #[must_use]
    pub fn total_tokens(mut self, most: u64) -> Self {
        self.total_tokens = Some(most);
        self
    }

    /// Sets how long the run may be driven.
    #[must_use]
    pub fn time(mut self, most: Duration) -> Self {
        self.time = Some(most);
        self
    }

    /// Sets how often the same call may be made.
    #[must_use]
    pub fn repeats(mut self, most: u32) -> Self {
        self.repeats = Some(most);
        self
    }

    /// What keeps the model from being asked again.
    pub(super) fn before_request(&self, spent: &Spent) -> Option<LimitReached> {
        let requests = self.model_requests.filter(|most| spent.model_requests >= *most);
        requests.map(|limit| LimitReached::ModelRequests { limit }).or_else(|| self.tokens(spent))
    }

    /// What keeps calls from being made, which are counted already.
    pub(super) fn before_calls(&self, spent: &Spent) -> Option<LimitReached> {
        let calls = self.tool_calls.filter(|most| spent.tool_calls > *most);
        calls.map(|limit| LimitReached::ToolCalls { limit, wanted: spent.tool_calls }).or_else(|| self.tokens(spent))
    }

    /// A limit of tokens that is used up; also one that cannot be kept, because a service does not say what it used.
    fn tokens(&self, spent: &Spent) -> Option<LimitReached> {
        let (input, output) = (spent.usage.input_total(), spent.usage.output_total());
        let total = input.zip(output).map(|(input, output)| input.saturating_add(output));
        let kinds =
            [("input", self.input_tokens, input), ("output", self.output_tokens, output), ("total", self.total_tokens, total)];
        kinds.into_iter().find_map(|(kind, limit, spent)| {
            let limit = limit.filter(|limit| spent.is_none_or(|spent| spent >= *limit))?;
            Some(LimitReached::Tokens { kind, limit, spent })
        })
    }
}

/// How far a run has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Spent {
    /// Answers of the model.
    pub model_requests: u32,
    /// Calls that the model wanted made.
    pub tool_calls: u32,
    /// The tokens of all answers together; what one of them does not tell is unknown of the sum.
    pub usage: Usage,
    /// How long it was driven.
    pub time: Duration,
}

impl Default for Spent {
    fn default() -> Self {
        // Nothing asked is known to have cost nothing.
        let usage = Usage::exclusive(Some(0), Some(0), Some(0)).output(Some(0)).reasoning(Some(0));
        Self { model_requests: 0, tool_calls: 0, usage, time: Duration::ZERO }
    }
}

/// The limit that ended a run. Raise it, and the run goes on where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitReached {
    /// The model was asked often enough.
    #[non_exhaustive]
    ModelRequests {
        /// How often it may be.
        limit: u32,
    },
    /// The model wants more calls than it may make; none of its last answer was made.
    #[non_exhaustive]
    ToolCalls {
        /// How many it may make.
        limit: u32,
        /// How many it wants, all in all.
        wanted: u32,
    },
    /// Tokens are used up.
    #[non_exhaustive]
    Tokens {
        /// `input`, `output` or `total`.
        kind: &'static str,
        /// How many there were.
        limit: u64,
        /// How many are used; `None` where an answer did not say, so that the limit cannot be kept.
        spent: Option<u64>,
    },
    /// The time is over.
    #[non_exhaustive]
    Time {
        /// How long it was.
        limit: Duration,
    },
    /// The model makes the same call again and again.
    #[non_exhaustive]
    Repeats {
        /// How often it may.
        limit: u32,
        /// The tool.
        tool: String,
    },
}

impl LimitReached {
    /// As an error, for those who take it for one.
    pub(super) fn error(&self) -> Error {
        let kind = if matches!(self, Self::Time { .. }) { ErrorKind::Timeout } else { ErrorKind::QuotaExceeded };
        Error::new(kind, self.to_string()).with_retryable(false)
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModelRequests { limit } => write!(f, "the model was asked {limit} times, which is the limit"),
            Self::ToolCalls { limit, wanted } => write!(f, "the model wants {wanted} calls, and the limit is {limit}"),
            Self::Tokens { kind, limit, spent: Some(spent) } => write!(f, "{spent} {kind} tokens are used of {limit}"),
            Self::Tokens { kind, limit, spent: None } => {
                write!(f, "the limit of {limit} {kind} tokens cannot be kept: the service does not say how many it used")
            }
            Self::Time { limit } => write!(f, "the run took {limit:?}, which is the limit"),
            Self::Repeats { limit, tool } => write!(f, "the same call of `{tool}` was made {limit} times, which is the limit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(input: Option<u64>, output: Option<u64>) -> Spent {
        let usage = Usage::inclusive(input, Some(0), Some(0)).output(output);
        Spent { usage: Spent::default().usage.plus(&usage), ..Spent::default() }
    }

    #[test]
    fn tokens_are_counted_and_unknown_is_not_zero() {
        let limits = ToolLimits::none().input_tokens(100).total_tokens(120);
        assert_eq!(limits.before_request(&Spent::default()), None);
        assert_eq!(limits.before_request(&spent(Some(99), Some(20))), None);
        let reached = limits.before_request(&spent(Some(100), Some(0))).unwrap();
        assert_eq!(reached.to_string(), "100 input tokens are used of 100");
        assert!(limits.before_calls(&spent(Some(99), Some(21))).unwrap().to_string().contains("120 total"));
        assert!(limits.before_request(&spent(Some(1), None)).unwrap().to_string().contains("cannot be kept"));
        assert_eq!(ToolLimits::none().before_request(&spent(None, None)), None);
    }
}
