//! Models: what they are, and the end of those that were trained for the account.

use circle_core_common::http::Request;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Result};
use serde::Deserialize;

use crate::client::OpenAiClient;
use crate::deletion;
use crate::endpoint::OpenAiEndpoint::ModelDeletion;
use crate::field;
use crate::wire::Count;

pub(crate) static DELETE: RemoteOperation =
    RemoteOperation::new("openai.DeleteModel", Idempotency::Idempotent, "/models/{model}");

/// A model of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WireModel")]
#[non_exhaustive]
pub struct OpenAiModel {
    /// What a request calls it.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: Option<u64>,
    /// Whose it is.
    pub owned_by: Option<String>,
    /// The most tokens of a request and its answer, where the service tells.
    pub context_window: Option<u64>,
    /// The day on which the service ends it, such as `2026-10-23`, where that is announced.
    pub shutdown_date: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Models {
    pub(crate) data: Vec<OpenAiModel>,
}

#[derive(Deserialize)]
struct WireModel {
    id: String,
    #[serde(default)]
    created: Count,
    #[serde(default, deserialize_with = "field::text")]
    owned_by: Option<String>,
    #[serde(default, deserialize_with = "field::text")]
    shutdown_date: Option<String>,
    /// Groq.
    #[serde(default)]
    context_window: Count,
    /// OpenRouter.
    #[serde(default)]
    context_length: Count,
    /// Mistral.
    #[serde(default)]
    max_context_length: Count,
    /// vLLM.
    #[serde(default)]
    max_model_len: Count,
}

impl From<WireModel> for OpenAiModel {
    fn from(wire: WireModel) -> Self {
        let widths = [wire.context_window, wire.context_length, wire.max_context_length, wire.max_model_len];
        let context_window = widths.into_iter().find_map(|width| width.0);
        Self { id: wire.id, created: wire.created.0, owned_by: wire.owned_by, context_window, shutdown_date: wire.shutdown_date }
    }
}

/// # Models
impl OpenAiClient {
    /// Deletes a model that was trained for the account; one that is gone already is as good as deleted.
    /// <https://platform.openai.com/docs/api-reference/models/delete>
    ///
    /// # Errors
    /// `Conflict` when the service says that it did not; `PermissionDenied` for who may not; `Unsupported` for a service that
    /// has no such models; what the service says.
    pub async fn delete_model(&self, cx: &CallContext, id: &str) -> Result<()> {
        let target = self.at(ModelDeletion, "/models")?.segment(id)?;
        deletion::ended(self.http().send(cx, &DELETE, Request::delete(target)).await, "model")
    }
}
