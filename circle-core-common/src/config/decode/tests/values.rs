//! What fields take, from files and variables.

use proptest::prelude::*;
use serde::Deserializer;

use super::*;

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
