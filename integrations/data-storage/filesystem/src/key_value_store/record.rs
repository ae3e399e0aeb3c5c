//! What the log says: operations, and the records that make several of them one.
//!
//! ```text
//! record   length u32 | checksum, 8 bytes | payload
//! payload  operation*
//! ```
//!
//! Numbers are little-endian. The checksum is the beginning of the SHA-256 of the payload. A record is read whole or not
//! at all: that is what makes the writes in it one.

use std::ops::Range;

use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::Key;
use circle_core_common::{Fence, OperationId, Timestamp};
use sha2::{Digest, Sha256};

/// The bytes in front of the payload.
pub(super) const HEAD: usize = 12;

/// What every entry has besides its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stamp {
    /// Makes the version; it only grows.
    pub(super) sequence: u64,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) operation: Option<OperationId>,
}

/// What a write did, as it is replayed; `V` is a value, or where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation<V> {
    /// The key has this value.
    Put(Key, Stamp, V),
    /// The key has what it had, and this stamp.
    Touch(Key, Stamp),
    /// The key is absent.
    Delete(Key),
    /// The newest fence that the key has seen.
    Fence(Key, Fence),
    /// No sequence below this is given any more.
    Next(u64),
}

const PUT: u8 = 1;
const TOUCH: u8 = 2;
const DELETE: u8 = 3;
const FENCE: u8 = 4;
const NEXT: u8 = 5;

impl Operation<Bytes> {
    pub(super) fn write(&self, payload: &mut Vec<u8>) {
        match self {
            Self::Put(key, stamp, value) => {
                payload.push(PUT);
                bytes(payload, key.as_str().as_bytes());
                stamp.write(payload);
                bytes(payload, value);
            }
            Self::Touch(key, stamp) => {
                payload.push(TOUCH);
                bytes(payload, key.as_str().as_bytes());
                stamp.write(payload);
            }
            Self::Delete(key) => {
                payload.push(DELETE);
                bytes(payload, key.as_str().as_bytes());
            }
            Self::Fence(key, fence) => {
                payload.push(FENCE);
                bytes(payload, key.as_str().as_bytes());
                payload.extend(fence.get().to_le_bytes());
            }
            Self::Next(sequence) => {
                payload.push(NEXT);
                payload.extend(sequence.to_le_bytes());
            }
        }
    }
}

impl Stamp {
    fn write(&self, payload: &mut Vec<u8>) {
        payload.extend(self.sequence.to_le_bytes());
        payload.push(u8::from(self.expires_at.is_some()));
        if let Some(at) = self.expires_at {
            payload.extend(at.unix_seconds().to_le_bytes());
            payload.extend(at.subsecond_nanos().to_le_bytes());
        }
        payload.push(u8::from(self.operation.is_some()));
        if let Some(operation) = &self.operation {
            bytes(payload, operation.to_string().as_bytes());
        }
    }
}

// A value is far below 4 GiB: the handle has checked it against `value_max`.
fn bytes(payload: &mut Vec<u8>, bytes: &[u8]) {
    payload.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    payload.extend(bytes);
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let mut checksum = [0; 8];
    checksum.copy_from_slice(&Sha256::digest(payload)[..8]);
    checksum
}

/// A record of this payload; `None` when it is too long for one.
pub(super) fn record(payload: &[u8]) -> Option<Vec<u8>> {
    let mut record = Vec::with_capacity(HEAD + payload.len());
    record.extend(u32::try_from(payload.len()).ok()?.to_le_bytes());
    record.extend(checksum(payload));
    record.extend(payload);
    Some(record)
}

/// The length of the payload behind this head.
pub(super) fn length(head: &[u8; HEAD]) -> u64 {
    u32::from_le_bytes([head[0], head[1], head[2], head[3]]).into()
}

/// Whether this payload is the one that the head was written for. An empty one never is: a file that was extended and
/// not written reads as zeros.
pub(super) fn is_whole(head: &[u8; HEAD], payload: &[u8]) -> bool {
    !payload.is_empty() && checksum(payload) == head[4..]
}

/// The operations of a payload, with the places of values in it; `None` when it is not one of this format.
pub(super) fn operations(payload: &[u8]) -> Option<Vec<Operation<Range<usize>>>> {
    let mut reader = Reader { payload, at: 0 };
    let mut operations = Vec::new();
    while reader.at < payload.len() {
        operations.push(match reader.array::<1>()? {
            [PUT] => Operation::Put(reader.key()?, reader.stamp()?, reader.bytes()?),
            [TOUCH] => Operation::Touch(reader.key()?, reader.stamp()?),
            [DELETE] => Operation::Delete(reader.key()?),
            [FENCE] => Operation::Fence(reader.key()?, Fence::new(u64::from_le_bytes(reader.array()?))),
            [NEXT] => Operation::Next(u64::from_le_bytes(reader.array()?)),
            _ => return None,
        });
    }
    Some(operations)
}

struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = self.payload.get(self.at..)?.first_chunk().copied()?;
        self.at += N;
        Some(array)
    }

    fn bytes(&mut self) -> Option<Range<usize>> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        let range = self.at..self.at.checked_add(length)?;
        self.payload.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    fn text(&mut self) -> Option<&str> {
        let range = self.bytes()?;
        std::str::from_utf8(&self.payload[range]).ok()
    }

    fn key(&mut self) -> Option<Key> {
        self.text().map(Key::from)
    }

    fn stamp(&mut self) -> Option<Stamp> {
        let sequence = u64::from_le_bytes(self.array()?);
        let expires_at = match self.array()? {
            [0] => None,
            [_] => {
                let seconds = i64::from_le_bytes(self.array()?);
                Some(Timestamp::from_unix(seconds, u32::from_le_bytes(self.array()?)))
            }
        };
        let operation = match self.array()? {
            [0] => None,
            [_] => Some(self.text()?.into()),
        };
        Some(Stamp { sequence, expires_at, operation })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamps() -> impl Strategy<Value = Stamp> {
        let expiry = proptest::option::of((0_i64..4_000_000_000, 0_u32..1_000_000_000));
        (any::<u64>(), expiry, proptest::option::of("\\PC{1,40}")).prop_map(|(sequence, expiry, operation)| Stamp {
            sequence,
            expires_at: expiry.map(|(seconds, nanos)| Timestamp::from_unix(seconds, nanos)),
            operation: operation.map(OperationId::from),
        })
    }

    fn all() -> impl Strategy<Value = Operation<Bytes>> {
        let key = || "\\PC{0,20}".prop_map(Key::from);
        prop_oneof![
            (key(), stamps(), proptest::collection::vec(any::<u8>(), 0..50)).prop_map(|(key, stamp, value)| Operation::Put(
                key,
                stamp,
                value.into()
            )),
            (key(), stamps()).prop_map(|(key, stamp)| Operation::Touch(key, stamp)),
            key().prop_map(Operation::Delete),
            (key(), any::<u64>()).prop_map(|(key, fence)| Operation::Fence(key, Fence::new(fence))),
            any::<u64>().prop_map(Operation::Next),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(written in proptest::collection::vec(all(), 1..6)) {
            let mut payload = Vec::new();
            written.iter().for_each(|operation| operation.write(&mut payload));
            let read: Vec<_> = operations(&payload).unwrap().into_iter().map(|operation| match operation {
                Operation::Put(key, stamp, at) => Operation::Put(key, stamp, Bytes::copy_from_slice(&payload[at])),
                Operation::Touch(key, stamp) => Operation::Touch(key, stamp),
                Operation::Delete(key) => Operation::Delete(key),
                Operation::Fence(key, fence) => Operation::Fence(key, fence),
                Operation::Next(sequence) => Operation::Next(sequence),
            }).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn a_changed_byte_is_seen(payload in proptest::collection::vec(any::<u8>(), 1..50), at in any::<prop::sample::Index>()) {
            let mut record = record(&payload).unwrap();
            let at = 4 + at.index(record.len() - 4);
            record[at] ^= 1;
            let (head, payload) = record.split_first_chunk::<HEAD>().unwrap();
            prop_assert!(!is_whole(head, payload));
        }

        #[test]
        fn any_bytes_are_read_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = operations(&payload);
        }
    }
}
