//! What is said of mistakes.

use super::*;
use crate::config::Common;

#[test]
fn environment_text_of_a_wrong_type_names_the_variable() {
    for (key, text, message) in [
        ("flag", "yes", "expected true or false, found text `yes`"),
        ("small", "256", "expected a whole number from 0 to 255, found text `256`"),
        ("large", "-1", "expected a whole number, 0 or more, found text `-1`"),
        ("signed", "1.5", "expected a whole number, found text `1.5`"),
        ("ratio", "", "expected a number, found empty text"),
        ("letter", "xy", "expected a character, found text `xy`"),
        ("mode", "", "expected one of `fast`, `very-slow`, `named`, `tuned`, `pair`, found empty text"),
        ("mode", "named", "`named` takes a value: { named = … }"),
        ("retry", "3", "expected a table, found text `3`"),
        ("wait", "20", "expected a duration with a unit (d, h, m, s, ms, us, ns), such as `20s`, `1m30s` or `500ms`"),
        ("small", &"9".repeat(41), "expected a whole number from 0 to 255, found text"),
        (
            "small",
            &"9".repeat(40),
            "expected a whole number from 0 to 255, found text `9999999999999999999999999999999999999999`",
        ),
    ] {
        let variable = format!("CIRCLE__SERVICES__A__{}", key.to_uppercase());
        let expected = format!("services.a.{key} (environment variable {variable}): {message}");
        assert_eq!(from_environment(key, text).unwrap_err(), expected);
    }
    let shown = from_environment("names", "[1").unwrap_err();
    assert!(shown.contains("NAMES): not a value in TOML: "), "{shown}");
    let shown = from_environment("numbers", "1, x, 3, y").unwrap_err();
    let at = "(environment variable CIRCLE__SERVICES__A__NUMBERS): expected a whole number from 0 to 65535, found text";
    assert_eq!(shown, format!("services.a.numbers[1] {at} `x`\nservices.a.numbers[3] {at} `y`"));
}

#[test]
fn messages_of_wrong_types() {
    for (text, message) in [
        ("text = 17", "text (f:2): expected text in quotes, found the number `17`"),
        ("text = true", "text (f:2): expected text in quotes, found the boolean `true`"),
        ("text = []", "text (f:2): expected text in quotes, found a list"),
        ("flag = \"true\"", "flag (f:2): expected true or false, found text `true`"),
        ("small = \"1\"", "small (f:2): expected a whole number from 0 to 255, found text `1`"),
        ("small = 1.5", "small (f:2): expected a whole number from 0 to 255, found the number `1.5`"),
        ("small = 2024-01-02", "small (f:2): expected a whole number from 0 to 255, found the date `2024-01-02`"),
        ("names = \"a\"", "names (f:2): expected a list, found text `a`"),
        ("names = [\n\"a\",\n1]", "names[1] (f:4): expected text in quotes, found the number `1`"),
        ("pair = [1]", "pair (f:2): expected a tuple of size 2, found 1 values"),
        ("labels = 1", "labels (f:2): expected a table, found the number `1`"),
        ("by_number = { x = true }", "by_number.x (f:2): expected a whole number from 0 to 65535, found text `x`"),
        (
            "mode = \"fsat\"",
            "mode (f:2): expected one of `fast`, `very-slow`, `named`, `tuned`, `pair`, found text `fsat`, did you mean `fast`?",
        ),
        ("mode = { tunde = 1 }", "mode (f:2): expected one of `fast`, `very-slow`, `named`, `tuned`, `pair`, found a table"),
        ("mode = 1", "mode (f:2): expected one of `fast`, `very-slow`, `named`, `tuned`, `pair`, found the number `1`"),
        (
            "mode = { fast = 1, named = 2 }",
            "mode (f:2): expected one key of `fast`, `very-slow`, `named`, `tuned`, `pair`, found a table",
        ),
        ("mode = { fast = 1 }", "mode (f:2): `fast` takes no value: write \"fast\""),
        (
            "mode = { tuned = { level = 900 } }",
            "mode.tuned.level (f:2): expected a whole number from 0 to 255, found the number `900`",
        ),
        ("mode = { tuned = {} }", "mode.tuned.level (f:2): missing key"),
        ("mode = { tuned = { level = 1, x = 2 } }", "mode.tuned.x (f:2): unknown key; valid are `level`"),
        ("retry = 3", "retry (f:2): expected a table, found the number `3`"),
        (
            "wait = 20",
            "wait (f:2): expected a duration with a unit (d, h, m, s, ms, us, ns), such as `20s`, `1m30s` or `500ms`, found the number `20`",
        ),
        ("limit = \"1.5s\"", "limit (f:2): a duration takes whole numbers: `1500ms`, not `1.5s`"),
        ("retry.max_atempts = 3", "retry.max_atempts (f:2): unknown key, did you mean `max_attempts`?"),
    ] {
        assert_eq!(problems::<Everything>(text), format!("services.a.{message}"), "{text}");
    }
}

#[test]
fn all_problems_at_once_and_each_once() {
    let text = r#"
buckt = "x"
port = "many"
zzz = 1
mode = "fsat"
endpoints = [
  { host = "a", port = 1 },
  { hots = "b", port = 2 },
  { port = 99999 },
  { },
]
nested = { bucket = 1, prot = 2 }
"#;
    assert_eq!(
        problems::<Store>(text),
        "services.a.region (f:1): missing key\n\
         services.a.buckt (f:3): unknown key, did you mean `bucket`?\n\
         services.a.port (f:4): expected a whole number from 0 to 65535, found text `many`\n\
         services.a.zzz (f:5): unknown key; valid are `bucket`, `region`, `port`, `endpoints`, `nested`, `mode`\n\
         services.a.mode (f:6): expected one of `fast`, `very-slow`, `named`, `tuned`, `pair`, found text `fsat`, did you mean `fast`?\n\
         services.a.endpoints[1].hots (f:9): unknown key, did you mean `host`?\n\
         services.a.endpoints[2].host (f:10): missing key\n\
         services.a.endpoints[2].port (f:10): expected a whole number from 0 to 65535, found the number `99999`\n\
         services.a.endpoints[3].host (f:11): missing key\n\
         services.a.endpoints[3].port (f:11): missing key\n\
         services.a.nested.bucket (f:13): expected text in quotes, found the number `1`\n\
         services.a.nested.prot (f:13): unknown key, did you mean `port`?\n\
         services.a.nested.region (f:13): missing key"
    );
}

#[test]
fn every_missing_key_has_the_line_of_its_table() {
    assert_eq!(
        problems::<Store>("mode = \"fast\""),
        "services.a.bucket (f:1): missing key\nservices.a.region (f:1): missing key"
    );
}

#[test]
fn common_keys_are_suggested_in_the_services_own_table_only() {
    let decoded = decode::<Everything>(&table("requird = true\nretry.requird = true"), &path(), Common::KEYS);
    assert_eq!(
        decoded.value.unwrap_err().to_string(),
        "services.a.requird (f:2): unknown key, did you mean `required`?\n\
         services.a.retry.requird (f:3): unknown key; valid are `max_attempts`"
    );
}

#[test]
fn a_key_under_two_names_is_one_problem() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Aliased {
        #[serde(alias = "old")]
        new: u8,
    }
    assert_eq!(problems::<Aliased>("old = 1"), "");
    assert_eq!(problems::<Aliased>("old = 1\nnew = 2"), "services.a (f:1): `new` is set twice, once by another name of it");
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Range {
    #[serde(default)]
    inner: Ordered,
}

#[derive(Debug, Deserialize, JsonSchema, Default)]
#[serde(try_from = "Bounds")]
struct Ordered {}

#[derive(Debug, Deserialize, JsonSchema)]
struct Bounds {
    low: u8,
    #[serde(default)]
    high: u8,
}

impl TryFrom<Bounds> for Ordered {
    type Error = String;

    fn try_from(bounds: Bounds) -> Result<Self, String> {
        if bounds.low <= bounds.high { Ok(Self {}) } else { Err("`low` is above `high`".to_owned()) }
    }
}

#[test]
fn a_validation_that_only_fails_because_a_key_was_left_out_is_not_reported() {
    for (text, message) in [
        ("inner = { low = 2, high = 1 }", "services.a.inner (f:2): `low` is above `high`"),
        (
            "inner = { low = 2, high = 999 }",
            "services.a.inner.high (f:2): expected a whole number from 0 to 255, found the number `999`",
        ),
        ("inner = { low = 2, hihg = 3 }", "services.a.inner.hihg (f:2): unknown key, did you mean `high`?"),
        ("inner = { low = 1, high = 2 }", ""),
    ] {
        assert_eq!(problems::<Range>(text), message);
    }
}

#[test]
fn a_root_of_a_wrong_type_is_one_problem() {
    let node = Node::new(Value::Untyped("x".into()), variable("B"));
    assert_eq!(
        decode::<Store>(&node, &path(), &[]).value.unwrap_err().to_string(),
        "services.a (environment variable CIRCLE__SERVICES__A__B): expected a table, found text `x`"
    );
}

#[test]
fn a_file_full_of_mistakes_ends() {
    let keys: String = (0..5_000).map(|at| format!("buckt{at} = 1\n")).collect();
    assert!(problems::<Everything>(&format!("{keys}names = [{}]", "1, ".repeat(5_000))).lines().count() >= MAX_PROBLEMS);
    let text = format!("names = [{}]", "1, ".repeat(20_000));
    let shown = problems::<Everything>(&text);
    assert_eq!(shown.lines().count(), MAX_PROBLEMS);
}
