//! References to services and secrets: found, and never shown.

use serde::Deserializer;

use super::*;

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
