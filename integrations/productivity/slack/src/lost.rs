//! Writes whose answer was lost, for as long as somebody may ask about them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use circle_core_common::{OperationId, Timestamp};

/// How many are remembered; the oldest are forgotten.
const KEPT: usize = 256;

/// Where a message was to go: its metadata says who wrote it, but not in which thread to look.
#[derive(Clone)]
pub(crate) struct Lost {
    pub(crate) operation: OperationId,
    pub(crate) thread: Option<String>,
    pub(crate) from: Timestamp,
}

#[derive(Default)]
pub(crate) struct LostWrites(Mutex<VecDeque<Lost>>);

impl LostWrites {
    pub(crate) fn note(&self, lost: Lost) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| other.operation != lost.operation);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(lost);
    }

    pub(crate) fn found(&self, operation: &OperationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|lost| lost.operation != *operation);
    }

    pub(crate) fn get(&self, operation: &OperationId) -> Option<Lost> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|lost| lost.operation == *operation).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let lost = |number: usize| Lost {
            operation: number.to_string().into(),
            thread: Some(number.to_string()),
            from: Timestamp::UNIX_EPOCH,
        };
        let writes = LostWrites::default();
        (0..=KEPT).for_each(|number| writes.note(lost(number)));
        assert!(writes.get(&"0".into()).is_none());
        assert_eq!(writes.get(&"1".into()).and_then(|lost| lost.thread).as_deref(), Some("1"));
        writes.found(&"1".into());
        assert!(writes.get(&"1".into()).is_none());
    }
}
