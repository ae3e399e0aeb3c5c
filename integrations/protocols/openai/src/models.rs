//! The list of models.

use serde::Deserialize;

use crate::wire::Count;

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
    #[serde(default)]
    owned_by: Option<String>,
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
        Self { id: wire.id, created: wire.created.0, owned_by: wire.owned_by, context_window }
    }
}
