#![expect(dead_code, reason = "most structs here are decoded for their problems alone")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::*;
use crate::config::{Common, Tree, Value};

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
#[serde(default)]
struct Everything {
    text: String,
    flag: bool,
    small: u8,
    signed: i64,
    large: u64,
    ratio: f64,
    letter: char,
    maybe: Option<u32>,
    maybe_text: Option<String>,
    names: Vec<String>,
    numbers: Vec<u16>,
    pair: (u8, String),
    labels: BTreeMap<String, String>,
    by_number: BTreeMap<u16, bool>,
    mode: Mode,
    wrapped: Wrapped,
    retry: Retry,
    #[serde(with = "crate::config::duration")]
    #[schemars(schema_with = "crate::config::duration::schema")]
    wait: Duration,
    #[serde(with = "crate::config::duration::option")]
    #[schemars(schema_with = "crate::config::duration::option::schema")]
    limit: Option<Duration>,
    free: serde_json::Value,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Fast,
    VerySlow,
    Named(String),
    Tuned {
        level: u8,
    },
    Pair(u8, u8),
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
struct Wrapped(u32);

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
#[serde(default)]
struct Retry {
    max_attempts: u32,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Store {
    bucket: String,
    region: String,
    port: Option<u16>,
    endpoints: Option<Vec<Endpoint>>,
    nested: Option<Box<Store>>,
    mode: Option<Mode>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Endpoint {
    host: String,
    port: u16,
}

fn path() -> KeyPath {
    KeyPath::root().key("services").key("a")
}

fn table(text: &str) -> Node {
    Tree::from_toml(&format!("[services.a]\n{text}"), "f").unwrap().service("a").unwrap().clone()
}

fn problems<T: DeserializeOwned + JsonSchema>(text: &str) -> String {
    decode::<T>(&table(text), &path(), &[]).value.err().map(|problems| problems.to_string()).unwrap_or_default()
}

fn variable(name: &str) -> Origin {
    Origin::Environment(format!("CIRCLE__SERVICES__A__{name}").into())
}

/// One key that a variable sets.
fn from_environment(key: &str, text: &str) -> Result<Everything, String> {
    let node = Node::new(Value::Untyped(text.to_owned()), variable(&key.to_uppercase()));
    let table = Node::new(Value::Table([(key.to_owned(), node)].into()), Origin::Code);
    decode(&table, &path(), &[]).value.map_err(|problems| problems.to_string())
}

#[test]
fn a_file_gives_every_type() {
    let text = r#"
text = "x"
flag = true
small = 255
signed = -5
large = 18446744073709551615
ratio = 2
letter = "é"
maybe = 1
maybe_text = 2024-01-02
names = ["a", "b"]
numbers = [1, 2]
pair = [1, "x"]
labels = { a = "1" }
by_number = { 80 = true }
mode = { tuned = { level = 3 } }
wrapped = 9
retry.max_attempts = 4
wait = "1m30s"
limit = "2h"
free = { a = [1, "x"] }
"#;
    let expected = Everything {
        text: "x".into(),
        flag: true,
        small: 255,
        signed: -5,
        large: u64::MAX,
        ratio: 2.0,
        letter: 'é',
        maybe: Some(1),
        maybe_text: Some("2024-01-02".into()),
        names: vec!["a".into(), "b".into()],
        numbers: vec![1, 2],
        pair: (1, "x".into()),
        labels: [("a".to_owned(), "1".to_owned())].into(),
        by_number: [(80, true)].into(),
        mode: Mode::Tuned { level: 3 },
        wrapped: Wrapped(9),
        retry: Retry { max_attempts: 4 },
        wait: Duration::from_secs(90),
        limit: Some(Duration::from_secs(7200)),
        free: serde_json::json!({"a": [1, "x"]}),
    };
    assert_eq!(decode::<Everything>(&table(text), &path(), &[]).value.unwrap(), expected);
}

#[test]
fn environment_text_becomes_what_the_field_asks_for() {
    macro_rules! field {
        ($key:ident, $text:expr, $value:expr) => {
            assert_eq!(from_environment(stringify!($key), $text).unwrap().$key, $value, "{} {}", stringify!($key), $text);
        };
    }
    field!(text, "12345", "12345");
    field!(text, "", "");
    field!(text, " true ", " true ");
    field!(text, "{ a = 1 }", "{ a = 1 }");
    field!(flag, "true", true);
    field!(flag, " FALSE", false);
    field!(small, "64", 64);
    field!(signed, " -7 ", -7);
    field!(large, "18446744073709551615", u64::MAX);
    field!(ratio, "1.5", 1.5);
    field!(ratio, "3", 3.0);
    field!(letter, "x", 'x');
    field!(maybe, "5", Some(5));
    field!(maybe, "", None);
    field!(maybe_text, "7", Some("7".to_owned()));
    field!(maybe_text, "", None);
    field!(names, "a, 7", ["a", "7"]);
    field!(names, "one", ["one"]);
    field!(names, "", [""; 0]);
    field!(names, "['a,b', \"c\"]", ["a,b", "c"]);
    field!(numbers, "1,2 ,3", [1, 2, 3]);
    field!(numbers, "[1, 2]", [1, 2]);
    field!(pair, "3, x", (3, "x".to_owned()));
    field!(labels, "{ a = 'x', b = \"y\" }", [("a", "x"), ("b", "y")].map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    field!(by_number, "{ 8080 = true }", [(8080, true)].into());
    field!(mode, "very-slow", Mode::VerySlow);
    field!(mode, "{ named = 'x' }", Mode::Named("x".into()));
    field!(mode, "{ pair = [1, 2] }", Mode::Pair(1, 2));
    field!(wrapped, "3", Wrapped(3));
    field!(retry, "{ max_attempts = 3 }", Retry { max_attempts: 3 });
    field!(retry, "{ MAX-ATTEMPTS = 3 }", Retry { max_attempts: 3 });
    field!(wait, "20s", Duration::from_secs(20));
    field!(limit, "", None);
    field!(limit, "1s", Some(Duration::from_secs(1)));
    field!(free, "12", serde_json::json!("12"));
    field!(free, "[1]", serde_json::json!([1]));
    field!(free, "[::1]:80", serde_json::json!("[::1]:80"));
}

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
fn a_key_that_a_variable_sets_in_another_spelling_is_not_missing() {
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    struct Kebab {
        first_key: u8,
        second_key: u8,
    }
    let mut tree = Tree::default();
    tree.apply_environment("CIRCLE", [("CIRCLE__SERVICES__A__SECOND_KEY", "2")]).unwrap();
    let shown = decode::<Kebab>(tree.service("a").unwrap(), &path(), &[]).value.unwrap_err().to_string();
    assert_eq!(shown, "services.a.first-key (environment variable CIRCLE__SERVICES__A__SECOND_KEY): missing key");
    tree.apply_environment("CIRCLE", [("CIRCLE__SERVICES__A__FIRST_KEY", "1")]).unwrap();
    assert_eq!(decode::<Kebab>(tree.service("a").unwrap(), &path(), &[]).value.unwrap().second_key, 2);
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

#[test]
fn the_types_of_this_crate_are_understood() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Ours {
        part: Option<crate::ByteSize>,
        api: Option<crate::SecretRef>,
        #[serde(default)]
        more: Vec<crate::SecretRef>,
    }
    let decoded = decode::<Ours>(&table("part = \"5 MiB\"\napi = { from = \"env:A\" }\nmore = [\"file:/b\"]"), &path(), &[]);
    assert_eq!(decoded.value.unwrap().part, Some(crate::ByteSize::mib(5)));
    assert_eq!(
        decoded.secrets.iter().map(|found| found.path.to_string()).collect::<Vec<_>>(),
        ["services.a.api", "services.a.more[0]"]
    );
    assert_eq!(
        problems::<Ours>("part = 5\napi = { form = \"env:A\" }\nmore = [\"canary\", { from = \"canary\" }, \"env:A\", 3]"),
        "services.a.part (f:2): expected a size with a unit, such as `5 MiB`, found the number `5`\n\
         services.a.api.form (f:3): unknown key, did you mean `from`?\n\
         services.a.more[0] (f:4): this is not a reference to a secret: write `env:NAME`, `file:PATH`, or `literal:` before a secret itself\n\
         services.a.more[1] (f:4): this is not a reference to a secret: write `env:NAME`, `file:PATH`, or `literal:` before a secret itself\n\
         services.a.more[3] (f:4): expected a reference to a secret, such as `env:NAME`, found the number"
    );
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

/// A hand-written `Deserialize`, as an auth crate has for `"default-chain"` or a table of keys.
#[derive(Debug, PartialEq)]
enum Credentials {
    Chain,
    Keys(String),
}

impl<'de> Deserialize<'de> for Credentials {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{Error, MapAccess, Visitor};
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Credentials;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`default-chain` or a table with `id`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Credentials, E> {
                match text {
                    "default-chain" => Ok(Credentials::Chain),
                    other => Err(E::custom(format!("no credentials are called `{other}`"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Credentials, A::Error> {
                let mut id = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "id" => id = Some(map.next_value()?),
                        other => return Err(A::Error::unknown_field(other, &["id"])),
                    }
                }
                id.map(Credentials::Keys).ok_or_else(|| A::Error::missing_field("id"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Login {
    #[schemars(with = "String")]
    login: Credentials,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    credentials: Option<Credentials>,
}

#[test]
fn visitors_of_their_own_are_understood() {
    for (text, expected) in [
        ("login = \"default-chain\"", Ok(Credentials::Chain)),
        ("login = { id = \"x\" }", Ok(Credentials::Keys("x".into()))),
        (
            "login = { idd = 1, id = 2, x = 3 }",
            Err("services.a.login.id (f:2): expected text in quotes, found the number `2`\n\
                 services.a.login.idd (f:2): unknown key, did you mean `id`?\n\
                 services.a.login.x (f:2): unknown key; valid are `id`"),
        ),
        ("login = {}", Err("services.a.login.id (f:2): missing key")),
        ("login = 3", Err("services.a.login (f:2): expected `default-chain` or a table with `id`, found the number `3`")),
        ("login = \"other\"", Err("services.a.login (f:2): no credentials are called `other`")),
        (
            "login = \"default-chain\"\ncredentials = \"hunter2\"",
            Err("services.a.credentials (f:3): no credentials are called `[redacted]`"),
        ),
        ("login = \"default-chain\"\ncredentials = \"ar\"", Err("services.a.credentials (f:3): the value is not valid")),
    ] {
        let found = decode::<Login>(&table(text), &path(), &[]).value;
        assert_eq!(found.map(|login| login.login).map_err(|problems| problems.to_string()), expected.map_err(str::to_owned));
    }
    let node = Node::new(Value::Untyped("{ id = 'x' }".into()), variable("LOGIN"));
    let node = Node::new(Value::Table([("login".to_owned(), node)].into()), Origin::Code);
    assert_eq!(decode::<Login>(&node, &path(), &[]).value.unwrap().login, Credentials::Keys("x".into()));
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$circle.service:ObjectStore")]
struct StoreRef(String);

#[derive(Debug, JsonSchema)]
struct Secret(String);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "$circle.secret")]
        struct Text(Checked);
        #[derive(Deserialize)]
        #[serde(try_from = "String")]
        struct Checked(String);
        impl TryFrom<String> for Checked {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                // Careless on purpose: the message quotes the value.
                if text.starts_with("env:") { Ok(Self(text)) } else { Err(format!("`{text}` needs `literal:`")) }
            }
        }
        Text::deserialize(deserializer).map(|text| Self(text.0.0))
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Refers {
    store: StoreRef,
    stores: Vec<StoreRef>,
    signing: Secret,
    other: Option<Secret>,
    port: Option<u16>,
}

#[test]
fn references_and_secrets_are_listed_even_beside_problems() {
    for (port, ok) in [("1", true), ("\"x\"", false)] {
        let text = format!(
            "store = \"documents\"\nstores = [\"a\",\n\"b\"]\nsigning = \"env:KEY\"\nother = \"env:OTHER\"\nport = {port}"
        );
        let decoded = decode::<Refers>(&table(&text), &path(), &[]);
        assert_eq!(decoded.value.is_ok(), ok);
        let references: Vec<String> = decoded
            .references
            .iter()
            .map(|found| format!("{} ({}) {} {}", found.path, found.origin, found.service, found.interface))
            .collect();
        assert_eq!(
            references,
            [
                "services.a.store (f:2) documents ObjectStore",
                "services.a.stores[0] (f:3) a ObjectStore",
                "services.a.stores[1] (f:4) b ObjectStore",
            ]
        );
        let secrets: Vec<String> = decoded.secrets.iter().map(|found| format!("{} ({})", found.path, found.origin)).collect();
        assert_eq!(secrets, ["services.a.other (f:6)", "services.a.signing (f:5)"]);
    }
    assert_eq!(
        problems::<Refers>("store = 3\nstores = []\nsigning = \"env:x\""),
        "services.a.store (f:2): expected text in quotes, found the number `3`"
    );
}

#[test]
fn no_secret_value_in_any_message() {
    const CANARY: &str = "canary-9f2c";
    for text in [
        format!("signing = \"{CANARY}\""),
        format!("signing = \"literal:{CANARY}\""),
        format!("signing = [\"{CANARY}\"]"),
        format!("signing = {{ value = \"{CANARY}\" }}"),
    ] {
        let node = table(&format!("store = \"s\"\nstores = []\n{text}"));
        let decoded = decode::<Refers>(&node, &path(), &[]);
        let shown = format!("{decoded:?} {node:?}") + &problems::<Refers>(&format!("store = \"s\"\nstores = []\n{text}"));
        assert!(shown.contains("signing") && !shown.contains(CANARY), "{shown}");
    }
    assert_eq!(
        problems::<Refers>(&format!("store = \"s\"\nstores = []\nsigning = \"{CANARY}\"")),
        "services.a.signing (f:4): `[redacted]` needs `literal:`"
    );
    // Keys that only sound like secrets are kept too: their type does not say what they hold.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(default)]
    #[derive(Default)]
    struct Sounds {
        api_key: u8,
        password: u8,
        client_secret: Mode,
        access_token: bool,
        credentials: BTreeMap<String, u8>,
        host: u8,
    }
    let text = format!(
        "api_key = \"{CANARY}\"\npassword = \"{CANARY}\"\nclient_secret = \"{CANARY}\"\naccess_token = \"{CANARY}\"\n\
         credentials = {{ x = \"{CANARY}\" }}\nhost = \"shown\""
    );
    let shown = problems::<Sounds>(&text);
    assert_eq!(shown.lines().count(), 6, "{shown}");
    assert!(shown.contains("`shown`") && !shown.contains("canary"), "{shown}");
}

#[test]
fn a_config_without_keys() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Nothing;
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Empty {}
    assert_eq!(problems::<Nothing>("") + &problems::<Empty>(""), "");
    assert_eq!(problems::<Nothing>("x = 1"), "services.a.x (f:2): unknown key; none is valid here");
    assert_eq!(problems::<Empty>("x = 1"), "services.a.x (f:2): unknown key; none is valid here");
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

proptest! {
    #[test]
    fn numbers_and_text_survive_the_environment(
        text in any::<String>(),
        signed in any::<i64>(),
        large in any::<u64>(),
        flag in any::<bool>(),
        ratio in any::<f64>().prop_filter("NaN differs from itself", |ratio| !ratio.is_nan()),
        names in prop::collection::vec("[a-zA-Z0-9 .:/-]*[a-z]", 0..5),
    ) {
        let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
        let mut tree = Tree::from_toml("services.a.text = \"before\"", "f").unwrap();
        let variables = [
            ("TEXT", text.clone()), ("SIGNED", signed.to_string()), ("LARGE", large.to_string()),
            ("FLAG", flag.to_string()), ("RATIO", ratio.to_string()), ("NAMES", names.join(", ")),
        ];
        let variables = variables.map(|(name, text)| (format!("CIRCLE__SERVICES__A__{name}"), text));
        tree.apply_environment("CIRCLE", variables).unwrap();
        let found: Everything = decode(tree.service("a").unwrap(), &path(), &[]).value.unwrap();
        let expected = Everything { text, signed, large, flag, ratio, names, ..Everything::default() };
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn arbitrary_text_never_panics(
        toml in "((text|flag|small|names|retry|mode|labels|wait|free)( = )[\\[\\]{}=.,\"'0-9a-z ]{0,20}\n){0,5}",
        key in "(text|flag|small|names|retry|mode|labels|pair|by_number|wait|free)",
        text in "[\\[\\]{}=.,\"'0-9a-z ]{0,30}|.{0,20}",
    ) {
        if let Ok(tree) = Tree::from_toml(&format!("[services.a]\n{toml}"), "f") {
            let shown = decode::<Everything>(tree.service("a").unwrap(), &path(), &[]).value.map_err(|p| (p.len(), p.to_string()));
            if let Err((problems, shown)) = shown {
                prop_assert_eq!(shown.lines().count(), problems);
            }
        }
        let _ = from_environment(&key, &text);
    }
}
