//! The suite of verifiers of webhooks: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. The subject needs what
//! [signs](SignsWebhooks) as the service would.

mod decorated;
pub mod faults;
pub mod harm;
pub mod ids;
pub mod lifecycle;
pub mod negative;
pub mod once;
#[cfg(feature = "webhook")]
mod scheme_signer;
mod signing;
pub mod time;
pub mod verifying;

pub use negative::{NEGATIVES, without};
#[cfg(feature = "webhook")]
pub use scheme_signer::SchemeSigner;
pub use signing::{SignedRequest, SignsWebhooks, ToSign};

use super::{WebhookEvent, WebhookVerifier, WebhookVerifierCapabilities};
use crate::error::{Error, ErrorKind, Result};
use crate::suite::{Case, Failed, Outcome, Subject, expect_kind, holds};
use crate::units::Timestamp;

type Caps = WebhookVerifierCapabilities;
type Gate = Subject<WebhookVerifier>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<WebhookVerifier>] = crate::cases![WebhookVerifier:
    verifying {
        signed_request_is_verified,
        body_comes_back_as_it_was_sent,
        every_live_secret_is_accepted,
        secret_that_is_not_live_is_refused,
        one_right_signature_of_several_is_enough,
        body_that_was_written_again_is_refused,
        flipped_bit_of_the_body_is_refused,
        flipped_bit_of_the_signature_is_refused,
        flipped_bit_of_the_moment_is_refused,
        flipped_bit_of_the_id_is_refused,
        signature_of_another_request_is_refused,
        body_beyond_the_limit_is_refused_unseen,
    }
    harm {
        missing_header_is_refused_by_its_reason,
        header_that_is_there_twice_is_malformed,
        headers_folded_into_one_are_refused,
        header_that_is_no_text_is_refused,
        signature_that_is_empty_or_cut_is_refused,
        signature_in_another_spelling_is_refused,
        very_long_header_is_refused,
        moment_that_is_no_plain_number_is_refused,
        refusal_tells_nothing_of_the_request,
    }
    time {
        moment_within_the_tolerance_is_accepted_both_ways,
        moment_beyond_the_tolerance_is_refused_both_ways,
        moment_is_that_of_signing,
        max_age_refuses_what_is_tolerated,
        moment_is_told_of_signed_requests_alone,
    }
    ids {
        ids_of_events_are_apart,
        id_is_the_same_when_it_is_delivered_again,
        id_is_the_same_for_the_same_request,
        headers_that_are_not_signed_do_not_change_the_id,
        id_survives_being_written_down,
        id_of_its_own_can_be_required,
    }
    once {
        event_is_handled_once,
        replay_with_other_headers_is_not_handled,
        event_whose_handler_failed_is_handled_again,
        event_is_not_seen_while_it_is_handled,
        deliveries_at_once_are_handled_once,
        dropped_handler_has_not_handled,
        events_are_handled_apart,
    }
    faults {
        verification_that_fails_verifies_nothing,
        silent_verifier_is_a_timeout_at_the_deadline,
        silent_verifier_is_cancelled_at_once,
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
        no_payload_or_secret_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout_or_done,
    }
];

fn now() -> Timestamp {
    crate::Clock::System.timestamp()
}

impl Subject<WebhookVerifier> {
    fn signer(&self) -> Result<&dyn SignsWebhooks, Failed> {
        self.webhooks.as_deref().ok_or_else(|| Failed::Skipped("the subject names nothing that signs".to_owned()))
    }

    /// An event of this name that is signed now.
    fn to_sign(&self, event: &str) -> ToSign {
        ToSign::new(self.name(event).replace(['/', '.'], "-"), now())
    }

    fn sign(&self, request: &ToSign) -> Result<SignedRequest, Failed> {
        self.signer()?.sign(request).ok_or_else(|| Failed::Skipped("the service cannot sign so".to_owned()))
    }

    /// A request of an event of this name, signed now with the first secret.
    fn signed(&self, event: &str) -> Result<SignedRequest, Failed> {
        self.sign(&self.to_sign(event))
    }

    async fn verify(&self, request: &SignedRequest) -> Result<WebhookEvent> {
        self.handle.verify(&request.headers, &request.body).await
    }

    async fn event(&self, event: &str) -> Result<WebhookEvent, Failed> {
        Ok(self.verify(&self.signed(event)?).await?)
    }

    /// Checks that a request is refused as one that nobody has signed; gives the error.
    async fn refuses(&self, what: &str, request: &SignedRequest) -> Result<Error, Failed> {
        let error = expect_kind(what, self.verify(request).await, ErrorKind::Unauthenticated)?;
        holds(format!("{what} has a reason"), error.reason().is_some())?;
        Ok(error)
    }

    /// Checks that a request is refused however one of its bits is flipped, in this header.
    async fn refuses_flips(&self, what: &str, name: &http::HeaderName) -> Outcome {
        let request = self.signed("a")?;
        let value = request.headers[name].as_bytes().to_vec();
        for place in (0..value.len()).step_by(self.scale.pick(7, 1)) {
            for bit in 0..8 {
                let mut flipped = value.clone();
                flipped[place] ^= 1 << bit;
                // Some are no header at all, and never arrive.
                if let Ok(flipped) = http::HeaderValue::from_bytes(&flipped) {
                    self.refuses(&format!("{what}, bit {bit} of byte {place}"), &request.clone().header(name, flipped)).await?;
                }
            }
        }
        Ok(())
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
            include_str!("harm.rs"),
            include_str!("time.rs"),
            include_str!("ids.rs"),
            include_str!("once.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
