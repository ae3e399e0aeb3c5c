//! What a token is asked for.

use circle_core_common::credentials::CredentialRequest;
use circle_core_common::{Error, ErrorKind, Result};

/// What a token is good for where nobody says otherwise: all that its account may do.
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What a token is good for that only gets another account's.
const IAM: &str = "https://www.googleapis.com/auth/iam";

/// What a token is to be good for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) scopes: Vec<String>,
    /// Whether whoever asks named the scopes; else they are those that the provider usually needs.
    pub(crate) are_named: bool,
    pub(crate) audience: Option<String>,
    pub(crate) subject: Option<String>,
}

impl Wanted {
    /// What `request` asks for, by one who usually needs these scopes.
    ///
    /// # Errors
    /// `Unsupported` for claims, which nobody here can be asked for.
    pub(crate) fn of(usual: &[String], request: &CredentialRequest) -> Result<Self> {
        if request.named_claims().is_some() {
            return Err(cannot("claims"));
        }
        let mut scopes: Vec<String> = request.named_scopes().map(str::to_owned).collect();
        let are_named = !scopes.is_empty();
        if !are_named {
            scopes = if usual.is_empty() { vec![CLOUD_PLATFORM.to_owned()] } else { usual.to_vec() };
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self { scopes, are_named, audience: owned(request.named_audience()), subject: owned(request.named_subject()) })
    }

    /// What is asked for on the way to another account's token.
    pub(crate) fn to_impersonate() -> Self {
        Self { scopes: vec![IAM.to_owned()], are_named: false, audience: None, subject: None }
    }

    /// Of credentials that can choose scopes and nothing else.
    pub(crate) fn only_scopes(&self) -> Result<()> {
        match (&self.audience, &self.subject) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(cannot("an audience")),
            (_, Some(_)) => Err(cannot("a subject")),
        }
    }
}

/// What these credentials cannot be asked for.
pub(crate) fn cannot(choose: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("Google credentials of this kind cannot be asked for {choose}"))
}
