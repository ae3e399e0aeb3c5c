//! Content as chunks: a list of them, or a tree where the list is long, so that memory stays bounded for any file.

use bytes::Bytes;
use circle_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::chunk::{Chunk, ChunkId, Chunks};

/// How many ids a list holds at most.
const FAN_OUT: usize = 1024;

/// With lists of lists of lists there is room for a PiB.
const DEPTH_MAX: u8 = 3;

/// Where content is. At depth 0 the chunks are its pieces; above, each chunk is a list of ids one level deeper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// How many bytes there are.
    pub size: u64,
    /// How many levels of lists are above the pieces.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u8,
    /// The chunks of the highest level, in order.
    pub chunks: Vec<ChunkId>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(depth: &u8) -> bool {
    *depth == 0
}

/// How much was new to the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Chunks.
    pub chunks: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl std::ops::AddAssign for Added {
    fn add_assign(&mut self, other: Self) {
        self.chunks += other.chunks;
        self.bytes += other.bytes;
    }
}

/// Stores content piece by piece. Pieces are uploaded side by side; [`finish`](Self::finish) waits for all of them.
#[derive(Debug)]
pub struct ContentWriter {
    chunks: Chunks,
    size: u64,
    /// The ids of each level that no list holds yet; level 0 are the pieces.
    levels: Vec<Vec<ChunkId>>,
    uploads: JoinSet<Result<Added>>,
    added: Added,
}

impl ContentWriter {
    /// Content that has nothing yet.
    #[must_use]
    pub fn new(chunks: Chunks) -> Self {
        Self { chunks, size: 0, levels: vec![Vec::new()], uploads: JoinSet::new(), added: Added::default() }
    }

    /// Adds a piece. The permit is given back once it is stored.
    ///
    /// # Errors
    /// What the store says, of this piece or an earlier one.
    pub async fn push(&mut self, piece: Chunk, permit: Option<OwnedSemaphorePermit>) -> Result<()> {
        self.size += piece.bytes.len() as u64;
        let id = piece.id;
        if !self.chunks.contains(&id) {
            let chunks = self.chunks.clone();
            let bytes = piece.bytes.len() as u64;
            self.uploads.spawn(async move {
                let new = chunks.put(piece).await?;
                drop(permit);
                Ok(if new { Added { chunks: 1, bytes } } else { Added::default() })
            });
        }
        while let Some(uploaded) = self.uploads.try_join_next() {
            self.added += joined(uploaded)?;
        }
        self.link(id).await
    }

    /// Puts an id at the end of level 0, and full lists one level up.
    async fn link(&mut self, mut id: ChunkId) -> Result<()> {
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            if self.levels[level].len() < FAN_OUT {
                self.levels[level].push(id);
                return Ok(());
            }
            let full = std::mem::replace(&mut self.levels[level], vec![id]);
            id = self.store_list(&full).await?;
        }
        Ok(())
    }

    async fn store_list(&mut self, ids: &[ChunkId]) -> Result<ChunkId> {
        let list = Chunk::new(ids.iter().flat_map(ChunkId::as_bytes).copied().collect::<Vec<u8>>());
        let (id, bytes) = (list.id, list.bytes.len() as u64);
        if self.chunks.put(list).await? {
            self.added += Added { chunks: 1, bytes };
        }
        Ok(id)
    }

    /// The content, once every chunk of it is stored.
    ///
    /// # Errors
    /// What the store says; `InvalidInput` for content beyond a PiB.
    pub async fn finish(mut self) -> Result<(Content, Added)> {
        while let Some(uploaded) = self.uploads.join_next().await {
            self.added += joined(uploaded)?;
        }
        let mut level = 0;
        while level + 1 < self.levels.len() {
            let rest = std::mem::take(&mut self.levels[level]);
            let id = self.store_list(&rest).await?;
            let above = &mut self.levels[level + 1];
            above.push(id);
            // One more than a list holds is more than it may: it becomes two lists and a level of its own.
            if above.len() > FAN_OUT {
                let last = above.split_off(FAN_OUT);
                let full = std::mem::replace(above, last);
                let id = self.store_list(&full).await?;
                match self.levels.get_mut(level + 2) {
                    Some(higher) => higher.push(id),
                    None => self.levels.push(vec![id]),
                }
            }
            level += 1;
        }
        let depth = u8::try_from(level).ok().filter(|depth| *depth <= DEPTH_MAX);
        let depth = depth.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the content is larger than a PiB"))?;
        Ok((Content { size: self.size, depth, chunks: std::mem::take(&mut self.levels[level]) }, self.added))
    }
}

/// The result of a task, whose panic goes on here.
pub(super) fn joined<T>(result: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    match result {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::new(ErrorKind::Cancelled, "the work was cancelled")),
        },
    }
}

/// A chunk of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A piece of the content itself.
    Data(ChunkId),
    /// A list of ids; what it lists follows.
    List(ChunkId),
}

impl Piece {
    /// The chunk.
    #[must_use]
    pub const fn id(self) -> ChunkId {
        match self {
            Self::Data(id) | Self::List(id) => id,
        }
    }
}

/// The chunks of a content in order; only lists are read.
#[derive(Debug)]
pub struct Pieces {
    chunks: Chunks,
    levels: Vec<(u8, std::vec::IntoIter<ChunkId>)>,
    /// A list that was given and is to be read next, and the depth of what it lists.
    list: Option<(u8, ChunkId)>,
}

impl Pieces {
    /// The chunks of this content.
    ///
    /// # Errors
    /// `Corrupt` for content that no archive writes.
    pub fn new(chunks: Chunks, content: &Content) -> Result<Self> {
        if content.depth > DEPTH_MAX || content.chunks.len() > FAN_OUT {
            return Err(Error::new(ErrorKind::Corrupt, "the list of chunks is longer or deeper than it can be"));
        }
        Ok(Self { chunks, levels: vec![(content.depth, content.chunks.clone().into_iter())], list: None })
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// As [`Chunks::get`], of a list.
    pub async fn try_next(&mut self) -> Result<Option<Piece>> {
        if let Some((depth, id)) = self.list.take() {
            let ids = parse_list(&self.chunks.get(id).await?);
            let ids = ids.ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("chunk {id} is no list of chunks")))?;
            self.levels.push((depth, ids.into_iter()));
        }
        while let Some((depth, ids)) = self.levels.last_mut() {
            match (ids.next(), *depth) {
                (Some(id), 0) => return Ok(Some(Piece::Data(id))),
                (Some(id), depth) => {
                    self.list = Some((depth - 1, id));
                    return Ok(Some(Piece::List(id)));
                }
                (None, _) => self.levels.pop(),
            };
        }
        Ok(None)
    }

    /// The next piece of the content itself, read; `None` at the end.
    ///
    /// # Errors
    /// As [`Chunks::get`].
    pub async fn read_next(&mut self) -> Result<Option<Bytes>> {
        while let Some(piece) = self.try_next().await? {
            if let Piece::Data(id) = piece {
                return self.chunks.get(id).await.map(Some);
            }
        }
        Ok(None)
    }
}

fn parse_list(bytes: &[u8]) -> Option<Vec<ChunkId>> {
    if bytes.len() > FAN_OUT * ChunkId::LENGTH {
        return None;
    }
    bytes.chunks(ChunkId::LENGTH).map(|id| id.try_into().ok().map(ChunkId::from_bytes)).collect()
}
