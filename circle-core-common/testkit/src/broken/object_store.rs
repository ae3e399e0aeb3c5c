//! Broken object stores.

use async_trait::async_trait;
use circle_core_common::interfaces::object_store::{
    ByteRange, CopyRequest, DeleteItem, DeleteOptions, DeleteRequest, Deleted, EndUploadRequest, Entry, GetRequest, HeadOptions,
    HeadRequest, ListOptions, ListRequest, Object, ObjectKey, ObjectMeta, ObjectStoreCapabilities, ObjectStoreProvider, PartTag,
    Precondition, PresignRequest, PresignedRequest, PutOptions, PutRequest, StartUploadRequest, UploadEnd, UploadId,
    UploadPartRequest,
};
use circle_core_common::{Bulk, CallContext, Error, ErrorKind, Page, PageRequest, Result, ResultExt, Sent};

use super::{Broken, Defect};

impl<P: ObjectStoreProvider> Broken<P> {
    fn put_options(&self, mut options: PutOptions) -> PutOptions {
        options.precondition = self.precondition(options.precondition);
        if self.is(Defect::LosesMetadata) {
            let PutOptions { precondition, checksum, .. } = options;
            options = PutOptions::new();
            (options.precondition, options.checksum) = (precondition, checksum);
        }
        options
    }

    fn precondition(&self, precondition: Precondition) -> Precondition {
        match &precondition {
            Precondition::IfAbsent if self.is(Defect::IgnoresIfAbsent) => Precondition::None,
            Precondition::IfMatch(_) if self.is(Defect::IgnoresIfMatch) => Precondition::None,
            _ => precondition,
        }
    }

    fn key(&self, key: ObjectKey) -> ObjectKey {
        if !self.is(Defect::NormalisesKeys) {
            return key;
        }
        let mut text = key.as_str().to_owned();
        while text.contains("//") {
            text = text.replace("//", "/");
        }
        text.into()
    }

    async fn put_half(&self, cx: &CallContext, request: &PutRequest) -> Result<()> {
        let Some(bytes) = request.body.as_bytes().filter(|bytes| bytes.len() > 1) else { return Ok(()) };
        // A condition that does not hold is found by the first half as well as by the whole.
        if request.options.precondition == Precondition::None {
            let half = bytes.slice(..bytes.len() / 2);
            let request = PutRequest::new(request.key.clone(), half.into(), PutOptions::new(), None);
            self.provider.put(cx, request).await?;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn below(&self, cx: &CallContext, key: &ObjectKey) -> Result<Vec<DeleteItem>> {
        let request = ListRequest::new(format!("{key}/"), ListOptions::new(), PageRequest::first());
        let page = self.provider.list(cx, request).await?;
        Ok(page.items.iter().map(|entry| DeleteItem::new(entry.name().into(), DeleteOptions::new())).collect())
    }
}

#[async_trait]
impl<P: ObjectStoreProvider> ObjectStoreProvider for Broken<P> {
    fn capabilities(&self) -> &ObjectStoreCapabilities {
        let declared = self.provider.capabilities();
        if !self.is(Defect::Overstates) {
            return declared;
        }
        self.overstated.get_or_init(|| declared.clone().with(ObjectStoreCapabilities::PRESIGN_GET))
    }

    async fn head(&self, cx: &CallContext, mut request: HeadRequest) -> Result<ObjectMeta> {
        request.key = self.key(request.key);
        self.provider.head(cx, request).await
    }

    async fn get(&self, cx: &CallContext, mut request: GetRequest) -> Result<Object> {
        request.key = self.key(request.key);
        if self.is(Defect::RoundsRanges)
            && let Some(ByteRange::Bounded(from, to)) = request.options.range
        {
            request.options.range = Some(ByteRange::Bounded(from / 4 * 4, to.saturating_add(3) / 4 * 4));
        }
        self.provider.get(cx, request).await
    }

    async fn put(&self, cx: &CallContext, mut request: PutRequest) -> Result<ObjectMeta> {
        request.key = self.key(request.key);
        request.options = self.put_options(request.options);
        if self.is(Defect::LogsContent) {
            tracing::debug!(content = ?request.body.as_bytes(), "putting");
        }
        if self.is(Defect::IgnoresIfMatch) || self.is(Defect::IgnoresIfAbsent) {
            // A network would let others in between here.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        if self.is(Defect::PutsInHalves) {
            self.put_half(cx, &request).await?;
        }
        let again = request.clone();
        match self.provider.put(cx, request).await {
            Err(error)
                if self.is(Defect::RefusesItself)
                    && error.sent() == Sent::Maybe
                    && again.options.precondition != Precondition::None =>
            {
                self.provider.put(cx, again).await
            }
            result => result,
        }
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<Entry>> {
        let (after, first, prefix) = (request.options.start_after.clone(), request.page.cursor.is_none(), request.prefix.clone());
        let mut page = self.provider.list(cx, request).await?;
        if let Some(key) = after.filter(|key| self.is(Defect::StartsAtTheKey) && first && key.as_str().starts_with(&prefix)) {
            let head = self.provider.head(cx, HeadRequest::new(key, HeadOptions::new())).await.optional()?;
            page.items.splice(..0, head.map(Entry::Object));
        }
        if self.is(Defect::ListsOutOfOrder) {
            page.items.reverse();
        }
        if self.is(Defect::ListsOnePage) {
            page.next = None;
        }
        Ok(page)
    }

    async fn delete(&self, cx: &CallContext, mut request: DeleteRequest) -> Result<Bulk<Deleted>> {
        for item in &mut request.items {
            item.key = self.key(item.key.clone());
        }
        if self.is(Defect::DeletesFolders) {
            for item in &request.items {
                let below = self.below(cx, &item.key).await?;
                self.provider.delete(cx, DeleteRequest::new(below)).await?.all()?;
            }
        }
        self.provider.delete(cx, request).await
    }

    async fn copy(&self, cx: &CallContext, mut request: CopyRequest) -> Result<ObjectMeta> {
        (request.from, request.to) = (self.key(request.from), self.key(request.to));
        let target = request.to.clone();
        if self.is(Defect::IgnoresIfAbsent) {
            request.options.if_absent = false;
        }
        match self.provider.copy(cx, request).await {
            Err(error) if self.is(Defect::BlamesTheTarget) && error.is(ErrorKind::NotFound) => {
                Err(Error::new(ErrorKind::NotFound, error.message().to_owned()).with_resource(target.shared()))
            }
            result => result,
        }
    }

    async fn presign(&self, cx: &CallContext, request: PresignRequest) -> Result<PresignedRequest> {
        self.provider.presign(cx, request).await
    }

    async fn start_upload(&self, cx: &CallContext, mut request: StartUploadRequest) -> Result<UploadId> {
        request.key = self.key(request.key);
        request.options = self.put_options(request.options);
        self.provider.start_upload(cx, request).await
    }

    async fn upload_part(&self, cx: &CallContext, request: UploadPartRequest) -> Result<PartTag> {
        self.provider.upload_part(cx, request).await
    }

    async fn end_upload(&self, cx: &CallContext, mut request: EndUploadRequest) -> Result<Option<ObjectMeta>> {
        if let UploadEnd::Complete { precondition, .. } = &mut request.end {
            *precondition = self.precondition(precondition.clone());
        }
        self.provider.end_upload(cx, request).await
    }
}
