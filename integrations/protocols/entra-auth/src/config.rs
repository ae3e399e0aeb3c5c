//! What a config file says about Entra credentials: `credentials = "default-chain"`.

use std::borrow::Cow;
use std::fmt;

use circle_core_common::SecretRef;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::authority::is_tenant;

/// Where Entra credentials come from.
///
/// | in the config | meaning |
/// |---|---|
/// | `"default-chain"` | the environment, then workload identity; the default |
/// | `"default-chain-and-managed-identity"` | these, then the managed identity of the machine |
/// | `"environment"` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, and `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH` |
/// | `"workload-identity"` | the token in the file that `AZURE_FEDERATED_TOKEN_FILE` names |
/// | `"managed-identity"` | that of the machine; a user-assigned one by `{ managed_identity_client_id = "…" }` and its like |
/// | `{ tenant_id = "…", client_id = "…", client_secret = "env:…" }` | an application; or with `client_certificate`, `client_assertion` |
/// | `{ access_token = "env:…" }` | an access token that somebody else keeps fresh |
/// | `"anonymous"` | requests carry no credential |
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum EntraCredentialsConfig {
    /// The environment, then workload identity.
    #[default]
    DefaultChain,
    /// As [`DefaultChain`](Self::DefaultChain), then the managed identity of the machine: the one of `AZURE_CLIENT_ID`, if that is set.
    DefaultChainAndManagedIdentity,
    /// An application by environment variables.
    Environment,
    /// The token that the platform gives to the workload.
    WorkloadIdentity,
    /// A managed identity of the machine.
    ManagedIdentity(ManagedIdentity),
    /// An application.
    Application(ApplicationConfig),
    /// An access token.
    AccessToken(SecretRef),
    /// No credentials.
    Anonymous,
}

/// Which of a machine's managed identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagedIdentity {
    /// The machine's own.
    #[default]
    SystemAssigned,
    /// The user-assigned one of this client id.
    ClientId(String),
    /// The user-assigned one of this object id.
    ObjectId(String),
    /// The user-assigned one of this resource id.
    ResourceId(String),
}

/// An application that is registered with a tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationConfig {
    /// The tenant's id, or one of its domains.
    pub tenant_id: String,
    /// The application's id.
    pub client_id: String,
    /// What proves that it is the application.
    pub proof: ApplicationProof,
    /// The host of another cloud than the global one: `https://login.microsoftonline.us`.
    pub authority_host: Option<String>,
}

/// What proves that a client is an application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ApplicationProof {
    /// A client secret.
    Secret(SecretRef),
    /// A certificate and its RSA key, in one text of PEM.
    Certificate(SecretRef),
    /// A token of somebody whom the application trusts (a federated credential), read anew for each request.
    Assertion(SecretRef),
}

impl ApplicationConfig {
    /// An application of this tenant.
    #[must_use]
    pub fn new(tenant_id: impl Into<String>, client_id: impl Into<String>, proof: ApplicationProof) -> Self {
        Self { tenant_id: tenant_id.into(), client_id: client_id.into(), proof, authority_host: None }
    }

    /// Of another cloud than the global one.
    #[must_use]
    pub fn authority_host(mut self, host: impl Into<String>) -> Self {
        self.authority_host = Some(host.into());
        self
    }
}

const TEXTS: &[&str] =
    &["default-chain", "default-chain-and-managed-identity", "environment", "workload-identity", "managed-identity", "anonymous"];

impl<'de> Deserialize<'de> for EntraCredentialsConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = EntraCredentialsConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for text in TEXTS {
                    write!(f, "\"{text}\", ")?;
                }
                f.write_str("{ tenant_id = \"…\", client_id = \"…\", client_secret = \"env:…\" } or { access_token = \"env:…\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<EntraCredentialsConfig, E> {
                match text {
                    "default-chain" => Ok(EntraCredentialsConfig::DefaultChain),
                    "default-chain-and-managed-identity" => Ok(EntraCredentialsConfig::DefaultChainAndManagedIdentity),
                    "environment" => Ok(EntraCredentialsConfig::Environment),
                    "workload-identity" => Ok(EntraCredentialsConfig::WorkloadIdentity),
                    "managed-identity" => Ok(EntraCredentialsConfig::ManagedIdentity(ManagedIdentity::SystemAssigned)),
                    "anonymous" => Ok(EntraCredentialsConfig::Anonymous),
                    // The text may be a secret that was put into the wrong place, so it is not repeated.
                    _ => Err(E::custom(format_args!("expected {}", &self as &dyn de::Expected))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EntraCredentialsConfig, A::Error> {
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
    tenant_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretRef>,
    client_certificate: Option<SecretRef>,
    client_assertion: Option<SecretRef>,
    authority_host: Option<String>,
    managed_identity_client_id: Option<String>,
    managed_identity_object_id: Option<String>,
    managed_identity_resource_id: Option<String>,
    access_token: Option<SecretRef>,
}

impl Fields {
    fn form(self) -> Result<EntraCredentialsConfig, &'static str> {
        let identities = [
            self.managed_identity_client_id.map(ManagedIdentity::ClientId),
            self.managed_identity_object_id.map(ManagedIdentity::ObjectId),
            self.managed_identity_resource_id.map(ManagedIdentity::ResourceId),
        ];
        let mut identities = identities.into_iter().flatten();
        let proofs = [
            self.client_secret.map(ApplicationProof::Secret),
            self.client_certificate.map(ApplicationProof::Certificate),
            self.client_assertion.map(ApplicationProof::Assertion),
        ];
        let proofs: Vec<_> = proofs.into_iter().flatten().collect();
        let is_application =
            self.tenant_id.is_some() || self.client_id.is_some() || self.authority_host.is_some() || !proofs.is_empty();
        match (is_application, identities.next(), self.access_token) {
            (true, None, None) => application(self.tenant_id, self.client_id, proofs, self.authority_host),
            (false, Some(identity), None) if identities.next().is_none() => Ok(EntraCredentialsConfig::ManagedIdentity(identity)),
            (false, None, Some(token)) => Ok(EntraCredentialsConfig::AccessToken(token)),
            (false, None, None) => {
                Err("write an application (`tenant_id`, `client_id`, `client_secret`), a `managed_identity_…` or `access_token`")
            }
            _ => Err("an application, a `managed_identity_…` and `access_token` stand alone"),
        }
    }
}

fn application(
    tenant_id: Option<String>,
    client_id: Option<String>,
    proofs: Vec<ApplicationProof>,
    authority_host: Option<String>,
) -> Result<EntraCredentialsConfig, &'static str> {
    let (Some(tenant_id), Some(client_id), Ok([proof])) = (tenant_id, client_id, <[_; 1]>::try_from(proofs)) else {
        return Err(
            "an application has `tenant_id`, `client_id`, and one of `client_secret`, `client_certificate` and `client_assertion`",
        );
    };
    if !is_tenant(&tenant_id) {
        return Err("`tenant_id` is the id of a tenant, or one of its domains");
    }
    if client_id.trim().is_empty() {
        return Err("`client_id` is not blank");
    }
    Ok(EntraCredentialsConfig::Application(ApplicationConfig { tenant_id, client_id, proof, authority_host }))
}

impl JsonSchema for EntraCredentialsConfig {
    fn schema_name() -> Cow<'static, str> {
        "EntraCredentials".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretRef>();
        let application = |proof: &str| {
            json_schema!({
                "type": "object",
                "required": ["tenant_id", "client_id", proof],
                "additionalProperties": false,
                "properties": {
                    "tenant_id": { "type": "string", "description": "The tenant's id, or one of its domains." },
                    "client_id": { "type": "string", "description": "The application's id." },
                    proof: secret,
                    "authority_host": { "type": "string", "description": "The host of another cloud: `https://login.microsoftonline.us`." }
                }
            })
        };
        let one = |name: &str, of: Schema| json_schema!({ "type": "object", "required": [name], "additionalProperties": false, "properties": { name: of } });
        let text = || json_schema!({ "type": "string", "description": "A user-assigned managed identity." });
        json_schema!({
            "description": "Where Entra credentials come from: `default-chain` (the environment, then workload identity), \
                            `default-chain-and-managed-identity`, `environment`, `workload-identity`, `managed-identity`, \
                            `anonymous`, an application, a user-assigned managed identity, or `{ access_token = \"env:…\" }`.",
            "anyOf": [
                { "enum": TEXTS },
                application("client_secret"),
                application("client_certificate"),
                application("client_assertion"),
                one("managed_identity_client_id", text()),
                one("managed_identity_object_id", text()),
                one("managed_identity_resource_id", text()),
                one("access_token", secret.clone())
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
        credentials: EntraCredentialsConfig,
    }

    fn read(line: &str) -> Result<EntraCredentialsConfig, String> {
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
            ("credentials = \"default-chain-and-managed-identity\"", "DefaultChainAndManagedIdentity"),
            ("credentials = \"environment\"", "Environment"),
            ("credentials = \"workload-identity\"", "WorkloadIdentity"),
            ("credentials = \"managed-identity\"", "ManagedIdentity(SystemAssigned)"),
            ("credentials = \"anonymous\"", "Anonymous"),
            ("credentials = { managed_identity_client_id = \"c\" }", "ManagedIdentity(ClientId(\"c\"))"),
            ("credentials = { managed_identity_object_id = \"o\" }", "ManagedIdentity(ObjectId(\"o\"))"),
            ("credentials = { managed_identity_resource_id = \"/r\" }", "ManagedIdentity(ResourceId(\"/r\"))"),
            ("credentials = { access_token = \"literal:s3cr3t\" }", "AccessToken(SecretRef(literal:[REDACTED]))"),
            (
                "credentials = { tenant_id = \"t\", client_id = \"c\", client_secret = \"env:S\" }",
                "Application(ApplicationConfig { tenant_id: \"t\", client_id: \"c\", proof: Secret(SecretRef(env:S)), authority_host: None })",
            ),
            (
                "credentials = { tenant_id = \"t\", client_id = \"c\", client_certificate = \"file:c.pem\", authority_host = \"https://a.example\" }",
                "Application(ApplicationConfig { tenant_id: \"t\", client_id: \"c\", proof: Certificate(SecretRef(file:c.pem)), \
                 authority_host: Some(\"https://a.example\") })",
            ),
            (
                "credentials = { tenant_id = \"t\", client_id = \"c\", client_assertion = \"file:t\" }",
                "Application(ApplicationConfig { tenant_id: \"t\", client_id: \"c\", proof: Assertion(SecretRef(file:t)), authority_host: None })",
            ),
        ] {
            assert_eq!(format!("{:?}", read(line).unwrap()), form, "{line}");
        }
    }

    #[test]
    fn every_mistake_has_its_place_and_no_value() {
        let application = "an application has `tenant_id`, `client_id`";
        for (line, message) in [
            ("credentials = \"s3cr3t\"", "expected \"default-chain\""),
            ("credentials = 7", "expected \"default-chain\""),
            ("credentials = { tenant = \"a\" }", "did you mean `tenant_id`"),
            ("credentials = { tenant_id = \"a\" }", application),
            ("credentials = { tenant_id = \"a\", client_id = \"c\" }", application),
            ("credentials = { client_secret = \"env:S\" }", application),
            ("credentials = { authority_host = \"https://a.example\" }", application),
            (
                "credentials = { tenant_id = \"a\", client_id = \"c\", client_secret = \"env:S\", client_assertion = \"env:A\" }",
                application,
            ),
            ("credentials = { tenant_id = \"a/b\", client_id = \"c\", client_secret = \"env:S\" }", "`tenant_id` is the id"),
            ("credentials = { tenant_id = \"a\", client_id = \" \", client_secret = \"env:S\" }", "`client_id` is not blank"),
            ("credentials = { tenant_id = \"a\", client_id = \"c\", client_secret = \"s3cr3t\" }", "not a reference to a secret"),
            ("credentials = { managed_identity_client_id = \"a\", managed_identity_object_id = \"b\" }", "stand alone"),
            ("credentials = { managed_identity_client_id = \"a\", client_id = \"b\" }", "stand alone"),
            ("credentials = { access_token = \"env:T\", tenant_id = \"b\" }", "stand alone"),
            ("credentials = {}", "write an application"),
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
        let keys = [
            "\"client_secret\"",
            "\"client_certificate\"",
            "\"client_assertion\"",
            "managed_identity_resource_id",
            "access_token",
        ];
        for part in TEXTS.iter().chain(&keys) {
            assert!(text.contains(part), "{part}");
        }
    }
}
