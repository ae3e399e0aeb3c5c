//! Getting, putting and deleting whole objects.

use super::Store;
use crate::error::ErrorKind;
use crate::suite::{Outcome, equal, expect_kind};

/// Getting what is not there is `NotFound`, and the error names the key and the operation.
pub async fn get_missing_is_not_found(subject: Store) -> Outcome {
    let key = subject.name("missing");
    let error = expect_kind("get", subject.handle.get(&key).await, ErrorKind::NotFound)?;
    equal("the key in the error", &error.resource(), &Some(key.as_str()))?;
    equal("the operation", &error.operation().map(crate::Operation::name), &Some("object_store.get"))
}
