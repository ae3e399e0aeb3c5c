//! Content: a [`Body`] is what is sent, a [`ByteStream`] what streams in or out.

mod stream;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

pub use stream::{ByteStream, Pieces};

use crate::error::{Error, ErrorKind, Reason, Result};

/// How much of a file is read at once.
const FILE_CHUNK: usize = 256 * 1024;

/// Content to send. Bytes and files can be sent again after a failure; a stream cannot.
#[derive(Clone)]
pub struct Body {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    File { path: Arc<Path>, from: u64, length: Option<u64> },
    Once { stream: Arc<Mutex<Option<ByteStream>>>, length: Option<u64> },
    Parts(Arc<[Body]>),
}

impl Body {
    /// No content.
    #[must_use]
    pub const fn empty() -> Self {
        Self { source: Source::Bytes(Bytes::new()) }
    }

    /// The content of a file, read while it is sent and again when it is sent again.
    #[must_use]
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self { source: Source::File { path: path.into().into(), from: 0, length: None } }
    }

    /// A stream, with its length where it is known. It can be sent once: nothing can repeat such a call.
    #[must_use]
    pub fn from_stream(stream: ByteStream, length: Option<u64>) -> Self {
        Self { source: Source::Once { stream: Arc::new(Mutex::new(Some(stream))), length } }
    }

    /// Several bodies one after the other. It can be sent again if all of them can.
    #[must_use]
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        Self { source: Source::Parts(parts.into_iter().collect()) }
    }

    /// Whether it can be sent again.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        match &self.source {
            Source::Once { .. } => false,
            Source::Parts(parts) => parts.iter().all(Self::is_replayable),
            Source::Bytes(_) | Source::File { .. } => true,
        }
    }

    /// Whether it can still be sent: a stream can until its first byte has been read.
    #[cfg(feature = "http")]
    pub(crate) fn is_available(&self) -> bool {
        match &self.source {
            Source::Bytes(_) | Source::File { .. } => true,
            Source::Once { stream, .. } => stream.lock().unwrap_or_else(PoisonError::into_inner).is_some(),
            Source::Parts(parts) => parts.iter().all(Self::is_available),
        }
    }

    /// As [`open`](Self::open), but a stream is taken when it is first read: one that nobody reads stays available.
    #[cfg(feature = "http")]
    pub(crate) async fn open_when_read(&self) -> Result<ByteStream> {
        // Found here, nothing is sent; found by who reads it, half a request is.
        if !self.is_available() {
            return Err(consumed());
        }
        match &self.source {
            Source::Once { stream, .. } => Ok(ByteStream::new(stream::WhenRead::new(Arc::clone(stream), consumed))),
            _ => self.open().await,
        }
    }

    /// The bytes, where they are in memory.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// How many bytes there are, if that is known without reading.
    ///
    /// # Errors
    /// `InvalidInput` when the file cannot be asked.
    pub async fn length(&self) -> Result<Option<u64>> {
        match &self.source {
            Source::Bytes(bytes) => Ok(Some(bytes.len() as u64)),
            Source::Once { length, .. } | Source::File { length: length @ Some(_), .. } => Ok(*length),
            Source::File { path, from, length: None } => {
                let meta = tokio::fs::metadata(path).await.map_err(|error| file_error(path, error))?;
                Ok(Some(meta.len().saturating_sub(*from)))
            }
            Source::Parts(parts) => {
                let mut total = Some(0_u64);
                for part in parts.iter() {
                    let length = Box::pin(part.length()).await?;
                    total = total.zip(length).map(|(total, length)| total.saturating_add(length));
                }
                Ok(total)
            }
        }
    }

    /// A part of the body, if it is of a kind that can be read anywhere (bytes, a file); the part is itself replayable.
    #[must_use]
    pub fn slice(&self, from: u64, length: u64) -> Option<Self> {
        let source = match &self.source {
            Source::Bytes(bytes) => {
                let size = bytes.len() as u64;
                let start = from.min(size);
                Source::Bytes(bytes.slice(start as usize..from.saturating_add(length).min(size) as usize))
            }
            Source::File { path, from: base, length: known } => {
                let length = known.map_or(length, |known| length.min(known.saturating_sub(from)));
                Source::File { path: Arc::clone(path), from: base + from, length: Some(length) }
            }
            Source::Once { .. } | Source::Parts(_) => return None,
        };
        Some(Self { source })
    }

    /// The content as a stream: what providers send.
    ///
    /// # Errors
    /// `InvalidInput`, reason [`Reason::BodyConsumed`], when a stream is asked for a second time; `InvalidInput` when
    /// the file cannot be opened.
    pub async fn open(&self) -> Result<ByteStream> {
        match &self.source {
            Source::Bytes(bytes) => Ok(ByteStream::from(bytes.clone())),
            Source::File { path, from, length } => open_file(Arc::clone(path), *from, *length).await,
            Source::Parts(parts) => Ok(open_parts(Arc::clone(parts))),
            Source::Once { stream, .. } => {
                let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                stream.ok_or_else(consumed)
            }
        }
    }
}

fn consumed() -> Error {
    let text = "the body is a stream and was sent already; give bytes or a file to let a call be repeated";
    Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::BodyConsumed)
}

fn file_error(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the file {} cannot be read: {error}", path.display())).with_source(error)
}

/// Each part is opened when the one before has ended.
fn open_parts(parts: Arc<[Body]>) -> ByteStream {
    ByteStream::unfold((parts, 0, None::<ByteStream>), |(parts, mut at, mut open)| async move {
        loop {
            if let Some(mut stream) = open.take() {
                if let Some(chunk) = stream.try_next().await? {
                    return Ok(Some((chunk, (parts, at, Some(stream)))));
                }
                at += 1;
            }
            match parts.get(at) {
                Some(part) => open = Some(Box::pin(part.open()).await?),
                None => return Ok(None),
            }
        }
    })
}

async fn open_file(path: Arc<Path>, from: u64, length: Option<u64>) -> Result<ByteStream> {
    let mut file = tokio::fs::File::open(&path).await.map_err(|error| file_error(&path, error))?;
    if from > 0 {
        file.seek(std::io::SeekFrom::Start(from)).await.map_err(|error| file_error(&path, error))?;
    }
    let left = length.unwrap_or(u64::MAX);
    Ok(ByteStream::unfold((file, path, left), move |(mut file, path, left)| async move {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(FILE_CHUNK);
        if size == 0 {
            return Ok(None);
        }
        let mut chunk = Vec::with_capacity(size);
        let read = (&mut file).take(size as u64).read_buf(&mut chunk).await.map_err(|error| file_error(&path, error))?;
        match read as u64 {
            0 if length.is_some() => {
                let text = format!("the file {} became shorter while it was read", path.display());
                Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::Truncated))
            }
            0 => Ok(None),
            read => Ok(Some((Bytes::from(chunk), (file, path, left - read)))),
        }
    }))
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { source: Source::Bytes(bytes) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Bytes::copy_from_slice(text.as_bytes()).into()
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Bytes::copy_from_slice(bytes).into()
    }
}

impl<const N: usize> From<&[u8; N]> for Body {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl From<&Body> for Body {
    fn from(body: &Body) -> Self {
        body.clone()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Source::File { path, .. } => write!(f, "Body({})", path.display()),
            Source::Once { length: Some(length), .. } => write!(f, "Body(stream of {length} bytes)"),
            Source::Once { length: None, .. } => f.write_str("Body(stream)"),
            Source::Parts(parts) => write!(f, "Body({} parts)", parts.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_begins_with_its_first_bytes_or_fails() {
        let steps = |fails_at: u32| {
            ByteStream::unfold(0, move |at| async move {
                match at {
                    at if at == fails_at => Err(Error::new(ErrorKind::Connection, "cut")),
                    at if at < 3 => Ok(Some((Bytes::from(vec![at as u8]), at + 1))),
                    _ => Ok(None),
                }
            })
        };
        assert!(steps(0).begin().await.unwrap_err().is(ErrorKind::Connection));
        let mut begun = steps(1).begin().await.unwrap();
        assert_eq!(begun.try_next().await.unwrap().unwrap(), [0_u8][..]);
        assert!(begun.try_next().await.unwrap_err().is(ErrorKind::Connection));
        let begun = steps(9).begin().await.unwrap().into_whole().unwrap_err();
        assert_eq!(begun.collect(None).await.unwrap(), [0_u8, 1, 2][..]);
        let whole = ByteStream::from(Bytes::from_static(b"ab")).begin().await.unwrap();
        assert_eq!(whole.into_whole().unwrap(), "ab");
    }

    #[tokio::test]
    async fn streams_can_be_sent_once() {
        let body = Body::from_stream(ByteStream::from(Bytes::from_static(b"ab")), Some(2));
        assert!(!body.is_replayable() && body.slice(0, 1).is_none());
        assert_eq!(body.open().await.unwrap().collect(None).await.unwrap(), "ab");
        assert_eq!(body.clone().open().await.unwrap_err().reason(), Some(Reason::BodyConsumed));
    }

    #[tokio::test]
    async fn files_are_sent_in_parts_and_again() {
        let path = std::env::temp_dir().join(format!("circle-body-{}", std::process::id()));
        let content: Vec<u8> = (0..FILE_CHUNK + 100).map(|at| at as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let body = Body::from_path(&path);
        assert_eq!(body.length().await.unwrap(), Some(content.len() as u64));
        for _ in 0..2 {
            assert_eq!(body.open().await.unwrap().collect(None).await.unwrap(), content);
        }
        let part = body.slice(FILE_CHUNK as u64, 1000).unwrap().slice(50, 20).unwrap();
        assert_eq!(part.open().await.unwrap().collect(None).await.unwrap(), content[FILE_CHUNK + 50..FILE_CHUNK + 70]);
        let beyond = body.slice(0, content.len() as u64 + 1).unwrap().open().await.unwrap();
        assert_eq!(beyond.collect(None).await.unwrap_err().reason(), Some(Reason::Truncated));
        std::fs::remove_file(path).unwrap();
        assert!(body.open().await.unwrap_err().is(ErrorKind::InvalidInput));
    }

    #[tokio::test]
    async fn parts_follow_each_other() {
        let whole = Body::concat([Body::from("ab"), Body::empty(), Body::from("c")]);
        assert!(whole.is_replayable() && whole.slice(0, 1).is_none());
        assert_eq!(whole.length().await.unwrap(), Some(3));
        for _ in 0..2 {
            assert_eq!(whole.open().await.unwrap().collect(None).await.unwrap(), "abc");
        }
        let once = Body::from_stream(ByteStream::from(Bytes::from_static(b"x")), None);
        let mixed = Body::concat([whole, once]);
        assert!(!mixed.is_replayable() && mixed.length().await.unwrap().is_none());
        assert_eq!(mixed.open().await.unwrap().collect(None).await.unwrap(), "abcx");
        assert_eq!(mixed.open().await.unwrap().collect(None).await.unwrap_err().reason(), Some(Reason::BodyConsumed));
    }

    #[tokio::test]
    async fn a_stream_is_cut_into_pieces_of_one_size() {
        let body = Body::concat(["abc", "", "d", "efgh"].map(Body::from));
        let mut pieces = body.open().await.unwrap().pieces(3);
        let mut found = Vec::new();
        while let Some(piece) = pieces.try_next().await.unwrap() {
            found.push(piece);
        }
        assert_eq!(found, ["abc", "def", "gh"]);
        assert!(ByteStream::from(Bytes::new()).pieces(3).try_next().await.unwrap().is_none());
    }

    #[test]
    fn bytes_are_sliced_within_their_end() {
        let body = Body::from("abc");
        assert_eq!(body.slice(1, 9).unwrap().as_bytes().unwrap(), "bc");
        assert_eq!(body.slice(9, 9).unwrap().as_bytes().unwrap(), "");
    }
}
