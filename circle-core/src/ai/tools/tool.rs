//! What a tool is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{self, ToolOutput};
use circle_core_common::resilience::Idempotency;
use circle_core_common::{CallContext, Class, Result};
use serde_json::Value;

/// A tool that a model may call: a closure ([`tool`](super::tool)), or whatever else can be described and called.
///
/// ```
/// use async_trait::async_trait;
/// use circle_core::ai::tools::Tool;
/// use circle_core::chat_model::{self, ToolOutput};
/// use circle_core::{CallContext, Class, Result};
/// use serde_json::{Value, json};
///
/// struct Echo(chat_model::Tool);
///
/// #[async_trait]
/// impl Tool for Echo {
///     fn definition(&self) -> &chat_model::Tool {
///         &self.0
///     }
///
///     fn class(&self) -> Class {
///         Class::Read
///     }
///
///     async fn call(&self, _: &CallContext, arguments: Value) -> Result<ToolOutput> {
///         Ok(arguments.into())
///     }
/// }
///
/// let echo = Echo(chat_model::Tool::new("echo", "Says it again.", json!({ "type": "object" })));
/// # assert_eq!(echo.definition().name, "echo");
/// ```
#[async_trait]
pub trait Tool: Send + Sync + 'static {
    /// What the model is told: the name, what it does, the schema of its arguments. The same at every request, so that
    /// prompt caches hit.
    fn definition(&self) -> &chat_model::Tool;

    /// What a call does to the other side: access rules and audit speak of it, and what only reads needs no approval.
    fn class(&self) -> Class {
        Class::Write
    }

    /// What a second call would do where the first was interrupted and its outcome is unknown. Only what is
    /// [`NonIdempotent`](Idempotency::NonIdempotent) is never repeated; [`Keyed`](Idempotency::Keyed) tools hand
    /// [`CallContext::operation_id`] on to their service, which stays the same when the call is repeated.
    fn idempotency(&self) -> Idempotency {
        if self.class() == Class::Read { Idempotency::Safe } else { Idempotency::NonIdempotent }
    }

    /// How long a call may take, in place of the loop's setting.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Makes a call. The arguments are a JSON object that fits the schema.
    ///
    /// # Errors
    /// What the tool itself has to say of its failure is `Ok`, with [`ToolOutput::error`]. An `Err` is told to the model by
    /// its kind and message, except for `Cancelled` and `Closed`, which end the run.
    async fn call(&self, cx: &CallContext, arguments: Value) -> Result<ToolOutput>;
}

#[async_trait]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn definition(&self) -> &chat_model::Tool {
        (**self).definition()
    }

    fn class(&self) -> Class {
        (**self).class()
    }

    fn idempotency(&self) -> Idempotency {
        (**self).idempotency()
    }

    fn timeout(&self) -> Option<Duration> {
        (**self).timeout()
    }

    async fn call(&self, cx: &CallContext, arguments: Value) -> Result<ToolOutput> {
        (**self).call(cx, arguments).await
    }
}
