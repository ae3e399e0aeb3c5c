//! Chunks: pieces of content, stored once under the hash of what they hold.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use circle_core::object_store::{ObjectKey, ObjectStore};
use circle_core::{Error, ErrorKind, Items, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::cutter::Sizes;

/// The name of a chunk: the SHA-256 of its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId([u8; 32]);

impl ChunkId {
    /// How many bytes it has.
    pub const LENGTH: usize = 32;

    /// The id of this content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkId({self})")
    }
}

impl FromStr for ChunkId {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        hex::decode(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(())
    }
}

impl Serialize for ChunkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChunkId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("not a chunk id"))
    }
}

/// A piece of content and its id.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The id.
    pub id: ChunkId,
    /// The content.
    pub bytes: Bytes,
}

impl Chunk {
    /// Hashes the content; a few milliseconds for a large one.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { id: ChunkId::of(&bytes), bytes }
    }
}

/// What chunks are pieces of. Manifests have their own, smaller ones: a changed line costs a small piece, and the
/// number of chunks speaks of the files alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The content of files.
    Files,
    /// The lists of what a run holds.
    Manifests,
}

impl Area {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Files, Self::Manifests];

    /// What the keys of its chunks begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Files => "chunks/",
            Self::Manifests => "manifests/",
        }
    }

    /// How large its chunks are.
    #[must_use]
    pub const fn sizes(self) -> Sizes {
        match self {
            Self::Files => Sizes::FILES,
            Self::Manifests => Sizes::MANIFESTS,
        }
    }

    /// The key of a chunk: `chunks/ab/abcdef…`.
    #[must_use]
    pub fn key(self, id: &ChunkId) -> ObjectKey {
        let id = id.to_string();
        format!("{}{}/{id}", self.prefix(), &id[..2]).into()
    }

    /// The chunk of a key; `None` for an object that is no chunk.
    #[must_use]
    pub fn id(self, key: &ObjectKey) -> Option<ChunkId> {
        let id = key.as_str().strip_prefix(self.prefix())?.get(3..)?.parse().ok()?;
        (self.key(&id) == *key).then_some(id)
    }
}

/// The chunks of an area.
#[derive(Clone, Debug)]
pub struct Chunks {
    files: ObjectStore,
    area: Area,
    present: Arc<Mutex<HashSet<ChunkId>>>,
}

impl Chunks {
    /// The chunks of an area of a store.
    #[must_use]
    pub fn new(files: ObjectStore, area: Area) -> Self {
        Self { files, area, present: Arc::default() }
    }

    /// Which area it is.
    #[must_use]
    pub const fn area(&self) -> Area {
        self.area
    }

    /// Learns which chunks there are: one pass over the names beats a question per chunk, and unlike a cache it cannot
    /// be wrong.
    ///
    /// # Errors
    /// What the store says.
    pub async fn learn(&self) -> Result<()> {
        let mut ids = self.ids();
        while let Some((id, _)) = ids.try_next().await? {
            self.lock().insert(id);
        }
        Ok(())
    }

    /// Whether the chunk is there, as far as [`learn`](Self::learn) and [`put`](Self::put) have told.
    #[must_use]
    pub fn contains(&self, id: &ChunkId) -> bool {
        self.lock().contains(id)
    }

    /// How many chunks are known to be there.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Stores a chunk; says whether it was new. Another writer of the same chunk has stored the same content.
    ///
    /// # Errors
    /// What the store says.
    pub async fn put(&self, chunk: Chunk) -> Result<bool> {
        if self.contains(&chunk.id) {
            return Ok(false);
        }
        let new = match self.files.create(self.area.key(&chunk.id), chunk.bytes).await {
            Ok(_) => true,
            Err(error) if error.is(ErrorKind::AlreadyExists) => false,
            Err(error) => return Err(error),
        };
        self.lock().insert(chunk.id);
        Ok(new)
    }

    /// The content of a chunk, checked against its id.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` when it is not what was stored; what the store says.
    pub async fn get(&self, id: ChunkId) -> Result<Bytes> {
        let object = self.files.get(self.area.key(&id)).await?;
        // A foreign object of any size must not fill the memory.
        if object.meta.size > self.area.sizes().max as u64 {
            return Err(Error::new(ErrorKind::Corrupt, format!("chunk {id} is larger than a chunk can be")));
        }
        let bytes = object.bytes().await?;
        if ChunkId::of(&bytes) != id {
            return Err(Error::new(ErrorKind::Corrupt, format!("chunk {id} is not what was stored")));
        }
        Ok(bytes)
    }

    /// All chunks there are, with their sizes.
    #[must_use]
    pub fn ids(&self) -> Ids {
        Ids { area: self.area, objects: self.files.list(self.area.prefix()).stream() }
    }

    /// Deletes chunks.
    ///
    /// # Errors
    /// The first that could not be deleted.
    pub async fn delete(&self, ids: &[ChunkId]) -> Result<()> {
        self.files.delete_many(ids.iter().map(|id| self.area.key(id))).await?.all()?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<ChunkId>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The chunks of an area, as they are listed.
#[derive(Debug)]
pub struct Ids {
    area: Area,
    objects: Items<circle_core::object_store::ObjectMeta>,
}

impl Ids {
    /// The next chunk and its size; `None` at the end. Objects that are no chunks are passed over.
    ///
    /// # Errors
    /// What the store says.
    pub async fn try_next(&mut self) -> Result<Option<(ChunkId, u64)>> {
        while let Some(meta) = self.objects.try_next().await? {
            if let Some(id) = self.area.id(&meta.key) {
                return Ok(Some((id, meta.size)));
            }
        }
        Ok(None)
    }
}

/// Hexadecimal, lower case.
pub(super) mod hex {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub(in crate::archive) fn encode(bytes: &[u8]) -> String {
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }

    /// `None` for anything that `encode` does not write.
    pub(in crate::archive) fn decode(text: &str) -> Option<Vec<u8>> {
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).map(|at| at as u8);
        let pairs = text.as_bytes().chunks(2);
        pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_chunks_both_ways() {
        let id = ChunkId::of(b"abc");
        let key = Area::Files.key(&id);
        assert_eq!(key.as_str(), format!("chunks/ba/{id}"));
        assert_eq!(Area::Files.id(&key), Some(id));
        assert_eq!(Area::Manifests.id(&key), None);
        for foreign in
            ["chunks/", "chunks/ba/x", "chunks/bb/", "chunks/Ä", &format!("chunks/bb/{id}"), &format!("chunks/ba/{id}~")]
        {
            assert_eq!(Area::Files.id(&foreign.into()), None, "{foreign}");
        }
    }

    #[test]
    fn hexadecimal_is_strict() {
        assert_eq!(hex::decode(&hex::encode(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert!(["0", "0g", "FF"].iter().all(|text| hex::decode(text).is_none()));
    }
}
