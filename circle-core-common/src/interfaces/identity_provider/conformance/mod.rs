//! The suite of identity providers: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. The subject needs a user with a
//! browser: what [logs in](LogsIn).

mod decorated;
pub mod devices;
pub mod faults;
pub mod lifecycle;
pub mod logins;
pub mod negative;
pub mod proofs;
pub mod sessions;
mod users;

pub use negative::{NEGATIVES, without};
pub use users::{Decision, LogsIn};

use super::{IdentityProvider, IdentityProviderCapabilities, Login, LoginRequest, Session};
use crate::error::Result;
use crate::suite::{Case, Failed, Subject};

type Caps = IdentityProviderCapabilities;
type Idp = Subject<IdentityProvider>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<IdentityProvider>] = crate::cases![IdentityProvider:
    logins {
        address_has_state_nonce_and_challenge,
        logins_are_never_the_same,
        login_is_a_session_of_its_user,
        login_is_finished_from_what_was_kept,
        used_up_login_is_refused,
        answer_of_another_login_is_refused,
        answer_without_its_state_is_refused,
        login_of_another_issuer_is_refused,
        answer_of_another_issuer_is_refused,
        answer_with_a_parameter_twice_is_refused,
        another_verifier_is_refused,
        user_who_says_no_is_permission_denied,
        text_that_is_no_answer_is_refused,
        answer_beyond_the_limit_is_refused_unseen,
    }
    proofs {
        proof_for_another_login_is_refused,
        proof_of_another_nonce_is_refused,
        proof_for_another_client_is_refused,
        proof_of_another_issuer_is_refused,
        proof_that_has_ended_is_refused,
        proof_of_an_algorithm_that_was_not_chosen_is_refused,
        proof_that_is_not_signed_is_refused,
        proof_of_another_key_is_refused,
        proof_of_nobody_is_refused,
        proof_for_another_access_token_is_refused,
    }
    sessions {
        refreshed_session_is_of_the_same_user,
        refreshed_session_of_another_user_is_refused,
        refresh_token_that_was_replaced_is_refused,
        session_without_a_refresh_token_is_invalid_input,
        user_info_is_of_the_user,
        user_info_of_another_user_is_refused,
        logout_is_at_an_address,
        revoked_session_is_not_refreshed,
    }
    devices {
        device_is_logged_in_when_its_user_agrees,
        user_who_says_no_on_a_device_is_permission_denied,
        codes_of_devices_are_never_the_same,
    }
    faults {
        login_that_fails_is_no_session,
        silent_service_is_a_timeout_at_the_deadline,
        silent_service_is_cancelled_at_once,
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

impl Subject<IdentityProvider> {
    fn user(&self) -> Result<&dyn LogsIn, Failed> {
        self.users.as_deref().ok_or_else(|| Failed::Skipped("the subject names no user who logs in".to_owned()))
    }

    /// A login whose user has agreed: what was kept, and the query that the browser brought.
    async fn agreed(&self) -> Result<(Login, String), Failed> {
        let login = self.handle.start_login(LoginRequest::default()).await?;
        let answer = self.user()?.browse(&login.url, Decision::Agree).await?;
        Ok((login, answer))
    }

    async fn logged_in(&self) -> Result<Session, Failed> {
        let (login, answer) = self.agreed().await?;
        Ok(self.handle.finish_login(login.state, &answer).await?)
    }

    /// A session with a refresh token.
    async fn refreshable(&self) -> Result<Session, Failed> {
        self.needs(Caps::REFRESH)?;
        let session = self.logged_in().await?;
        match session.tokens().refresh_token {
            Some(_) => Ok(session),
            None => Err(Failed::Skipped("the service gives no refresh token".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("logins.rs"),
            include_str!("proofs.rs"),
            include_str!("sessions.rs"),
            include_str!("devices.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
