//! What requests are signed with.

use std::fmt;

use circle_core_common::secret::equal;
use secrecy::SecretString;

/// An access key of AWS, or of a service that signs as AWS does.
///
/// `Debug` shows the access key id, which is no secret, and nothing else.
#[derive(Clone)]
pub struct AwsCredentials {
    access_key_id: String,
    secret_access_key: SecretString,
    session_token: Option<SecretString>,
}

impl AwsCredentials {
    /// An access key.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<SecretString>) -> Self {
        Self { access_key_id: access_key_id.into(), secret_access_key: secret_access_key.into(), session_token: None }
    }

    /// Adds the token that belongs to a temporary access key.
    #[must_use]
    pub fn session_token(mut self, token: impl Into<SecretString>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// The public half of the key.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Whether a request signed with the other would be signed otherwise.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let same_token = match (&self.session_token, &other.session_token) {
            (Some(one), Some(other)) => equal(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.access_key_id != other.access_key_id || !equal(&self.secret_access_key, &other.secret_access_key) || !same_token
    }

    pub(crate) const fn secret_access_key(&self) -> &SecretString {
        &self.secret_access_key
    }

    pub(crate) const fn token(&self) -> Option<&SecretString> {
        self.session_token.as_ref()
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsCredentials({}, temporary: {})", self.access_key_id, self.session_token.is_some())
    }
}
