//! What is expected of a token.

use std::time::Duration;

use super::{Claims, TokenRefusal};
use crate::extension::Extensions;
use crate::units::Timestamp;

/// What is expected of a token: an audience, always.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expect {
    /// Whom the token is for: the name of this side, never a client's.
    pub audience: String,
    /// What it is good for, all of it.
    pub scopes: Vec<String>,
    /// Which client it was given to, where that matters.
    pub authorized_party: Option<String>,
    /// Its type, which it has to say then.
    pub token_type: Option<String>,
    /// How long ago its user logged in at most, which it has to say then.
    pub max_age: Option<Duration>,
    /// Providers' own expectations.
    pub extensions: Extensions,
}

impl Expect {
    /// A token for this audience: the name of this side, never a client's.
    #[must_use]
    pub fn audience(audience: impl Into<String>) -> Self {
        Self {
            audience: audience.into(),
            scopes: Vec::new(),
            authorized_party: None,
            token_type: None,
            max_age: None,
            extensions: Extensions::default(),
        }
    }

    /// Good for this scope, too.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Given to this client (`azp`, or `client_id` of RFC 9068).
    #[must_use]
    pub fn authorized_party(mut self, client_id: impl Into<String>) -> Self {
        self.authorized_party = Some(client_id.into());
        self
    }

    /// Of this type, and saying so: `at+jwt` (RFC 9068), `logout+jwt`. Where none is expected, a token may say none, `JWT` or
    /// `at+jwt`.
    #[must_use]
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.token_type = Some(token_type.into());
        self
    }

    /// Of a user who logged in at most so long ago, and saying so.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    extension_setter!();

    /// Checks a token of this type, whose signature, issuer and times were, for audience and all else that is expected.
    ///
    /// # Errors
    /// The first refusal.
    pub fn check(&self, claims: &Claims, typ: Option<&str>, now: Timestamp, leeway: Duration) -> Result<(), TokenRefusal> {
        if !claims.audiences().contains(&self.audience) {
            return Err(TokenRefusal::Audience);
        }
        let is_of_type = match &self.token_type {
            Some(wanted) => typ.is_some() && is_type(typ, &[wanted]),
            None => is_type(typ, &["JWT", "at+jwt"]),
        };
        if !is_of_type {
            return Err(TokenRefusal::Type);
        }
        if let Some(wanted) = &self.authorized_party {
            let other = || claims.get("client_id").and_then(|id| id.as_str());
            if claims.authorized_party().or_else(other) != Some(wanted) {
                return Err(TokenRefusal::AuthorizedParty);
            }
        }
        if let Some(age) = self.max_age
            && claims.authenticated_at().is_none_or(|then| now.since(then) > age + leeway)
        {
            return Err(TokenRefusal::AuthenticationAge);
        }
        if !self.scopes.iter().all(|wanted| claims.scopes().any(|scope| scope == wanted)) {
            return Err(TokenRefusal::Scope);
        }
        Ok(())
    }
}

/// Whether the type of a token is one of these: without `application/`, whatever the case (RFC 7515, 4.1.9). A token need not say
/// it.
#[must_use]
pub fn is_type(typ: Option<&str>, allowed: &[&str]) -> bool {
    let Some(typ) = typ else { return true };
    let short = typ.get(..12).filter(|prefix| prefix.eq_ignore_ascii_case("application/")).map_or(typ, |_| &typ[12..]);
    allowed.iter().any(|allowed| short.eq_ignore_ascii_case(allowed))
}
