//! Data keys, used again for a while: a call to the key service for every message would cost more than the encryption.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Tick;
use crate::interfaces::key_service::{Context, DataKey, KeyName};
use crate::secret::SecretBytes;
use crate::units::ByteSize;

/// How long and for how much a data key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataKeyLimits {
    /// How long it encrypts, and how long one that was decrypted is kept.
    pub age_max: Duration,
    /// How much it encrypts.
    pub bytes_max: ByteSize,
    /// How many messages it encrypts; 1 is a key of its own for every message.
    pub messages_max: u64,
    /// How many data keys are kept; of more, those that were used longest ago go first.
    pub kept_max: usize,
}

impl Default for DataKeyLimits {
    /// An hour, 4 GiB, 1,048,576 messages; 1,024 keys.
    fn default() -> Self {
        Self { age_max: Duration::from_secs(3600), bytes_max: ByteSize::gib(4), messages_max: 1 << 20, kept_max: 1024 }
    }
}

/// Whose a data key is and what it is for; nothing else is ever encrypted with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataKeySlot {
    /// The tenant of the calls, who may have credentials of its own.
    pub tenant: Option<Arc<str>>,
    /// The key of the service that encrypts it.
    pub key: KeyName,
    /// What it is bound to.
    pub context: Context,
}

/// Data keys that are in use.
#[derive(Debug, Default)]
pub struct DataKeys {
    limits: DataKeyLimits,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    encrypting: HashMap<DataKeySlot, Encrypting>,
    /// Those that were decrypted, by their encrypted form too.
    decrypted: HashMap<(DataKeySlot, Bytes), Decrypted>,
}

#[derive(Debug)]
struct Encrypting {
    key: Arc<DataKey>,
    until: Tick,
    bytes: u64,
    messages: u64,
    used: Tick,
}

#[derive(Debug)]
struct Decrypted {
    key: SecretBytes,
    until: Tick,
    used: Tick,
}

impl DataKeys {
    /// No keys yet.
    #[must_use]
    pub fn new(limits: DataKeyLimits) -> Self {
        Self { limits, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that may encrypt a message of so many bytes, which is counted.
    pub fn take(&self, slot: &DataKeySlot, bytes: u64, now: Tick) -> Option<Arc<DataKey>> {
        let mut kept = self.kept();
        let found = kept.encrypting.get_mut(slot)?;
        let fits = now < found.until
            && found.messages < self.limits.messages_max
            && found.bytes.saturating_add(bytes) <= self.limits.bytes_max.as_u64();
        if !fits {
            kept.encrypting.remove(slot);
            return None;
        }
        found.messages += 1;
        found.bytes += bytes;
        found.used = now;
        Some(Arc::clone(&found.key))
    }

    /// Keeps a fresh key, of which a message of so many bytes is counted already.
    pub fn keep(&self, slot: DataKeySlot, made: DataKey, bytes: u64, now: Tick) -> Arc<DataKey> {
        let made = Arc::new(made);
        if self.limits.messages_max > 1 {
            let until = now.after(self.limits.age_max);
            let entry = Encrypting { key: Arc::clone(&made), until, bytes, messages: 1, used: now };
            let mut kept = self.kept();
            kept.encrypting.insert(slot, entry);
            bound(&mut kept.encrypting, self.limits.kept_max, |entry| (entry.until > now, entry.used));
        }
        made
    }

    /// A key that was decrypted before.
    pub fn decrypted(&self, slot: &DataKeySlot, encrypted: &Bytes, now: Tick) -> Option<SecretBytes> {
        let mut kept = self.kept();
        // What encrypts here decrypts here.
        if let Some(own) = kept.encrypting.get(slot)
            && own.key.encrypted.ciphertext == *encrypted
            && now < own.until
        {
            return Some(own.key.key.clone());
        }
        let place = (slot.clone(), encrypted.clone());
        let found = kept.decrypted.get_mut(&place)?;
        if now >= found.until {
            kept.decrypted.remove(&place);
            return None;
        }
        found.used = now;
        Some(found.key.clone())
    }

    /// Keeps a key that was decrypted.
    pub fn keep_decrypted(&self, slot: DataKeySlot, encrypted: Bytes, plain: SecretBytes, now: Tick) {
        let until = now.after(self.limits.age_max);
        let mut kept = self.kept();
        kept.decrypted.insert((slot, encrypted), Decrypted { key: plain, until, used: now });
        bound(&mut kept.decrypted, self.limits.kept_max, |entry| (entry.until > now, entry.used));
    }

    /// Forgets every key.
    pub fn clear(&self) {
        *self.kept() = Kept::default();
    }
}

/// Lets go of what has ended, and then of what was used longest ago.
fn bound<K: Clone + Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, max: usize, of: impl Fn(&V) -> (bool, Tick)) {
    if map.len() <= max {
        return;
    }
    map.retain(|_, entry| of(entry).0);
    while map.len() > max {
        let Some(oldest) = map.iter().min_by_key(|(_, entry)| of(entry).1).map(|(key, _)| key.clone()) else { return };
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::key_service::Encrypted;

    fn data_key(byte: u8) -> DataKey {
        DataKey::new(vec![byte; 32].into(), Encrypted::new(vec![byte]))
    }

    fn keys(change: impl FnOnce(&mut DataKeyLimits)) -> DataKeys {
        let mut limits = DataKeyLimits::default();
        change(&mut limits);
        DataKeys::new(limits)
    }

    fn slot(key: &str, tenant: &str) -> DataKeySlot {
        DataKeySlot { tenant: None, key: key.into(), context: Context::from([("tenant", tenant)]) }
    }

    #[test]
    fn a_key_is_used_until_its_age_its_bytes_or_its_messages_are_used_up() {
        let (slot, now) = (slot("k", "acme"), crate::Clock::System.now());
        let aged = keys(|limits| limits.age_max = Duration::from_secs(10));
        aged.keep(slot.clone(), data_key(1), 1, now);
        assert!(aged.take(&slot, 1, now.after(Duration::from_secs(9))).is_some());
        assert!(aged.take(&slot, 1, now.after(Duration::from_secs(10))).is_none());
        let full = keys(|limits| limits.bytes_max = ByteSize::bytes(10));
        full.keep(slot.clone(), data_key(1), 4, now);
        assert!(full.take(&slot, 6, now).is_some());
        assert!(full.take(&slot, 1, now).is_none());
        let counted = keys(|limits| limits.messages_max = 2);
        counted.keep(slot.clone(), data_key(1), 1, now);
        assert!(counted.take(&slot, 1, now).is_some());
        assert!(counted.take(&slot, 1, now).is_none());
        let single = keys(|limits| limits.messages_max = 1);
        single.keep(slot.clone(), data_key(1), 1, now);
        assert!(single.take(&slot, 1, now).is_none());
    }

    #[test]
    fn keys_contexts_and_tenants_share_nothing() {
        let (keys, now, own) = (DataKeys::default(), crate::Clock::System.now(), slot("k", "acme"));
        keys.keep(own.clone(), data_key(1), 1, now);
        let encrypted = Bytes::from_static(&[1]);
        assert!(keys.decrypted(&own, &encrypted, now).is_some(), "what encrypts here decrypts here");
        let tenant = DataKeySlot { tenant: Some("t".into()), ..own.clone() };
        for other in [slot("k", "other"), slot("l", "acme"), tenant] {
            assert!(keys.take(&other, 1, now).is_none());
            assert!(keys.decrypted(&other, &encrypted, now).is_none());
        }
        keys.clear();
        assert!(keys.decrypted(&own, &encrypted, now).is_none());
    }

    #[test]
    fn those_used_longest_ago_go_first() {
        let keys = keys(|limits| limits.kept_max = 2);
        let start = crate::Clock::System.now();
        let encrypted = Bytes::from_static(b"e");
        for (at, name) in ["a", "b"].into_iter().enumerate() {
            let now = start.after(Duration::from_secs(at as u64));
            keys.keep_decrypted(slot(name, ""), encrypted.clone(), vec![1].into(), now);
        }
        let now = start.after(Duration::from_secs(2));
        assert!(keys.decrypted(&slot("a", ""), &encrypted, now).is_some());
        keys.keep_decrypted(slot("c", ""), encrypted.clone(), vec![1].into(), now);
        let there = ["a", "b", "c"].map(|name| keys.decrypted(&slot(name, ""), &encrypted, now).is_some());
        assert_eq!(there, [true, false, true]);
    }
}
