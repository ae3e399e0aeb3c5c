//! The suite over every preset and every place of what was handled; and the suite itself: a verifier that is right but for one
//! defect fails exactly the cases that it should.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities};
use circle_core_common::interfaces::webhook_verifier::conformance::{SUITE, SchemeSigner, SignsWebhooks, ToSign};
use circle_core_common::interfaces::webhook_verifier::{MockWebhookVerifierProvider, Seen, WebhookVerifier};
use circle_core_common::{
    BuildContext, Clock, Environment, Error, ErrorKind, ProviderInfo, SecretRef, Sent, Service, ServiceRef,
};
use circle_core_memory::Memory;
use circle_core_testkit::{
    Broken, Canary, Counted, Defect, Failed, Fault, Faults, ManualClock, Scale, Script, Scripted, Subject, Traffic, outcomes,
};
use circle_core_webhooks::{Algorithm, Encoding, Preset, Scheme, Webhooks, WebhooksConfig};

const PRESETS: [Preset; 5] = [Preset::Github, Preset::Slack, Preset::Stripe, Preset::Shopify, Preset::StandardWebhooks];

/// Letters and digits, a multiple of four of them: Base64 too.
fn secrets(canary: &Canary) -> [String; 2] {
    let padded = |text: &str| format!("{text:a<width$}", width = text.len().next_multiple_of(4));
    [padded(canary.secret()), padded(&format!("old{}", canary.secret()))]
}

fn config(scheme: Scheme, canary: &Canary) -> WebhooksConfig {
    let config = WebhooksConfig::of_scheme(scheme);
    secrets(canary).into_iter().fold(config, |config, secret| config.secret(SecretRef::literal(secret)))
}

fn in_memory(name: &str) -> (BuildContext, ServiceRef<KeyValueStore>) {
    let services: [(String, Service); 1] = [("store".to_owned(), Memory::new().service())];
    (BuildContext::new(Environment::default(), name).services(services), ServiceRef::new("store"))
}

fn subject(scheme: &Scheme, in_store: bool, defect: Option<Defect>) -> Subject<WebhookVerifier> {
    let (script, traffic, canary) = (Script::new(), Traffic::new(), Canary::new());
    let (mut cx, mut config) = (BuildContext::from(&Environment::default()), config(scheme.clone(), &canary));
    if in_store {
        let (with_store, reference) = in_memory("hooks");
        (cx, config) = (with_store, config.seen(reference));
    }
    let scripted = Scripted::new(Webhooks::new(config, cx).unwrap(), script.clone());
    let handle = match defect {
        Some(defect) => WebhookVerifier::new(Counted::over(Broken::new(scripted, defect), &traffic)),
        None => WebhookVerifier::new(Counted::over(scripted, &traffic)),
    };
    let mut subject = Subject::new(handle, traffic);
    subject.faults = Some(Arc::new(script));
    subject.native = Some(|handle| handle.native::<Webhooks>().is_some());
    subject.webhooks = Some(Arc::new(SchemeSigner::new(scheme.clone(), secrets(&canary)).unwrap()));
    subject.canary = canary;
    subject.scale = if defect.is_some() { Scale::Small } else { Scale::Full };
    subject
}

async fn wrong(scheme: Scheme, in_store: bool, defect: Option<Defect>) -> BTreeSet<String> {
    let outcomes = outcomes(SUITE, move || subject(&scheme, in_store, defect)).await;
    let wrong = outcomes.into_iter().filter_map(|(name, outcome)| match outcome {
        Err(Failed::Wrong(text)) => Some(if defect.is_some() { name.to_owned() } else { format!("{name}: {text}") }),
        _ => None,
    });
    wrong.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_preset_passes_the_suite() {
    for preset in PRESETS {
        assert_eq!(wrong(preset.scheme(), false, None).await, BTreeSet::new(), "{preset:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_scheme_of_ones_own_passes_the_suite() {
    let scheme = Scheme::new("x-acme-signature")
        .algorithm(Algorithm::HmacSha512)
        .encoding(Encoding::Base64)
        .signed("{timestamp}|{id}|{body}".to_owned())
        .timestamp_header("x-acme-time")
        .id_header("x-acme-id")
        .delivery_header("x-acme-delivery");
    assert_eq!(wrong(scheme, false, None).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_marked_in_a_store_pass_the_suite() {
    for preset in [Preset::Github, Preset::StandardWebhooks] {
        assert_eq!(wrong(preset.scheme(), true, None).await, BTreeSet::new(), "{preset:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_verifiers_fail_the_cases_that_they_should() {
    let standard = Preset::StandardWebhooks;
    let table: &[(Preset, Defect, &[&str])] = &[
        (
            standard,
            Defect::IgnoresSignatures,
            &[
                "secret_that_is_not_live_is_refused",
                "one_right_signature_of_several_is_enough",
                "body_that_was_written_again_is_refused",
                "flipped_bit_of_the_body_is_refused",
                "flipped_bit_of_the_signature_is_refused",
                "flipped_bit_of_the_moment_is_refused",
                "flipped_bit_of_the_id_is_refused",
                "signature_of_another_request_is_refused",
                "signature_that_is_empty_or_cut_is_refused",
                "signature_in_another_spelling_is_refused",
                "moment_that_is_no_plain_number_is_refused",
                "refusal_tells_nothing_of_the_request",
                "moment_is_told_of_signed_requests_alone",
            ],
        ),
        (standard, Defect::IgnoresMoments, &["moment_beyond_the_tolerance_is_refused_both_ways"]),
        (
            Preset::Github,
            Defect::TrustsUnsignedIds,
            &[
                "ids_of_events_are_apart",
                "headers_that_are_not_signed_do_not_change_the_id",
                "replay_with_other_headers_is_not_handled",
                "events_are_handled_apart",
            ],
        ),
        (standard, Defect::TrimsBodies, &["body_that_was_written_again_is_refused", "refusal_tells_nothing_of_the_request"]),
        (standard, Defect::TakesTheFirstHeader, &["header_that_is_there_twice_is_malformed"]),
        (standard, Defect::KnowsOneSecret, &["every_live_secret_is_accepted", "id_is_the_same_for_the_same_request"]),
        (standard, Defect::TellsTheSignature, &["refusal_tells_nothing_of_the_request"]),
        (standard, Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    let mut found = Vec::new();
    for (preset, defect, expected) in table {
        let failing = wrong(preset.scheme(), false, Some(*defect)).await;
        if failing != expected.iter().map(|name| (*name).to_owned()).collect() {
            found.push(format!("{defect:?} fails {failing:#?}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn processes_that_share_a_store_handle_once() {
    let canary = Canary::new();
    let (cx, store) = in_memory("hooks");
    let gate = || {
        let config = config(Scheme::github(), &canary).seen(store.clone());
        WebhookVerifier::new(Webhooks::new(config, &cx).unwrap())
    };
    let signer = SchemeSigner::new(Scheme::github(), secrets(&canary)).unwrap();
    let request = signer.sign(&ToSign::new("a", Clock::System.timestamp())).unwrap();
    let (one, other) = (gate(), gate());
    let event = one.verify(&request.headers, &request.body).await.unwrap();
    let meanwhile = one.once(&event, || async { Ok(other.once(&event, || async { Ok(()) }).await) }).await.unwrap().unwrap();
    assert_eq!(meanwhile.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(other.once(&event, || async { Ok(()) }).await.unwrap(), None);
}

#[tokio::test]
async fn an_event_that_cannot_be_marked_was_handled() {
    let canary = Canary::new();
    let script = Script::new();
    let store = KeyValueStore::new(Scripted::new(Memory::new(), script.clone()));
    let seen = Seen::in_store(store, "hooks/");
    let mut mock = MockWebhookVerifierProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_seen().return_const(seen);
    let gate = WebhookVerifier::new(mock);
    let signer = SchemeSigner::new(Scheme::github(), secrets(&canary)).unwrap();
    let request = signer.sign(&ToSign::new("a", Clock::System.timestamp())).unwrap();
    let real = WebhookVerifier::new(Webhooks::new(config(Scheme::github(), &canary), &Environment::default()).unwrap());
    let event = real.verify(&request.headers, &request.body).await.unwrap();
    let handler = || async {
        script.inject(Fault::Unavailable);
        Ok(())
    };
    let error = gate.once(&event, handler).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, false), "{error}");
    assert_eq!(error.sent(), Sent::Yes);
}

#[tokio::test]
async fn a_claim_of_a_process_that_died_is_free_after_the_lease() {
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let store = Memory::with(circle_core_memory::MemoryConfig::new(), &environment);
    let services = [("store".to_owned(), store.service())];
    let cx = BuildContext::new(environment, "hooks").services(services);
    let canary = Canary::new();
    let config = config(Scheme::github(), &canary).seen(ServiceRef::new("store")).lease(Duration::from_secs(60));
    let gate = WebhookVerifier::new(Webhooks::new(config, cx).unwrap());
    let signer = SchemeSigner::new(Scheme::github(), secrets(&canary)).unwrap();
    let request = signer.sign(&ToSign::new("a", Clock::System.timestamp())).unwrap();
    let event = gate.verify(&request.headers, &request.body).await.unwrap();
    let never = gate.once(&event, std::future::pending::<Result<(), Error>>);
    assert!(tokio::time::timeout(Duration::from_millis(10), never).await.is_err());
    assert_eq!(gate.once(&event, || async { Ok(1) }).await.unwrap_err().kind(), ErrorKind::Conflict);
    clock.advance(Duration::from_secs(62));
    assert_eq!(gate.once(&event, || async { Ok(1) }).await.unwrap(), Some(1));
    assert_eq!(gate.once(&event, || async { Ok(1) }).await.unwrap(), None);
}

#[test]
fn configs_that_are_wrong_are_refused() {
    let secret = || SecretRef::literal("secret");
    let github = || WebhooksConfig::new(Preset::Github);
    let mut both = github().secret(secret());
    both.scheme = Some(Scheme::stripe());
    for config in [
        WebhooksConfig::default().secret(secret()),
        github(),
        both,
        github().secret(secret()).tolerance(Duration::ZERO),
        github().secret(secret()).tolerance(Duration::from_secs(3601)),
        github().secret(secret()).seen_events(0),
        github().secret(secret()).seen_for(Duration::from_secs(599)),
        github().secret(secret()).seen(ServiceRef::new("store")),
        WebhooksConfig::of_scheme(Scheme::new("x y")).secret(secret()),
    ] {
        let error = Webhooks::new(config.clone(), &Environment::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{config:?}: {error}");
    }
    let lame = Memory::new().without(KeyValueStoreCapabilities::CAS).service();
    let cx = BuildContext::new(Environment::default(), "hooks").services([("store".to_owned(), lame)]);
    let error = Webhooks::new(github().secret(secret()).seen(ServiceRef::new("store")), cx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
}
