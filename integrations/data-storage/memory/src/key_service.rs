//! Keys in memory: they end with the process, and so does all that they have encrypted.

mod material;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::encryption;
use circle_core_common::interfaces::key_service::{
    Algorithm, DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, Encrypted, KeyInfo, KeyName, KeyService,
    KeyServiceCapabilities, KeyServiceProvider, ListRequest, PublicKey, PublicKeyRequest, RotateRequest, SignRequest,
    VerifyRequest,
};
use circle_core_common::secret::{ExposeSecret as _, SecretBytes};
use circle_core_common::{
    BuildContext, CallContext, Cursor, Environment, Error, ErrorKind, Health, Integration, Page, Provider, ProviderInfo, Reason,
    Result, Service, Timestamp, Version,
};
use material::{Material, SigningKey};

use crate::config::{MemoryKeyUse, MemoryKeysConfig};

/// The most keys of a page.
const PAGE_MAX: u32 = 1000;

/// A key service in the memory of this process, for tests and for development. Clones share the keys.
///
/// ```
/// use circle_core_common::interfaces::key_service::KeyService;
/// use circle_core_memory::{MemoryKeyUse, MemoryKeys, MemoryKeysConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> circle_core_common::Result<()> {
/// # use circle_core_common::Environment;
/// let config = MemoryKeysConfig::new().key("orders", MemoryKeyUse::Encrypt);
/// let keys = KeyService::new(MemoryKeys::new(config, &Environment::default())?);
/// let sealed = keys.seal("orders", b"a text of any length", [("tenant", "acme")]).await?;
/// assert!(keys.open(&sealed, [("tenant", "other")]).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryKeys {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    environment: Environment,
    capabilities: KeyServiceCapabilities,
    closed: AtomicBool,
    keys: RwLock<BTreeMap<KeyName, Key>>,
}

struct Key {
    material: Material,
    changed_at: Timestamp,
}

impl MemoryKeys {
    /// A service with the keys of this config, made anew.
    ///
    /// # Errors
    /// `Internal` when the machine has no randomness to give.
    pub fn new(config: MemoryKeysConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let environment = cx.into().environment().clone();
        let made = |(name, used): (String, MemoryKeyUse)| {
            Ok((KeyName::from(name), Key { material: Material::new(used)?, changed_at: environment.clock().timestamp() }))
        };
        let keys = config.keys.into_iter().map(made).collect::<Result<_>>()?;
        let mut capabilities = KeyServiceCapabilities::all();
        capabilities.algorithms = vec![Algorithm::Ed25519, Algorithm::EcdsaP256Sha256, Algorithm::EcdsaP384Sha384];
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), ""),
            environment,
            capabilities,
            closed: AtomicBool::new(false),
            keys: RwLock::new(keys),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The interface over these keys, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _).offer::<KeyService>(provider as Arc<dyn KeyServiceProvider>)
    }

    fn check_open(&self) -> Result<()> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the keys in memory are closed"));
        }
        Ok(())
    }

    fn keys(&self) -> Result<RwLockReadGuard<'_, BTreeMap<KeyName, Key>>> {
        self.check_open()?;
        Ok(self.shared.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a key that encrypts has.
    fn encrypting<T>(&self, name: &KeyName, with: impl FnOnce(&[SecretBytes]) -> Result<T>) -> Result<T> {
        let keys = self.keys()?;
        match &keys.get(name).ok_or_else(|| missing(name))?.material {
            Material::Encrypts(versions) => with(versions),
            Material::Signs(..) => Err(unfit(name, "signs, and does not encrypt")),
        }
    }

    /// What a key that signs has.
    fn signing<T>(&self, name: &KeyName, with: impl FnOnce(&Algorithm, &[SigningKey]) -> Result<T>) -> Result<T> {
        let keys = self.keys()?;
        match &keys.get(name).ok_or_else(|| missing(name))?.material {
            Material::Signs(algorithm, versions) => with(algorithm, versions),
            Material::Encrypts(_) => Err(unfit(name, "encrypts, and does not sign")),
        }
    }
}

fn missing(name: &KeyName) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no key `{name}`")).with_resource(name.shared())
}

fn unfit(name: &KeyName, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the key `{name}` {what}")).with_resource(name.shared())
}

fn corrupt() -> Error {
    Error::new(ErrorKind::Corrupt, "this was not encrypted with this key and context, or it was changed since")
}

fn version(number: usize) -> Version {
    Version::generation(number.to_string())
}

/// The number of the version, and what it encrypted.
fn encrypt(versions: &[SecretBytes], context: &[u8], plaintext: &[u8]) -> Result<Encrypted> {
    let number = versions.len();
    let newest = versions.last().ok_or_else(|| Error::new(ErrorKind::Internal, "a key has no version"))?;
    let mut bytes = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    bytes.extend(encryption::seal(newest, context, plaintext)?);
    let mut encrypted = Encrypted::new(bytes);
    encrypted.key_version = Some(version(number));
    Ok(encrypted)
}

#[async_trait]
impl KeyServiceProvider for MemoryKeys {
    fn capabilities(&self) -> &KeyServiceCapabilities {
        &self.shared.capabilities
    }

    async fn encrypt(&self, _: &CallContext, request: EncryptRequest) -> Result<Encrypted> {
        let context = request.context.to_bytes();
        self.encrypting(&request.key, |versions| encrypt(versions, &context, request.plaintext.expose_secret()))
    }

    async fn decrypt(&self, _: &CallContext, request: DecryptRequest) -> Result<SecretBytes> {
        self.encrypting(&request.key, |versions| {
            let (number, sealed) = request.ciphertext.split_first_chunk::<4>().ok_or_else(corrupt)?;
            let number = u32::from_be_bytes(*number) as usize;
            let key = number.checked_sub(1).and_then(|at| versions.get(at)).ok_or_else(corrupt)?;
            encryption::open(key, &request.context.to_bytes(), sealed)
        })
    }

    async fn generate_data_key(&self, _: &CallContext, request: DataKeyRequest) -> Result<DataKey> {
        let key = encryption::random_key()?;
        let context = request.context.to_bytes();
        let encrypted = self.encrypting(&request.key, |versions| encrypt(versions, &context, key.expose_secret()))?;
        Ok(DataKey::new(key, encrypted))
    }

    async fn sign(&self, _: &CallContext, request: SignRequest) -> Result<Bytes> {
        self.signing(&request.key, |algorithm, versions| {
            check_algorithm(&request.key, algorithm, &request.algorithm)?;
            let newest = versions.last().ok_or_else(|| Error::new(ErrorKind::Internal, "a key has no version"))?;
            newest.sign(&request.message)
        })
    }

    async fn verify(&self, _: &CallContext, request: VerifyRequest) -> Result<()> {
        self.signing(&request.key, |algorithm, versions| {
            check_algorithm(&request.key, algorithm, &request.algorithm)?;
            // The newest has signed most of what is verified.
            match versions.iter().rev().any(|version| version.verifies(&request.message, &request.signature)) {
                true => Ok(()),
                false => Err(Error::new(ErrorKind::Corrupt, "the signature is not right").with_reason(Reason::SignatureInvalid)),
            }
        })
    }

    async fn public_key(&self, _: &CallContext, request: PublicKeyRequest) -> Result<PublicKey> {
        self.signing(&request.key, |algorithm, versions| {
            let newest = versions.last().ok_or_else(|| Error::new(ErrorKind::Internal, "a key has no version"))?;
            let mut public = PublicKey::new(newest.public()?, vec![algorithm.clone()]);
            public.key_version = Some(version(versions.len()));
            Ok(public)
        })
    }

    async fn rotate(&self, _: &CallContext, request: RotateRequest) -> Result<KeyInfo> {
        self.check_open()?;
        let mut keys = self.shared.keys.write().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get_mut(&request.key).ok_or_else(|| missing(&request.key))?;
        key.material.rotate()?;
        key.changed_at = self.shared.environment.clock().timestamp();
        Ok(info(&request.key, key))
    }

    async fn list(&self, _: &CallContext, request: ListRequest) -> Result<Page<KeyInfo>> {
        let keys = self.keys()?;
        let size = request.page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
        let start = match &request.page.cursor {
            Some(cursor) => Bound::Excluded(cursor.token()),
            None => Bound::Included(&*request.prefix),
        };
        let range = keys.range::<str, _>((start, Bound::Unbounded));
        let mut found = range.take_while(|(name, _)| name.as_str().starts_with(&*request.prefix));
        let items: Vec<KeyInfo> = found.by_ref().take(size).map(|(name, key)| info(name, key)).collect();
        let next = items.last().filter(|_| found.next().is_some()).map(|last| Cursor::new(Arc::clone(last.name.shared())));
        Ok(Page::new(items, next))
    }
}

fn check_algorithm(name: &KeyName, own: &Algorithm, asked: &Algorithm) -> Result<()> {
    if own == asked { Ok(()) } else { Err(unfit(name, &format!("signs by {own:?}, and not by {asked:?}"))) }
}

fn info(name: &KeyName, key: &Key) -> KeyInfo {
    let mut info = KeyInfo::new(name);
    info.version = Some(version(key.material.versions()));
    info.changed_at = Some(key.changed_at);
    info
}

impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryKeys")
    }
}

#[async_trait]
impl Provider for MemoryKeys {
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
        self.shared.keys.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

impl Integration for MemoryKeys {
    type Config = MemoryKeysConfig;

    const NAME: &'static str = "memory-keys";
    const INTERFACES: &'static [&'static str] = &["KeyService"];

    async fn build(config: MemoryKeysConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::new(config, cx)?.service())
    }
}
