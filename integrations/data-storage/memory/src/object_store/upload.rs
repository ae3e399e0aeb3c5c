//! Multipart uploads that have not ended: invisible until they do.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{PartTag, PutOptions, StartUploadRequest, UploadId};
use circle_core_common::{Error, ErrorKind, OperationId, Reason, Result};

use super::history::cost;
use crate::provider::Store;

#[derive(Default)]
pub(crate) struct Uploads {
    open: HashMap<UploadId, Upload>,
}

struct Upload {
    options: PutOptions,
    operation: Option<OperationId>,
    parts: BTreeMap<u32, Part>,
    cost: u64,
}

struct Part {
    tag: PartTag,
    content: Bytes,
}

/// What an upload will be an object of.
pub(super) struct Assembled {
    pub(super) options: PutOptions,
    pub(super) operation: Option<OperationId>,
    pub(super) parts: Vec<Bytes>,
}

impl Uploads {
    pub(super) fn start(&mut self, store: &Store, request: StartUploadRequest) -> Result<UploadId> {
        let cost = cost(&request.key, &[]);
        store.quota.exchange(0, cost)?;
        let id = UploadId::new(request.key, store.next_token().to_string());
        let upload = Upload { options: request.options, operation: request.operation, parts: BTreeMap::new(), cost };
        self.open.insert(id.clone(), upload);
        Ok(id)
    }

    /// What the upload counts against the capacity, while it has not ended.
    pub(super) fn check(&self, id: &UploadId) -> Result<u64> {
        self.open.get(id).map(|upload| upload.cost).ok_or_else(|| ended(id))
    }

    pub(super) fn put_part(&mut self, store: &Store, id: &UploadId, index: u32, content: Bytes) -> Result<PartTag> {
        let upload = self.open.get_mut(id).ok_or_else(|| ended(id))?;
        let (before, now) = (upload.parts.get(&index).map_or(0, |part| part.tag.size), content.len() as u64);
        store.quota.exchange(before, now)?;
        upload.cost = upload.cost - before + now;
        let tag = PartTag::new(index, now, store.next_token().to_string());
        upload.parts.insert(index, Part { tag: tag.clone(), content });
        Ok(tag)
    }

    pub(super) fn assemble(&self, id: &UploadId, tags: &[PartTag]) -> Result<Assembled> {
        let upload = self.open.get(id).ok_or_else(|| ended(id))?;
        let part = |tag: &PartTag| match upload.parts.get(&tag.index) {
            Some(part) if part.tag == *tag => Ok(part.content.clone()),
            Some(_) => Err(invalid(format!("part {} has been replaced since", tag.index))),
            None => Err(invalid(format!("part {} was not uploaded", tag.index))),
        };
        let parts = tags.iter().map(part).collect::<Result<_>>()?;
        Ok(Assembled { options: upload.options.clone(), operation: upload.operation.clone(), parts })
    }

    /// Forgets the upload, if there is one; what it counted against the capacity is the caller's to release.
    pub(super) fn remove(&mut self, id: &UploadId) -> u64 {
        self.open.remove(id).map_or(0, |upload| upload.cost)
    }
}

fn ended(id: &UploadId) -> Error {
    let text = format!("the upload of `{}` does not exist or has ended", id.key);
    Error::new(ErrorKind::NotFound, text).with_reason(Reason::UploadEnded)
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}
