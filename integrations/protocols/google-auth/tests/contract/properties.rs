//! What holds for whatever stands in a credentials file.

use circle_core_common::ErrorKind;
use circle_core_testkit::Reply;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::federation::account;
use crate::keys::service_account;
use crate::user::user;
use crate::{CANARY, FILE, Machine, TOKEN};

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// What may stand in place of a value.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(format!("{CANARY}-text"))),
        Just(json!([format!("{CANARY}-list")])),
        Just(json!({"type": format!("{CANARY}-type"), "file": "/not/there"})),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ]
}

/// The host that a request went to is Google's.
fn is_google(host: &str) -> bool {
    host.ends_with(".googleapis.com") || host == "accounts.google.com"
}

proptest! {
    #[test]
    fn any_text_is_refused_without_repeating_it(text in "\\PC{0,80}|[{}\\[\\]\":,a-z ]{0,80}") {
        let machine = Machine::new();
        machine.os.write(FILE, format!("{text}{CANARY}"));
        let error = wait(machine.token()).unwrap_err();
        prop_assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error:?}").contains(CANARY), "{error:?}");
        prop_assert_eq!(machine.canned.hits(), 0);
    }

    /// Whatever one field says: a token, or an error that repeats no value; and nothing is sent but to Google.
    #[test]
    fn a_file_with_a_wrong_value_is_a_file_or_a_mistake(
        which in 0..4,
        field in any::<prop::sample::Index>(),
        value in any_value(),
    ) {
        let mut file = match which {
            0 => service_account(),
            1 => user(),
            2 => account(json!({"file": "/run/token", "format": {"type": "text"}})),
            _ => json!({
                "type": "impersonated_service_account",
                "service_account_impersonation_url": crate::federation::IMPERSONATE,
                "source_credentials": user(),
            }),
        };
        let names: Vec<String> = file.as_object().unwrap().keys().cloned().collect();
        file[field.get(&names)] = value;
        let machine = Machine::with(&file);
        machine.os.write("/run/token", "s1");
        machine.canned.always(Reply::json(TOKEN.replace('{', r#"{"accessToken":"a","#)));
        if let Err(error) = wait(machine.token()) {
            prop_assert!(matches!(error.kind(), ErrorKind::ConfigInvalid | ErrorKind::Unsupported), "{:?}", error);
            prop_assert!(!format!("{error} {error:?}").contains(CANARY), "{:?}", error);
        }
        for request in machine.canned.received() {
            prop_assert!(is_google(request.header("host").unwrap()), "{:?}", request.header("host"));
        }
    }
}
