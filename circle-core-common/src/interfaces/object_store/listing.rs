//! Lists.

use std::sync::Arc;

use super::{Entry, LIST, ListOptions, ListRequest, ObjectMeta, ObjectStore};
use crate::listing::{Listing, Page};
use crate::scope::Resources;

impl ObjectStore {
    /// The objects whose keys begin with `prefix`, at any depth, in the byte order of their keys.
    pub fn list(&self, prefix: impl Into<String>) -> Listing<ObjectMeta> {
        self.list_with(prefix, ListOptions::new())
    }

    /// As [`list`](Self::list), from behind a key, or with all versions. Delete markers and prefixes are left out;
    /// [`entries_with`](Self::entries_with) has them.
    pub fn list_with(&self, prefix: impl Into<String>, options: ListOptions) -> Listing<ObjectMeta> {
        self.listing(prefix.into(), options, |page| {
            let objects = page.items.into_iter().filter_map(|entry| match entry {
                Entry::Object(meta) => Some(meta),
                _ => None,
            });
            Page::new(objects.collect(), page.next)
        })
    }

    /// One level: the objects right below `prefix`, and the prefixes of what is deeper.
    pub fn entries(&self, prefix: impl Into<String>) -> Listing<Entry> {
        self.entries_with(prefix, ListOptions::new().delimiter("/"))
    }

    /// Everything that a list can give: objects, prefixes, versions, delete markers.
    pub fn entries_with(&self, prefix: impl Into<String>, options: ListOptions) -> Listing<Entry> {
        self.listing(prefix.into(), options, |page| page)
    }

    fn listing<T: Send + 'static>(
        &self,
        prefix: String,
        options: ListOptions,
        select: impl Fn(Page<Entry>) -> Page<T> + Clone + Send + Sync + 'static,
    ) -> Listing<T> {
        let store = self.clone();
        // What makes this list another one than its neighbours; a page size does not.
        let ListOptions { delimiter, start_after, versions, .. } = &options;
        let list = format!("{:?} {prefix:?} {delimiter:?} {start_after:?} {versions}", self.core.service());
        Listing::new(&list, move |page| {
            let (store, select) = (store.clone(), select.clone());
            let request = ListRequest::new(prefix.clone(), options.clone(), page);
            async move {
                let prefix: Arc<str> = request.prefix.as_str().into();
                let checked = store.check_list(&request);
                checked.map_err(|error| store.core.place(error, &LIST).with_resource(&prefix))?;
                let mut call = store.open(&LIST);
                let provider = store.start(&mut call, Resources::One(&prefix)).await?;
                let result = call.guard(provider.list(call.cx(), request)).await;
                call.finish(result).await.map(select)
            }
        })
    }
}
