//! What issues tokens as the authority would: what a suite of verifiers needs besides the verifier.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::suite::Outcome;

/// What is wrong with a token, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Forgery {
    /// Another one issued it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It does not say for whom it is.
    NoAudience,
    /// It has ended.
    Expired,
    /// It does not say when it ends.
    NoExpiry,
    /// It begins to be good later.
    NotYetValid,
    /// It is signed rightly, with a key of the authority, by an algorithm that was not chosen.
    Algorithm,
    /// It says that it is not signed, and is not.
    Unsigned,
    /// Another one's key has signed it, and it names a key that the authority does not have.
    UnknownKey,
    /// Another one's key has signed it, and it names a key of the authority.
    Signature,
    /// It belongs to another login. Of ID tokens.
    Nonce,
    /// It speaks of nobody. Of ID tokens.
    Subject,
    /// It belongs to another access token. Of ID tokens.
    AccessTokenHash,
}

/// A token that is to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToIssue {
    /// Whether it is good for [`scope`](IssuesTokens::scope).
    pub scope: bool,
    /// What is wrong with it.
    pub forgery: Option<Forgery>,
    /// What a claim that is not registered says; the authority chooses which.
    pub text: Option<String>,
}

impl ToIssue {
    /// A token with which nothing is wrong.
    #[must_use]
    pub const fn new() -> Self {
        Self { scope: true, forgery: None, text: None }
    }

    /// One with which this is wrong.
    #[must_use]
    pub const fn forged(forgery: Forgery) -> Self {
        Self { scope: true, forgery: Some(forgery), text: None }
    }

    /// One that is good for nothing in particular.
    #[must_use]
    pub fn without_scope(mut self) -> Self {
        self.scope = false;
        self
    }

    /// One that says this in a claim of its own.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

impl Default for ToIssue {
    fn default() -> Self {
        Self::new()
    }
}

/// Issues tokens as the authority of a verifier would.
#[async_trait]
pub trait IssuesTokens: Send + Sync {
    /// Who issues them.
    fn issuer(&self) -> String;

    /// Whom they are for.
    fn audience(&self) -> String;

    /// What they are good for.
    fn scope(&self) -> String;

    /// Whom they speak of.
    fn subject(&self) -> String;

    /// A token; `None` where the authority cannot issue such a one.
    ///
    /// # Errors
    /// Why the authority could not be asked.
    async fn issue(&self, token: &ToIssue) -> crate::Result<Option<SecretString>>;

    /// Has the authority sign with another key from now on, under another name, and publish it.
    ///
    /// # Errors
    /// `Skipped` where it cannot.
    async fn rotate(&self) -> Outcome;

    /// Revokes a token.
    ///
    /// # Errors
    /// `Skipped` where it cannot.
    async fn revoke(&self, token: &SecretString) -> Outcome;

    /// How often the keys were read; `None` where nobody counts.
    fn key_reads(&self) -> Option<u64>;

    /// Lets time pass by the clock of the verifier.
    ///
    /// # Errors
    /// `Skipped` where it cannot.
    fn let_pass(&self, seconds: u64) -> Outcome;
}
