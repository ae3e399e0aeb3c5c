//! Moderation: whether texts are harmful, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub(crate) struct ModerationRequest<'a> {
    pub(crate) input: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<&'a str>,
}

/// What the service thinks of a text.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct OpenAiModeration {
    /// Whether any category is met.
    pub flagged: bool,
    /// Whether each category is met: `violence/graphic`.
    #[serde(default, deserialize_with = "known")]
    pub categories: BTreeMap<String, bool>,
    /// How surely each category is met, from 0 to 1.
    #[serde(default, deserialize_with = "known")]
    pub category_scores: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
pub(crate) struct Moderations {
    pub(crate) results: Vec<OpenAiModeration>,
}

/// The categories that the model knows; null is one that it does not.
fn known<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error> {
    let all = BTreeMap::<String, Option<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}
