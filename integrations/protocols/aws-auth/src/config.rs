//! What a config file says about AWS credentials: `credentials = "default-chain"`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use circle_core_common::SecretRef;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::sts::{SESSION_MAX, SESSION_MIN};

/// Where AWS credentials come from.
///
/// | in the config | meaning |
/// |---|---|
/// | `"default-chain"` | environment variables, a web identity, the profile of the shared files, the container; the default |
/// | `"default-chain-with-instance"` | these, and then the role of the instance |
/// | `"environment"` | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` |
/// | `"container"` | what the platform gives to the container: ECS, EKS Pod Identity |
/// | `"instance"` | the role of the EC2 instance |
/// | `{ profile = "audit" }` | that profile of `~/.aws/credentials` and `~/.aws/config`, a sign-in by SSO among others |
/// | `{ role_arn = "…", source = … }` | a role, assumed with the credentials of `source`, which is any of these |
/// | `{ role_arn = "…", web_identity_token_file = "…" }` | a role, for the token of an identity provider |
/// | `{ access_key_id = "…", secret_access_key = "env:…" }` | an access key; `session_token` where it is temporary |
/// | `"anonymous"` | requests are not signed |
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum AwsCredentialsConfig {
    /// Environment variables, a web identity, the shared files, the container.
    #[default]
    DefaultChain,
    /// As [`DefaultChain`](Self::DefaultChain), and then the role of the instance.
    DefaultChainWithInstance,
    /// Environment variables.
    Environment,
    /// What the platform gives to the container.
    Container,
    /// The role of the EC2 instance.
    Instance,
    /// A profile of the shared files.
    Profile(String),
    /// A role that is assumed with other credentials, or for a web identity.
    Role(RoleConfig),
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

/// A role in the config.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoleConfig {
    /// The ARN of the role.
    pub role_arn: String,
    /// What the role is taken by.
    pub by: RoleBy,
    /// The name of the session, which the logs of AWS show; one of the time where there is none.
    pub session_name: Option<String>,
    /// How long a session lasts, 15 minutes to 12 hours; an hour where nothing is said.
    pub session_duration: Option<Duration>,
    /// The region whose STS is asked, in place of `AWS_REGION`.
    pub region: Option<String>,
}

/// What a role is taken by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RoleBy {
    /// Other credentials, and the external id that the owner of the role may have given out.
    Credentials(Box<AwsCredentialsConfig>, Option<String>),
    /// The token of an identity provider, in this file, which is read anew for every session.
    WebIdentity(String),
}

impl RoleConfig {
    /// A role that is assumed with these credentials.
    #[must_use]
    pub fn new(role_arn: impl Into<String>, source: AwsCredentialsConfig) -> Self {
        Self::by(role_arn, RoleBy::Credentials(Box::new(source), None))
    }

    /// A role for the token of an identity provider in this file.
    #[must_use]
    pub fn web_identity(role_arn: impl Into<String>, token_file: impl Into<String>) -> Self {
        Self::by(role_arn, RoleBy::WebIdentity(token_file.into()))
    }

    fn by(role_arn: impl Into<String>, by: RoleBy) -> Self {
        Self { role_arn: role_arn.into(), by, session_name: None, session_duration: None, region: None }
    }
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

const TEXTS: &[&str] = &["default-chain", "default-chain-with-instance", "environment", "container", "instance", "anonymous"];

impl<'de> Deserialize<'de> for AwsCredentialsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = AwsCredentialsConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"default-chain\", \"default-chain-with-instance\", \"environment\", \"container\", \"instance\", \"anonymous\", \
                     { profile = \"…\" }, { role_arn = \"…\", source = … } or \
                     { access_key_id = \"…\", secret_access_key = \"env:…\" }",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AwsCredentialsConfig, E> {
                match text {
                    "default-chain" => Ok(AwsCredentialsConfig::DefaultChain),
                    "default-chain-with-instance" => Ok(AwsCredentialsConfig::DefaultChainWithInstance),
                    "environment" => Ok(AwsCredentialsConfig::Environment),
                    "container" => Ok(AwsCredentialsConfig::Container),
                    "instance" => Ok(AwsCredentialsConfig::Instance),
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
    role_arn: Option<String>,
    source: Option<Box<AwsCredentialsConfig>>,
    web_identity_token_file: Option<String>,
    external_id: Option<String>,
    session_name: Option<String>,
    #[serde(default, with = "circle_core_common::config::duration::option")]
    session_duration: Option<Duration>,
    region: Option<String>,
}

impl Fields {
    fn form(mut self) -> Result<AwsCredentialsConfig, &'static str> {
        let of_a_role = self.source.is_some()
            || self.web_identity_token_file.is_some()
            || self.external_id.is_some()
            || self.session_name.is_some()
            || self.session_duration.is_some()
            || self.region.is_some();
        if let Some(role_arn) = self.role_arn.take() {
            return self.role(role_arn);
        }
        if of_a_role {
            return Err(
                "`source`, `web_identity_token_file`, `external_id`, `session_name`, `session_duration` and `region` need `role_arn`",
            );
        }
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
            (None, None, None) => Err("write `profile`, `role_arn`, or `access_key_id` and `secret_access_key`"),
        }
    }

    fn role(self, role_arn: String) -> Result<AwsCredentialsConfig, &'static str> {
        if self.profile.is_some()
            || self.access_key_id.is_some()
            || self.secret_access_key.is_some()
            || self.session_token.is_some()
        {
            return Err("what a role is assumed with stands in `source`");
        }
        if !role_arn.starts_with("arn:") {
            return Err("`role_arn` is the ARN of a role: `arn:aws:iam::123456789012:role/name`");
        }
        if self.session_duration.is_some_and(|duration| !(SESSION_MIN..=SESSION_MAX).contains(&duration)) {
            return Err("`session_duration` is from 15m to 12h");
        }
        let by = match (self.source, self.web_identity_token_file) {
            (Some(_), Some(_)) => return Err("`source` and `web_identity_token_file` exclude each other"),
            (None, Some(_)) if self.external_id.is_some() => return Err("`external_id` is for a role with a `source`"),
            (Some(source), None) if matches!(*source, AwsCredentialsConfig::Anonymous) => {
                return Err("nobody assumes a role anonymously: `source` is other credentials");
            }
            (None, Some(token_file)) => RoleBy::WebIdentity(token_file),
            (source, None) => RoleBy::Credentials(source.unwrap_or_default(), self.external_id),
        };
        let (session_name, session_duration, region) = (self.session_name, self.session_duration, self.region);
        Ok(AwsCredentialsConfig::Role(RoleConfig { role_arn, by, session_name, session_duration, region }))
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
        let of_source = generator.subschema_for::<Self>();
        let duration = circle_core_common::config::duration::schema(generator);
        json_schema!({
            "description": "Where AWS credentials come from: `default-chain` (environment, web identity, profile, container), \
                            `default-chain-with-instance`, one of its links, a profile, a role, or an access key.",
            "anyOf": [
                { "enum": TEXTS },
                {
                    "type": "object",
                    "title": "profile",
                    "required": ["profile"],
                    "additionalProperties": false,
                    "properties": { "profile": { "type": "string", "description": "A profile of the shared files." } }
                },
                {
                    "type": "object",
                    "title": "role",
                    "required": ["role_arn"],
                    "additionalProperties": false,
                    "properties": {
                        "role_arn": { "type": "string", "description": "The ARN of the role." },
                        "source": of_source,
                        "web_identity_token_file": {
                            "type": "string",
                            "description": "In place of `source`: the file with the token of an identity provider."
                        },
                        "external_id": { "type": "string", "description": "What the owner of the role wants to be told." },
                        "session_name": { "type": "string", "description": "How the session is called in the logs of AWS." },
                        "session_duration": duration,
                        "region": { "type": "string", "description": "The region whose STS is asked, in place of `AWS_REGION`." }
                    }
                },
                {
                    "type": "object",
                    "title": "access key",
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
mod tests;
