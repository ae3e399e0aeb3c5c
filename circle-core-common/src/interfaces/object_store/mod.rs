//! Object storage: whole objects under exact keys.
//!
//! ```
//! # use circle_core_common::{Result, interfaces::object_store::ObjectStore};
//! # async fn example(files: ObjectStore, next: String) -> Result<()> {
//! files.put("reports/q3.md", "# Q3").await?;
//! let report = files.get("reports/q3.md").await?.text().await?;
//! files.create("locks/nightly", "").await?; // `AlreadyExists` if another was first
//! let state = files.head("state.json").await?;
//! files.replace("state.json", next, state.version()?).await?; // `Conflict` if another was faster
//! # Ok(())
//! # }
//! ```
//!
//! *Keys* go byte for byte. *Deleting* the absent succeeds. *Lost answers*: a conditional write carries an operation
//! id; where its answer is lost, the handle asks for the object before it answers, and what stays open is
//! `OutcomeUnknown`, never a guess.

mod capabilities;
mod checksum;
#[cfg(feature = "testkit")]
pub mod conformance;
mod download;
mod listing;
#[cfg(feature = "mock")]
mod mock;
mod outcome;
mod provider;
mod types;
mod update;
mod upload;
mod validate;

use std::sync::Arc;
use std::time::Duration;

pub use capabilities::{ListConsistency, ObjectStoreCapabilities};
pub use checksum::{ChecksumAlgorithm, Checksummer};
#[cfg(feature = "mock")]
pub use mock::MockObjectStoreProvider;
pub use provider::ObjectStoreProvider;
pub use types::*;
pub use upload::{Upload, Writer};

use crate::body::Body;
use crate::bulk::Bulk;
use crate::context::CallContext;
use crate::error::{Error, Reason, Result};
use crate::identifier::Version;
use crate::operation::Operation;
use crate::scope::{Call, Resources};

crate::operations! {
    "ObjectStore" => {
        /// Metadata.
        HEAD = "object_store.head", Read;
        /// Content.
        GET = "object_store.get", Read;
        /// Put, create, replace.
        PUT = "object_store.put", Write;
        /// A page of a list.
        LIST = "object_store.list", Read;
        /// Deletes.
        DELETE = "object_store.delete", Delete;
        /// Copies.
        COPY = "object_store.copy", Write;
        /// Makes a request that gets.
        PRESIGN_GET = "object_store.presign_get", Read;
        /// Makes a request that puts.
        PRESIGN_PUT = "object_store.presign_put", Write;
        /// Starts a multipart upload.
        START_UPLOAD = "object_store.start_upload", Write;
        /// Uploads a part.
        UPLOAD_PART = "object_store.upload_part", Write;
        /// Completes or aborts an upload.
        END_UPLOAD = "object_store.end_upload", Write;
        /// Looks up a write whose answer was lost: what an older read or another copy says is no answer to it.
        RESOLVE = "object_store.resolve", Read;
    }
}

crate::handle! {
    /// A store of objects: what applications hold.
    ObjectStore over ObjectStoreProvider with ObjectStoreCapabilities as "ObjectStore"
}

type Caps = ObjectStoreCapabilities;

/// How often the emulation of a suffix asks for the size anew because the object was written in between.
const SUFFIX_ATTEMPTS: u32 = 10;

impl ObjectStore {
    /// An object. Answers as soon as its metadata is there; the content streams.
    ///
    /// Content that is cut while it streams is resumed from where it stopped, at the same version, where the provider
    /// can get ranges; each time is a call of its own. The timeout, deadline and cancellation of this call bound the
    /// reading of the content too.
    ///
    /// # Errors
    /// `NotFound`. Of the content: `Timeout`, `Cancelled`, what broke the transfer, `Conflict` where it was cut and the object
    /// has changed since.
    pub async fn get(&self, key: impl Into<ObjectKey>) -> Result<Object> {
        self.get_inner(key.into(), GetOptions::new()).await
    }

    /// An object, or a part or version of it.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput`, reason `RangeNotSatisfiable`; `Conflict`, reason `VersionMismatch` or `NotModified`.
    pub async fn get_with(&self, key: impl Into<ObjectKey>, options: GetOptions) -> Result<Object> {
        self.get_inner(key.into(), options).await
    }

    async fn get_inner(&self, key: ObjectKey, mut options: GetOptions) -> Result<Object> {
        self.at(&GET, &key, self.check_get(&key, &options))?;
        let mut call = self.open(&GET);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = match options.range {
            Some(ByteRange::Suffix(length)) if !self.capabilities().get_suffix => {
                // Boxed: the way is rare, and inline it would grow every future of a get.
                Box::pin(self.suffix_by_head(&call, provider, &key, &mut options, length)).await
            }
            _ => call.guard(provider.get(call.cx(), GetRequest::new(key, options.clone()))).await,
        };
        // Content in memory needs no context: it is there.
        let cx = result.as_ref().is_ok_and(|object| !object.is_whole()).then(|| call.cx().clone());
        let mut object = call.finish(result).await?;
        object.body_limit = self.core.options().and_then(|options| options.body_limit);
        Ok(match cx {
            Some(cx) => download::streaming(self, cx, object, options),
            None => object,
        })
    }

    /// The documented emulation of a suffix: asks for the size, then for that range of that very version.
    async fn suffix_by_head(
        &self,
        call: &Call<'_>,
        provider: &dyn ObjectStoreProvider,
        key: &ObjectKey,
        options: &mut GetOptions,
        length: u64,
    ) -> Result<Object> {
        call.cx().report(|report| report.emulated.push(Caps::GET_SUFFIX.name()));
        let pins = self.capabilities().get_if_match && options.if_match.is_none() && options.version.is_none();
        let mut attempt = 1;
        loop {
            let head = HeadOptions { version: options.version.clone(), ..HeadOptions::default() };
            let meta = call.guard(provider.head(call.cx(), HeadRequest::new(key.clone(), head))).await?;
            options.range = Some(ByteRange::Bounded(meta.size.saturating_sub(length), meta.size));
            if pins {
                options.if_match = meta.version;
            }
            match call.guard(provider.get(call.cx(), GetRequest::new(key.clone(), options.clone()))).await {
                // The caller has asked for no version: another writer was in between, and the size is another one.
                Err(error) if pins && error.reason() == Some(Reason::VersionMismatch) && attempt < SUFFIX_ATTEMPTS => {
                    attempt += 1
                }
                result => return result,
            }
        }
    }

    /// The metadata of an object.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn head(&self, key: impl Into<ObjectKey>) -> Result<ObjectMeta> {
        self.head_inner(key.into(), HeadOptions::new()).await
    }

    /// The metadata of an object, or of an older version of it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn head_with(&self, key: impl Into<ObjectKey>, options: HeadOptions) -> Result<ObjectMeta> {
        self.head_inner(key.into(), options).await
    }

    async fn head_inner(&self, key: ObjectKey, options: HeadOptions) -> Result<ObjectMeta> {
        self.at(&HEAD, &key, self.check_head(&key, &options))?;
        let mut call = self.open(&HEAD);
        let provider = self.start(&mut call, Resources::One(key.shared())).await?;
        let result = call.guard(provider.head(call.cx(), HeadRequest::new(key, options))).await;
        call.finish(result).await
    }

    /// Puts an object, replacing what is there. Large content is sent in parts, where the provider wants that: start, each
    /// part and end are calls of their own then, within one deadline.
    ///
    /// *Idempotent.* Dropped or failed, it leaves what was there before.
    ///
    /// # Errors
    /// `InvalidInput` for a key or size outside the limits; what the provider says.
    pub async fn put(&self, key: impl Into<ObjectKey>, body: impl Into<Body>) -> Result<ObjectMeta> {
        self.put_inner(key.into(), body.into(), PutOptions::new()).await
    }

    /// Puts an object with content type, metadata, checksum or precondition.
    ///
    /// # Errors
    /// As [`put`](Self::put); `AlreadyExists` or `Conflict` by the precondition; `Corrupt` or `InvalidInput` when the
    /// checksum does not match; `OutcomeUnknown` when the answer to a conditional put is lost for good.
    pub async fn put_with(&self, key: impl Into<ObjectKey>, body: impl Into<Body>, options: PutOptions) -> Result<ObjectMeta> {
        self.put_inner(key.into(), body.into(), options).await
    }

    /// Puts an object where there is none.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one — never because of a lost answer to this very call; otherwise as
    /// [`put_with`](Self::put_with).
    pub async fn create(&self, key: impl Into<ObjectKey>, body: impl Into<Body>) -> Result<ObjectMeta> {
        self.put_inner(key.into(), body.into(), PutOptions::new().if_absent()).await
    }

    /// Puts an object over this version of it.
    ///
    /// # Errors
    /// `Conflict`, reason `VersionMismatch`, if it has another one or is absent; otherwise as [`put_with`](Self::put_with).
    pub async fn replace(
        &self,
        key: impl Into<ObjectKey>,
        body: impl Into<Body>,
        version: impl Into<Version>,
    ) -> Result<ObjectMeta> {
        self.put_inner(key.into(), body.into(), PutOptions::new().if_match(version)).await
    }

    async fn put_inner(&self, key: ObjectKey, body: Body, options: PutOptions) -> Result<ObjectMeta> {
        self.at(&PUT, &key, self.check_put(&key, &options))?;
        let length = self.at(&PUT, &key, body.length().await)?;
        if upload::wants_parts(self.capabilities(), length) {
            return upload::put_in_parts(self, key, body, length, options).await;
        }
        self.at(&PUT, &key, self.check_size(length))?;
        outcome::put(self, key, body, options).await
    }

    /// Deletes an object. Deleting what is absent succeeds and says so, where the service tells.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn delete(&self, key: impl Into<ObjectKey>) -> Result<Deleted> {
        self.delete_inner(key.into(), DeleteOptions::new()).await
    }

    /// Deletes an object on a condition, or one version of it for good.
    ///
    /// Where the answer to a conditional delete is lost and the object is gone, it is [`Deleted::Unknown`]: whether this call
    /// or another deleted it cannot be told.
    ///
    /// # Errors
    /// `Conflict`, reason `VersionMismatch`; `OutcomeUnknown` when the answer to a conditional delete is lost and an object
    /// is there.
    pub async fn delete_with(&self, key: impl Into<ObjectKey>, options: DeleteOptions) -> Result<Deleted> {
        self.delete_inner(key.into(), options).await
    }

    async fn delete_inner(&self, key: ObjectKey, options: DeleteOptions) -> Result<Deleted> {
        self.at(&DELETE, &key, self.check_delete(&key, &options))?;
        outcome::delete(self, key, options).await
    }

    /// Deletes many objects, in as many calls as the provider needs, within one deadline; one result per key.
    ///
    /// # Errors
    /// `InvalidInput` when a key is not valid: nothing is deleted then. A failed call marks its own keys only.
    pub async fn delete_many<K: Into<ObjectKey>>(&self, keys: impl IntoIterator<Item = K>) -> Result<Bulk<Deleted>> {
        let keys = keys.into_iter().map(Into::into).collect();
        self.delete_many_inner(keys).await
    }

    async fn delete_many_inner(&self, keys: Vec<ObjectKey>) -> Result<Bulk<Deleted>> {
        for key in &keys {
            self.at(&DELETE, key, self.check_key(key))?;
        }
        let store = self.bounded();
        let mut results = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(self.capabilities().delete_max.max(1) as usize) {
            let names: Vec<Arc<str>> = chunk.iter().map(|key| Arc::clone(key.shared())).collect();
            match store.delete_chunk(chunk, &names).await {
                Ok(bulk) => results.extend(bulk),
                Err(error) => results.extend(names.iter().map(|name| Err(error.clone().with_own_resource(name)))),
            }
        }
        Ok(Bulk::new(results))
    }

    async fn delete_chunk(&self, keys: &[ObjectKey], names: &[Arc<str>]) -> Result<Bulk<Deleted>> {
        let mut call = self.open(&DELETE);
        let provider = self.start(&mut call, Resources::Many(names)).await?;
        let items = keys.iter().map(|key| DeleteItem::new(key.clone(), DeleteOptions::new())).collect();
        let result = call.guard(provider.delete(call.cx(), DeleteRequest::new(items))).await;
        call.finish(result.and_then(|bulk| bulk.complete(keys.len()))).await
    }

    /// Copies an object within the store, replacing what is there.
    ///
    /// # Errors
    /// `NotFound` names the source.
    pub async fn copy(&self, from: impl Into<ObjectKey>, to: impl Into<ObjectKey>) -> Result<ObjectMeta> {
        self.copy_inner(from.into(), to.into(), CopyOptions::new()).await
    }

    /// Copies an object where there is none, or an older version of it.
    ///
    /// # Errors
    /// As [`copy`](Self::copy); `AlreadyExists`.
    pub async fn copy_with(
        &self,
        from: impl Into<ObjectKey>,
        to: impl Into<ObjectKey>,
        options: CopyOptions,
    ) -> Result<ObjectMeta> {
        self.copy_inner(from.into(), to.into(), options).await
    }

    async fn copy_inner(&self, from: ObjectKey, to: ObjectKey, options: CopyOptions) -> Result<ObjectMeta> {
        self.at(&COPY, &from, self.check_copy(&from, &to, &options))?;
        outcome::copy(self, from, to, options).await
    }

    /// A request that gets the object without credentials until it expires.
    ///
    /// # Errors
    /// `InvalidInput` below a second or beyond `presign_max`.
    pub async fn presign_get(&self, key: impl Into<ObjectKey>, expires: Duration) -> Result<PresignedRequest> {
        self.presign_inner(&PRESIGN_GET, PresignRequest::new(key.into(), PresignMethod::Get, expires, PresignOptions::new()))
            .await
    }

    /// A request that puts the object without credentials until it expires.
    ///
    /// # Errors
    /// `InvalidInput` below a second or beyond `presign_max`.
    pub async fn presign_put(&self, key: impl Into<ObjectKey>, expires: Duration) -> Result<PresignedRequest> {
        self.presign_put_with(key, expires, PresignOptions::new()).await
    }

    /// As [`presign_put`](Self::presign_put), bound to a media type.
    ///
    /// # Errors
    /// `InvalidInput` below a second or beyond `presign_max`.
    pub async fn presign_put_with(
        &self,
        key: impl Into<ObjectKey>,
        expires: Duration,
        options: PresignOptions,
    ) -> Result<PresignedRequest> {
        self.presign_inner(&PRESIGN_PUT, PresignRequest::new(key.into(), PresignMethod::Put, expires, options)).await
    }

    async fn presign_inner(&self, operation: &'static Operation, request: PresignRequest) -> Result<PresignedRequest> {
        self.at(operation, &request.key, self.check_presign(&request))?;
        let mut call = self.open(operation);
        let provider = self.start(&mut call, Resources::One(&request.key.shared().clone())).await?;
        let result = call.guard(provider.presign(call.cx(), request)).await;
        call.finish(result).await
    }

    /// A writer whose object appears when it is finished; dropped before, nothing appears.
    ///
    /// # Errors
    /// `InvalidInput` for a key outside the limits.
    pub async fn writer(&self, key: impl Into<ObjectKey>) -> Result<Writer> {
        self.writer_with(key, PutOptions::new()).await
    }

    /// As [`writer`](Self::writer), with content type, metadata or precondition.
    ///
    /// # Errors
    /// As [`writer`](Self::writer).
    pub async fn writer_with(&self, key: impl Into<ObjectKey>, options: PutOptions) -> Result<Writer> {
        let key = key.into();
        self.at(&PUT, &key, self.check_put(&key, &options))?;
        Ok(Writer::new(self.clone(), key, options))
    }

    /// An upload in explicit parts, which can be resumed by its id.
    ///
    /// # Errors
    /// `Unsupported` without `multipart`.
    pub async fn upload(&self, key: impl Into<ObjectKey>) -> Result<Upload> {
        self.upload_with(key, PutOptions::new()).await
    }

    /// As [`upload`](Self::upload), with content type, metadata or precondition.
    ///
    /// # Errors
    /// `Unsupported` without `multipart`.
    pub async fn upload_with(&self, key: impl Into<ObjectKey>, options: PutOptions) -> Result<Upload> {
        upload::start(self, key.into(), options).await
    }

    /// An upload that was started before, by its id.
    #[must_use]
    pub fn resume(&self, id: impl Into<UploadId>) -> Upload {
        Upload::resumed(self.clone(), id.into())
    }

    /// Whether the write behind an `OutcomeUnknown` has happened: `Applied` where the object has its id, `NotApplied` where
    /// what the write would have changed is as it was, `Unknown` where something else has happened since.
    ///
    /// A request that is still on its way can be done after that; repeating the write with its id is safe in any case.
    ///
    /// # Errors
    /// `InvalidInput` for an error that names no write of this interface; what the provider says.
    pub async fn resolve(&self, error: &Error) -> Result<crate::Resolution> {
        outcome::resolve(self, error).await
    }

    /// What bounds that which a method does beside its calls.
    fn context(&self, operation: &'static Operation) -> CallContext {
        CallContext::new(self.core.environment(), operation, self.core.options().cloned().map(Arc::new))
    }

    /// Says where a check failed, before any scope opened.
    fn at<T>(&self, operation: &'static Operation, key: &ObjectKey, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.core.place(error, operation).with_resource(key.shared()))
    }
}
