//! Users with their browsers: what a suite of identity providers needs besides the client.

use async_trait::async_trait;

use crate::interfaces::token_verifier::conformance::Forgery;
use crate::suite::Outcome;

/// What a user decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To log in.
    Agree,
    /// Not to.
    Refuse,
}

/// A user of the service, who has a browser and another device; and the service, in what it would have to be broken for.
#[async_trait]
pub trait LogsIn: Send + Sync {
    /// Who issues the proofs of logins.
    fn issuer(&self) -> String;

    /// Whom the service knows the user as.
    fn user(&self) -> String;

    /// The query with which the browser comes back from this address, once the user has decided.
    ///
    /// # Errors
    /// Why it does not come back.
    async fn browse(&self, url: &str, decision: Decision) -> crate::Result<String>;

    /// Has the user type a code in on another device, and decide there.
    ///
    /// # Errors
    /// Why the service could not be asked.
    async fn decide_on_device(&self, user_code: &str, decision: Decision) -> crate::Result<()>;

    /// Has the next proof of a login be wrong in this.
    ///
    /// # Errors
    /// `Skipped` where the service cannot.
    fn forge(&self, forgery: Forgery) -> Outcome;

    /// Has the service tell of another user, the next time it is asked about one.
    ///
    /// # Errors
    /// `Skipped` where it cannot.
    fn tell_of_another(&self) -> Outcome;
}
