//! The service `secrets-manager`: secrets in AWS Secrets Manager.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, Precondition, PutRequest, RenewRequest, RevokeRequest, Secret,
    SecretChange, SecretFields, SecretMeta, SecretStore, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{
    BuildContext, CallContext, Cursor, Environment, Error, ErrorKind, Flag, Health, Integration, Limit, OperationId, Page,
    Provider, ProviderInfo, Result, Service, Timestamp, Version, Watch,
};
use serde::{Deserialize, Serialize};

use crate::config::SecretsManagerConfig;
use crate::json::{JsonClient, JsonService};

static SERVICE: JsonService = JsonService { name: "secretsmanager", target: "secretsmanager" };

static GET: RemoteOperation = RemoteOperation::new("secretsmanager.GetSecretValue", Idempotency::Safe, "/");
// The token of the request makes a repetition the same version.
static CREATE: RemoteOperation = RemoteOperation::new("secretsmanager.CreateSecret", Idempotency::Keyed, "/");
static PUT: RemoteOperation = RemoteOperation::new("secretsmanager.PutSecretValue", Idempotency::Keyed, "/");
static DELETE: RemoteOperation = RemoteOperation::new("secretsmanager.DeleteSecret", Idempotency::Idempotent, "/");
static LIST: RemoteOperation = RemoteOperation::new("secretsmanager.ListSecrets", Idempotency::Safe, "/");

/// The most names of a page.
const PAGE_MAX: u32 = 100;
/// The longest text that a secret can be, in bytes.
const TEXT_MAX: u64 = 65_536;
const CURRENT: &str = "AWSCURRENT";

type Caps = SecretStoreCapabilities;

/// AWS Secrets Manager. A secret of several fields is a JSON object of strings, as the console makes it; one value is a text.
/// Clones share the client.
#[derive(Clone)]
pub struct SecretsManager {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    client: JsonClient,
    capabilities: SecretStoreCapabilities,
    recovery_days: Option<u8>,
}

impl SecretsManager {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no region, an endpoint that is none, days that are not 7 to 30.
    pub fn new(config: SecretsManagerConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        if let Some(days) = config.recovery_days
            && !(7..=30).contains(&days)
        {
            return Err(Error::new(ErrorKind::ConfigInvalid, "`recovery_days` is from 7 to 30, or left out"));
        }
        let (region, endpoint) = (config.region.as_deref(), config.endpoint.as_deref());
        let client = JsonClient::new(&SERVICE, region, endpoint, &config.credentials, &cx)?;
        let info = ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), client.place());
        let mut capabilities = Caps::none().with(Caps::PUT).with(Caps::PUT_IF_ABSENT).with(Caps::DELETE);
        capabilities = capabilities.with(Caps::VERSIONS).with(Caps::LIST);
        let shared = Shared { info, client, capabilities, recovery_days: config.recovery_days };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        input: &(impl Serialize + Sync),
    ) -> Result<T> {
        self.shared.client.call(cx, operation, input).await
    }

    async fn create(&self, cx: &CallContext, name: &str, text: &str, token: &str) -> Result<Version> {
        let input = CreateSecret { name, client_request_token: token, secret_string: text };
        let result: Result<Made> = self.call(cx, &CREATE, &input).await;
        match result {
            Ok(made) => Ok(Version::generation(made.version_id)),
            // A name that waits for its end is taken.
            Err(error) if is_marked(&error) => {
                Err(Error::new(ErrorKind::AlreadyExists, error.message().to_owned()).with_source(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn add(&self, cx: &CallContext, name: &str, text: &str, token: &str) -> Result<Version> {
        let input = PutSecretValue { secret_id: name, client_request_token: token, secret_string: text };
        let result: Result<Made> = self.call(cx, &PUT, &input).await;
        match result {
            Ok(made) => Ok(Version::generation(made.version_id)),
            // The token was used for other content.
            Err(error) if error.is(ErrorKind::AlreadyExists) => {
                Err(Error::new(ErrorKind::Conflict, error.message().to_owned()).with_source(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// The name of the version that a write makes: its id, where Secrets Manager takes that for one.
fn token(operation: &OperationId) -> String {
    let id = operation.to_string();
    if (32..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return id;
    }
    digest::digest(&digest::SHA256, id.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a secret is deleted, and waits for its end.
fn is_marked(error: &Error) -> bool {
    let code = error.detail().and_then(|detail| detail.code.as_deref());
    let text = error.message();
    code == Some("InvalidRequestException")
        && (text.contains("marked for deletion") || text.contains("marked deleted") || text.contains("scheduled for deletion"))
}

/// What the service cannot do; the handle has said so before.
fn unsupported<T>(flag: Flag<Caps>) -> Result<T> {
    Err(Error::unsupported(flag.name()))
}

#[async_trait]
impl SecretStoreProvider for SecretsManager {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        &self.shared.capabilities
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Secret> {
        let version = match &request.options.version {
            None => None,
            Some(version) => match version.as_generation() {
                // No version of the service is called so.
                Some(id) if !(32..=64).contains(&id.len()) => return Err(no_version()),
                None => return Err(no_version()),
                id => id,
            },
        };
        let input = GetSecretValue { secret_id: request.name.as_str(), version_id: version };
        let value: Result<SecretValue> = self.call(cx, &GET, &input).await;
        let value = value.map_err(|error| {
            if is_marked(&error) {
                return Error::new(ErrorKind::NotFound, "the secret was deleted, and waits for its end").with_source(error);
            }
            error
        })?;
        let Some(text) = value.secret_string else {
            let text = "the secret is binary, and fields are text: keep it in Base64";
            return Err(Error::new(ErrorKind::Decode, text));
        };
        let operation = OperationId::from(value.version_id.as_str());
        let fields = SecretFields::from_text(text.into());
        let mut secret = Secret::new(request.name, Version::generation(value.version_id), fields);
        secret.operation = Some(operation);
        Ok(secret)
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Version> {
        let text = request.fields.to_text();
        let text = text.expose_secret();
        if text.len() as u64 > TEXT_MAX {
            return Err(Error::outside_limit(Limit::at_most("value_max", TEXT_MAX, "bytes as JSON"), "more"));
        }
        let (name, token) = (request.name.as_str(), token(&request.operation));
        match request.options.precondition {
            Precondition::IfAbsent => return self.create(cx, name, text, &token).await,
            Precondition::None => {}
            _ => return unsupported(Caps::PUT_IF_MATCH),
        }
        match self.add(cx, name, text, &token).await {
            Err(error) if error.is(ErrorKind::NotFound) => {}
            result => return result,
        }
        match self.create(cx, name, text, &token).await {
            // Somebody was faster.
            Err(error) if error.is(ErrorKind::AlreadyExists) => self.add(cx, name, text, &token).await,
            result => result,
        }
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted> {
        let days = self.shared.recovery_days;
        let input = DeleteSecret {
            secret_id: request.name.as_str(),
            recovery_window_in_days: days,
            force_delete_without_recovery: days.is_none().then_some(true),
        };
        let deleted: Result<serde::de::IgnoredAny> = self.call(cx, &DELETE, &input).await;
        match deleted {
            // Deleting for good succeeds also where there was nothing.
            Ok(_) => Ok(if days.is_none() { Deleted::Unknown } else { Deleted::Removed }),
            Err(error) if error.is(ErrorKind::NotFound) || is_marked(&error) => Ok(Deleted::Absent),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>> {
        // What begins with `!` is looked for by its absence.
        let filtered = !request.prefix.is_empty() && !request.prefix.contains('!');
        let filter = Filter { key: "name", values: [&request.prefix] };
        let input = ListSecrets {
            max_results: request.page.size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
            next_token: request.page.cursor.as_ref().map(Cursor::token),
            filters: filtered.then_some([filter]),
        };
        let listed: Listed = self.call(cx, &LIST, &input).await?;
        // Names that were cut at `/` are found by their parts too.
        let named = listed.secret_list.into_iter().filter(|entry| entry.name.starts_with(&*request.prefix));
        let meta = |entry: ListedSecret| {
            let mut meta = SecretMeta::new(entry.name);
            let current =
                entry.secret_versions_to_stages.into_iter().find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
            meta.version = current.map(|(version, _)| Version::generation(version));
            meta.changed_at = entry.last_changed_date.map(moment);
            meta
        };
        let next = listed.next_token.filter(|token| !token.is_empty()).map(Cursor::new);
        Ok(Page::new(named.map(meta).collect(), next))
    }

    async fn watch(&self, _: &CallContext, _: WatchRequest) -> Result<Watch<SecretChange>> {
        unsupported(Caps::WATCH)
    }

    async fn renew_lease(&self, _: &CallContext, _: RenewRequest) -> Result<Lease> {
        unsupported(Caps::LEASES)
    }

    async fn revoke_lease(&self, _: &CallContext, _: RevokeRequest) -> Result<()> {
        unsupported(Caps::LEASES)
    }
}

fn no_version() -> Error {
    Error::new(ErrorKind::NotFound, "the secret has no such version")
}

/// Seconds since 1970, with a fraction.
fn moment(seconds: f64) -> Timestamp {
    let whole = seconds.floor();
    Timestamp::from_unix(whole as i64, ((seconds - whole) * 1e9) as u32)
}

impl fmt::Debug for SecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretsManager({})", self.shared.info.target)
    }
}

#[async_trait]
impl Provider for SecretsManager {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        self.shared.client.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        let input = ListSecrets { max_results: 1, next_token: None, filters: None };
        self.call::<Listed>(cx, &LIST, &input).await.map(|_| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.client.close();
        Ok(())
    }
}

impl Integration for SecretsManager {
    type Config = SecretsManagerConfig;

    const NAME: &'static str = "secrets-manager";
    const INTERFACES: &'static [&'static str] = &["SecretStore"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = &[&GET, &CREATE, &PUT, &DELETE, &LIST];

    async fn build(config: SecretsManagerConfig, cx: BuildContext) -> Result<Service> {
        let secrets = Arc::new(Self::new(config, cx)?);
        let store: Arc<dyn SecretStoreProvider> = secrets.clone();
        Ok(Service::new(secrets).offer::<SecretStore>(store))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue<'a> {
    secret_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret<'a> {
    name: &'a str,
    client_request_token: &'a str,
    secret_string: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue<'a> {
    secret_id: &'a str,
    client_request_token: &'a str,
    secret_string: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteSecret<'a> {
    secret_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_window_in_days: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    force_delete_without_recovery: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListSecrets<'a> {
    max_results: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<[Filter<'a>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Filter<'a> {
    key: &'a str,
    values: [&'a str; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    version_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    version_id: String,
    secret_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    secret_list: Vec<ListedSecret>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedSecret {
    name: String,
    #[serde(default)]
    secret_versions_to_stages: BTreeMap<String, Vec<String>>,
    last_changed_date: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_writes_are_tokens_where_the_service_takes_them() {
        let generated = OperationId::generated(7);
        assert_eq!(token(&generated), generated.to_string());
        for given in ["short", "with/slash-and-enough-characters-for-32", &"x".repeat(65)] {
            let token = token(&OperationId::from(given));
            assert_eq!(token.len(), 64);
            assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert_ne!(token(&"a".into()), token(&"b".into()));
    }

    #[test]
    fn moments_have_fractions() {
        assert_eq!(moment(1_523_477_145.5), Timestamp::from_unix(1_523_477_145, 500_000_000));
    }
}
