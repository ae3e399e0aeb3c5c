//! What a config file says about Google credentials: `credentials = "default-chain"`.

use std::borrow::Cow;
use std::fmt;

use circle_core_common::SecretRef;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Where Google credentials come from.
///
/// | in the config | meaning |
/// |---|---|
/// | `"default-chain"` | the file that `GOOGLE_APPLICATION_CREDENTIALS` names, then gcloud's; the default |
/// | `"default-chain-and-metadata"` | these, then the metadata server of the machine |
/// | `"metadata"` | the metadata server of the machine |
/// | `{ file = "…" }` | that credentials file; `also_at` where it names other addresses than Google's |
/// | `{ key = "env:…" }` | a secret that is the content of a credentials file |
/// | `{ access_token = "env:…" }` | an access token that somebody else keeps fresh |
/// | `"anonymous"` | requests carry no credential |
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum GoogleCredentialsConfig {
    /// The file that `GOOGLE_APPLICATION_CREDENTIALS` names, then gcloud's.
    #[default]
    DefaultChain,
    /// As [`DefaultChain`](Self::DefaultChain), then the metadata server.
    DefaultChainAndMetadata,
    /// The metadata server of the machine.
    Metadata,
    /// A credentials file.
    File {
        /// Where it is; a leading `~` is the home folder.
        path: String,
        /// Origins beside Google's own that it may name.
        also_at: Vec<String>,
    },
    /// The content of a credentials file.
    Key {
        /// Where it is.
        key: SecretRef,
        /// Origins beside Google's own that it may name.
        also_at: Vec<String>,
    },
    /// An access token.
    AccessToken(SecretRef),
    /// No credentials.
    Anonymous,
}

impl GoogleCredentialsConfig {
    /// A credentials file.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Self::File { path: path.into(), also_at: Vec::new() }
    }

    /// The content of a credentials file.
    #[must_use]
    pub const fn key(key: SecretRef) -> Self {
        Self::Key { key, also_at: Vec::new() }
    }

    /// Lets a credentials file name this origin, too: `https://sts.example.org`. Whoever wrote the file can have the credentials
    /// in it, and tokens for them, be sent there. It says nothing where there is no file.
    #[must_use]
    pub fn also_at(mut self, origin: impl Into<String>) -> Self {
        if let Self::File { also_at, .. } | Self::Key { also_at, .. } = &mut self {
            also_at.push(origin.into());
        }
        self
    }
}

const TEXTS: &[&str] = &["default-chain", "default-chain-and-metadata", "metadata", "anonymous"];

impl<'de> Deserialize<'de> for GoogleCredentialsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = GoogleCredentialsConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"default-chain\", \"default-chain-and-metadata\", \"metadata\", \"anonymous\", { file = \"…\" }, \
                     { key = \"env:…\" } or { access_token = \"env:…\" }",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GoogleCredentialsConfig, E> {
                match text {
                    "default-chain" => Ok(GoogleCredentialsConfig::DefaultChain),
                    "default-chain-and-metadata" => Ok(GoogleCredentialsConfig::DefaultChainAndMetadata),
                    "metadata" => Ok(GoogleCredentialsConfig::Metadata),
                    "anonymous" => Ok(GoogleCredentialsConfig::Anonymous),
                    // The text may be a secret that was put into the wrong place, so it is not repeated.
                    _ => Err(E::custom(format_args!("expected {}", &self as &dyn de::Expected))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GoogleCredentialsConfig, A::Error> {
                Fields::deserialize(MapAccessDeserializer::new(map))?.form().map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(Form)
    }
}

/// Every key that the table may have; which of them belong together is asked afterwards, so that a mistyped key is told
/// with the nearest right one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    file: Option<String>,
    key: Option<SecretRef>,
    access_token: Option<SecretRef>,
    also_at: Option<Vec<String>>,
}

impl Fields {
    fn form(self) -> Result<GoogleCredentialsConfig, &'static str> {
        let also_at = self.also_at.unwrap_or_default();
        match (self.file, self.key, self.access_token) {
            (Some(path), None, None) if path.trim().is_empty() => Err("`file` is not blank"),
            (Some(path), None, None) => Ok(GoogleCredentialsConfig::File { path, also_at }),
            (None, Some(key), None) => Ok(GoogleCredentialsConfig::Key { key, also_at }),
            (None, None, Some(_)) if !also_at.is_empty() => Err("`also_at` goes with `file` or `key`"),
            (None, None, Some(token)) => Ok(GoogleCredentialsConfig::AccessToken(token)),
            _ => Err("write one of `file`, `key` and `access_token`"),
        }
    }
}

impl JsonSchema for GoogleCredentialsConfig {
    fn schema_name() -> Cow<'static, str> {
        "GoogleCredentials".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretRef>();
        let also_at = json_schema!({
            "type": "array",
            "items": { "type": "string" },
            "description": "Origins beside Google's own that the file may name: `https://sts.example.org`."
        });
        json_schema!({
            "description": "Where Google credentials come from: `default-chain` (the file that GOOGLE_APPLICATION_CREDENTIALS \
                            names, then gcloud's), `default-chain-and-metadata`, `metadata`, `anonymous`, `{ file = \"…\" }`, \
                            `{ key = \"env:…\" }` or `{ access_token = \"env:…\" }`.",
            "anyOf": [
                { "enum": TEXTS },
                {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": false,
                    "properties": {
                        "file": { "type": "string", "description": "A credentials file." },
                        "also_at": also_at
                    }
                },
                {
                    "type": "object",
                    "required": ["key"],
                    "additionalProperties": false,
                    "properties": { "key": secret, "also_at": also_at }
                },
                {
                    "type": "object",
                    "required": ["access_token"],
                    "additionalProperties": false,
                    "properties": { "access_token": secret }
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::config::{KeyPath, Tree, decode};

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Service {
        #[serde(default)]
        credentials: GoogleCredentialsConfig,
    }

    fn read(line: &str) -> Result<GoogleCredentialsConfig, String> {
        let text = format!("version = 1\n[services.s]\nprovider = \"x\"\n{line}\n");
        let mut table = Tree::from_toml(&text, "c.toml").unwrap().service("s").cloned().unwrap();
        let mut problems = circle_core_common::config::Problems::new();
        circle_core_common::config::Common::take(&mut table, &KeyPath::service("s"), &mut problems);
        let decoded = decode::<Service>(&table, &KeyPath::service("s"), &[]);
        decoded.value.map(|service| service.credentials).map_err(|problems| problems.to_string())
    }

    #[test]
    fn every_form_is_read() {
        for (line, form) in [
            ("", "DefaultChain"),
            ("credentials = \"default-chain\"", "DefaultChain"),
            ("credentials = \"default-chain-and-metadata\"", "DefaultChainAndMetadata"),
            ("credentials = \"metadata\"", "Metadata"),
            ("credentials = \"anonymous\"", "Anonymous"),
            ("credentials = { file = \"~/key.json\" }", "File { path: \"~/key.json\", also_at: [] }"),
            (
                "credentials = { file = \"k\", also_at = [\"https://sts.example.org\"] }",
                "File { path: \"k\", also_at: [\"https://sts.example.org\"] }",
            ),
            ("credentials = { key = \"env:K\" }", "Key { key: SecretRef(env:K), also_at: [] }"),
            ("credentials = { access_token = \"literal:s3cr3t\" }", "AccessToken(SecretRef(literal:[REDACTED]))"),
        ] {
            assert_eq!(format!("{:?}", read(line).unwrap()), form, "{line}");
        }
    }

    #[test]
    fn every_mistake_has_its_place_and_no_value() {
        for (line, message) in [
            ("credentials = \"s3cr3t\"", "expected \"default-chain\""),
            ("credentials = 7", "expected \"default-chain\""),
            ("credentials = { fil = \"a\" }", "did you mean `file`"),
            ("credentials = { file = \" \" }", "`file` is not blank"),
            ("credentials = { file = \"a\", key = \"env:K\" }", "write one of"),
            ("credentials = { key = \"s3cr3t\" }", "not a reference to a secret"),
            ("credentials = { access_token = \"env:T\", also_at = [\"https://a.example\"] }", "`also_at` goes with"),
            ("credentials = {}", "write one of"),
        ] {
            let problem = read(line).unwrap_err();
            assert!(
                problem.contains(message) && problem.contains("c.toml:4") && !problem.contains("s3cr3t"),
                "{line}: {problem}"
            );
        }
    }

    #[test]
    fn the_schema_knows_every_form() {
        let text = serde_json::to_string(&circle_core_common::config::schema_of::<Service>()).unwrap();
        for part in TEXTS.iter().chain(&["\"file\"", "\"key\"", "\"access_token\"", "\"also_at\""]) {
            assert!(text.contains(part), "{part}");
        }
    }
}
