//! Environment variables as secrets: what is set is read, and nothing is written.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, PutRequest, RenewRequest, RevokeRequest, Secret, SecretChange,
    SecretFields, SecretMeta, SecretName, SecretStore, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::secret::{self, SecretString};
use circle_core_common::{
    BuildContext, CallContext, Cursor, Environment, Error, ErrorKind, Flag, Health, Integration, Page, Provider, ProviderInfo,
    Result, Service, Timestamp, Version, Watch,
};

use crate::config::EnvironmentConfig;

/// The most names of a page.
const PAGE_MAX: u32 = 1000;

type Caps = SecretStoreCapabilities;

/// Environment variables as secrets. A variable that holds a JSON object of strings has its members as fields. Clones are the same
/// store.
///
/// ```
/// use circle_core_common::ErrorKind;
/// use circle_core_common::interfaces::secret_store::SecretStore;
/// use circle_core_filesystem::{EnvironmentConfig, EnvironmentSecrets};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> circle_core_common::Result<()> {
/// # use circle_core_common::Environment;
/// let secrets = EnvironmentSecrets::new(EnvironmentConfig::new("PAYMENTS_"), &Environment::default());
/// let secrets = SecretStore::new(secrets);
/// let missing = secrets.get("DB_PASSWORD").await.unwrap_err(); // the variable `PAYMENTS_DB_PASSWORD` is not set
/// assert!(missing.is(ErrorKind::NotFound));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EnvironmentSecrets {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    environment: Environment,
    capabilities: SecretStoreCapabilities,
    prefix: String,
    variables: Variables,
    closed: AtomicBool,
    /// What every secret said when it was read last, and the number of that state: a variable has no version of its own, and one
    /// that is made of its value would help to guess it.
    seen: Mutex<BTreeMap<SecretName, (SecretString, u64)>>,
    next: AtomicU64,
}

/// Where variables come from.
enum Variables {
    Process,
    Given(Arc<Mutex<BTreeMap<String, String>>>),
}

impl Variables {
    fn get(&self, name: &str) -> Result<Option<SecretString>> {
        match self {
            // The system has no variable of such a name, and says so by a panic.
            Self::Process if name.contains(['=', '\0']) => Ok(None),
            Self::Process => match std::env::var(name) {
                Ok(value) => Ok(Some(value.into())),
                Err(std::env::VarError::NotPresent) => Ok(None),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(Error::new(ErrorKind::Decode, format!("the environment variable `{name}` is not UTF-8")))
                }
            },
            Self::Given(given) => {
                let given = given.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(given.get(name).map(|value| value.as_str().into()))
            }
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Process => std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect(),
            Self::Given(given) => given.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect(),
        }
    }
}

impl EnvironmentSecrets {
    /// The variables of this process.
    #[must_use]
    pub fn new(config: EnvironmentConfig, cx: impl Into<BuildContext>) -> Self {
        Self::of(config, cx, Variables::Process)
    }

    /// The variables of a map in place of the process's: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_variables(
        config: EnvironmentConfig,
        cx: impl Into<BuildContext>,
        variables: Arc<Mutex<BTreeMap<String, String>>>,
    ) -> Self {
        Self::of(config, cx, Variables::Given(variables))
    }

    fn of(config: EnvironmentConfig, cx: impl Into<BuildContext>, variables: Variables) -> Self {
        let environment = cx.into().environment().clone();
        // Versions start at the wall clock: one that was kept from an earlier process never fits by chance.
        let started = environment.clock().timestamp().since(Timestamp::UNIX_EPOCH).as_nanos();
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), format!("{}*", config.prefix)),
            environment,
            capabilities: Caps::none().with(Caps::LIST),
            prefix: config.prefix,
            variables,
            closed: AtomicBool::new(false),
            seen: Mutex::default(),
            next: AtomicU64::new(u64::try_from(started).unwrap_or(0).max(1)),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The interface over these variables, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _).offer::<SecretStore>(provider as Arc<dyn SecretStoreProvider>)
    }

    fn check_open(&self) -> Result<()> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the environment variables are closed"));
        }
        Ok(())
    }

    /// Which state of the secret this is.
    fn version(&self, name: &SecretName, value: &SecretString) -> Version {
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match seen.get(name) {
            Some((before, number)) if secret::equal(before, value) => *number,
            _ => {
                let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
                seen.insert(name.clone(), (value.clone(), number));
                number
            }
        };
        Version::generation(number.to_string())
    }
}

/// What a store that is only read says of everything else; the handle has said so before.
fn unsupported<T>(flag: Flag<Caps>) -> Result<T> {
    Err(Error::unsupported(flag.name()))
}

#[async_trait]
impl SecretStoreProvider for EnvironmentSecrets {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        &self.shared.capabilities
    }

    async fn get(&self, _: &CallContext, request: GetRequest) -> Result<Secret> {
        self.check_open()?;
        let variable = format!("{}{}", self.shared.prefix, request.name);
        let Some(value) = self.shared.variables.get(&variable)? else {
            let text = format!("the environment variable `{variable}` is not set");
            return Err(Error::new(ErrorKind::NotFound, text).with_resource(request.name.shared()));
        };
        let version = self.version(&request.name, &value);
        Ok(Secret::new(request.name, version, SecretFields::from_text(value)))
    }

    async fn put(&self, _: &CallContext, _: PutRequest) -> Result<Version> {
        unsupported(Caps::PUT)
    }

    async fn delete(&self, _: &CallContext, _: DeleteRequest) -> Result<Deleted> {
        unsupported(Caps::DELETE)
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>> {
        self.check_open()?;
        let named = |variable: String| variable.strip_prefix(&self.shared.prefix).map(str::to_owned);
        let mut names: Vec<String> = self.shared.variables.names().into_iter().filter_map(named).collect();
        names.retain(|name| !name.is_empty() && name.starts_with(&*request.prefix));
        names.sort_unstable();
        let after = request.page.cursor.as_ref().map_or(Bound::Unbounded, |cursor| Bound::Excluded(cursor.token()));
        let start = match after {
            Bound::Excluded(after) => names.partition_point(|name| name.as_str() <= after),
            _ => 0,
        };
        let size = request.page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
        let rest = &names[start..];
        let items: Vec<SecretMeta> = rest.iter().take(size).map(SecretMeta::new).collect();
        let next = items.last().filter(|_| rest.len() > size).map(|last| Cursor::new(Arc::clone(last.name.shared())));
        Ok(Page::new(items, next))
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

impl fmt::Debug for EnvironmentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvironmentSecrets({}*)", self.shared.prefix)
    }
}

#[async_trait]
impl Provider for EnvironmentSecrets {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        self.check_open().map(|()| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

impl Integration for EnvironmentSecrets {
    type Config = EnvironmentConfig;

    const NAME: &'static str = "environment";
    const INTERFACES: &'static [&'static str] = &["SecretStore"];

    async fn build(config: EnvironmentConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::new(config, cx).service())
    }
}
