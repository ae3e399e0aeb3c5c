//! Uploads in parts: explicit, behind a large put, and behind a writer.

mod parts;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub(super) use parts::{put_in_parts, wants_parts};
pub use writer::Writer;

use super::{
    Caps, END_UPLOAD, EndUploadRequest, ObjectKey, ObjectMeta, ObjectStore, PartTag, PutOptions, START_UPLOAD,
    StartUploadRequest, UPLOAD_PART, UploadEnd, UploadId, UploadPartRequest, outcome,
};
use crate::body::Body;
use crate::context::{CallContext, CallOptions};
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::extension::{Extension, Extensions};
use crate::scope::{HandleCore, Resources};
use outcome::Write;

/// How long the abort of an upload that nobody waits for may take.
const ABORT_TIMEOUT: Duration = Duration::from_secs(30);

/// An upload in explicit parts. Dropped, it stays: resume it by [`id`](Self::id), or [`abort`](Self::abort) it.
///
/// Its start, each part and its end are calls of their own, and a timeout bounds each.
#[derive(Clone, Debug)]
pub struct Upload {
    store: ObjectStore,
    id: UploadId,
    /// What each request of the upload is told, such as the key that the object is encrypted with.
    extensions: Extensions,
}

pub(super) async fn start(store: &ObjectStore, key: ObjectKey, options: PutOptions) -> Result<Upload> {
    let checked = Caps::MULTIPART.check(store.capabilities()).and_then(|()| store.check_put(&key, &options));
    store.at(&START_UPLOAD, &key, checked)?;
    let (precondition, extensions) = (options.precondition.clone(), options.extensions.clone());
    let mut call = store.open(&START_UPLOAD);
    let provider = store.start(&mut call, Resources::One(key.shared())).await?;
    let result = async {
        let operation = if precondition.is_none() { None } else { Some(call.cx().operation_id()?.clone()) };
        let request = StartUploadRequest::new(key, options, operation.clone());
        let minted = call.guard(provider.start_upload(call.cx(), request)).await?;
        Ok(Upload { store: store.clone(), id: UploadId { precondition, operation, ..minted }, extensions })
    }
    .await;
    call.finish(result).await
}

impl Upload {
    pub(super) fn resumed(store: ObjectStore, id: UploadId) -> Self {
        Self { store, id, extensions: Extensions::default() }
    }

    /// Adds a provider's own option to an upload that was resumed: its id has none, because it may be kept where a key must
    /// not be. An upload that was started here has those of its [`PutOptions`].
    #[must_use]
    pub fn extension<E: Extension<PutOptions>>(mut self, extension: E) -> Self {
        self.extensions.put::<PutOptions, E>(extension);
        self
    }

    /// The same upload for a clean-up: no cancellation, deadline or report of the call that it cleans up behind.
    fn detached(&self) -> Self {
        let core = &self.store.core;
        let (tenant, principal) =
            core.options().map(|options| (options.tenant.clone(), options.principal.clone())).unwrap_or_default();
        let options = CallOptions { tenant, principal, timeout: Some(ABORT_TIMEOUT), ..CallOptions::new() };
        let core = HandleCore::new(core.environment().clone(), core.service(), core.provider()).with(options);
        let store = ObjectStore { provider: self.store.provider.clone(), core };
        Self { store, id: self.id.clone(), extensions: self.extensions.clone() }
    }

    /// The id to resume by.
    #[must_use]
    pub fn id(&self) -> &UploadId {
        &self.id
    }

    /// Uploads the part of this index, from 0, in any order; the same index again replaces it.
    ///
    /// # Errors
    /// `NotFound`, reason `UploadEnded`; `InvalidInput` outside `parts_max` or `part_max`.
    pub async fn part(&self, index: u32, body: impl Into<Body>) -> Result<PartTag> {
        self.part_inner(index, body.into()).await
    }

    async fn part_inner(&self, index: u32, body: Body) -> Result<PartTag> {
        let store = &self.store;
        store.at(&UPLOAD_PART, &self.id.key, self.check_part(index, &body).await)?;
        let mut call = store.open(&UPLOAD_PART);
        let provider = store.start(&mut call, Resources::One(self.id.key.shared())).await?;
        let request = UploadPartRequest::new(self.id.clone(), index, body, self.extensions.clone());
        let result = call.guard(provider.upload_part(call.cx(), request)).await;
        call.finish(result).await
    }

    async fn check_part(&self, index: u32, body: &Body) -> Result<()> {
        let capabilities = self.store.capabilities();
        Caps::MULTIPART.check(capabilities)?;
        self.store.check_key(&self.id.key)?;
        self.store.check_extensions(&self.extensions)?;
        if index >= capabilities.parts_max {
            return Err(Error::outside_limit(
                Limit::at_most("parts_max", capabilities.parts_max.into(), "parts"),
                u64::from(index) + 1,
            ));
        }
        match body.length().await? {
            Some(length) if length > capabilities.part_max.as_u64() => {
                Err(Error::outside_limit(Limit::at_most("part_max", capabilities.part_max.as_u64(), "bytes"), length))
            }
            _ => Ok(()),
        }
    }

    /// Makes the object of these parts, in the order of their index.
    ///
    /// # Errors
    /// `InvalidInput` for no parts, twice the same index, or a part below `part_min` that is not the last;
    /// `AlreadyExists` or `Conflict` by the precondition; `Conflict`, reason `UploadConflict`, when a conflicting request has
    /// voided the upload: only another upload, with every part sent again, can make the object then; `OutcomeUnknown` when
    /// the answer is lost for good.
    pub async fn complete(self, parts: impl IntoIterator<Item = PartTag>) -> Result<ObjectMeta> {
        let mut parts: Vec<PartTag> = parts.into_iter().collect();
        parts.sort_by_key(|part| part.index);
        self.complete_for(None, parts).await
    }

    /// As [`complete`](Self::complete), for a call that may begin the whole upload anew.
    async fn complete_for(self, whole: Option<&CallContext>, parts: Vec<PartTag>) -> Result<ObjectMeta> {
        let (store, key) = (&self.store, &self.id.key);
        store.at(&END_UPLOAD, key, self.check_complete(&parts))?;
        let mut call = store.open(&END_UPLOAD);
        let provider = store.start(&mut call, Resources::One(key.shared())).await?;
        let result = async {
            let end = UploadEnd::Complete { parts, precondition: self.id.precondition.clone() };
            let tried = outcome::repeat_conflicting(&call, true, || {
                let request = EndUploadRequest::new(self.id.clone(), end.clone(), self.extensions.clone());
                call.guard(provider.end_upload(call.cx(), request))
            })
            .await;
            if let Some(whole) = whole {
                whole.share_budget(call.cx());
            }
            let missing = || Error::new(ErrorKind::Internal, "the provider completed the upload and said nothing of the object");
            let tried = tried.and_then(|meta| meta.ok_or_else(missing));
            match &self.id.operation {
                Some(operation) => {
                    let write = Write { key, operation, precondition: &self.id.precondition, extensions: &self.extensions };
                    outcome::settle(store, &call, write, tried).await
                }
                None => tried.result,
            }
        }
        .await;
        call.finish(result).await
    }

    fn check_complete(&self, parts: &[PartTag]) -> Result<()> {
        let capabilities = self.store.capabilities();
        Caps::MULTIPART.check(capabilities)?;
        self.store.check_precondition(&self.id.precondition)?;
        self.store.check_extensions(&self.extensions)?;
        let Some((_, all_but_last)) = parts.split_last() else {
            return Err(Error::new(ErrorKind::InvalidInput, "an upload is completed with at least one part"));
        };
        if let Some(pair) = parts.windows(2).find(|pair| pair[0].index == pair[1].index) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("part {} is there twice", pair[0].index)));
        }
        let min = capabilities.part_min.as_u64();
        match all_but_last.iter().find(|part| part.size < min) {
            Some(part) => {
                let limit = Limit::at_least("part_min", min, "bytes");
                Err(Error::outside_limit(limit, format_args!("{} as part {} has", part.size, part.index)))
            }
            None => Ok(()),
        }
    }

    /// Ends the upload and keeps nothing. Aborting what has ended is fine.
    ///
    /// # Errors
    /// `Unsupported` without `multipart`; what the provider says.
    pub async fn abort(self) -> Result<()> {
        let store = &self.store;
        let checked = Caps::MULTIPART.check(store.capabilities()).and_then(|()| store.check_key(&self.id.key));
        store.at(&END_UPLOAD, &self.id.key, checked)?;
        let mut call = store.open(&END_UPLOAD);
        let provider = store.start(&mut call, Resources::One(&Arc::clone(self.id.key.shared()))).await?;
        let request = EndUploadRequest::new(self.id, UploadEnd::Abort, self.extensions);
        let result = call.guard(provider.end_upload(call.cx(), request)).await;
        call.finish(result).await.map(drop)
    }
}
