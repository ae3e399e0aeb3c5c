//! What a call that failed had received.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::ChatResponse;
use crate::error::Error;

/// The part of an answer that had come when the call failed; in the source chain of its error.
///
/// ```
/// # use circle_core_common::interfaces::chat_model::{ChatModel, Received};
/// # async fn example(model: ChatModel) {
/// let error = model.stream("Tell me all.").await.expect("an answer").finish().await.unwrap_err();
/// if let Some(partial) = Received::of(&error) {
///     println!("got as far as: {}", partial.text());
/// }
/// # }
/// ```
pub struct Received {
    response: ChatResponse,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Received {
    /// What the call behind this error had received, where it had received anything.
    #[must_use]
    pub fn of(error: &Error) -> Option<&ChatResponse> {
        error.provider_error::<Self>().map(|received| &received.response)
    }

    /// The error, with what was received in front of its sources; one that has it already is left as it is.
    #[must_use]
    pub fn attach(error: Error, response: ChatResponse) -> Error {
        if Self::of(&error).is_some() {
            return error;
        }
        error.wrap_source(|source| Self { response, source })
    }
}

/// Without the content.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("parts", &self.response.parts.len()).field("source", &self.source).finish()
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parts of the answer had been received", self.response.parts.len())
    }
}

impl StdError for Received {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
