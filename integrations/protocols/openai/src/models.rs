//! The list of models.

use serde::Deserialize;

/// A model of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct OpenAiModel {
    /// What a request calls it.
    pub id: String,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created: Option<i64>,
    /// Whose it is.
    #[serde(default)]
    pub owned_by: Option<String>,
    /// The most tokens of a request and its answer, where the service tells.
    #[serde(default, alias = "context_length", alias = "max_context_length", alias = "max_model_len")]
    pub context_window: Option<u64>,
}

#[derive(Deserialize)]
pub(crate) struct Models {
    pub(crate) data: Vec<OpenAiModel>,
}
