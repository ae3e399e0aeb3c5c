//! What a provider gets: the subject, the content, the options.

use std::time::Duration;

use super::{
    CopyOptions, DeleteOptions, GetOptions, HeadOptions, ListOptions, ObjectKey, PartTag, Precondition, PresignOptions,
    PutOptions, UploadId,
};
use crate::body::Body;
use crate::extension::Extensions;
use crate::identifier::OperationId;
use crate::listing::PageRequest;

request! {
    /// Asks for an object's metadata.
    HeadRequest {
        /// The key.
        key: ObjectKey,
        /// What the caller chose.
        options: HeadOptions,
    }
}

request! {
    /// Asks for an object.
    GetRequest {
        /// The key.
        key: ObjectKey,
        /// What the caller chose.
        options: GetOptions,
    }
}

request! {
    /// Puts an object, whole and at once: a body that fails, or a call that is dropped, leaves what was there before.
    PutRequest {
        /// The key.
        key: ObjectKey,
        /// The content.
        body: Body,
        /// What the caller chose.
        options: PutOptions,
        /// The id of a conditional write: kept beside the object where the service can, so that a lost answer is
        /// told from somebody else's write.
        operation: Option<OperationId>,
    }
}

request! {
    /// Asks for a page of a list, in the byte order of the keys.
    ListRequest {
        /// What the keys begin with, byte for byte.
        prefix: String,
        /// What the caller chose.
        options: ListOptions,
        /// Which page.
        page: PageRequest,
    }
}

request! {
    /// Deletes objects.
    DeleteRequest {
        /// Which; at most `delete_max`.
        items: Vec<DeleteItem>,
    }
}

request! {
    /// One object to delete.
    DeleteItem {
        /// The key.
        key: ObjectKey,
        /// What the caller chose.
        options: DeleteOptions,
    }
}

request! {
    /// Copies an object within the store.
    CopyRequest {
        /// The source.
        from: ObjectKey,
        /// The target.
        to: ObjectKey,
        /// What the caller chose.
        options: CopyOptions,
        /// The id of a conditional copy, as in [`PutRequest::operation`].
        operation: Option<OperationId>,
    }
}

/// What a presigned request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PresignMethod {
    /// Gets the object.
    Get,
    /// Puts the object.
    Put,
}

request! {
    /// Makes a request that works without credentials for a while.
    PresignRequest {
        /// The key.
        key: ObjectKey,
        /// What it does.
        method: PresignMethod,
        /// How long it works.
        expires: Duration,
        /// What it is bound to.
        options: PresignOptions,
    }
}

request! {
    /// Starts a multipart upload.
    StartUploadRequest {
        /// The key that the object will have.
        key: ObjectKey,
        /// What the object will have; the precondition counts at the end.
        options: PutOptions,
        /// The id of the write, as in [`PutRequest::operation`].
        operation: Option<OperationId>,
    }
}

request! {
    /// Uploads one part; the same index again replaces it.
    UploadPartRequest {
        /// The upload.
        upload: UploadId,
        /// The place of the part in the object, from 0; gaps are legal.
        index: u32,
        /// The content.
        body: Body,
        /// The providers' own options that the upload was started with.
        extensions: Extensions,
    }
}

request! {
    /// Ends a multipart upload.
    EndUploadRequest {
        /// The upload.
        upload: UploadId,
        /// How.
        end: UploadEnd,
        /// The providers' own options that the upload was started with.
        extensions: Extensions,
    }
}

/// How a multipart upload ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UploadEnd {
    /// The object is the parts in the order of their index.
    Complete {
        /// The parts, ascending.
        parts: Vec<PartTag>,
        /// What must hold.
        precondition: Precondition,
    },
    /// Nothing is kept. Aborting what has ended is fine.
    Abort,
}
