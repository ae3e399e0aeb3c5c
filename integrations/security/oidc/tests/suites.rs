//! The suites themselves: a client that is right but for one defect fails exactly the cases that it should.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod authority;
#[path = "live/clock.rs"]
mod clock;

use std::collections::BTreeSet;
use std::sync::Arc;

use authority::Authority;
use circle_core_common::Handle;
use circle_core_common::interfaces::identity_provider::{self, IdentityProvider};
use circle_core_common::interfaces::token_verifier::{self, TokenVerifier};
use circle_core_oidc::Oidc;
use circle_core_testkit::{Broken, Case, Counted, Defect, Failed, Scale, Script, Scripted, Subject, Traffic, outcomes};

/// The cases that find a defect, each with a server of its own.
async fn found<H: Handle>(
    cases: &'static [Case<H>],
    defect: Defect,
    handle: fn(Counted<Broken<Scripted<Oidc>>>) -> H,
    users: fn(&mut Subject<H>, Arc<Authority>),
) -> BTreeSet<&'static str> {
    let mut servers = Vec::new();
    for _ in cases {
        servers.push(Arc::new(Authority::start().await.unwrap()));
    }
    let servers = std::sync::Mutex::new(servers);
    let subject = move || {
        let (authority, script, traffic) = (servers.lock().unwrap().pop().unwrap(), Script::new(), Traffic::new());
        let broken = Broken::new(Scripted::new(authority.client().unwrap(), script.clone()), defect);
        let mut subject = Subject::new(handle(Counted::over(broken, &traffic)), traffic);
        subject.faults = Some(Arc::new(script));
        subject.native = Some(|handle| handle.native::<Oidc>().is_some());
        subject.canary = authority.canary();
        subject.scale = Scale::Small;
        users(&mut subject, authority);
        subject
    };
    let outcomes = outcomes(cases, subject).await;
    outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Wrong(_)))).map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_identity_providers_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (Defect::TrustsTokens, &["proof_of_another_key_is_refused"]),
        (Defect::TakesAnyAlgorithm, &["proof_of_an_algorithm_that_was_not_chosen_is_refused"]),
        (Defect::IgnoresAudiences, &["proof_for_another_client_is_refused"]),
        (Defect::IgnoresIssuers, &["proof_of_another_issuer_is_refused"]),
        (Defect::IgnoresEnds, &["proof_that_has_ended_is_refused"]),
        (Defect::IgnoresNonces, &["proof_for_another_login_is_refused", "proof_of_another_nonce_is_refused"]),
        (Defect::IgnoresLoginStates, &["answer_without_its_state_is_refused", "answer_with_a_parameter_twice_is_refused"]),
        (Defect::ForgetsPkce, &["address_has_state_nonce_and_challenge"]),
        (Defect::FinishesTwice, &["used_up_login_is_refused"]),
        (Defect::LogsCallbacks, &["no_token_in_spans_logs_and_errors"]),
        (Defect::RevokesNothing, &["close_is_idempotent_and_ends_every_call", "revoked_session_is_not_refreshed"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    let mut wrong = Vec::new();
    for (defect, expected) in table {
        let cases = identity_provider::conformance::SUITE;
        let found = found(cases, *defect, IdentityProvider::new, |subject, authority| subject.users = Some(authority)).await;
        if found != expected.iter().copied().collect() {
            wrong.push((defect, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_verifiers_of_tokens_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::TrustsTokens,
            &[
                "flipped_bit_is_refused",
                "refusal_tells_nothing_of_the_token",
                "token_of_an_unknown_key_is_refused",
                "token_of_another_key_of_the_same_name_is_refused",
                "token_that_is_cut_is_refused",
                "unknown_keys_have_the_keys_read_once",
                "no_token_in_spans_logs_and_errors",
            ],
        ),
        (Defect::TakesAnyAlgorithm, &["algorithm_that_was_not_chosen_is_refused", "flipped_bit_is_refused"]),
        (Defect::IgnoresAudiences, &["token_for_another_audience_is_refused", "token_without_an_audience_is_refused"]),
        (Defect::IgnoresIssuers, &["refusal_tells_nothing_of_the_token", "token_of_another_issuer_is_refused"]),
        (
            Defect::IgnoresEnds,
            &[
                "refusal_tells_nothing_of_the_token",
                "token_that_ends_while_it_is_used_is_refused",
                "token_that_has_ended_is_refused",
                "token_without_an_end_is_refused",
            ],
        ),
        (Defect::IgnoresScopes, &["missing_scope_is_permission_denied"]),
        (Defect::TellsTheToken, &["no_token_in_spans_logs_and_errors", "refusal_tells_nothing_of_the_token"]),
        (Defect::TakesTokensForActive, &["revoked_token_is_not_active", "text_that_is_no_token_is_not_active"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    let mut wrong = Vec::new();
    for (defect, expected) in table {
        let cases = token_verifier::conformance::SUITE;
        let found = found(cases, *defect, TokenVerifier::new, |subject, authority| subject.tokens = Some(authority)).await;
        if found != expected.iter().copied().collect() {
            wrong.push((defect, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
