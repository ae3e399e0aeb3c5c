//! Keys that rotate, and tokens that make nobody ask for keys again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use circle_core_common::ErrorKind;
use circle_core_protocol_oidc::{Algorithm, Expect, JwtVerifier, TokenRefusal};
use circle_core_testkit::Reply;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::signing::{Keys, key_set, token};
use crate::{ISSUER, Machine};

fn jwk(kid: &str) -> Value {
    let mut jwk = Keys::get().of(Algorithm::ES256).1.clone();
    jwk["kid"] = json!(kid);
    jwk
}

/// A token of a key of this name, as of now.
fn named(machine: &Machine, kid: &str) -> SecretString {
    let now = machine.environment.clock().timestamp().unix_seconds();
    let claims = json!({"iss": ISSUER, "aud": "api", "sub": "ann", "exp": now + 60});
    token(&json!({"alg": "ES256", "kid": kid}).to_string(), &claims.to_string(), Algorithm::ES256).into()
}

fn verifier(machine: &Machine) -> JwtVerifier {
    JwtVerifier::of_server(machine.server(), [Algorithm::ES256]).unwrap()
}

async fn believes(verifier: &JwtVerifier, machine: &Machine, kid: &str) -> bool {
    verifier.verify(&machine.cx(), &named(machine, kid), &Expect::audience("api")).await.is_ok()
}

#[tokio::test]
async fn a_new_key_is_known_at_once_and_an_old_one_till_the_hour() {
    let machine = Machine::new();
    let verifier = verifier(&machine);
    machine.canned.at("/jwks").script([Reply::json(key_set(&[jwk("a")])), Reply::json(key_set(&[jwk("b")]))]);
    assert_eq!(machine.canned.hits(), 0);
    assert!(believes(&verifier, &machine, "a").await);
    machine.advance(31);
    assert!(believes(&verifier, &machine, "b").await, "another key is asked for");
    assert!(!believes(&verifier, &machine, "a").await, "the server has it no more");
    assert_eq!(machine.canned.hits(), 2);
    machine.canned.at("/jwks").once(Reply::json(key_set(&[jwk("c")])));
    machine.advance(3600);
    assert!(believes(&verifier, &machine, "b").await, "whoever finds that they are old does not wait for the new ones");
    // They are read beside it.
    while machine.canned.hits() < 3 {
        tokio::task::yield_now().await;
    }
    assert!(believes(&verifier, &machine, "c").await && !believes(&verifier, &machine, "b").await);
}

/// T18 of the threat model.
#[tokio::test]
async fn ten_thousand_tokens_of_made_up_keys_cause_two_readings_a_minute() {
    let machine = Machine::new();
    let verifier = verifier(&machine);
    machine.canned.at("/jwks").always(Reply::json(key_set(&[jwk("a")])));
    assert!(believes(&verifier, &machine, "a").await);
    let body = named(&machine, "x");
    let rest = secrecy::ExposeSecret::expose_secret(&body).split_once('.').unwrap().1.to_owned();
    for at in 0..10_000_u32 {
        if at % 500 == 0 {
            machine.advance(3);
        }
        let header = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            json!({"alg": "ES256", "kid": format!("made-up-{at}")}).to_string(),
        );
        let error =
            verifier.verify(&machine.cx(), &format!("{header}.{rest}").into(), &Expect::audience("api")).await.unwrap_err();
        assert_eq!(error.provider_error::<TokenRefusal>(), Some(&TokenRefusal::UnknownKey));
    }
    // A minute has passed: the first reading, and one each half a minute.
    assert!(machine.canned.hits() <= 3, "{}", machine.canned.hits());
    assert!(believes(&verifier, &machine, "a").await);
}

#[tokio::test]
async fn a_thousand_callers_cause_one_reading() {
    let machine = Machine::new();
    let verifier = verifier(&machine);
    let readings = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&readings);
    machine.canned.at("/jwks").always_with(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Reply::json(key_set(&[jwk("a")])).after(std::time::Duration::from_millis(20))
    });
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let (verifier, cx, token) = (verifier.clone(), machine.cx(), named(&machine, "a"));
        callers.spawn(async move { verifier.verify(&cx, &token, &Expect::audience("api")).await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|believed| believed));
    assert_eq!(readings.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_server_that_fails_takes_no_keys_away_for_a_day() {
    let machine = Machine::jumping();
    let verifier = verifier(&machine);
    machine.canned.at("/jwks").once(Reply::json(key_set(&[jwk("a")])));
    machine.canned.at("/jwks").always(Reply::status(500));
    assert!(believes(&verifier, &machine, "a").await);
    machine.advance(100);
    assert!(!believes(&verifier, &machine, "b").await);
    assert!(believes(&verifier, &machine, "a").await, "the failure takes nothing away");
    for _ in 0..10 {
        machine.advance(2 * 3600);
        assert!(believes(&verifier, &machine, "a").await);
    }
    machine.advance(5 * 3600);
    assert!(!believes(&verifier, &machine, "a").await, "after a day nobody knows whether they are still good");
}

#[tokio::test]
async fn a_server_without_keys_is_not_asked_by_every_token() {
    let machine = Machine::new();
    let verifier = verifier(&machine);
    machine.canned.at("/jwks").script([Reply::json("nonsense"), Reply::json(key_set(&[jwk("a")]))]);
    for _ in 0..100 {
        let error = verifier.verify(&machine.cx(), &named(&machine, "a"), &Expect::audience("api")).await.unwrap_err();
        assert!(error.is(ErrorKind::Decode), "{error}");
    }
    assert_eq!(machine.canned.hits(), 1);
    machine.advance(2);
    assert!(believes(&verifier, &machine, "a").await, "and soon again");
}

#[tokio::test]
async fn a_set_of_keys_has_a_size_and_leads_nowhere() {
    for reply in [
        Reply::json(key_set(&[jwk("a")])).filled(1024 * 1024),
        Reply::redirect(302, "https://evil.example.net/jwks"),
        Reply::json(key_set(&[jwk("a")])).with_status(404),
    ] {
        let machine = Machine::jumping();
        machine.canned.at("/jwks").always(reply);
        assert!(!believes(&verifier(&machine), &machine, "a").await);
    }
}
