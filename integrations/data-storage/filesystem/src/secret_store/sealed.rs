//! Sealed files: one encrypted file per secret, written like an object.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{self, Entry, ObjectKey, ObjectStoreProvider};
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, Precondition, PutRequest, RenewRequest, RevokeRequest, Secret,
    SecretChange, SecretMeta, SecretStore, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::{
    Body, BuildContext, ByteSize, CallContext, Environment, Error, ErrorKind, Flag, Health, Integration, Page, Provider,
    ProviderInfo, Result, Service, Version, Watch,
};

use super::sealed_content::Keys;
use crate::blocking::blocking;
use crate::config::{FilesystemConfig, SealedFilesConfig};
use crate::provider::Filesystem;

type Caps = SecretStoreCapabilities;

/// The largest secret.
const VALUE_MAX: ByteSize = ByteSize::kib(64);
/// The largest file that is read: a secret with every character escaped, and what stands around it.
const FILE_MAX: usize = 1 << 20;

/// Secrets in encrypted files of this machine. Clones share them, and so do processes that open the same directory.
///
/// ```
/// use circle_core_common::SecretRef;
/// use circle_core_common::interfaces::secret_store::SecretStore;
/// use circle_core_common::secret::ExposeSecret as _;
/// use circle_core_filesystem::{SealedFiles, SealedFilesConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> circle_core_common::Result<()> {
/// # use circle_core_common::Environment;
/// # let folder = tempfile::tempdir().unwrap();
/// # let key = SecretRef::literal("00".repeat(32)); // in an application `env:SECRETS_KEY`, or `file:`
/// let config = SealedFilesConfig::new(folder.path(), key);
/// let secrets = SecretStore::new(SealedFiles::open(config, &Environment::default()).await?);
/// secrets.put("payments/db", [("user", "app"), ("password", "hunter2")]).await?;
/// assert_eq!(secrets.get("payments/db").await?.field("user")?.expose_secret(), "app");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SealedFiles {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    files: Filesystem,
    keys: Keys,
    capabilities: SecretStoreCapabilities,
}

impl SealedFiles {
    /// The files of this config. The directory is made where it is missing, and the keys are read.
    ///
    /// # Errors
    /// As [`Filesystem::new`]; `ConfigInvalid` for a key that cannot be read or is not 32 bytes long.
    pub async fn open(config: SealedFilesConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let environment = cx.into().environment().clone();
        let keys = Keys::resolve(&config.key, &config.old_keys).await?;
        let info = ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), config.root.display().to_string());
        let files =
            blocking(move |_| Filesystem::new(FilesystemConfig::new(config.root).sync(config.sync), &environment)).await?;
        let mut capabilities = Caps::none().with(Caps::PUT).with(Caps::PUT_IF_ABSENT).with(Caps::PUT_IF_MATCH);
        capabilities = capabilities.with(Caps::DELETE).with(Caps::LIST);
        capabilities.value_max = VALUE_MAX;
        Ok(Self { shared: Arc::new(Shared { info, files, keys, capabilities }) })
    }

    /// The interface over these files, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _).offer::<SecretStore>(provider as Arc<dyn SecretStoreProvider>)
    }
}

/// What these files cannot do; the handle has said so before.
fn unsupported<T>(flag: Flag<Caps>) -> Result<T> {
    Err(Error::unsupported(flag.name()))
}

fn no_version() -> Error {
    Error::new(ErrorKind::Internal, "a file has no version")
}

#[async_trait]
impl SecretStoreProvider for SealedFiles {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        &self.shared.capabilities
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Secret> {
        let key = ObjectKey::from(request.name.as_str());
        let object = self.shared.files.get(cx, object_store::GetRequest::new(key, object_store::GetOptions::new())).await?;
        let version = object.meta.version.clone().ok_or_else(no_version)?;
        let mut content = object.into_stream();
        let mut sealed = Vec::new();
        while let Some(chunk) = content.try_next().await? {
            sealed.extend_from_slice(&chunk);
            if sealed.len() > FILE_MAX {
                return Err(Error::new(ErrorKind::Corrupt, "the file is too large for a sealed secret"));
            }
        }
        let (fields, operation) = self.shared.keys.open(&request.name, &sealed)?;
        let mut secret = Secret::new(request.name, version, fields);
        secret.operation = Some(operation);
        Ok(secret)
    }

    async fn put(&self, cx: &CallContext, request: PutRequest) -> Result<Version> {
        let sealed = self.shared.keys.seal(&request.name, &request.fields, &request.operation)?;
        let mut options = object_store::PutOptions::new();
        options.precondition = match request.options.precondition {
            Precondition::IfAbsent => object_store::Precondition::IfAbsent,
            Precondition::IfMatch(version) => object_store::Precondition::IfMatch(version),
            _ => object_store::Precondition::None,
        };
        let key = ObjectKey::from(request.name.as_str());
        let put = object_store::PutRequest::new(key, Body::from(sealed), options, Some(request.operation));
        self.shared.files.put(cx, put).await?.version.ok_or_else(no_version)
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted> {
        let key = ObjectKey::from(request.name.as_str());
        let item = object_store::DeleteItem::new(key, object_store::DeleteOptions::new());
        let deleted = self.shared.files.delete(cx, object_store::DeleteRequest::new(vec![item])).await?;
        Ok(match deleted.into_iter().next().transpose()? {
            Some(object_store::Deleted::Absent) => Deleted::Absent,
            Some(object_store::Deleted::Removed) => Deleted::Removed,
            _ => Deleted::Unknown,
        })
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>> {
        let options = object_store::ListOptions::new();
        let list = object_store::ListRequest::new(request.prefix.to_string(), options, request.page);
        let page = self.shared.files.list(cx, list).await?;
        let meta = |entry| match entry {
            Entry::Object(object) => {
                let mut meta = SecretMeta::new(object.key.as_str());
                meta.version = object.version;
                meta.changed_at = Some(object.modified);
                Some(meta)
            }
            _ => None,
        };
        Ok(Page::new(page.items.into_iter().filter_map(meta).collect(), page.next))
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

impl fmt::Debug for SealedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedFiles({})", self.shared.info.target)
    }
}

#[async_trait]
impl Provider for SealedFiles {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        self.shared.files.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.shared.files.health(cx).await
    }

    async fn close(&self, cx: &CallContext) -> Result<()> {
        self.shared.files.close(cx).await
    }
}

impl Integration for SealedFiles {
    type Config = SealedFilesConfig;

    const NAME: &'static str = "sealed-files";
    const INTERFACES: &'static [&'static str] = &["SecretStore"];

    async fn build(config: SealedFilesConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::open(config, cx).await?.service())
    }
}
