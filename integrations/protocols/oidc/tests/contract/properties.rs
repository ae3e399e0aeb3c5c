//! What holds for whatever others send.

use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_oidc::{Algorithm, ClientAuth, Expect, JwtVerifier, KeySet, LoginRequest, SigningKey, TokenRefusal};
use circle_core_testkit::Reply;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::{ISSUER, Machine};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// 2000-01-01, where the clock of the tests stands.
const NOW: i64 = 946_684_800;

fn verifier() -> JwtVerifier {
    JwtVerifier::of_secret(ISSUER, SecretRef::literal(SECRET), [Algorithm::HS256]).unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// JSON as deep and as odd as one likes.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
        ".{0,12}".prop_map(Value::from),
        Just(json!(ISSUER)),
        Just(json!("api")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_is_believed_that_nobody_signed(token in "[A-Za-z0-9_.-]{0,200}|\\PC{0,60}|[A-Za-z0-9_-]{4,40}[.][A-Za-z0-9_-]{0,40}[.][A-Za-z0-9_-]{0,43}") {
        let error = wait(verifier().verify(&Machine::new().cx(), &token.as_str().into(), &Expect::audience("api"))).unwrap_err();
        prop_assert!(error.is(ErrorKind::Unauthenticated) && error.provider_error::<TokenRefusal>().is_some(), "{:?}", error);
    }

    /// Against what the specifications say, written down once more and otherwise.
    #[test]
    fn claims_are_believed_by_the_rules_and_by_nothing_else(
        iss in prop_oneof![4 => Just(json!(ISSUER)), 1 => any_json()],
        aud in prop_oneof![2 => Just(json!("api")), 2 => Just(json!(["x", "api"])), 1 => any_json()],
        exp in prop_oneof![4 => (NOW - 100..NOW + 100).prop_map(Value::from), 1 => any_json()],
        nbf in prop_oneof![2 => Just(None), 2 => (NOW - 100..NOW + 100).prop_map(|at| Some(json!(at))), 1 => any_json().prop_map(Some)],
        other in any_json(),
    ) {
        let mut claims = Map::new();
        for (name, value) in [("iss", iss.clone()), ("aud", aud.clone()), ("exp", exp.clone()), ("other", other.clone())] {
            claims.insert(name.to_owned(), value);
        }
        if let Some(nbf) = &nbf {
            claims.insert("nbf".to_owned(), nbf.clone());
        }
        let machine = Machine::new();
        let key = SigningKey::new(Algorithm::HS256, SecretRef::literal(SECRET));
        let read = wait(async {
            let token = key.sign(&machine.cx(), &claims).await.unwrap();
            verifier().verify(&machine.cx(), &token, &Expect::audience("api")).await
        });
        let is_for_us = match &aud {
            Value::String(one) => one == "api",
            Value::Array(many) => many.iter().all(Value::is_string) && many.contains(&json!("api")),
            _ => false,
        };
        let ends = exp.as_f64().is_some_and(|end| end.floor() > (NOW - 60) as f64);
        let has_begun = nbf.as_ref().is_none_or(|begin| begin.as_f64().is_some_and(|begin| begin.floor() <= (NOW + 60) as f64));
        prop_assert_eq!(read.is_ok(), iss == json!(ISSUER) && is_for_us && ends && has_begun, "{:?}: {:?}", claims, read);
        if let Ok(read) = read {
            prop_assert_eq!(read.get("other"), Some(&other));
        }
    }

    #[test]
    fn any_set_of_keys_is_read_or_refused(keys in prop::collection::vec(any_json(), 0..4), text in "\\PC{0,60}") {
        prop_assert_eq!(KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap().len(), 0);
        prop_assert!(KeySet::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn only_the_state_that_was_sent_redeems_a_code(query in "(code|state|iss|error|x)=[a-zA-Z0-9%&=+]{0,60}|\\PC{0,60}") {
        let machine = Machine::new();
        machine.canned.at("/token").always(Reply::json(r#"{"access_token":"t"}"#));
        let client = machine.client(ClientAuth::public());
        wait(async {
            let login = client.start_login(&machine.cx(), LoginRequest::new("https://app.example.org/back")).await.unwrap();
            prop_assert!(!query.contains(login.state.state.expose_secret()));
            prop_assert!(client.finish_login(&machine.cx(), login.state, &query).await.is_err());
            Ok(())
        })?;
        prop_assert_eq!(machine.canned.hits(), 0);
    }
}
