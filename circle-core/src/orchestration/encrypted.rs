//! Encryption at rest: what a store keeps says nothing to whoever has the store alone.

mod key_value_store;
mod object_store;
#[cfg(test)]
mod tests;

use circle_core_common::encryption::{DataKeyLimits, DataKeys, Header};
use circle_core_common::interfaces::key_service::{Context, KeyName, KeyService, KeyServiceProvider};
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreCapabilities};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreCapabilities};
use circle_core_common::{ByteSize, CallContext, Environment, Handle, Result};

use super::forward::provided_by;
use super::frame::Frame;

/// What binds a message to its place; no name of an application's own begins so.
const PLACE: &str = "circle:place";
const TENANT: &str = "circle:tenant";

/// Encrypts what goes into a store and decrypts what comes out of it, with data keys that a key of a [`KeyService`] encrypts.
///
/// ```
/// # use circle_core::{KeyService, ObjectStore, orchestration::Encrypted};
/// # fn example(files: ObjectStore, keys: KeyService) -> ObjectStore {
/// ObjectStore::new(Encrypted::new(files, keys, "alias/documents").context([("purpose", "documents")]))
/// # }
/// ```
///
/// - *Encrypted* are contents and values: each with a data key of its own, in chunks, as [`encryption`](crate::encryption) says.
///   Not encrypted are keys, sizes, times, and the metadata of objects.
/// - *Bound* is every content to its key and to the context: what is put in another place, cut, mixed or changed is `Corrupt`.
///   Not found out is that a whole earlier version is put in the place of a later one.
/// - *A range* is read by reading the chunks that it lies in, and the header; one that ends before the end of the object does not
///   prove where the object ends.
/// - *A data key* is kept for an hour, so that an object that is read again costs no call to the key service.
/// - *Rotation*: a rotated key encrypts what is written from then on, and decrypts what was written before;
///   [`rewrap`](Self::rewrap) encrypts the data key of an object anew.
/// - *Off* is what a store does with contents by itself: copies, checksums, presigned requests, uploads in parts, increments,
///   which are emulated where the caller allows it.
pub struct Encrypted<H: Encryptable> {
    frame: Frame<H>,
    keys: KeyService,
    key: KeyName,
    context: Context,
    by_tenant: bool,
    data_keys: DataKeys,
    capabilities: H::Capabilities,
}

/// An interface whose contents can be encrypted. Implemented here, for the interfaces that are.
pub trait Encryptable: Handle {
    /// What the store can do.
    #[doc(hidden)]
    type Capabilities: Clone + Send + Sync + 'static;

    /// What it can do once it is encrypted.
    #[doc(hidden)]
    fn encrypted(&self) -> Self::Capabilities;
}

/// How many bytes of a limit are left for what is encrypted.
fn left(max: ByteSize, header: u64) -> ByteSize {
    if max == ByteSize::MAX {
        return max;
    }
    // Every chunk grows by a thousandth; the rest is header, salt, commitment and the tag of the last chunk.
    let max = max.as_u64().saturating_sub(header + 128);
    ByteSize::bytes(max - max / 1024)
}

impl Encryptable for ObjectStore {
    type Capabilities = ObjectStoreCapabilities;

    fn encrypted(&self) -> ObjectStoreCapabilities {
        let mut capabilities = self.capabilities().clone();
        capabilities.put_checksum = false;
        capabilities.copy = false;
        capabilities.copy_if_absent = false;
        capabilities.multipart = false;
        capabilities.presign_get = false;
        capabilities.presign_put = false;
        // The end of an object is known here.
        capabilities.get_suffix = capabilities.get_range;
        capabilities.put_split = ByteSize::MAX;
        capabilities.put_max = left(capabilities.put_max, object_store::BLOCK as u64);
        capabilities
    }
}

impl Encryptable for KeyValueStore {
    type Capabilities = KeyValueStoreCapabilities;

    fn encrypted(&self) -> KeyValueStoreCapabilities {
        let mut capabilities = self.capabilities().clone();
        capabilities.increment = false;
        capabilities.value_max = left(capabilities.value_max, 4096);
        capabilities
    }
}

impl<H: Encryptable> Encrypted<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "encrypt";

    /// What this store keeps, encrypted under this key.
    #[must_use]
    pub fn new(handle: H, keys: KeyService, key: impl Into<KeyName>) -> Self {
        Self {
            capabilities: handle.encrypted(),
            frame: Frame::new(Self::NAME, handle),
            keys,
            key: key.into(),
            context: Context::new(),
            by_tenant: false,
            data_keys: DataKeys::new(DataKeyLimits::default()),
        }
    }

    /// Sets what everything is bound to besides its place; the key service is told it, and may log it.
    #[must_use]
    pub fn context(mut self, context: impl Into<Context>) -> Self {
        self.context = context.into();
        self
    }

    /// Binds everything to the tenant of the call that wrote it: no other reads it.
    #[must_use]
    pub fn by_tenant(mut self) -> Self {
        self.by_tenant = true;
        self
    }

    /// Sets how long and for how much data keys are used.
    #[must_use]
    pub fn data_keys(mut self, limits: DataKeyLimits) -> Self {
        self.data_keys = DataKeys::new(limits);
        self
    }

    /// Sets the environment; that of the store by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.frame = self.frame.environment(environment);
        self
    }

    fn key_service(&self) -> Result<&dyn KeyServiceProvider> {
        self.keys.provider().map(|provider| &**provider)
    }

    /// What a content is bound to.
    fn bound(&self, cx: &CallContext, place: &str) -> Context {
        let context = self.context.clone().with(PLACE, place);
        match (self.by_tenant, cx.tenant()) {
            (true, tenant) => context.with(TENANT, tenant.map_or("", |tenant| &**tenant)),
            (false, _) => context,
        }
    }

    /// A header with the same data key, encrypted anew, for the message that begins with `start`.
    async fn rewrapped(&self, cx: &CallContext, header: &Header, start: &[u8], context: &Context) -> Result<Header> {
        self.data_keys.rewrap(cx, self.key_service()?, header, start, self.key.clone(), context).await
    }
}

provided_by!(Encrypted<H: Encryptable>, frame);
