//! What a credential is asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a credential is to be good for, beyond its tenant: scopes, an audience, claims, a subject. Two requests that say the
/// same are equal, in whatever order the scopes were named.
///
/// ```
/// use circle_core_common::credentials::CredentialRequest;
/// let one = CredentialRequest::new().scopes(["read", "write"]).audience("https://api.example.org");
/// let same = CredentialRequest::new().audience("https://api.example.org").scopes(["write", "read", "read"]);
/// assert_eq!(one, same);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct CredentialRequest {
    /// Shared: a request is part of the key of every look into a cache.
    parts: Option<Arc<Parts>>,
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Parts {
    scopes: BTreeSet<String>,
    audience: Option<String>,
    claims: Option<String>,
    subject: Option<String>,
}

impl CredentialRequest {
    /// Nothing in particular: what the source gives anyway.
    #[must_use]
    pub const fn new() -> Self {
        Self { parts: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        let parts = Arc::make_mut(self.parts.get_or_insert_default());
        change(parts);
        // A request that asks for nothing has one form only, because it is compared.
        if *parts == Parts::default() {
            self.parts = None;
        }
        self
    }

    /// Asks for these scopes, beside those that were asked for before.
    #[must_use]
    pub fn scopes(self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|parts| parts.scopes.extend(scopes.into_iter().map(Into::into)))
    }

    /// Asks for a credential for this audience.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.with(|parts| parts.audience = Some(audience.into()))
    }

    /// Asks for these claims, as a service challenged the caller for.
    #[must_use]
    pub fn claims(self, claims: impl Into<String>) -> Self {
        self.with(|parts| parts.claims = Some(claims.into()))
    }

    /// Asks for a credential of this subject: a user on whose behalf, an account to act as.
    #[must_use]
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.with(|parts| parts.subject = Some(subject.into()))
    }

    /// Whether nothing in particular is asked for.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.parts.is_none()
    }

    /// The scopes, sorted.
    pub fn named_scopes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|parts| &parts.scopes).map(String::as_str)
    }

    /// The audience.
    #[must_use]
    pub fn named_audience(&self) -> Option<&str> {
        self.parts.as_ref()?.audience.as_deref()
    }

    /// The claims.
    #[must_use]
    pub fn named_claims(&self) -> Option<&str> {
        self.parts.as_ref()?.claims.as_deref()
    }

    /// The subject.
    #[must_use]
    pub fn named_subject(&self) -> Option<&str> {
        self.parts.as_ref()?.subject.as_deref()
    }
}

/// Claims and subjects may be personal data.
impl fmt::Debug for CredentialRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRequest")
            .field("scopes", &self.named_scopes().collect::<Vec<_>>())
            .field("audience", &self.named_audience())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_for_nothing_has_one_form() {
        let nothing = CredentialRequest::new().scopes(Vec::<String>::new());
        assert_eq!(nothing, CredentialRequest::new());
        assert!(nothing.is_plain() && !nothing.audience("a").is_plain());
    }

    #[test]
    fn every_part_counts_and_none_is_taken_for_another() {
        let asked = [
            CredentialRequest::new(),
            CredentialRequest::new().scopes(["a"]),
            CredentialRequest::new().scopes(["a", "b"]),
            CredentialRequest::new().scopes(["a b"]),
            CredentialRequest::new().audience("a"),
            CredentialRequest::new().claims("a"),
            CredentialRequest::new().subject("a"),
        ];
        for (at, one) in asked.iter().enumerate() {
            assert!(asked.iter().enumerate().all(|(other_at, other)| (one == other) == (at == other_at)), "{one:?}");
        }
        assert!(!format!("{:?}", CredentialRequest::new().subject("ann").claims("{}")).contains("ann"));
    }
}
