//! Getting, putting and deleting single entries.

use super::Store;
use crate::suite::{Outcome, equal};

/// An absent key is `None`.
pub async fn get_absent_is_none(subject: Store) -> Outcome {
    equal("get", &subject.handle.get(subject.name("absent")).await?, &None)
}
