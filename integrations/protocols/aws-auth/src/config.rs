//! What a config file says about AWS credentials: `credentials = "default-chain"`.

use std::borrow::Cow;
use std::fmt;

use circle_core_common::SecretRef;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Where AWS credentials come from.
///
/// | in the config | meaning |
/// |---|---|
/// | `"default-chain"` | environment variables, then the profile of the shared files; the default |
/// | `"environment"` | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` |
/// | `{ profile = "audit" }` | that profile of `~/.aws/credentials` and `~/.aws/config` |
/// | `{ access_key_id = "…", secret_access_key = "env:…" }` | an access key; `session_token` where it is temporary |
/// | `"anonymous"` | requests are not signed |
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum AwsCredentialsConfig {
    /// Environment variables, then the shared files.
    #[default]
    DefaultChain,
    /// Environment variables.
    Environment,
    /// A profile of the shared files.
    Profile(String),
    /// An access key.
    Static(StaticCredentialsConfig),
    /// No credentials: requests are not signed.
    Anonymous,
}

/// An access key in the config.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StaticCredentialsConfig {
    /// The public half.
    pub access_key_id: AccessKeyId,
    /// The secret half.
    pub secret_access_key: SecretRef,
    /// The token of a temporary key.
    pub session_token: Option<SecretRef>,
}

/// The public half of an access key: no secret, so it may stand in the config; or a reference to where it is.
#[derive(Clone, Debug)]
pub enum AccessKeyId {
    /// The id itself.
    Plain(String),
    /// Where it is: `env:NAME`, `file:PATH` and so on.
    Reference(SecretRef),
}

impl From<&str> for AccessKeyId {
    /// A text that reads as a reference is one: an id has no colon.
    fn from(text: &str) -> Self {
        match text.contains(':').then(|| text.parse()) {
            Some(Ok(reference)) => Self::Reference(reference),
            _ => Self::Plain(text.to_owned()),
        }
    }
}

impl AwsCredentialsConfig {
    /// An access key.
    #[must_use]
    pub fn access_key(access_key_id: impl Into<String>, secret_access_key: SecretRef) -> Self {
        Self::Static(StaticCredentialsConfig {
            access_key_id: AccessKeyId::Plain(access_key_id.into()),
            secret_access_key,
            session_token: None,
        })
    }

    /// A profile of the shared files.
    #[must_use]
    pub fn profile(name: impl Into<String>) -> Self {
        Self::Profile(name.into())
    }
}

const TEXTS: &[&str] = &["default-chain", "environment", "anonymous"];

impl<'de> Deserialize<'de> for AwsCredentialsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = AwsCredentialsConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"default-chain\", \"environment\", \"anonymous\", { profile = \"…\" } or \
                     { access_key_id = \"…\", secret_access_key = \"env:…\" }",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AwsCredentialsConfig, E> {
                match text {
                    "default-chain" => Ok(AwsCredentialsConfig::DefaultChain),
                    "environment" => Ok(AwsCredentialsConfig::Environment),
                    "anonymous" => Ok(AwsCredentialsConfig::Anonymous),
                    // The text may be a secret that was put into the wrong place, so it is not repeated.
                    _ => Err(E::custom(format_args!("expected {}", &self as &dyn de::Expected))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AwsCredentialsConfig, A::Error> {
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
    profile: Option<String>,
    access_key_id: Option<AccessKeyId>,
    secret_access_key: Option<SecretRef>,
    session_token: Option<SecretRef>,
}

impl Fields {
    fn form(self) -> Result<AwsCredentialsConfig, &'static str> {
        match (self.profile, self.access_key_id, self.secret_access_key) {
            (Some(profile), None, None) if self.session_token.is_none() => Ok(AwsCredentialsConfig::Profile(profile)),
            (Some(_), ..) => Err("`profile` stands alone: the profile has the keys"),
            (None, Some(access_key_id), Some(secret_access_key)) => Ok(AwsCredentialsConfig::Static(StaticCredentialsConfig {
                access_key_id,
                secret_access_key,
                session_token: self.session_token,
            })),
            (None, Some(_), None) => Err("`access_key_id` needs `secret_access_key`"),
            (None, None, Some(_)) => Err("`secret_access_key` needs `access_key_id`"),
            (None, None, None) => Err("write `profile`, or `access_key_id` and `secret_access_key`"),
        }
    }
}

impl<'de> Deserialize<'de> for AccessKeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = AccessKeyId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an access key id, or where it is (`env:NAME`)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AccessKeyId, E> {
                if text.trim().is_empty() { Err(E::custom("an access key id is not blank")) } else { Ok(text.into()) }
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for AwsCredentialsConfig {
    fn schema_name() -> Cow<'static, str> {
        "AwsCredentials".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretRef>();
        json_schema!({
            "description": "Where AWS credentials come from: `default-chain` (environment, then profile), `environment`, \
                            `anonymous`, `{ profile = \"…\" }`, or an access key.",
            "anyOf": [
                { "enum": TEXTS },
                {
                    "type": "object",
                    "required": ["profile"],
                    "additionalProperties": false,
                    "properties": { "profile": { "type": "string", "description": "A profile of the shared files." } }
                },
                {
                    "type": "object",
                    "required": ["access_key_id", "secret_access_key"],
                    "additionalProperties": false,
                    "properties": {
                        "access_key_id": { "type": "string", "description": "The id, or where it is (`env:NAME`)." },
                        "secret_access_key": secret,
                        "session_token": secret
                    }
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
        credentials: AwsCredentialsConfig,
    }

    fn read(line: &str) -> Result<AwsCredentialsConfig, String> {
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
            ("credentials = \"environment\"", "Environment"),
            ("credentials = \"anonymous\"", "Anonymous"),
            ("credentials = { profile = \"audit\" }", "Profile(\"audit\")"),
            (
                "credentials = { access_key_id = \"AKIA\", secret_access_key = \"env:S\" }",
                "Static(StaticCredentialsConfig { access_key_id: Plain(\"AKIA\"), secret_access_key: SecretRef(env:S), session_token: None })",
            ),
            (
                "[services.s.credentials]\naccess_key_id = \"env:I\"\nsecret_access_key = \"literal:s3cr3t\"\nsession_token = \"file:t\"",
                "Static(StaticCredentialsConfig { access_key_id: Reference(SecretRef(env:I)), secret_access_key: \
                 SecretRef(literal:[REDACTED]), session_token: Some(SecretRef(file:t)) })",
            ),
        ] {
            assert_eq!(format!("{:?}", read(line).unwrap()), form, "{line}");
        }
    }

    #[test]
    fn every_mistake_has_its_place_and_no_value() {
        for (line, message) in [
            ("credentials = \"s3cr3t\"", "expected \"default-chain\""),
            ("credentials = 7", "expected \"default-chain\""),
            ("credentials = { profil = \"a\" }", "did you mean `profile`"),
            ("credentials = { profile = \"a\", session_token = \"env:T\" }", "`profile` stands alone"),
            ("credentials = { access_key_id = \"s3cr3t\" }", "`access_key_id` needs `secret_access_key`"),
            ("credentials = { secret_access_key = \"env:S\" }", "`secret_access_key` needs `access_key_id`"),
            ("credentials = { access_key_id = \"A\", secret_access_key = \"s3cr3t\" }", "not a reference to a secret"),
            ("credentials = { access_key_id = \" \", secret_access_key = \"env:S\" }", "the value is not valid"),
            ("credentials = {}", "write `profile`"),
        ] {
            let problem = read(line).unwrap_err();
            assert!(
                problem.contains(message) && problem.contains("c.toml:4") && !problem.contains("s3cr3t"),
                "{line}: {problem}"
            );
        }
    }

    #[test]
    fn every_form_may_come_from_the_environment() {
        for (variable, value, form) in [
            ("CREDENTIALS", "environment", "Environment"),
            ("CREDENTIALS", "{ profile = \"audit\" }", "Profile(\"audit\")"),
            ("CREDENTIALS__PROFILE", "audit", "Profile(\"audit\")"),
        ] {
            let mut tree = Tree::from_toml("version = 1\n[services.s]\nprovider = \"x\"\n", "c.toml").unwrap();
            tree.apply_environment("CIRCLE", [(format!("CIRCLE__SERVICES__S__{variable}"), value)]).unwrap();
            let mut table = tree.service("s").cloned().unwrap();
            let mut problems = circle_core_common::config::Problems::new();
            circle_core_common::config::Common::take(&mut table, &KeyPath::service("s"), &mut problems);
            let decoded = decode::<Service>(&table, &KeyPath::service("s"), &[]);
            assert_eq!(format!("{:?}", decoded.value.unwrap().credentials), form, "{variable}");
        }
    }

    #[test]
    fn the_schema_knows_every_form() {
        let schema = circle_core_common::config::schema_of::<Service>();
        let text = serde_json::to_string(&schema).unwrap();
        for part in ["default-chain", "environment", "anonymous", "\"profile\"", "secret_access_key", "session_token"] {
            assert!(text.contains(part), "{part}");
        }
    }
}
