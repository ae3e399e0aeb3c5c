//! Tools that are closures.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{self, ToolOutput};
use circle_core_common::resilience::Idempotency;
use circle_core_common::{CallContext, Class, Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Tool;

type Call = dyn Fn(CallContext, Value) -> Pin<Box<dyn Future<Output = Result<ToolOutput>> + Send>> + Send + Sync;

/// A tool that is a closure; made by [`tool`]. It is taken to write and not to be repeatable, until it says otherwise.
#[derive(Clone)]
pub struct FunctionTool {
    definition: chat_model::Tool,
    class: Class,
    idempotency: Option<Idempotency>,
    timeout: Option<Duration>,
    call: Arc<Call>,
}

/// A tool of this name and description that is this closure; the schema is that of its argument.
///
/// ```
/// use circle_core::Class;
/// use circle_core::ai::tools::{NoArguments, ToolFailure, tool};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Refund {
///     /// The number of the order.
///     order: u64,
/// }
///
/// let refund = tool("refund", "Refunds an order.", |refund: Refund| async move {
///     if refund.order == 0 {
///         return Err(ToolFailure::tell("there is no order 0")); // for the model
///     }
///     Ok(format!("refunded {}", refund.order))
/// })
/// .class(Class::Money);
/// let today = tool("today", "Tells the date.", |_: NoArguments| async { Ok("2026-11-21") }).class(Class::Read);
/// # let _ = (refund, today);
/// ```
pub fn tool<A, O, F, R>(name: impl Into<String>, description: impl Into<String>, call: F) -> FunctionTool
where
    A: DeserializeOwned + JsonSchema,
    O: Into<ToolOutput>,
    F: Fn(A) -> R + Send + Sync + 'static,
    R: Future<Output = Result<O, ToolFailure>> + Send + 'static,
{
    tool_with_context(name, description, move |_, arguments| call(arguments))
}

/// A tool as [`tool`] makes it, whose closure gets the context of the call too: its deadline, its cancellation, on whose
/// behalf it is made, and the id under which it may be repeated.
pub fn tool_with_context<A, O, F, R>(name: impl Into<String>, description: impl Into<String>, call: F) -> FunctionTool
where
    A: DeserializeOwned + JsonSchema,
    O: Into<ToolOutput>,
    F: Fn(CallContext, A) -> R + Send + Sync + 'static,
    R: Future<Output = Result<O, ToolFailure>> + Send + 'static,
{
    let call = Arc::new(call);
    let boxed = move |cx: CallContext, arguments: Value| -> Pin<Box<dyn Future<Output = Result<ToolOutput>> + Send>> {
        let call = Arc::clone(&call);
        Box::pin(async move {
            let running = match serde_json::from_value::<A>(arguments) {
                Ok(arguments) => call(cx, arguments),
                // The model wrote them, so it may see what is wrong with them.
                Err(error) => return Ok(ToolOutput::error(format!("the arguments do not fit: {error}"))),
            };
            match running.await {
                Ok(output) => Ok(output.into()),
                Err(ToolFailure(Failure::Told(text))) => Ok(ToolOutput::error(text)),
                Err(ToolFailure(Failure::Error(error))) => Err(error),
            }
        })
    };
    FunctionTool {
        definition: chat_model::Tool::of::<A>(name, description),
        class: Class::Write,
        idempotency: None,
        timeout: None,
        call: Arc::new(boxed),
    }
}

impl FunctionTool {
    /// Sets what a call does to the other side. What reads is safe to repeat and needs no approval.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Sets what a second call would do where the outcome of the first is unknown.
    #[must_use]
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = Some(idempotency);
        self
    }

    /// Sets how long a call may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets whether the service must hold the model to the schema, where it can.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.definition = self.definition.strict(strict);
        self
    }
}

#[async_trait]
impl Tool for FunctionTool {
    fn definition(&self) -> &chat_model::Tool {
        &self.definition
    }

    fn class(&self) -> Class {
        self.class
    }

    fn idempotency(&self) -> Idempotency {
        match (self.idempotency, self.class) {
            (Some(idempotency), _) => idempotency,
            (None, Class::Read) => Idempotency::Safe,
            (None, _) => Idempotency::NonIdempotent,
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    async fn call(&self, cx: &CallContext, arguments: Value) -> Result<ToolOutput> {
        (self.call)(cx.clone(), arguments).await
    }
}

impl fmt::Debug for FunctionTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunctionTool({}: {})", self.definition.name, self.class)
    }
}

/// The argument of a tool that takes none.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct NoArguments {}

/// Why a closure's call failed. `?` makes one of any error: an [`Error`] stays what it is, of any other the model is told.
pub struct ToolFailure(Failure);

enum Failure {
    Told(String),
    Error(Error),
}

impl ToolFailure {
    /// A failure in words that help the model.
    #[must_use]
    pub fn tell(text: impl Into<String>) -> Self {
        Self(Failure::Told(text.into()))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for ToolFailure {
    fn from(error: E) -> Self {
        let any: Box<dyn Any> = Box::new(error);
        match any.downcast::<Error>() {
            Ok(error) => Self(Failure::Error(*error)),
            Err(any) => Self::tell(any.downcast::<E>().map(|error| error.to_string()).unwrap_or_default()),
        }
    }
}

impl fmt::Debug for ToolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Failure::Told(text) => write!(f, "ToolFailure({text:?})"),
            Failure::Error(error) => write!(f, "ToolFailure({error:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use circle_core_common::ErrorKind;

    fn fails(error: impl Into<ToolFailure>) -> ToolFailure {
        error.into()
    }

    #[test]
    fn an_error_of_ours_stays_what_it_is_and_of_another_the_model_is_told() {
        let ours = fails(Error::new(ErrorKind::Closed, "gone"));
        assert!(matches!(ours.0, Failure::Error(error) if error.is(ErrorKind::Closed)));
        let theirs = fails("x".parse::<u8>().unwrap_err());
        assert!(matches!(theirs.0, Failure::Told(text) if text == "invalid digit found in string"));
    }
}
