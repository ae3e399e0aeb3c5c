//! What a provider's config comes to.

use circle_core_common::SecretRef;

use crate::profile::OpenAiProfile;

/// A service, where it is, and which of its models are asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenAiSettings {
    /// What the service does.
    pub profile: OpenAiProfile,
    /// The chat model that is asked where a request names none.
    pub model: Option<String>,
    /// The embedding model.
    pub embedding_model: Option<String>,
    /// The key.
    pub api_key: Option<SecretRef>,
    /// The address, in place of the profile's.
    pub endpoint: Option<String>,
    /// The organization that pays.
    pub organization: Option<String>,
    /// The project that pays.
    pub project: Option<String>,
}

impl OpenAiSettings {
    /// A service of this profile; everything else at its default.
    #[must_use]
    pub fn new(profile: OpenAiProfile) -> Self {
        Self { profile, model: None, embedding_model: None, api_key: None, endpoint: None, organization: None, project: None }
    }
}
