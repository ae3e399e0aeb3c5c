//! What can go wrong between a provider and its service.

use std::fmt::Debug;
use std::time::Duration;

use super::{Outcome, equal, expect_kind};
use crate::error::ErrorKind;
use crate::listing::Listing;

/// One fault; it applies to one call of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service does what it was asked, and the answer is lost.
    LoseAnswer,
    /// The service refuses because of a conflicting request, does nothing, and says "again".
    RefuseConflicting,
    /// The connection breaks before the request is processed.
    CutBefore,
    /// The connection breaks after so many bytes of the body of the next answer that has one.
    CutBody {
        /// How many bytes, or events of a stream, arrive.
        after: u64,
    },
    /// The body of the next answer that has one ends after so many bytes, as if it were complete.
    TruncateBody {
        /// How many bytes, or events of a stream, arrive.
        after: u64,
    },
    /// The answer comes late.
    Delay {
        /// How late.
        by: Duration,
    },
    /// The service is busy.
    Throttle {
        /// How long it asks to wait.
        retry_after: Duration,
    },
    /// The service is there and cannot serve.
    Unavailable,
    /// The service accepts the request and never answers.
    Silent,
    /// What the whole store is kept in does not exist: a bucket, a folder, a database.
    NoContainer,
}

/// Breaks the calls of a subject's provider.
pub trait Faults: Send + Sync {
    /// Has `fault` happen to the next call that is made; several are taken in order, one per call.
    fn inject(&self, fault: Fault);

    /// Forgets the faults that have not happened, where a call need not reach the place where they happen.
    fn clear(&self);
}

/// Checks that a list of this length, whose second page fails, ends in that error or is whole.
pub(crate) async fn is_never_short<T: Debug + Send + 'static>(list: Listing<T>, length: usize, faults: &dyn Faults) -> Outcome {
    let mut items = list.page_size(2).stream();
    let mut listed = vec![items.try_next().await?, items.try_next().await?];
    faults.inject(Fault::Unavailable);
    loop {
        match items.try_next().await {
            Ok(None) => return equal("the length of the list", &listed.len(), &length),
            Ok(item) => listed.push(item),
            result => return expect_kind("the second page", result, ErrorKind::Unavailable).map(drop),
        }
    }
}
