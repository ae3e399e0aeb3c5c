//! Requests, options and results.

mod object;
mod options;
mod request;

pub use object::{DeleteMarker, Deleted, Entry, Object, ObjectMeta, PresignedRequest};
pub use options::{
    ByteRange, Checksum, CopyOptions, DeleteOptions, GetOptions, HeadOptions, ListOptions, Precondition, PresignOptions,
    PutOptions,
};
pub use request::{
    CopyRequest, DeleteItem, DeleteRequest, EndUploadRequest, GetRequest, HeadRequest, ListRequest, PresignMethod,
    PresignRequest, PutRequest, StartUploadRequest, UploadEnd, UploadPartRequest,
};

use std::hash::{Hash, Hasher};

use crate::identifier::OperationId;

crate::name! {
    /// The key of an object, byte for byte as it was written: `a//b`, `../x` and `/x` are legal and different.
    pub struct ObjectKey;
}

/// A multipart upload that goes on: keep it to resume the upload after a restart.
///
/// Two are equal when key and token are: the token alone says which upload it is.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct UploadId {
    /// The key that the object will have.
    pub key: ObjectKey,
    /// The provider's own token.
    pub token: std::sync::Arc<str>,
    /// What must hold at the end; the handle fills it in.
    #[serde(default, skip_serializing_if = "Precondition::is_none")]
    pub precondition: Precondition,
    /// The id of a conditional write; the handle fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
}

impl UploadId {
    /// The id that a provider minted.
    #[must_use]
    pub fn new(key: impl Into<ObjectKey>, token: impl Into<std::sync::Arc<str>>) -> Self {
        Self { key: key.into(), token: token.into(), precondition: Precondition::None, operation: None }
    }
}

impl PartialEq for UploadId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.token == other.token
    }
}

impl Eq for UploadId {}

impl Hash for UploadId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.token.hash(state);
    }
}

impl From<&UploadId> for UploadId {
    fn from(id: &UploadId) -> Self {
        id.clone()
    }
}

/// What a provider says of an uploaded part; the upload is completed with these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct PartTag {
    /// The place of the part in the object, from 0.
    pub index: u32,
    /// How many bytes it has.
    pub size: u64,
    /// The provider's own token.
    pub token: std::sync::Arc<str>,
}

impl PartTag {
    /// The tag that a provider minted.
    #[must_use]
    pub fn new(index: u32, size: u64, token: impl Into<std::sync::Arc<str>>) -> Self {
        Self { index, size, token: token.into() }
    }
}
