//! The suite of verifiers of tokens: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. The subject needs what
//! [issues](IssuesTokens) tokens as the authority would.

mod decorated;
pub mod faults;
pub mod introspecting;
mod issuing;
pub mod keys;
pub mod lifecycle;
pub mod negative;
pub mod verifying;

pub use issuing::{Forgery, IssuesTokens, ToIssue};
pub use negative::{NEGATIVES, without};
use secrecy::SecretString;

use super::{Claims, Expect, TokenRefusal, TokenVerifier, TokenVerifierCapabilities};
use crate::error::{Error, ErrorKind, Result};
use crate::suite::{Case, Failed, Subject, equal, expect_kind};

type Caps = TokenVerifierCapabilities;
type Gate = Subject<TokenVerifier>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<TokenVerifier>] = crate::cases![TokenVerifier:
    verifying {
        token_of_the_authority_is_verified,
        claims_of_its_own_come_back,
        token_for_another_audience_is_refused,
        token_without_an_audience_is_refused,
        token_of_another_issuer_is_refused,
        token_that_has_ended_is_refused,
        token_that_ends_while_it_is_used_is_refused,
        token_without_an_end_is_refused,
        token_that_is_not_good_yet_is_refused,
        algorithm_that_was_not_chosen_is_refused,
        token_that_is_not_signed_is_refused,
        token_of_an_unknown_key_is_refused,
        token_of_another_key_of_the_same_name_is_refused,
        flipped_bit_is_refused,
        token_that_is_cut_is_refused,
        missing_scope_is_permission_denied,
        token_of_another_client_is_refused,
        token_that_does_not_say_when_its_user_logged_in_is_refused,
        opaque_token_is_refused,
        blank_token_is_refused_unseen,
        oversized_token_is_refused_unseen,
        refusal_tells_nothing_of_the_token,
    }
    keys {
        unknown_keys_have_the_keys_read_once,
        known_key_reads_nothing,
        rotated_key_is_found,
    }
    introspecting {
        good_token_is_active,
        text_that_is_no_token_is_not_active,
        revoked_token_is_not_active,
    }
    faults {
        verification_that_fails_verifies_nothing,
        silent_authority_is_a_timeout_at_the_deadline,
        silent_authority_is_cancelled_at_once,
        dropped_call_leaves_the_client_whole,
    }
    lifecycle {
        close_is_idempotent_and_ends_every_call,
        health_of_a_working_client_is_healthy,
        native_finds_the_documented_type,
        debug_is_one_line_without_secrets,
        cancelled_before_the_call_sends_nothing,
        extension_of_another_provider_is_unsupported,
        every_call_has_exactly_one_span,
        no_token_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout_or_done,
    }
];

impl Subject<TokenVerifier> {
    fn authority(&self) -> Result<&dyn IssuesTokens, Failed> {
        self.tokens.as_deref().ok_or_else(|| Failed::Skipped("the subject names nothing that issues tokens".to_owned()))
    }

    async fn issue(&self, token: &ToIssue) -> Result<SecretString, Failed> {
        let issued = self.authority()?.issue(token).await?;
        issued.ok_or_else(|| Failed::Skipped(format!("the authority cannot issue {token:?}")))
    }

    /// What this side expects of tokens.
    fn expect(&self) -> Result<Expect, Failed> {
        Ok(Expect::audience(self.authority()?.audience()))
    }

    async fn verify(&self, token: &SecretString) -> Result<Claims, Failed> {
        Ok(self.handle.verify(token, self.expect()?).await?)
    }

    /// Checks that a token is refused, for this reason where there is one.
    async fn refuses(&self, what: &str, token: &SecretString, why: Option<TokenRefusal>) -> Result<Error, Failed> {
        let error = expect_kind(what, self.handle.verify(token, self.expect()?).await, ErrorKind::Unauthenticated)?;
        if let Some(why) = why {
            equal(format!("why {what} is refused"), &error.provider_error::<TokenRefusal>(), &Some(&why))?;
        }
        Ok(error)
    }

    /// Checks that a token with which this alone is wrong is refused for that, and that one with which nothing is wrong is not.
    async fn refuses_forged(&self, forgery: Forgery, why: TokenRefusal) -> Result<(), Failed> {
        let forged = self.issue(&ToIssue::forged(forgery)).await?;
        self.verify(&self.issue(&ToIssue::new()).await?).await?;
        self.refuses(&format!("{forgery:?}"), &forged, Some(why)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("verifying.rs"),
            include_str!("keys.rs"),
            include_str!("introspecting.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
